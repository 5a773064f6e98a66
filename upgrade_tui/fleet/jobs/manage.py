"""Short questions about jobs on a host, and what they are answered."""

from __future__ import annotations

from upgrade_tui.fleet.jobs.scripts import ManageCall
from upgrade_tui.fleet.jobs.transport import Transport
from upgrade_tui.foreign import one_line

_LONGEST = 64 * 1024  # bytes of an answer


class NotAnswered(Exception):
    """The host could not be asked, or did not answer; the text says why."""


async def ask_manager(transport: Transport, call: ManageCall) -> tuple[list[str], bytes]:
    """The words of the answer's line, and the bytes after it. Raises NotAnswered."""
    if why := await transport.reached():
        raise NotAnswered(why)
    said = bytearray()

    def feed(data: bytes) -> bool:
        if len(said) < _LONGEST:
            said.extend(data)
        return False

    run = await transport.run(call, feed)
    _banner, mark, answer = bytes(said).partition(call.mark.encode() + b" ")
    line, newline, rest = answer.partition(b"\n")
    if mark and newline and line.startswith(b"D "):
        raise NotAnswered(one_line(line[2:].decode("utf-8", "replace"), 300))
    if not mark or not newline or not line.startswith(b"R "):
        first = one_line((answer or bytes(said)).decode("utf-8", "replace").strip(), 100)
        raise NotAnswered(f"no answer from the host: {run.cut}" + (f" ({first})" if first else ""))
    return line.decode("utf-8", "replace").split()[1:], rest
