"""Opening a log for writing: its lock, what was kept elsewhere, recovery, the ballast. Blocking."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from upgrade_tui.journal.errors import JournalError
from upgrade_tui.journal.files import BALLAST_FILE, FULL, Ballast, Lock, Nowhere, sync_directory
from upgrade_tui.journal.format import Encoded
from upgrade_tui.journal.kept import forget, read_unwritable, rejoin
from upgrade_tui.journal.log_clock import LogClock
from upgrade_tui.journal.recovery import Opened, append_own, recover
from upgrade_tui.journal.store import OnReplay
from upgrade_tui.window.events import Record


@dataclass
class Opening:
    """A log as it was opened. Where it cannot be written it is ``fenced`` from the beginning."""

    lock: Lock
    opened: Opened
    ballast: Ballast
    fenced: str | None = None
    kept: list[Encoded] = field(default_factory=list)  # lines that are elsewhere, not in the log
    unsure: tuple[Path, int] | None = None  # the log's last segment and its bytes, which may not be durable


def open_log(directory: Path, clock: LogClock, replay: OnReplay | None, ballast: int, kept: Path | None) -> Opening:
    """The log of ``directory``, made where it is missing.

    ``kept``: where events are kept while the log cannot be written; with it a log that is there can also be opened
    where it cannot be written (a file system that is read-only). Raises JournalError and OSError.
    """
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True)
        sync_directory(directory.parent)
    if directory.stat().st_mode & 0o777 != 0o700:
        directory.chmod(0o700)
    lock = Lock(directory)
    try:
        once = _once(replay)
        try:
            return _writable(directory, clock, once, ballast, kept, lock)
        except OSError as error:
            if kept is None:
                raise
            return _unwritable(directory, kept, once, lock, error)
    except BaseException:
        lock.release()
        raise


def _writable(directory: Path, clock: LogClock, once: OnReplay, ballast: int, kept: Path | None, lock: Lock) -> Opening:
    try:
        opened = _recovered(directory, clock, once, kept)
    except OSError as error:
        if error.errno not in FULL or not (directory / BALLAST_FILE).exists():
            raise
        (directory / BALLAST_FILE).unlink()  # the last process ended on a full disk: this is what it was kept for
        opened = _recovered(directory, clock, once, kept)
    try:
        return Opening(lock, opened, Ballast(directory, ballast))
    except BaseException:
        opened.segment.close()
        raise


def _recovered(directory: Path, clock: LogClock, replay: OnReplay, kept: Path | None) -> Opened:
    """What was kept elsewhere comes first, before anybody reads the log or adds to it."""
    joined = rejoin(directory, kept) if kept is not None else None
    opened = recover(directory, clock, replay)
    if joined is not None:
        try:
            append_own(opened, clock, joined, replay)
        except BaseException:
            opened.segment.close()
            raise
    forget(kept)
    return opened


def _unwritable(directory: Path, kept: Path, replay: OnReplay, lock: Lock, error: OSError) -> Opening:
    """The log as it reads; raises ``error`` where there is nothing to read."""
    try:
        found = read_unwritable(directory, kept)
    except JournalError:
        raise error from None
    for record in (*found.records, *(line.record for line in found.kept)):
        replay(record)
    opened = Opened(Nowhere(found.segment), found.seq, found.h)
    reason = f"{found.segment.name}: {error.strerror or error}"
    return Opening(lock, opened, Ballast(directory, 0), reason, found.kept, (found.segment, found.size))


def release_log(lock: Lock, ballast: Ballast) -> None:
    """Let go of a log."""
    try:
        with suppress(OSError):  # it cannot be written: then the next process has it to free
            ballast.free()
    finally:
        lock.release()


def _once(replay: OnReplay | None) -> OnReplay:
    """``replay`` that gets each record once, however often recovery has to begin again."""
    given = 0

    def once(record: Record) -> None:
        nonlocal given
        if replay is not None and record.seq > given:
            given = record.seq
            replay(record)

    return once
