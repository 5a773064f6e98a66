"""Which windows there are, which are open, and whether a conductor answers for them."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from upgrade_tui.directory.paths import PLAN, address, kept_directory, sockets, window_directories
from upgrade_tui.journal import JournalError, read_log
from upgrade_tui.plan.reader import PlanError, parse_plan
from upgrade_tui.window.events import Record
from upgrade_tui.window.fold import fold
from upgrade_tui.window.state import WindowState, initial


class WindowInfo(Struct, frozen=True):
    """A window as its directory tells it. ``state`` is None where plan or log cannot be read; ``problem`` says why."""

    directory: Path
    running: bool
    state: WindowState | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The directory's name, unique."""
        return self.directory.name

    @property
    def plan_id(self) -> str:
        """The plan's window id, or the directory's name where the plan cannot be read."""
        return self.state.plan.window.id if self.state is not None else self.name

    @property
    def open(self) -> bool:
        """Not closed yet, whether a conductor runs or not."""
        return self.state is not None and self.state.phase != "closed"


def is_running(directory: Path) -> bool:
    """Whether a conductor listens on the window's socket; it may be stopped, or hang."""
    return any(_listens(path) for path in sockets(directory))


def _listens(path: Path) -> bool:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.setblocking(False)  # with a stopped one's queue full, connecting would wait for ever
    try:
        with address(path) as name:
            probe.connect(name)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        probe.close()
    return True


def look(directory: Path) -> WindowInfo:
    """Read a window's plan and log. Never raises for what is wrong in them."""
    running = is_running(directory)
    try:
        plan = parse_plan((directory / PLAN).read_text(encoding="utf-8"), PLAN)
    except (PlanError, OSError, UnicodeDecodeError) as error:
        return WindowInfo(directory, running, None, f"the plan cannot be read: {error}")
    state = initial(plan)
    try:
        for record, _ in records_of(directory):
            state = fold(state, record)
    except (JournalError, OSError) as error:
        return WindowInfo(directory, running, state if state.seq else None, str(error))
    return WindowInfo(directory, running, state)


def records_of(directory: Path) -> Iterable[tuple[Record, bool]]:
    """The log, and behind it what is kept elsewhere since the log could not be written; and whether each is such a one.

    Raises as ``read_log``.
    """
    kept = kept_directory(directory)
    if not kept.is_dir():
        return ((record, False) for record in read_log(directory))
    from upgrade_tui.journal.kept import read_both  # what writes is not needed to look at a window

    return read_both(directory, kept)


def kept_elsewhere(directory: Path) -> str:
    """What is to be said of events that are not in the log yet, or empty."""
    place = kept_directory(directory)
    if not place.is_dir():
        return ""
    from upgrade_tui.journal.kept import kept_lines

    try:
        count = len(kept_lines(place))
    except (JournalError, OSError) as error:
        return f"what is kept in {place} cannot be read: {error}"
    many = "1 event is" if count == 1 else f"{count} events are"
    return f"{many} kept in {place}, and {'is' if count == 1 else 'are'} not in the log yet" if count else ""


def all_windows() -> list[WindowInfo]:
    """Every window, newest first."""
    return [look(d) for d in window_directories()]
