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
    "exit": st.sampled_from([None, 0, 1, -1, 255]),
    "start": st.just(START),
    "end": MOMENTS,
    "confirm": st.sampled_from(["", "small", "drop", "copy"]),
}


def _of(kind: inspect.Type, name: str) -> st.SearchStrategy[Any]:
    if name in NAMES:
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
    running = [s.id for s in log.state.steps.values() if s.state == "running"]
    if running and draw(st.integers(0, 3)):
        _conductor(draw, log, draw(st.sampled_from(running)))
        return
    login = draw(st.sampled_from([*ROLES]))
    wish: st.SearchStrategy[Any] = _sensible(log) if draw(st.integers(0, 5)) else commands()
    log.ask(login, draw(wish))


def _sensible(log: Log) -> st.SearchStrategy[cmd.AnyCommand]:
    """What somebody who wants to get on would ask for."""
    if log.state.phase == "paused":
        return st.just(cmd.Resume())
    step_id = log.state.current
    spec = log.plan.step(step_id)
    if spec is None:
        return st.just(cmd.Close(confirm="small"))
    if log.step(step_id).state == "unknown":
        return structs(cmd.Settle, step=step_id, host="", reason="looked")
    if spec.what == "manual":
        return st.just(cmd.Tick(step=step_id, override="we must"))
    if spec.what == "gate":
        return st.integers(0, 4).map(lambda n: cmd.Vote(step=step_id, go=n > 0, reason="so"))
    return st.just(cmd.Start(step=step_id, confirm=step_id, override="we must"))


def _conductor(draw: Callable[[st.SearchStrategy[Any]], Any], log: Log, step_id: str) -> None:
    step, spec = log.step(step_id), log.plan.step(step_id)
    assert spec is not None
    if spec.what != "command":
        if spec.what == "bake":
            log.finishes(step_id, draw(st.sampled_from(["done", "failed"])))
        return
    active = [t.host for t in step.tasks.values() if t.state == "running"]
    if active:
        host = draw(st.sampled_from(active))
        how = draw(st.sampled_from(["good", "good", "good", "bad", "lost"]))
        if how == "lost":
            log.lost(step_id, host)
        else:
            log.ends(step_id, [host], 0 if how == "good" else 1)
        return
    bad = [t for t in step.tasks.values() if t.state in ("failed", "unknown", "unreachable")]
    waiting = [t for t in step.tasks.values() if t.state == "pending"]
    if bad or not waiting:
        unknown = any(t.state == "unknown" for t in bad)
        log.finishes(step_id, "unknown" if unknown else "failed" if bad else "done")
    elif draw(st.integers(0, 5)):
        log.batch(step_id, waiting[0].batch)
    else:
        host = waiting[0].host
        log.happens(ev.TaskUnreachable(step=step_id, host=host, attempt=step.attempt, reason="no route"))
