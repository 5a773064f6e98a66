"""Rows of what happens to the window itself, its log, its people and its clock."""

from __future__ import annotations

from upgrade_tui.units import bytes_text, count_text, duration_text
from upgrade_tui.window import events as ev
from upgrade_tui.window import fold_window as fold
from upgrade_tui.window.event_row import Notice, Row, Tone, quiet, rings, told, warns
from upgrade_tui.window.rows.phrases import because


def _opened(e: ev.WindowOpened) -> str:
    return f"opened the window {e.window} for {duration_text(e.end - e.start)}; conductor on {e.host} (pid {e.pid})"


def _accepted(e: ev.PlanAccepted) -> str:
    return f"goes on with a plan that was CHANGED since it was frozen (SHA-256 {e.sha256[:16]}…){because(e.reason)}"


def _conductor(e: ev.ConductorStarted) -> str:
    return f"a new conductor took over on {e.host} (pid {e.pid}, version {e.version})"


def _paused(e: ev.WindowPaused) -> str:
    return f"paused the window{because(e.reason)}; no new task starts"


def _aborted(e: ev.WindowAborted) -> str:
    return f"ABORTED the window{because(e.reason)}; running tasks are ended, nothing more starts"


def _resumed(e: ev.WindowResumed) -> str:
    return f"resumed the window{because(e.reason)}"


def _closed(e: ev.WindowClosed) -> str:
    return f"closed the window as {e.outcome}{because(e.reason)}"


def _recovered(e: ev.LogRecovered) -> str:
    return f"set aside a torn tail of the log ({bytes_text(e.bytes)}) as {e.file}"


def _fenced(e: ev.LogFenced) -> str:
    return f"FENCED the log: {e.error}; it goes on in {e.into or f'a new segment after {e.segment}'}"


def _joined(e: ev.LogJoined) -> str:
    if e.problem:
        return f"could NOT put into the log what was kept in {e.place}: {e.problem}; it is in {e.file}"
    many = count_text(e.events, "event that was", "events that were")
    return f"put into the log {many} kept in {e.place} while it could not be written"


def _joined_notice(e: ev.LogJoined) -> Notice:
    return rings("Not in the log") if e.problem else warns("watch")


def _attached(e: ev.OperatorAttached) -> str:
    return f"{e.login} ({e.role}) attached{because(e.terminal, ' from ')}"


def _detached(e: ev.OperatorDetached) -> str:
    return f"{e.login} left"


_MARKS = {"good": "went well", "bad": "did not go well", "lucky": "we were lucky", "action": "to do"}


def _noted(e: ev.NoteAdded) -> str:
    mark = f" [{_MARKS[e.mark]}]" if e.mark else ""
    place = f" on {e.step or e.host}" if e.step or e.host else ""
    return f"noted{place}{mark}: {e.text}"


def _crossed(e: ev.ClockCrossed) -> str:
    if e.what == "point of no return":
        return f"point of no return passed{because(e.step, ' at ')}: forward only"
    if e.what == "window end":
        return "the end of the window is reached"
    if e.what == "T-0":
        return "rollback by is NOW: from here on a rollback runs past the window"
    return f"{e.what} min: any rollback must start within {duration_text(e.slack or 0.0)}"


def _jumped(e: ev.ClockJumped) -> str:
    way = "forward" if e.seconds > 0 else "back"
    return f"the wall clock jumped {way} by {duration_text(abs(e.seconds))}; deadlines were worked out again"


def _how_near(e: ev.ClockCrossed) -> Notice:
    if e.what == "point of no return":
        return rings("Point of no return", "watch")
    tones: dict[str, Tone] = {"T-30": "watch", "T-10": "tight"}
    return rings("Rollback clock", tones.get(e.what, "bad"))


ROWS = (
    Row(event=ev.WindowOpened, say=_opened, fold=fold.opened, notice=told("strong"), moves_the_clock=True),
    Row(event=ev.PlanAccepted, say=_accepted, fold=fold.accepted, notice=rings("Plan changed", "tight", decision=True)),
    Row(event=ev.ConductorStarted, say=_conductor, fold=fold.conductor_started, notice=rings("New conductor", "watch")),
    Row(event=ev.WindowPaused, say=_paused, fold=fold.paused, notice=rings("Window paused", "tight", decision=True)),
    Row(event=ev.WindowAborted, say=_aborted, fold=fold.aborted, notice=rings("Window aborted", decision=True)),
    Row(event=ev.WindowResumed, say=_resumed, fold=fold.resumed, notice=told("good", decision=True)),
    Row(event=ev.WindowClosed, say=_closed, fold=fold.closed, notice=told("strong", decision=True)),
    Row(event=ev.LogRecovered, say=_recovered, notice=warns("watch")),
    Row(event=ev.LogFenced, say=_fenced, fold=fold.fenced, notice=rings("Log fenced")),
    Row(event=ev.LogJoined, say=_joined, notice=_joined_notice),
    Row(event=ev.OperatorAttached, say=_attached, fold=fold.attached, notice=quiet()),
    Row(event=ev.OperatorDetached, say=_detached, fold=fold.detached, notice=quiet()),
    Row(event=ev.NoteAdded, say=_noted, fold=fold.noted, notice=told("strong", decision=True)),
    Row(event=ev.ClockCrossed, say=_crossed, fold=fold.crossed, notice=_how_near),
    Row(event=ev.ClockJumped, say=_jumped, fold=fold.jumped, notice=rings("Clock jumped", "tight")),
)
