"""The files that a log's lines go to, as the one thread sees them that writes: the log's own, or those elsewhere."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from upgrade_tui.journal.files import FULL, MovedError, Nowhere, new_segment, private_directory
from upgrade_tui.journal.format import Encoded
from upgrade_tui.journal.kept import append_segment
from upgrade_tui.journal.log_clock import LogClock
from upgrade_tui.journal.opening import Opening, release_log
from upgrade_tui.journal.recovery import Opened, next_path, next_segment, own_line, persist
from upgrade_tui.journal.room import shortage
from upgrade_tui.window.events import LogFenced, LogJoined

LOG, ELSEWHERE, MEMORY = "", "elsewhere", "memory"  # where a new segment is


class GoesOn(NamedTuple):
    """A new segment: its ``log.fenced``, where it is if not in the log, and what came back into the log with it."""

    line: Encoded
    kept: str
    joined: LogJoined | None


class Segments:
    """Blocking. ``broken`` says why nothing is written, until ``go_on``."""

    def __init__(self, directory: Path, opening: Opening, elsewhere: Path | None, clock: LogClock) -> None:
        self.broken = opening.fenced
        self.kept = opening.kept  # lines that are elsewhere
        self._directory, self._elsewhere, self._clock = directory, elsewhere, clock
        self._lock, self._ballast = opening.lock, opening.ballast
        self._opened = opening.opened
        self._left = opening.opened.segment  # the log's segment, while lines are kept elsewhere
        self._unsure = opening.unsure

    @property
    def has_ballast(self) -> bool:
        """Whether there is space left to give back on a full disk."""
        return self._ballast.held

    def commit(self, lines: list[Encoded]) -> bool:
        """Make ``lines`` durable; False: broken, now or before."""
        if self.broken is not None:
            return False
        try:
            self._opened.segment.commit(b"".join([line.data for line in lines]))
        except Exception as error:  # noqa: BLE001 - the thread's edge: whatever fails here, the log is fenced
            self.broken = self._reason(error, log=not self.kept)
            return False
        self._opened.seq, self._opened.h = lines[-1].record.seq, lines[-1].h
        if self.kept:
            self.kept += lines
        elif not self._ballast.held and not shortage(self._directory):
            with suppress(OSError):  # there is room again: it is put by for the next time
                self._ballast.take()
        return True

    def go_on(self, place: str) -> GoesOn | None:
        """A new segment after a failure; None: that failed too, and ``broken`` says why."""
        # A first failure on a full disk gives the ballast back, so there is room now: the second try is not after 5 s.
        for has_room in (self._ballast.held, False):
            try:
                found = self._in_the_log() if place == LOG else self._keep(place)
            except Exception as error:  # noqa: BLE001 - as in commit
                self.broken = self._reason(error, log=place == LOG)
                if not has_room or self._ballast.held:
                    return None
            else:
                self.broken = None
                return found
        return None

    def _in_the_log(self) -> GoesOn:
        """With what was kept elsewhere ahead. Raises OSError."""
        self._persist()
        opened, line = next_segment(self._directory, self._opened, self._clock, self.broken or "", ahead=self.kept)
        return GoesOn(line, "", self._back(opened))

    def _keep(self, place: str) -> GoesOn:
        """Where the log is not. Raises OSError."""
        before, reason = self._opened, self.broken or ""
        if place == MEMORY:
            line = own_line(before, self._clock, LogFenced(error=reason, segment=before.segment.path.name, into=MEMORY))
            opened = Opened(Nowhere(Path(MEMORY)), line.record.seq, line.h)
        else:
            if self._elsewhere is None:
                raise OSError(errno.ENOENT, "there is no place to keep events but the log")
            private_directory(self._elsewhere)
            ahead = () if self._is_there() else self.kept
            opened, line = next_segment(self._elsewhere, before, self._clock, reason, ahead=ahead, elsewhere=True)
        if self.kept:
            before.segment.close()
        self.kept.append(line)
        self._opened = opened
        return GoesOn(line, str(opened.segment.path), None)

    def join(self) -> LogJoined | str:
        """Append to the log what is kept elsewhere and go on there. Else why not; it is kept as before then."""
        if not self.kept or self.broken is not None:
            return self.broken or "nothing is kept elsewhere"
        try:
            self._persist()
            segment = append_segment(self._directory, self.kept)
        except Exception as error:  # noqa: BLE001 - as in commit
            self._put_back()
            return self._reason(error, log=True)
        joined = self._back(Opened(segment, self._opened.seq, self._opened.h))
        assert joined is not None, "something was kept"
        return joined

    @property
    def place(self) -> str:
        """Where lines that are kept elsewhere can be found if this process ends now."""
        path = self._opened.segment.path
        return str(path) if path.name != MEMORY and self._is_there() else MEMORY

    def _is_there(self) -> bool:
        try:
            self._opened.segment.look()
        except OSError:
            return False
        return True

    def _put_back(self) -> None:
        """Whoever removed what is kept elsewhere (logind does, with the user's last session) did not mean it."""
        if self._elsewhere is None or self._is_there():
            return
        with suppress(OSError):  # then it is in memory alone, ``place`` says so, and the next line cannot be written
            private_directory(self._elsewhere)
            segment = new_segment(next_path(self._elsewhere), b"".join([line.data for line in self.kept]))
            self._opened.segment.close()
            self._opened.segment = segment

    def _persist(self) -> None:
        """What the log holds so far is in its place, and durable, before anything is put behind it."""
        with suppress(OSError):  # going on matters more; without it a reader names the lines that are missing
            self._left.restore()
        if self._unsure is not None:
            persist(*self._unsure)
            self._unsure = None

    def _back(self, opened: Opened) -> LogJoined | None:
        """``opened`` is a segment of the log that holds all that was kept. What is to be told of that."""
        before, count = self._opened.segment, len(self.kept)
        before.close()
        if count:
            self._left.close()
        self._opened, self._left, self.kept = opened, opened.segment, []
        place = before.path if before.path == Path(MEMORY) else before.path.parent
        return LogJoined(events=count, place=str(place)) if count else None

    def _reason(self, error: Exception, *, log: bool) -> str:
        """In words; where the disk of the ``log`` is full its ballast is given back."""
        if not isinstance(error, OSError):
            return f"unexpected {type(error).__name__}: {error}"
        if error.errno in FULL and log:
            with suppress(OSError):
                self._ballast.free()
        if isinstance(error, MovedError):
            return str(error.strerror)
        path = self._opened.segment.path
        if log:
            return f"{path.name if path.parent == self._directory else self._directory}: {error.strerror or error}"
        return f"{self._elsewhere}: {error.strerror or error}"

    def release(self) -> None:
        """Let go of the log."""
        self._opened.segment.close()
        if self.kept:
            self._left.close()
        release_log(self._lock, self._ballast)
