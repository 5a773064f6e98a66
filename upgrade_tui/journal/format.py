"""A record as one line of the log, and back. Pure. docs/log-format.md is the contract.

A line is ``{"v":..,"seq":..,"ts":..,"mono":..,"boot":"..","actor":"..","kind":"..",…,"prev":"<hex>","h":"<hex>"}``
and a newline. ``v`` is the version of its kind (see ``window.event_table``): a line of another version than the one
that this program knows is refused by name, since it means something else. ``h`` is the SHA-256 of the line without its
``,"h":"<hex>"`` member and without the newline; ``prev`` is the ``h`` of the line before, 64 zeros for the first.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from math import isfinite
from typing import Any, NamedTuple, NoReturn

import msgspec

from upgrade_tui.foreign import harmless
from upgrade_tui.journal.errors import RefusedError
from upgrade_tui.window.event_table import ROW_OF, VERSIONS
from upgrade_tui.window.events import Event, Record

MAX_LINE = 64 * 1024  # bytes, newline included
MAX_DEPTH = 64  # brackets within brackets; no interpreter's own limit (or lack of one) decides what is a line
GENESIS = "0" * 64  # ``prev`` of the first line

_H = len(',"h":"') + 64 + len('"}\n')  # bytes from the end of the hashed part
_H_AT = -64 - len('"}\n')
_PREV_AT = -_H - len(',"prev":"') - 64 - len('"')
_ACTING = re.compile(rb'\\[^"\\nt]|[\x7f-\xff]')  # what could need ``harmless``: escapes, DEL, non-ASCII
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ENCODER = msgspec.json.Encoder()
_EVENTS = msgspec.json.Decoder(Event)
_ANY = msgspec.json.Decoder()
_NEWEST = max(VERSIONS.values())


class _Head(msgspec.Struct, frozen=True):
    """The members before the event, in their order."""

    v: int
    seq: int
    ts: float
    mono: float
    boot: str
    actor: str


_HEADS = msgspec.json.Decoder(_Head)


class FormatError(ValueError):
    """A line that is not one this program wrote, or was changed since. The message says how."""


class UnreadError(FormatError):
    """An intact line that this version must not read. ``link`` lets a checker of the chain go on."""

    def __init__(self, problem: str, kind: str, link: ChainLink | None) -> None:
        super().__init__(problem)
        self.kind = kind
        self.link = link


class UnknownKindError(UnreadError):
    """A line of a kind or format that this version does not know."""


class OtherVersionError(UnreadError):
    """A line of a kind that this version knows, but with another meaning: ``older`` or newer."""

    def __init__(self, kind: str, found: int, known: int, link: ChainLink) -> None:
        self.older = found < known
        end = "its meaning changed" if self.older else f"this version reads {kind} of version {known}"
        super().__init__(f"{kind} of version {found}: {end}", kind, link)


class ChainLink(NamedTuple):
    """A line's place in the chain."""

    seq: int
    prev: str
    h: str


class Encoded(msgspec.Struct, frozen=True):
    """A record, its line as bytes, and the line's hash."""

    record: Record
    data: bytes
    h: str


def encode_line(seq: int, ts: float, mono: float, boot: str, actor: str, event: Event, prev: str) -> Encoded:
    """The line of ``event``. The record in the result is exactly what a reader of the line will get.

    Raises RefusedError for NaN and infinity, wrong types, and lines over 64 KiB.
    """
    if not (isfinite(ts) and isfinite(mono)):
        raise RefusedError("an event at a time that is not a number cannot be written to the log")
    event, payload = _checked(event)
    boot, actor = harmless(boot), harmless(actor)
    head = _ENCODER.encode(_Head(VERSIONS[type(event)], seq, float(ts), float(mono), boot, actor))
    opened = b"".join((head[:-1], b",", payload[1:-1], b',"prev":"', prev.encode(), b'"'))
    h = sha256(opened + b"}").hexdigest()
    data = b"".join((opened, b',"h":"', h.encode(), b'"}\n'))
    if len(data) > MAX_LINE:
        raise RefusedError(
            f"a {_kind(event)} event makes a line of {len(data)} bytes; a line of the log has at most {MAX_LINE}"
        )
    return Encoded(Record(seq=seq, ts=ts, mono=mono, boot=boot, actor=actor, event=event), data, h)


def decode_line(line: bytes) -> tuple[Record, str, str]:
    """The record of a whole ``line``, newline included, the line's ``prev`` and its ``h``.

    Raises FormatError that says what is wrong; UnreadError for intact lines of another version.
    """
    head, payload, prev, h = _opened(line)
    try:
        event = _EVENTS.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _explain_payload(payload, head.v, ChainLink(head.seq, prev, h), error)
    if head.v != VERSIONS[type(event)]:
        raise OtherVersionError(_kind(event), head.v, VERSIONS[type(event)], ChainLink(head.seq, prev, h))
    if _ENCODER.encode(event) != payload:
        _refuse_duplicates(line)  # fields of a newer version are fine, the same key twice is not
    boot, actor = head.boot, head.actor
    if (b"\\" in line or not line.isascii() or b"\x7f" in line) and not _is_plain(line):
        boot, actor = harmless(boot), harmless(actor)
        event = _EVENTS.decode(_harmless_payload(event))
    return Record(seq=head.seq, ts=head.ts, mono=head.mono, boot=boot, actor=actor, event=event), prev, h


def _opened(line: bytes) -> tuple[_Head, bytes, str, str]:
    """The line taken apart, its hash checked: head, event, ``prev``, ``h``."""
    if len(line) > MAX_LINE:
        raise FormatError(f"it is longer than the {MAX_LINE} bytes a line may have")
    h = line[_H_AT:-3].decode("latin-1")
    if line[-_H:_H_AT] != b',"h":"' or line[-3:] != b'"}\n':
        raise FormatError("it does not end in a hash: it is not a whole line of this log, or was changed")
    if sha256(line[:-_H] + b"}").hexdigest() != h:
        raise FormatError("its bytes do not give its hash: it was changed after it was written")
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _depth(line) > MAX_DEPTH:
        raise FormatError(f"it is nested deeper than {MAX_DEPTH} levels")
    start = line.find(b',"kind":"')
    if start < 0 or line[_PREV_AT : _PREV_AT + 9] != b',"prev":"' or line[-_H - 1] != 34:
        _explain_envelope(line)
    written = line[:start] + b"}"
    try:
        head = _HEADS.decode(written)
        # Written again it must be the same: so there is nothing else in it, nothing twice, and all in its order.
        if head.v < 1 or head.seq < 1 or _ENCODER.encode(head) != written:
            _explain_envelope(line)
        prev = line[_PREV_AT + 9 : -_H - 1].decode("latin-1")
        return head, b"{" + line[start + 1 : _PREV_AT] + b"}", prev, h
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        _explain_envelope(line)


def _depth(line: bytes) -> int:
    """How deep the brackets of ``line`` that are not text are nested."""
    depth = deepest = 0
    for bracket in _STRING.sub(b"", line).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _checked(event: Event) -> tuple[Event, bytes]:
    """``event`` as a reader will get it, and its JSON. What a reader would refuse is refused here."""
    try:
        payload = _ENCODER.encode(event)
        if not _is_plain(payload):
            payload = _harmless_payload(event)
    except UnicodeEncodeError:  # a lone surrogate
        payload = _harmless_payload(event)
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
    return isinstance(value, float) and not isfinite(value)


def _is_plain(payload: bytes) -> bool:
    """Whether no string in ``payload`` can hold a character that acts on a terminal; mostly decided by two scans."""
    return (b"\\" not in payload and payload.isascii() and b"\x7f" not in payload) or not _ACTING.search(payload)


def _harmless_payload(event: Event) -> bytes:
    return _ENCODER.encode(_harmless_values(msgspec.to_builtins(event)))


def _harmless_values(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, dict):
        return {harmless(key) if isinstance(key, str) else key: _harmless_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_harmless_values(item) for item in value]
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
    whole = json.loads(line)
    version = whole.get("v") if isinstance(whole, dict) else None
    if isinstance(version, int) and version > _NEWEST:
        raise UnknownKindError(f"written in format {version}; this version reads formats up to {_NEWEST}", "", None)
    raise FormatError("its hash fits, but its fields are not those of a log line, in their order")


def _explain_payload(payload: bytes, v: int, link: ChainLink, error: Exception) -> NoReturn:
    try:
        kind = _ANY.decode(payload).get("kind")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FormatError(f"it is not JSON: {error}") from error
    if isinstance(kind, str) and kind not in ROW_OF:
        kind = harmless(kind)
        raise UnknownKindError(f'its kind "{kind}" is not known to this version', kind, link) from error
    known = VERSIONS[ROW_OF[kind].event] if isinstance(kind, str) else v
    if v != known:
        raise OtherVersionError(str(kind), v, known, link) from error
    raise FormatError(f"its {harmless(str(kind))} event does not fit: {harmless(str(error))}") from error
