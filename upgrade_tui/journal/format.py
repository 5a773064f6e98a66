"""A record as one line of the log, and back. Pure. docs/log-format.md is the contract.

A line is ``{"v":1,"seq":..,"ts":..,"mono":..,"boot":"..","actor":"..","kind":"..",…,"prev":"<hex>","h":"<hex>"}``
and a newline. ``h`` is the SHA-256 of the line without its ``,"h":"<hex>"`` member and without the newline; ``prev`` is
the ``h`` of the line before, 64 zeros for the first.
"""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn, get_args

import msgspec

from upgrade_tui.foreign import harmless
from upgrade_tui.journal.errors import RefusedError
from upgrade_tui.window.events import Event, Record

VERSION = 1
MAX_LINE = 64 * 1024  # bytes, newline included
GENESIS = "0" * 64  # ``prev`` of the first line

_H = len(',"h":"') + 64 + len('"}\n')  # bytes from the end of the hashed part
_PREV = len(',"prev":"') + 64 + len('"')
_HEAD = re.compile(
    rb'\{"v":1,"seq":([1-9][0-9]{0,17}),"ts":(-?[0-9][0-9.e+-]*),"mono":(-?[0-9][0-9.e+-]*),'
    rb'"boot":("(?:[^"\\]|\\.)*"),"actor":("(?:[^"\\]|\\.)*"),(?="kind":)'
)
_ACTING = re.compile(rb'\\[^"\\nt]|[\x7f-\xff]')  # what could need ``harmless``: escapes, DEL, non-ASCII
_ENCODER = msgspec.json.Encoder()
_EVENTS = msgspec.json.Decoder(Event)
_ANY = msgspec.json.Decoder()
_TEXT = msgspec.json.Decoder(str)
KINDS = frozenset(str(cls.__struct_config__.tag) for cls in get_args(Event))
"""The event kinds this version knows."""


class FormatError(ValueError):
    """A line that is not one this program wrote, or was changed since. The message says how."""


class UnknownKindError(FormatError):
    """An intact line, of a kind or format that this version does not know. ``link`` lets a checker go on."""

    def __init__(self, problem: str, kind: str, link: Link | None) -> None:
        super().__init__(problem)
        self.kind = kind
        self.link = link


class Link(NamedTuple):
    """A line's place in the chain."""

    seq: int
    prev: str
    h: str


class Encoded(NamedTuple):
    """A record, its line as bytes, and the line's hash."""

    record: Record
    data: bytes
    h: str


class Decoded(NamedTuple):
    """What a line says, its ``prev`` and its ``h``."""

    record: Record
    prev: str
    h: str


def encode(seq: int, ts: float, mono: float, boot: str, actor: str, event: Event, prev: str) -> Encoded:
    """The line of ``event``. The record in the result is exactly what a reader of the line will get.

    Raises RefusedError for NaN and infinity, wrong types, and lines over 64 KiB.
    """
    event, payload = _checked(event)
    ts, mono = float(ts), float(mono)
    if not (math.isfinite(ts) and math.isfinite(mono)):
        raise RefusedError("an event with a time that is not a number cannot be written to the log")
    boot_text, actor_text = _written(boot), _written(actor)
    times = f'{{"v":1,"seq":{seq},"ts":{ts!r},"mono":{mono!r},"boot":'.encode()
    open_body = b"".join(
        (times, boot_text, b',"actor":', actor_text, b",", payload[1:-1], b',"prev":"', prev.encode(), b'"')
    )
    h = sha256(open_body + b"}").hexdigest()
    data = open_body + f',"h":"{h}"}}\n'.encode()
    if len(data) > MAX_LINE:
        raise RefusedError(f"an event of {len(data)} bytes is over the {MAX_LINE} a line of the log may have")
    record = Record(seq=seq, ts=ts, mono=mono, boot=_read(boot_text), actor=_read(actor_text), event=event)
    return Encoded(record, data, h)


def decode(line: bytes) -> Decoded:
    """The record of a whole ``line``, newline included.

    Raises FormatError that says what is wrong; UnknownKindError for intact lines of a newer version.
    """
    link, head, payload = _opened(line)
    try:
        event = _EVENTS.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _explain_payload(payload, link, error)
    if _ENCODER.encode(event) != payload:
        _refuse_duplicates(line)  # fields of a newer version are fine, the same key twice is not
    if not _is_plain(payload):
        event = _harmless_event(payload)
    return Decoded(
        Record(
            seq=link.seq,
            ts=_number(head[2]),
            mono=_number(head[3]),
            boot=_read(head[4]),
            actor=_read(head[5]),
            event=event,
        ),
        link.prev,
        link.h,
    )


def _opened(line: bytes) -> tuple[Link, re.Match[bytes], bytes]:
    """The line taken apart, its hash checked."""
    if len(line) > MAX_LINE:
        raise FormatError(f"longer than the {MAX_LINE} bytes a line may have")
    if line[-_H : -_H + 6] != b',"h":"' or line[-3:] != b'"}\n':
        raise FormatError("it does not end in a hash, so it is not a whole line of this log")
    h = line[-_H + 6 : -3]
    if sha256(line[:-_H] + b"}").hexdigest().encode() != h:
        raise FormatError("its bytes do not give its hash: it was changed after it was written")
    head = _HEAD.match(line)
    prev = line[-_H - _PREV : -_H]
    if head is None or prev[:9] != b',"prev":"' or prev[-1:] != b'"':
        _explain_envelope(line)
    link = Link(int(head[1]), prev[9:-1].decode("ascii", "replace"), h.decode())
    return link, head, b"{%b}" % line[head.end() : -_H - _PREV]


def _checked(event: Event) -> tuple[Event, bytes]:
    """``event`` as a reader will get it, and its JSON. What a reader would refuse is refused here."""
    try:
        payload = _ENCODER.encode(event)
        if not _is_plain(payload):
            payload = _ENCODER.encode(_harmless_event(payload))
    except UnicodeEncodeError:  # a lone surrogate
        payload = _ENCODER.encode(_harmless_values(msgspec.to_builtins(event)))
    except (OverflowError, TypeError, RecursionError) as error:
        raise RefusedError(f"a {_kind(event)} event cannot be written to the log: {error}") from error
    if b"null" in payload and _holds_nan(msgspec.to_builtins(event)):
        raise RefusedError(f"a {_kind(event)} event holds a number that is not finite (NaN or infinity)")
    try:
        return _EVENTS.decode(payload), payload
    except msgspec.MsgspecError as error:
        raise RefusedError(f"a {_kind(event)} event has a field of the wrong type: {error}") from error


def _kind(event: object) -> str:
    return str(getattr(getattr(event, "__struct_config__", None), "tag", type(event).__name__))


def _holds_nan(value: Any) -> bool:
    """Whether a float that JSON cannot carry is in ``value`` (msgspec writes it as null, silently)."""
    if isinstance(value, dict):
        return any(_holds_nan(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_nan(item) for item in value)
    return isinstance(value, float) and not math.isfinite(value)


def _is_plain(payload: bytes) -> bool:
    """Whether no string in ``payload`` can hold a character that acts on a terminal; mostly decided by two scans."""
    return (b"\\" not in payload and payload.isascii() and b"\x7f" not in payload) or not _ACTING.search(payload)


def _harmless_event(payload: bytes) -> Event:
    event: Event = _EVENTS.decode(_ENCODER.encode(_harmless_values(_ANY.decode(payload))))
    return event


def _harmless_values(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, dict):
        return {harmless(key) if isinstance(key, str) else key: _harmless_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_harmless_values(item) for item in value]
    return value


@lru_cache(maxsize=256)
def _written(text: str) -> bytes:
    return _ENCODER.encode(harmless(text))


@lru_cache(maxsize=256)
def _read(quoted: bytes) -> str:
    try:
        return harmless(_TEXT.decode(quoted))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FormatError(f"a name in it is not text: {error}") from error


def _number(text: bytes) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormatError("a time in it is not a number")
    return value


def _refuse_duplicates(line: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise FormatError(f'the key "{harmless(twice)}" is in it twice')
        return found

    def constant(name: str) -> NoReturn:
        raise FormatError(f"it holds {name}, which is not JSON")

    try:
        json.loads(line, object_pairs_hook=unique, parse_constant=constant)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"it is not JSON: {error}") from error


def _explain_envelope(line: bytes) -> NoReturn:
    """The hash fits but the fields around the event are not ours: of a newer format, or not by this program."""
    _refuse_duplicates(line)
    whole = _ANY.decode(line)
    version = whole.get("v") if isinstance(whole, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UnknownKindError(f"written in format {version}; this version reads format {VERSION}", "", None)
    raise FormatError("its hash fits, but its fields are not those of a log line, in their order")


def _explain_payload(payload: bytes, link: Link, error: Exception) -> NoReturn:
    try:
        kind = _ANY.decode(payload).get("kind")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FormatError(f"it is not JSON: {error}") from error
    if isinstance(kind, str) and kind not in KINDS:
        kind = harmless(kind)
        raise UnknownKindError(f'its kind "{kind}" is not known to this version', kind, link) from error
    raise FormatError(f"its {harmless(str(kind))} event does not fit: {harmless(str(error))}") from error
