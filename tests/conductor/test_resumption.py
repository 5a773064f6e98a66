"""What a new conductor goes on with, what an abort reaches, and that no two rollbacks of a host meet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import CommandResult, Rig
from upgrade_tui.conductor.execution import waits
from upgrade_tui.fleet.jobs import HostDeadman
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal, StartRollback

LEAD = Actor("mei", "lead")
ARMED = support.PLAN.replace("check_first = false", 'check_first = false\nconfirm_within = "10m"', 1).replace(
    '[1, "100%"]', '["100%"]', 1
)


def begun(rig: Rig, *more: ev.Event) -> list[ev.Event]:
    """What is in the log of a step whose first batch is under way on a."""
    batches = rig.store.state.steps["roll"].batches
    return [
        ev.StepIntent(step="roll", attempt=1, batches=batches),
        ev.BatchStarted(step="roll", attempt=1, batch=0),
        ev.TaskStarted(step="roll", host="a", attempt=1),
        *more,
    ]


def ended(code: int) -> ev.Event:
    return ev.TaskFinished(step="roll", host="a", attempt=1, exit=code, seconds=1.0)


def states(rig: Rig) -> dict[str, str]:
    return {t.host: t.state for t in rig.store.state.steps["roll"].tasks.values()}


async def quiet(what: Callable[[], object]) -> None:
    """Until something in memory is so."""
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.005)


# -- takeover ---------------------------------------------------------------------------------------------------------


async def test_a_batch_that_failed_before_the_takeover_still_stops_the_step(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    await rig.store.write(begun(rig, ended(3)))
    await rig.steps.run("roll", resume=True)
    assert states(rig) == {"a": "failed", "b": "pending", "c": "pending", "d": "pending"}
    assert rig.store.state.steps["roll"].state == "failed"
    assert "1 of 4 failed, 0 allowed: stopped" in rig.store.state.steps["roll"].reason
    assert ("b", "upgrade") not in rig.hosts.ran
    await rig.store.close()


async def taken_over(rig: Rig, tmp_path: Path) -> Rig:
    """The conductor dies while the job runs on a; a new one over the same log, with hosts that know of no job."""
    rig.hosts.hold["a"] = asyncio.Event()
    batches = rig.store.state.steps["roll"].batches
    await rig.store.write([ev.StepIntent(step="roll", attempt=1, batches=batches)], "mei")
    running = asyncio.create_task(rig.steps.run("roll"))
    await quiet(lambda: ("a", "upgrade") in rig.hosts.ran)
    await quiet(lambda: rig.store.state.steps["roll"].tasks["a"].state == "running")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await rig.store.close()
    return await support.rig(tmp_path, opened=False)


async def test_a_job_that_had_begun_and_is_gone_from_its_host_is_unknown(tmp_path: Path) -> None:
    rig = await taken_over(await support.rig(tmp_path), tmp_path)
    await rig.steps.run("roll", resume=True)
    task = rig.store.state.steps["roll"].tasks["a"]
    assert (task.state, task.changed, task.reason) == ("unknown", True, "its job directory is gone")
    assert rig.store.state.steps["roll"].state == "unknown"
    await rig.store.close()


async def test_the_pause_between_batches_is_kept_after_a_takeover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baked: list[float] = []

    async def healthy_for(_context: object, _spec: object, _attempt: int, seconds: float) -> None:
        baked.append(seconds)

    monkeypatch.setattr("upgrade_tui.conductor.execution.steps.healthy_for", healthy_for)
    rig = await support.rig(tmp_path, support.PLAN.replace("check_first = false", 'check_first = false\nbake = "7m"'))
    checked = ev.TaskChecked(step="roll", host="a", attempt=1, exit=0)
    await rig.store.write(begun(rig, ended(0), checked))
    await rig.steps.run("roll", resume=True)
    assert baked == [420.0]
    assert rig.store.state.steps["roll"].state == "done"
    await rig.store.close()
    assert waits.healthy_for is not healthy_for


async def test_a_running_task_is_found_while_the_window_is_paused(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    await rig.store.write([*begun(rig), ev.WindowPaused(reason="lunch")])
    rig.hosts.jobs["a", "w1.roll.1"] = CommandResult(exit=0, seconds=1.0)
    running = asyncio.create_task(rig.steps.run("roll", resume=True))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].check == 0)
    assert states(rig) == {"a": "done", "b": "pending", "c": "pending", "d": "pending"}
    await rig.store.write([ev.WindowResumed()])
    await running
    assert set(states(rig).values()) == {"done"}
    await rig.store.close()


async def test_a_task_running_in_an_aborted_window_is_ended_by_the_next_conductor(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    await rig.store.write([*begun(rig), ev.WindowAborted(reason="wrong night")])
    rig.hosts.lose["a"] = asyncio.Event()
    rig.hosts.jobs["a", "w1.roll.1"] = CommandResult(exit=143, seconds=1.0)
    running = asyncio.create_task(rig.steps.run("roll", resume=True))
    await quiet(lambda: rig.hosts.ended)
    rig.hosts.lose["a"].set()
    await running
    assert states(rig) == {"a": "failed", "b": "pending", "c": "pending", "d": "pending"}
    await rig.store.close()


async def test_secrets_stay_masked_after_a_takeover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter22")
    text = support.PLAN.replace("check_first = false", 'check_first = false\nsecret_env = ["DB_PASSWORD"]')
    rig = await support.rig(tmp_path, text)
    await rig.store.write(begun(rig))
    rig.hosts.jobs["a", "w1.roll.1"] = CommandResult(exit=0, seconds=1.0)

    async def job(host: str, spec: object, *, on_output: Callable[[bytes], None], **_: object) -> CommandResult:
        on_output(b"with hunter22\n")
        return CommandResult(exit=0, seconds=1.0)

    monkeypatch.setattr(rig.hosts, "job", job)
    await rig.steps.run("roll", resume=True)
    assert (tmp_path / "output" / "roll.a.1.out").read_bytes() == b"with [secret]\n"
    await rig.store.close()


# -- abort ------------------------------------------------------------------------------------------------------------


async def test_an_abort_while_the_check_runs_begins_nothing(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, support.PLAN.replace("check_first = false\n", ""))
    rig.hosts.script["a", "is-new"] = CommandResult(exit=1)
    rig.hosts.hold["a"] = asyncio.Event()
    running = asyncio.create_task(rig.start("roll"))
    await quiet(lambda: rig.hosts.ran)
    await rig.store.write([ev.WindowAborted(reason="wrong night")])
    rig.hosts.hold["a"].set()
    await running
    assert rig.hosts.ran == [("a", "is-new")]
    assert states(rig)["a"] == "pending"
    await rig.store.close()


async def test_an_abort_goes_on_until_a_lost_host_could_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upgrade_tui.conductor.execution.tasks.AGAIN", 0.001)
    rig = await support.rig(tmp_path)
    rig.hosts.hold["a"] = asyncio.Event()
    asked: list[str] = []

    async def end_job(host: str, name: str, *, place: str = "") -> str:
        asked.append(host)
        return "" if len(asked) > 2 else "the link is cut"

    monkeypatch.setattr(rig.hosts, "end_job", end_job)
    running = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: states(rig)["a"] == "running")
    await rig.store.write([ev.WindowAborted(reason="wrong night")])
    await quiet(lambda: len(asked) == 3)
    rig.hosts.hold["a"].set()
    await running
    assert asked == ["a"] * 3
    await rig.store.close()


async def test_a_rollback_in_an_aborted_window_is_not_ended(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    await rig.start("roll")
    await rig.store.write([ev.WindowAborted(reason="wrong night")])
    asked = await rig.store.command(StartRollback(confirm="w1", reason="errors"), LEAD)
    assert not isinstance(asked, Refusal)
    await rig.rollbacks.run()
    assert rig.hosts.ended == []
    assert set(states(rig).values()) == {"rolled back"}
    await rig.store.close()


# -- the dead-man rollback --------------------------------------------------------------------------------------------


async def test_a_retry_disarms_the_earlier_attempts_dead_man(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ARMED)
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    await rig.start("roll")
    rig.hosts.script.clear()
    await rig.start("roll")
    assert rig.hosts.guards["a", "w1.roll.deadman1"].state == "confirmed", "it would undo the second attempt"
    assert rig.hosts.guards["a", "w1.roll.deadman2"].state == "armed"
    assert rig.store.state.steps["roll"].armed["a"].attempt == 2
    assert rig.store.state.steps["roll"].state == "armed"
    await rig.store.close()


async def test_a_retry_is_not_begun_where_the_host_has_just_undone_the_first_attempt(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ARMED)
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    await rig.start("roll")
    rig.hosts.guards["a", "w1.roll.deadman1"] = HostDeadman(state="fired", exit=0)
    rig.hosts.ran.clear()
    await rig.start("roll")
    assert ("a", "upgrade") not in rig.hosts.ran
    assert states(rig)["a"] == "rolled back"
    assert rig.store.state.steps["roll"].state == "failed", "the other hosts have it still"
    assert "a: nobody confirmed in time" in rig.store.state.steps["roll"].reason
    await rig.store.close()


async def test_a_rollback_disarms_the_host_first(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ARMED)
    await rig.start("roll")
    rig.hosts.guards["b", "w1.roll.deadman1"] = HostDeadman(state="fired", exit=0)
    rig.hosts.ran.clear()
    await rig.store.command(StartRollback(confirm="w1", reason="errors"), LEAD)
    await rig.rollbacks.run()
    assert sorted(rig.hosts.ran) == [("a", "downgrade"), ("c", "downgrade"), ("d", "downgrade")]
    assert {h: g.state for (h, _), g in rig.hosts.guards.items()} == {
        "a": "confirmed", "b": "fired", "c": "confirmed", "d": "confirmed",
    }  # fmt: skip
    assert rig.store.state.steps["roll"].state == "rolled back"
    await rig.store.close()


async def test_a_rollback_tries_again_where_the_host_failed_to_undo_it_by_itself(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ARMED)
    await rig.start("roll")
    await rig.store.write([ev.DeadmanFired(step="roll", host="d", exit=9)])
    rig.hosts.guards["d", "w1.roll.deadman1"] = HostDeadman(state="fired", exit=9)
    rig.hosts.ran.clear()
    await rig.store.command(StartRollback(confirm="w1", reason="errors"), LEAD)
    await rig.rollbacks.run()
    assert ("d", "downgrade") in rig.hosts.ran
    assert set(states(rig).values()) == {"rolled back"}
    await rig.store.close()


async def test_a_dead_man_armed_before_a_takeover_counts_anew(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ARMED)
    batches = rig.store.state.steps["roll"].batches
    await rig.store.write(
        [
            ev.StepIntent(step="roll", attempt=1, batches=batches),
            ev.BatchStarted(step="roll", attempt=1, batch=0),
            ev.DeadmanArmed(step="roll", host="a", attempt=1, seconds=600.0),
            ev.ConductorStarted(pid=2, host="h", version="0"),
        ]
    )
    extended: list[tuple[str, float]] = []
    extend = rig.hosts.extend

    async def watched(host: str, name: str, seconds: float, *, place: str = "") -> HostDeadman:
        extended.append((host, seconds))
        return await extend(host, name, seconds, place=place)

    rig.hosts.extend = watched  # type: ignore[method-assign]
    await rig.steps.run("roll", resume=True)
    assert ("a", 600.0) in extended
    assert set(states(rig).values()) == {"done"}
    await rig.store.close()


@pytest.mark.parametrize(("borne", "said"), [("25%", "confirm"), ("0%", "")], ids=["borne", "too many"])
async def test_the_plan_confirms_what_went_well_unless_too_much_did_not(tmp_path: Path, borne: str, said: str) -> None:
    """A step that stopped is looked at by a person: its hosts go back by themselves if nobody does."""
    text = ARMED.replace('"10m"', f'"10m"\nconfirm = "auto"\nmax_fail = "{borne}"', 1)
    rig = await support.rig(tmp_path, text)
    rig.hosts.script["b", "upgrade"] = CommandResult(exit=1)
    await rig.start("roll")
    asked = {host: armed.asked for host, armed in rig.store.state.steps["roll"].armed.items()}
    assert asked == {"a": said, "b": "", "c": said, "d": said}
    await rig.store.close()


async def test_the_plan_confirms_as_soon_as_the_canaries_are_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upgrade_tui.conductor.execution.deadman_control.LOOK", 0.01)
    text = ARMED.replace('"10m"', '"10m"\nconfirm = "auto"\ncanaries = ["front"]', 1)
    text = text.replace('batches = [1, "100%"]', 'batches = ["100%"]')
    rig = await support.rig(tmp_path, text)
    watching = asyncio.create_task(rig.deadman.watch())
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: all(task.check == 0 for task in rig.store.state.steps["roll"].tasks.values()))
    assert {a.asked for a in rig.store.state.steps["roll"].armed.values()} == {""}, "no data yet"
    await rig.store.write([ev.CanaryVerdict(canary="front", verdict="healthy", before="no data")])
    await rig.until(lambda: {a.state for a in rig.store.state.steps["roll"].armed.values()} == {"confirmed"})
    await step
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await rig.store.close()


async def test_an_answer_about_an_earlier_attempt_is_not_taken_for_the_present_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upgrade_tui.conductor.execution.deadman_control.LOOK", 0.01)
    rig = await support.rig(tmp_path, ARMED)
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    await rig.start("roll")
    rig.hosts.script.clear()
    asked, answer, second = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def armed(host: str, name: str, *, place: str = "") -> HostDeadman:
        if host == "a" and not asked.is_set():  # the look; what a retry asks before it arms is answered
            asked.set()
            await answer.wait()
            return rig.hosts.guards[host, name]
        if name.endswith("deadman2"):
            second.set()
        return rig.hosts.guards[host, name]

    rig.hosts.armed = armed  # type: ignore[method-assign]
    watching = asyncio.create_task(rig.deadman.watch())
    await asked.wait()
    await rig.start("roll")  # disarms the first attempt's, arms the second's
    answer.set()
    async with asyncio.timeout(60):
        await second.wait()
    assert rig.store.state.steps["roll"].armed["a"].state == "armed"
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await rig.store.close()


# -- faults of our own ------------------------------------------------------------------------------------------------


async def test_a_fault_of_our_own_ends_the_step_not_the_conductor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await support.rig(tmp_path)

    async def broken(*_: object, **__: object) -> CommandResult:
        raise KeyError("no such door")

    monkeypatch.setattr(rig.hosts, "job", broken)
    await rig.start("roll")
    step = rig.store.state.steps["roll"]
    assert (step.state, step.tasks["a"].state) == ("unknown", "unknown")
    assert "an error in the conductor: KeyError" in step.reason
    monkeypatch.undo()
    await rig.store.command(StartRollback(confirm="w1", reason="errors"), LEAD)
    await rig.rollbacks.run()
    assert rig.store.state.steps["roll"].tasks["a"].state == "rolled back"
    await rig.store.close()


async def test_a_rollback_that_fails_on_many_hosts_fits_into_the_log(tmp_path: Path) -> None:
    hosts = "".join(f'[hosts.host{n}]\naddress = "10.1.{n // 200}.{n % 200}"\ngroups = ["web"]\n' for n in range(400))
    text = support.PLAN.replace("[[canaries]]", hosts + "[[canaries]]")
    rig = await support.rig(tmp_path, text)
    await rig.start("roll")
    names = list(rig.store.state.steps["roll"].tasks)
    why = "the host says something long about it, " * 7
    rig.hosts.script |= {(name, "downgrade"): CommandResult(proven=False, sent=False, reason=why) for name in names}
    await rig.store.command(StartRollback(confirm="w1", reason="errors"), LEAD)
    await rig.rollbacks.run()
    ended = rig.store.state.rollback
    assert ended is not None
    assert ended.outcome == "failed"
    assert "and 393 more" in ended.trouble
    await rig.store.close()
