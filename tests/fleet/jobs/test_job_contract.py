"""The contract of the job scripts: the same cases against the simulated host and against real shells.

Where the two differ, the simulated one is wrong, and every night that was played on it proves less than it seems to.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.jobs.conftest import SHELLS, with_shell
from tests.fleet.jobs.contract import HOST, LONG, Bench, Does, Real, Simulated, arms, asked, follow, under_way
from tests.fleet.jobs.ran import Heard, Place
from tests.support import require
from upgrade_tui.fleet.jobs.job import Job


@pytest.fixture(params=("simulated", *SHELLS))
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    if request.param == "simulated":
        yield Simulated()
        return
    require(request.param)
    with_shell(str(request.param), tmp_path, monkeypatch)
    place = Place(tmp_path / "base", itertools.count(1))
    yield Real(tmp_path, place)
    place.end_all()


def test_a_job_tells_its_output_and_its_end(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        heard = Heard()
        ended = await follow(bench, bench.spec("a", Does(exit=3, output="one\ntwo\n")), heard)
        assert (ended.exit, ended.proven, ended.sent, ended.timed_out, ended.ended) == (3, True, True, False, False)
        assert bytes(heard.output) == b"one\ntwo\n"
        assert (heard.begun, bench.begun("a")) == (1, 1)

    bench.play(case)


def test_a_key_is_begun_once_whoever_asks(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does(seconds=0.4, exit=4))
        first, second = Heard(), Heard()
        both = await asyncio.gather(follow(bench, spec, first), follow(bench, spec, second))
        assert [ended.exit for ended in both] == [4, 4]
        assert bytes(first.output) == bytes(second.output) == b"here\n"
        assert (await follow(bench, spec)).exit == 4
        assert bench.begun("a") == 1

    bench.play(case)


def test_a_job_that_runs_is_found_and_read_to_its_end(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does(seconds=1.5, exit=5))
        async with under_way(bench, spec):
            pass
        heard = Heard()
        ended = await follow(bench, spec, heard, resume=True)
        assert (ended.exit, bytes(heard.output), bench.begun("a")) == (5, b"here\n", 1)

    bench.play(case)


def test_only_a_job_that_still_runs_is_told_as_found(bench: Bench) -> None:
    """One that ended meanwhile has a result, and that is what is told."""

    async def case(bench: Bench) -> None:
        runs, over = bench.spec("a", Does(seconds=1.5)), bench.spec("b", Does())
        async with under_way(bench, runs):
            pass
        await follow(bench, over)
        for spec, found in ((runs, 1), (over, 0)):
            heard = Heard()
            tale = heard.tale()
            tale.lost("no conductor ran")
            job = Job(bench.transport, HOST, spec, tale, proc_root=bench.proc, systemd="/nowhere")
            ended = await job.run(resume=True, begun=True)
            assert (ended.exit, heard.found) == (0, found)

    bench.play(case)


def test_what_is_resumed_and_is_not_there_can_not_begin_any_more(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does())
        ended = await follow(bench, spec, resume=True)
        assert (ended.sent, ended.proven) == (False, False)
        assert ended.reason == "it was never started"
        late = await follow(bench, spec)
        assert (late.sent, late.reason) == (False, "it was never started")
        assert bench.begun("a") == 0

    bench.play(case)


def test_what_was_acknowledged_and_is_gone_is_unknown(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does())
        await follow(bench, spec)
        await bench.remove("a")
        ended = await follow(bench, spec, resume=True, begun=True)
        assert (ended.sent, ended.proven) == (True, False)
        assert "its job directory is gone" in ended.reason
        assert bench.begun("a") == 1

    bench.play(case)


def test_who_started_it_gets_the_end_also_without_a_directory_and_who_comes_later_does_not(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does(seconds=5.0, exit=6))
        async with under_way(bench, spec) as (first, _):
            heard = Heard()
            late = asyncio.ensure_future(follow(bench, spec, heard, resume=True))
            await heard.until(lambda: heard.output)
            await bench.remove("a")
            ended = await late
            assert (ended.sent, ended.proven) == (True, False)
            assert "directory is gone" in ended.reason
            assert (await first).exit == 6

    bench.play(case)


@pytest.mark.parametrize("stubborn", [False, True], ids=["ends when asked", "ends by force"])
def test_a_timeout_ends_it(bench: Bench, stubborn: bool) -> None:
    async def case(bench: Bench) -> None:
        ended = await follow(bench, bench.spec("a", Does(seconds=LONG, stubborn=stubborn), timeout=1.0))
        assert (ended.timed_out, ended.proven, ended.sent, ended.ok) == (True, True, True, False)
        assert ("killed" in ended.reason) == stubborn

    bench.play(case)


def test_one_that_runs_is_ended_on_request(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does(seconds=LONG))
        async with under_way(bench, spec) as (first, _):
            assert await asked(bench, "end", spec.name) == "ended"
            ended = await first
            assert (ended.ended, ended.timed_out, ended.ok) == (True, False, False)
        assert await asked(bench, "end", spec.name) == "over"
        assert await asked(bench, "end", "w.nothing") == "gone"

    bench.play(case)


def test_a_reboot_while_it_ran_leaves_no_result(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does(seconds=LONG))
        async with under_way(bench, spec):
            pass
        await bench.reboot()
        ended = await follow(bench, spec, resume=True)
        assert (ended.sent, ended.proven, ended.reason) == (True, False, "the host rebooted while it ran")
        assert bench.begun("a") == 1

    bench.play(case)


def test_a_result_from_before_a_reboot_counts(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does(exit=7))
        await follow(bench, spec)
        await bench.reboot()
        heard = Heard()
        assert (await follow(bench, spec, heard, resume=True)).exit == 7
        assert bytes(heard.output) == b"here\n"

    bench.play(case)


def test_a_reboot_that_clears_directories_leaves_what_was_acknowledged_unknown(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does(seconds=LONG))
        async with under_way(bench, spec):
            pass
        await bench.reboot(clear=True)
        ended = await follow(bench, spec, resume=True, begun=True)
        assert (ended.sent, ended.proven) == (True, False)
        assert bench.begun("a") == 1

    bench.play(case)


def test_one_whose_runner_was_killed_leaves_no_result(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("a", Does(seconds=LONG))
        async with under_way(bench, spec) as (first, _):
            await bench.kill("a")
            ended = await first
        assert (ended.sent, ended.proven) == (True, False)
        assert "what ran it on the host was killed" in ended.reason

    bench.play(case)


def test_only_the_finished_jobs_of_a_window_are_cleared_away(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        done, runs = bench.spec("done", Does()), bench.spec("runs", Does(seconds=LONG))
        await follow(bench, done)
        async with under_way(bench, runs):
            assert await asked(bench, "clean", window="other") == "0"
            assert await asked(bench, "clean", window="w") == "1"
            assert await asked(bench, "end", done.name) == "gone"
            assert await asked(bench, "end", runs.name) == "ended"

    bench.play(case)


# -- dead-men ---------------------------------------------------------------------------------------------------------


async def fired(bench: Bench, name: str) -> tuple[int | None, str]:
    """The end of a dead-man that fires."""
    while (now := await arms(bench).state(name)).state != "fired" or (now.exit is None and not now.reason):
        await asyncio.sleep(0.2)
    return now.exit, now.output


def test_nobody_confirms_and_it_fires(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        waits, fires = bench.spec("waits", Does()), bench.spec("undo", Does(exit=3))
        assert (await arms(bench).arm(waits, 60)).error == ""
        assert (await arms(bench).arm(fires, 1)).error == ""
        assert await fired(bench, fires.name) == (3, "here\n")
        assert (await arms(bench).confirm(fires.name)).state == "fired"
        assert (await arms(bench).extend(fires.name, 60)).state == "fired"
        assert bench.begun("undo") == 1
        assert (await arms(bench).state(waits.name)).state == "armed"
        assert bench.begun("waits") == 0

    bench.play(case)


def test_what_was_confirmed_does_not_fire(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("undo", Does())
        await arms(bench).arm(spec, 60)
        assert (await arms(bench).confirm(spec.name)).state == "confirmed"
        assert (await arms(bench).extend(spec.name, 0)).state == "confirmed", "its time is up now"
        await asyncio.sleep(2.5)
        assert (await arms(bench).state(spec.name)).state == "confirmed"
        assert bench.begun("undo") == 0

    bench.play(case)


def test_one_that_is_given_time_counts_from_then(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("undo", Does())
        await arms(bench).arm(spec, 30)
        now = await arms(bench).extend(spec.name, 100)
        assert (now.state, now.remaining > 40) == ("armed", True)
        await asyncio.sleep(2.5)
        assert (await arms(bench).state(spec.name)).state == "armed"
        assert (await arms(bench).extend(spec.name, 0)).state in ("armed", "fired")
        assert (await fired(bench, spec.name))[0] == 0

    bench.play(case)


def test_one_that_was_ended_is_gone(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("undo", Does())
        await arms(bench).arm(spec, 60)
        assert await asked(bench, "end", spec.name) == "ended"
        now = await arms(bench).state(spec.name)
        assert (now.state, now.reason) == ("gone", "it was ended on request")
        assert bench.begun("undo") == 0

    bench.play(case)


@pytest.mark.parametrize("clear", [False, True], ids=["directory kept", "directory cleared"])
def test_a_reboot_takes_it_along(bench: Bench, clear: bool) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("undo", Does())
        await arms(bench).arm(spec, 60)
        await bench.reboot(clear=clear)
        now = await arms(bench).state(spec.name)
        assert now.state == "gone"
        assert ("rebooted" in now.reason) == (not clear)

    bench.play(case)


def test_one_that_was_killed_is_gone(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("undo", Does())
        await arms(bench).arm(spec, 60)
        await bench.kill("undo")
        now = await arms(bench).state(spec.name)
        assert now.state == "gone"
        assert "killed" in now.reason

    bench.play(case)


@pytest.mark.parametrize(("how", "why"), [("killed", "what waited on the host was killed"), ("ended", "never"),
                                          ("rebooted", "the host rebooted")])  # fmt: skip
def test_one_that_is_gone_is_not_armed_again_and_says_why(bench: Bench, how: str, why: str) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("undo", Does())
        await arms(bench).arm(spec, 60)
        if how == "killed":
            await bench.kill("undo")
        elif how == "ended":
            await asked(bench, "end", spec.name)
        else:
            await bench.reboot()
        assert why in (await arms(bench).arm(spec, 60)).error
        assert (await arms(bench).state(spec.name)).state == "gone"
        assert bench.begun("undo") == 0

    bench.play(case)


def test_it_is_armed_once_for_a_name(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        spec = bench.spec("undo", Does())
        assert (await arms(bench).arm(spec, 60)).error == ""
        assert (await arms(bench).arm(spec, 60)).error == "", "the one that is there"
        await arms(bench).confirm(spec.name)
        assert (await arms(bench).arm(spec, 60)).error

    bench.play(case)


@pytest.mark.parametrize("stubborn", [False, True], ids=["ends when asked", "ends by force"])
def test_what_a_dead_man_guards_is_over_before_it_is_undone(bench: Bench, stubborn: bool) -> None:
    async def case(bench: Bench) -> None:
        change = bench.spec("a", Does(seconds=LONG, stubborn=stubborn))
        undo = bench.spec("undo", Does(), guards=change.name)
        assert (await arms(bench).arm(undo, 60)).error == ""
        async with under_way(bench, change) as (first, _):
            assert (await arms(bench).extend(undo.name, 0)).state in ("armed", "fired")
            ended = await first
        assert (ended.ended, ended.proven, ended.sent) == (True, True, True)
        assert ended.early.startswith("its dead-man rollback ended it before it undid the step; "), "who ended it"
        assert (await fired(bench, undo.name))[0] == 0
        assert (bench.begun("a"), bench.begun("undo")) == (1, 1)

    bench.play(case)


def test_what_a_dead_man_guards_does_not_begin_behind_it(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        change = bench.spec("a", Does())
        undo = bench.spec("undo", Does(), guards=change.name)
        await arms(bench).arm(undo, 1)
        assert (await fired(bench, undo.name))[0] == 0
        ended = await follow(bench, change)
        assert (ended.sent, ended.reason) == (False, "its host undid the step by itself")
        assert bench.begun("a") == 0

    bench.play(case)


def test_a_dead_man_undoes_what_is_over_as_it_is(bench: Bench) -> None:
    async def case(bench: Bench) -> None:
        change = bench.spec("a", Does(exit=4))
        undo = bench.spec("undo", Does(), guards=change.name)
        await arms(bench).arm(undo, 60)
        assert (await follow(bench, change)).exit == 4
        assert (await arms(bench).extend(undo.name, 0)).state in ("armed", "fired")
        assert (await fired(bench, undo.name))[0] == 0
        assert (await follow(bench, change, resume=True)).exit == 4

    bench.play(case)


def test_what_a_timeout_could_not_end_is_struck_again_before_it_is_undone_and_stays_unknown(bench: Bench) -> None:
    """How it ended is what the timeout left written; that it went later proves nothing about what it did."""

    async def case(bench: Bench) -> None:
        change = bench.spec("a", Does(seconds=LONG), timeout=1.0)
        undo = bench.spec("undo", Does(exit=3), guards=change.name)
        assert (await arms(bench).arm(undo, 60)).error == ""
        await bench.outlasts(change)
        before = await follow(bench, change, resume=True, begun=True)
        assert (before.proven, before.sent, before.left.endswith("root stays")) == (False, True, True)
        assert before.reason.startswith("timed out after 1 s, but this could not be ended and may still run: ")
        assert await asked(bench, "clean", window="w") == "2", "neither it nor what guards it"
        assert (await arms(bench).extend(undo.name, 0)).state in ("armed", "fired")
        assert (await fired(bench, undo.name))[0] == 3
        assert (bench.begun("a"), bench.begun("undo")) == (1, 1)
        after = await follow(bench, change, resume=True, begun=True)
        assert (after.proven, after.left, after.reason) == (False, before.left, before.reason)
        assert await asked(bench, "end", change.name) == "over"
        assert await asked(bench, "clean", window="w") == "0"

    bench.play(case)
