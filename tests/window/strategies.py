"""Generated events, commands, actors and whole windows. New events and commands are covered as soon as they exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from msgspec import inspect

from tests.window.small import MINUTE, ROLES, START, Log, small_plan
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor

calmly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For property tests here: quick on the whole, and never against the clock of a busy machine."""

EVENTS: tuple[type, ...] = get_args(ev.Event)
COMMANDS: tuple[type, ...] = get_args(cmd.AnyCommand)

STEPS = st.sampled_from([*(s.id for s in small_plan().steps), "no such step", ""])
HOSTS = st.sampled_from([*small_plan().hosts, "no such host", ""])
TEXTS = st.one_of(st.sampled_from(["", " ", "because", "[/b]", "\x1b[2J", "数据库🚀"]), st.text(max_size=12))
MOMENTS = st.floats(START - 60 * MINUTE, START + 6 * 60 * MINUTE)
NAMES: Mapping[str, st.SearchStrategy[Any]] = {
    "step": STEPS,
    "host": HOSTS,
    "canary": st.sampled_from(["health", "port", "no such canary", ""]),
    "login": st.sampled_from([*ROLES, "stranger"]),
    "by": st.sampled_from([*ROLES, ""]),
    "client": st.integers(-1, 4),
    "attempt": st.integers(-1, 4),
    "batch": st.integers(-2, 5),
    "batches": st.lists(st.lists(HOSTS, max_size=3).map(tuple), max_size=4).map(tuple),
    "hosts": st.lists(HOSTS, max_size=3).map(tuple),
    "seconds": st.one_of(st.sampled_from([0.0, 60.0, 600.0]), st.floats(-1e6, 1e6)),
    "exit": st.sampled_from([None, 0, 1, -1, 255]),
    "start": st.just(START),
    "end": MOMENTS,
    "confirm": st.sampled_from(["", "small", "drop", "copy"]),
}


def _of(kind: inspect.Type, name: str) -> st.SearchStrategy[Any]:
    if name in NAMES and not (name == "batches" and isinstance(kind, inspect.IntType)):
        return NAMES[name]
    match kind:
        case inspect.StrType():
            return TEXTS
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(-(2**53), 2**53)
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False, width=32)
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType(values=values):
            return st.sampled_from(list(values))
        case inspect.VarTupleType(item_type=item):
            return st.lists(_of(item, ""), max_size=3).map(tuple)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(_of(key, ""), _of(value, ""), max_size=3)
        case inspect.StructType(cls=cls):
            return structs(cls)
        case inspect.UnionType(types=types):
            return st.one_of(*(_of(option, "") for option in types))
    raise AssertionError(f"no strategy for {name}: {kind}")


def structs(cls: type, **fixed: Any) -> st.SearchStrategy[Any]:
    """Instances of an event or a command, whatever their fields say but for those that are ``fixed``."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    free = {field.name: _of(field.type, field.name) for field in info.fields if field.name not in fixed}
    return st.builds(cls, **free, **{name: st.just(value) for name, value in fixed.items()})


def events() -> st.SearchStrategy[Any]:
    """Any event at all."""
    return st.one_of(*map(structs, EVENTS))


def commands() -> st.SearchStrategy[Any]:
    """Any command at all."""
    return st.one_of(*map(structs, COMMANDS))


def actors() -> st.SearchStrategy[Actor]:
    """Anybody, in any role."""
    return st.builds(Actor, st.sampled_from([*ROLES, "stranger"]), st.sampled_from(["lead", "engineer", "observer"]))


@st.composite
def record_lists(draw: st.DrawFn, most: int = 25) -> list[ev.Record]:
    """Any events in a row; usually the window was opened first. Clocks may jump."""
    chosen = draw(st.lists(events(), max_size=most))
    if draw(st.integers(0, 3)):
        chosen.insert(0, Log().records[0].event)
    times = draw(st.lists(MOMENTS, min_size=len(chosen), max_size=len(chosen)))
    who = st.sampled_from([*ROLES, ev.SYSTEM])
    return [
        ev.Record(seq=i + 1, ts=ts, mono=float(i), boot="boot", actor=draw(who), event=event)
        for i, (event, ts) in enumerate(zip(chosen, times, strict=True))
    ]


@st.composite
def windows(draw: st.DrawFn, most: int = 40) -> Log:
    """A window as it can really be: operators ask for anything, the conductor runs what was started."""
    log = Log()
    log.does("tom", cmd.Tick(step="prep"))
    for _ in range(draw(st.integers(most // 5, most))):
        play(draw, log)
    return log


def play(draw: Callable[[st.SearchStrategy[Any]], Any], log: Log) -> None:
    """One more thing happens in a window: a turn of the conductor's, or somebody asks for something."""
    log.wait(draw(st.sampled_from([0.0, 0.1, 2.0, 11.0])))
    if log.state.rolling_back and log.state.phase != "closed" and draw(st.integers(0, 3)):
        roll_back(draw, log)
        return
    running = [s.id for s in log.state.steps.values() if s.state == "running"]
    if running and not log.state.rolling_back and draw(st.integers(0, 3)):
        conduct(draw, log, draw(st.sampled_from(running)))
        return
    if log.state.phase == "open" and not draw(st.integers(0, 5)):
        _by_themselves(draw, log)
        return
    login = draw(st.sampled_from([*ROLES]))
    wish: st.SearchStrategy[Any] = sensible(log) if draw(st.integers(0, 5)) else commands()
    log.ask(login, draw(wish))


def sensible(log: Log) -> st.SearchStrategy[cmd.AnyCommand]:
    """What somebody who wants to get on, or back, would ask for."""
    if log.state.phase in ("paused", "aborted"):
        back = cmd.StartRollback(confirm="small", reason="back")
        return st.sampled_from([cmd.Resume(reason="go on"), cmd.Resume(reason="go on"), back])
    step_id = log.state.current
    spec = log.plan.step(step_id)
    if spec is None:
        return st.just(cmd.Close(confirm="small"))
    step = log.step(step_id)
    if step.state == "unknown" or any(t.state == "unknown" for t in step.tasks.values()):
        return structs(cmd.Settle, step=step_id, host="", reason="looked")
    if spec.kind == "manual":
        start = cmd.Start(step=step_id, override="we must")
        return st.just(start if step.state == "rolled back" else cmd.Tick(step=step_id, override="we must"))
    if spec.kind == "gate" and step.state == "running":
        return st.integers(0, 4).map(lambda n: log.vote(step_id, go=n > 0, reason="so"))
    if step.state == "failed" and spec.kind == "command":
        bad = [t.host for t in step.tasks.values() if t.state in ("failed", "unreachable", "rolled back")]
        retry = cmd.Start(step=step_id, override="we must", hosts=tuple(bad[:1]))
        host = bad[0] if bad else "a"
        return st.sampled_from([
            retry, cmd.Start(step=step_id, override="we must"), cmd.Exclude(host=host, reason="broken"),
            cmd.StartRollback(confirm="small", reason="back"),
            cmd.StartRollback(confirm="small", reason="back", step=step_id),
            cmd.StartRollback(confirm="small", reason="back", hosts=(host, "c")),
        ])  # fmt: skip
    return st.just(cmd.Start(step=step_id, confirm=step_id, override="we must"))


def conduct(draw: Callable[[st.SearchStrategy[Any]], Any], log: Log, step_id: str) -> None:
    """A turn of the conductor's on a step that runs."""
    step, spec = log.step(step_id), log.plan.step(step_id)
    assert spec is not None
    if spec.kind != "command":
        if spec.kind == "bake":
            log.finishes(step_id, draw(st.sampled_from(["done", "failed"])))
        return
    active = [t.host for t in step.tasks.values() if t.state == "running"]
    if active:
        host = draw(st.sampled_from(active))
        how = draw(st.sampled_from(["good", "good", "good", "bad", "lost"]))
        if how == "lost":
            log.lost(step_id, host, following=draw(st.booleans()))
        else:
            log.ends(step_id, [host], 0 if how == "good" else 1)
        return
    bad = [t for t in step.tasks.values() if t.state in ("failed", "unknown", "unreachable")]
    waiting = [t for t in step.tasks.values() if t.state == "pending"]
    if bad or not waiting or log.state.phase == "aborted":
        early = "stopped" if waiting and not bad else ""
        log.happens(ev.StepFinished(step=step_id, attempt=step.attempt, reason=early))
    elif draw(st.integers(0, 5)):
        log.batch(step_id, waiting[0].batch)
    else:
        host = waiting[0].host
        log.happens(ev.TaskUnreachable(step=step_id, host=host, attempt=step.attempt, reason="no route"))


def roll_back(draw: Callable[[st.SearchStrategy[Any]], Any], log: Log) -> None:
    """A turn of the conductor's on the rollback that was asked for: it stops at what fails or is unknown."""
    rollback = log.state.rollback
    assert rollback is not None
    left = [u for u in rollback.undo if not _is_back(log, u)]
    if not left:
        log.back()
        return
    undo, step = left[0], log.step(left[0].step)
    if step.state != "rolling back":
        log.undoing(undo.step)
        return
    if not undo.batches:
        log.ask("mei", cmd.Tick(step=undo.step))
        return
    for batch in undo.batches:
        tasks = [step.tasks[h] for h in batch]
        todo = [t.host for t in tasks if t.undo < step.undo]
        busy = [t.host for t in tasks if t.state == "rolling back"]
        bad = [t.state for t in tasks if t.state not in ("rolled back", "skipped")]
        if todo or busy:
            _undo_one(draw, log, undo.step, todo, busy)
            return
        if bad:
            outcome: ev.Outcome = "unknown" if "unknown" in bad else "failed"
            log.undone(undo.step, outcome).back(outcome, reason="stopped")
            return
    log.undone(undo.step)


def _undo_one(
    draw: Callable[[st.SearchStrategy[Any]], Any], log: Log, step_id: str, todo: list[str], busy: list[str]
) -> None:
    host = draw(st.sampled_from([*busy, *todo]))
    how = draw(st.sampled_from(["good", "good", "good", "good", "bad", "lost"]))
    if host in todo and how == "lost":
        attempt = log.step(step_id).undo
        log.happens(ev.TaskUnreachable(step=step_id, host=host, attempt=attempt, reason="gone", undo=True))
    elif host in todo:
        log.undo_starts(step_id, [host])
    elif how == "lost":
        log.undo_lost(step_id, host, following=draw(st.booleans()))
    else:
        log.undo_ends(step_id, [host], 0 if how == "good" else 1)


def _is_back(log: Log, undo: ev.Undo) -> bool:
    step = log.step(undo.step)
    if not undo.batches or step.state == "rolling back":
        return step.state in ("rolled back", "pending")
    return all(not step.tasks[h].changed for b in undo.batches for h in b)


def _by_themselves(draw: Callable[[st.SearchStrategy[Any]], Any], log: Log) -> None:
    """A lost job is heard of again; else a gate that is ready is opened."""
    lost = [(s.id, t) for s in log.state.steps.values() for t in s.tasks.values() if t.following]
    if lost:
        step_id, task = draw(st.sampled_from(lost))
        undo = task.undo > 0
        attempt = task.undo or task.attempt
        if draw(st.booleans()):
            log.happens(ev.TaskFound(step=step_id, host=task.host, attempt=attempt, undo=undo))
        log.happens(ev.TaskFinished(step=step_id, host=task.host, attempt=attempt, exit=0, seconds=9.0, undo=undo))
        return
    gate = next((s.id for s in log.plan.steps if s.kind == "gate" and log.state.shown(s.id) == "ready"), "")
    if gate and not log.state.rolling_back:
        log.opens(gate)
