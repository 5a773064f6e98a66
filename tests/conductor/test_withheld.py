"""Output that may hold a secret which no conductor knows is not kept, shown or logged; it is fetched when one does."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import CommandResult, Hosts, Rig
from upgrade_tui.conductor.conductor import places_to_clear
from upgrade_tui.window import events as ev

PLAN = support.PLAN.replace("check_first = false", 'check_first = false\nsecret_env = ["DB_PASSWORD"]')
PRINTED = b"connecting with hunter22 ...\nall done, hunter22\n"


def with_password(monkeypatch: pytest.MonkeyPatch, value: str | None = "hunter22") -> None:
    if value is None:
        monkeypatch.delenv("DB_PASSWORD", raising=False)
    else:
        monkeypatch.setenv("DB_PASSWORD", value)


class Printing(Hosts):
    """Jobs that have ended and print again what they printed whenever they are followed, as a host's job does."""

    async def job(self, host: str, spec: object, *, on_output: Callable[[bytes], None], **how: object) -> CommandResult:  # type: ignore[override]
        self.ran.append((host, "attach" if how.get("begun") else "follow"))
        on_output(PRINTED[:20])
        on_output(PRINTED[20:])
        return CommandResult(exit=0, seconds=1.0)


async def taken_over(directory: Path) -> Rig:
    """A window whose task on a runs, its conductor gone."""
    rig = await support.rig(directory, PLAN, hosts=Printing())
    step = rig.store.state.steps["roll"]
    await rig.store.write(
        [
            ev.StepIntent(step="roll", attempt=1, batches=step.batches),
            ev.BatchStarted(step="roll", attempt=1, batch=0),
            ev.TaskStarted(step="roll", host="a", attempt=1),
        ]
    )
    return rig


def everything_written(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("value", [None, ""], ids=["not-set", "emptied"])
async def test_without_the_secret_the_output_of_a_job_is_told_as_size_and_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    with_password(monkeypatch, value)
    rig = await taken_over(tmp_path)
    rig.hosts.printed["a", "is-new"] = b"version 2, password hunter22\n"
    rig.hosts.script["a", "is-new"] = CommandResult(exit=1)
    await rig.steps.run("roll", resume=True)
    task = rig.store.state.steps["roll"].tasks["a"]
    assert task.withheld == "no value for DB_PASSWORD: the conductor's environment lacks it"
    assert (task.bytes, task.last_line, task.output) == (len(PRINTED), "", "")
    assert task.said == f"{len(PRINTED)} bytes of output are withheld: {task.withheld}"
    assert task.check == 1, "the check was asked all the same"
    await rig.store.close()
    assert b"hunter22" not in everything_written(tmp_path)


async def test_what_the_first_conductor_kept_masked_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(monkeypatch, None)
    rig = await taken_over(tmp_path)
    (tmp_path / "output" / "roll.a.1.out").write_bytes(b"connecting with [secret]")
    await rig.steps.run("roll", resume=True)
    assert (tmp_path / "output" / "roll.a.1.out").read_bytes() == b"connecting with [secret]"
    await rig.store.close()


async def test_a_conductor_that_knows_the_secret_fetches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_password(monkeypatch, None)
    rig = await taken_over(tmp_path)
    told: list[ev.Event] = []
    rig.store.observe(lambda records: told.extend(r.event for r in records))
    await rig.steps.run("roll", resume=True)
    await rig.withheld.fetch()
    assert rig.store.state.steps["roll"].tasks["a"].withheld, "it knows no more than before"
    with_password(monkeypatch)
    await rig.withheld.fetch()
    task = rig.store.state.steps["roll"].tasks["a"]
    kept = (tmp_path / "output" / "roll.a.1.out").read_bytes()
    assert kept == PRINTED.replace(b"hunter22", b"[secret]")
    assert (task.withheld, task.output, task.last_line) == ("", "roll.a.1.out", "all done, [secret]")
    (event,) = [e for e in told if isinstance(e, ev.OutputKept)]
    assert (event.sha256, event.bytes) == (hashlib.sha256(kept).hexdigest(), len(kept))
    assert rig.hosts.ran[-1] == ("a", "attach"), "nothing is ever started by it"
    await rig.withheld.fetch()
    assert len([e for e in told if isinstance(e, ev.OutputKept)]) == 1
    await rig.store.close()
    assert b"hunter22" not in everything_written(tmp_path)


async def test_output_that_is_gone_from_the_host_stays_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(monkeypatch, None)
    rig = await taken_over(tmp_path)
    await rig.steps.run("roll", resume=True)
    with_password(monkeypatch)

    async def gone(*_: object, **__: object) -> CommandResult:
        return CommandResult(proven=False, reason="its job directory is gone from the host")

    monkeypatch.setattr(rig.hosts, "job", gone)
    await rig.withheld.fetch()
    assert rig.store.state.steps["roll"].tasks["a"].withheld
    await rig.store.close()


async def test_the_output_of_checks_is_masked_like_that_of_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(monkeypatch)
    rig = await support.rig(tmp_path, PLAN.replace("check_first = false\n", ""))
    rig.hosts.printed["a", "is-new"] = b"not yet, hunter22\n"
    rig.hosts.script["a", "is-new"] = CommandResult(exit=1)
    await rig.start("roll")
    task = rig.store.state.steps["roll"].tasks["a"]
    assert task.reason == "check failed (exit 1): not yet, [secret]"
    assert (tmp_path / "output" / "roll.a.1.check").read_bytes() == b"not yet, [secret]\n"
    await rig.store.close()
    assert b"hunter22" not in everything_written(tmp_path)


AGAIN = [
    ev.TaskStarted(step="roll", host="a", attempt=2),
    ev.TaskFinished(step="roll", host="a", attempt=2, exit=0, seconds=1.0, output="roll.a.2.out"),
]


async def test_closing_leaves_withheld_output_on_its_host_also_that_of_an_earlier_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(monkeypatch, None)
    rig = await taken_over(tmp_path)
    await rig.store.write([ev.HostJobs(host="a", place="/jobs"), ev.HostJobs(host="b", place="/jobs")])
    assert places_to_clear(rig.store.state, ("a", "b", "c")) == {"a": "/jobs", "b": "/jobs"}
    await rig.steps.run("roll", resume=True)
    batches = rig.store.state.steps["roll"].batches
    await rig.store.write([ev.StepIntent(step="roll", attempt=2, batches=batches), *AGAIN])
    assert not rig.store.state.steps["roll"].tasks["a"].withheld
    assert places_to_clear(rig.store.state, ("a", "b")) == {"b": "/jobs"}
    (kept,) = rig.store.state.withheld
    assert kept.said == (
        f"roll on a, attempt 1: {len(PRINTED)} bytes are still on a, in /jobs "
        "(no value for DB_PASSWORD: the conductor's environment lacks it)"
    )
    with_password(monkeypatch)
    await rig.withheld.fetch()
    assert rig.store.state.withheld == ()
    assert (tmp_path / "output" / "roll.a.1.out").read_bytes() == PRINTED.replace(b"hunter22", b"[secret]")
    assert rig.store.state.steps["roll"].tasks["a"].output == "roll.a.2.out", "that of the newer attempt stays its own"
    assert places_to_clear(rig.store.state, ("a", "b")) == {"a": "/jobs", "b": "/jobs"}
    await rig.store.close()


def unknown(printed: bytes = PRINTED) -> Callable[..., Awaitable[CommandResult]]:
    """Jobs whose end is not known, and whose output is there."""

    async def job(*_: object, on_output: Callable[[bytes], None], **__: object) -> CommandResult:
        on_output(printed)
        return CommandResult(exit=None, proven=False, reason="what ran it on the host was killed")

    return job


async def test_the_output_of_a_job_that_ended_unknown_is_withheld_and_fetched_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(monkeypatch, None)
    rig = await taken_over(tmp_path)
    await rig.store.write([ev.HostJobs(host="a", place="/jobs")])
    monkeypatch.setattr(rig.hosts, "job", unknown())
    await rig.steps.run("roll", resume=True)
    task = rig.store.state.steps["roll"].tasks["a"]
    assert (task.state, task.bytes) == ("unknown", len(PRINTED))
    assert task.withheld == "no value for DB_PASSWORD: the conductor's environment lacks it"
    assert [w.place for w in rig.store.state.withheld] == ["a"]
    assert places_to_clear(rig.store.state, ("a",)) == {}
    with_password(monkeypatch)
    monkeypatch.setattr(rig.hosts, "job", unknown(b""))  # its directory was removed: there is nothing to fetch
    await rig.withheld.fetch()
    assert rig.store.state.withheld
    monkeypatch.setattr(rig.hosts, "job", unknown())
    await rig.withheld.fetch()
    assert rig.store.state.withheld == ()
    assert (tmp_path / "output" / "roll.a.1.out").read_bytes() == PRINTED.replace(b"hunter22", b"[secret]")
    assert rig.store.state.steps["roll"].tasks["a"].state == "unknown"
    await rig.store.close()
    assert b"hunter22" not in everything_written(tmp_path)


async def test_the_output_of_a_job_that_was_settled_while_it_was_followed_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(monkeypatch, None)
    rig = await taken_over(tmp_path)
    await rig.store.write([ev.HostJobs(host="a", place="/jobs")])

    async def lost(
        *_: object, on_output: Callable[[bytes], None], on_lost: Callable[[str], None], **__: object
    ) -> CommandResult:
        on_output(PRINTED[:20])
        on_lost("the link is cut")
        return await asyncio.Event().wait() and CommandResult(exit=0)

    monkeypatch.setattr(rig.hosts, "job", lost)
    runs = asyncio.create_task(rig.steps.run("roll", resume=True))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].following)
    await rig.store.write([ev.TaskSettled(step="roll", host="a", outcome="done", reason="I looked")], "mei")
    await rig.until(lambda: rig.store.state.withheld)
    assert places_to_clear(rig.store.state, ("a",)) == {}
    assert rig.store.state.steps["roll"].tasks["a"].settled_by == "mei"
    (left,) = rig.store.state.withheld
    assert left.said.startswith("roll on a, attempt 1: 20 bytes are still on a, in /jobs")
    runs.cancel()
    await asyncio.gather(runs, return_exceptions=True)
    await rig.store.close()


async def test_another_value_of_a_secret_than_the_job_was_given_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would mask itself only, and let through the one that the job prints."""
    with_password(monkeypatch)
    rig = await support.rig(tmp_path, PLAN, hosts=Printing())
    rig.hosts.lose["a"] = asyncio.Event()
    monkeypatch.setattr(rig.hosts, "job", functools.partial(Hosts.job, rig.hosts))
    runs = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].following)
    runs.cancel()
    await asyncio.gather(runs, return_exceptions=True)
    monkeypatch.setattr(rig.hosts, "job", functools.partial(Printing.job, rig.hosts))
    with_password(monkeypatch, "hunter23")
    await rig.steps.run("roll", resume=True)
    why = "DB_PASSWORD has another value than the job was started with"
    assert rig.store.state.steps["roll"].tasks["a"].withheld == why
    await rig.withheld.fetch()
    assert rig.store.state.steps["roll"].tasks["a"].withheld == why
    with_password(monkeypatch)
    await rig.withheld.fetch()
    assert (tmp_path / "output" / "roll.a.1.out").read_bytes() == PRINTED.replace(b"hunter22", b"[secret]")
    assert rig.store.state.withheld == ()
    await rig.store.close()
