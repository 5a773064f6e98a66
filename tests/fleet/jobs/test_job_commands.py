"""A job's life on one machine, by each shell that a host may have."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.fleet.jobs.ran import HOST, Heard, Place, until
from upgrade_tui.fleet.jobs.job import Job
from upgrade_tui.fleet.jobs.manage import ask_manager
from upgrade_tui.fleet.jobs.scripts import manage_call
from upgrade_tui.fleet.jobs.transport import LocalTransport

pytestmark = pytest.mark.usefixtures("shell")


async def test_output_of_any_bytes_and_the_exit_code_come_back(place: Place) -> None:
    ended, heard = await place.run(r"printf 'a\377\000b\n\n'; echo oops >&2; exit 3")
    assert bytes(heard.output) == b"a\xff\x00b\n\noops\n"
    assert (ended.exit, ended.proven, ended.sent, ended.timed_out, ended.reason) == (3, True, True, False, "")
    assert (await place.run("true"))[0].ok
    assert not heard.lost


async def test_output_comes_while_the_command_runs(place: Place, tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    async with place.running(place.spec(f"echo first; cat {go}")) as (task, heard):
        assert bytes(heard.output) == b"first\n"
        assert not task.done()
        await asyncio.to_thread(go.write_text, "second")
        assert (await task).exit == 0
        assert bytes(heard.output) == b"first\nsecond"


async def test_a_name_is_started_once(place: Place, tmp_path: Path) -> None:
    count = tmp_path / "count"
    spec = place.spec(f"echo x >> {count}; echo out; exit 7")
    heard = [Heard() for _ in range(8)]
    ended = await asyncio.gather(*(place.job(spec, h).run() for h in heard))
    assert count.read_text() == "x\n"
    assert {(e.exit, e.reason) for e in ended} == {(7, "")}
    last = Heard()
    assert (await place.job(spec, last).run()).exit == 7
    assert bytes(last.output) == b"out\n"


async def test_environment_and_secrets_reach_the_command_only(place: Place) -> None:
    secret = "pa$$'w \"ö\\n`x`\n two \n"
    ended, heard = await place.run(
        r'printf "%s|%s|" "$STEP" "$PASSWORD"; cat /proc/[0-9]*/cmdline | tr "\0" " "; cat',
        env={"STEP": "it's $one"},
        secrets={"PASSWORD": secret, "SECOND": "x" * 500},
    )
    assert ended.exit == 0
    start = f"it's $one|{secret}|".encode()
    assert heard.output.startswith(start)
    assert b"pa$$" not in heard.output[len(start) :]
    octal = "".join(f"\\0{b:03o}" for b in b"pa$$'w")
    for path in place.base.rglob("*"):
        if path.is_file() and not path.name.startswith("out."):
            text = path.read_text(errors="replace")
            assert "pa$$" not in text
            assert octal not in text


async def test_a_timeout_ends_the_command_with_all_it_started(place: Place) -> None:
    ended, heard = await place.run("trap 'echo asked; exit 9' TERM; sleep 1000 & sleep 1000 & wait", timeout=0.5)
    assert ended.timed_out
    assert ended.exit == 9
    assert b"asked" in heard.output
    assert "asked to end and did" in ended.reason
    await until(lambda: not place.processes())


async def test_what_a_command_leaves_running_does_not_hold_it_up_nor_ends_with_it(place: Place) -> None:
    ended, heard = await place.run("(sleep 0.4; echo late; exec sleep 1000) & echo done; exit 4", timeout=60)
    assert (ended.exit, ended.timed_out) == (4, False)
    assert bytes(heard.output).startswith(b"done\n")
    assert place.processes()


async def test_standard_input_is_empty(place: Place) -> None:
    ended, heard = await place.run("read line; echo $?; cat; exit 5", secrets={"A": "b"})
    assert (ended.exit, bytes(heard.output)) == (5, b"1\n")


async def test_a_command_with_quotes_newlines_and_dollars_arrives_as_written(place: Place) -> None:
    _ended, heard = await place.run("x='a b'\nprintf '%s|' \"$x\" '$x' \"it's\" `echo y` %s '\\n'")
    assert bytes(heard.output) == b"a b|$x|it's|y|%s|\\n|"


async def test_head_and_tail_of_a_flood_are_kept_and_the_disk_is_not(place: Place) -> None:
    spec = place.spec("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last", keep=65536)
    heard = Heard()
    ended = await place.job(spec, heard).run()
    assert ended.exit == 0
    assert len(heard.output) + sum(b - a for a, b in heard.gaps) == 3_000_006
    assert heard.output.endswith(b"x\nlast\n")
    again = Heard()
    ended = await place.job(spec, again).run(resume=True)
    assert ended.exit == 0
    assert "of its 3,000,006 bytes of output were not kept" in ended.reason
    assert 32_768 <= again.gaps[0][0] <= 65_536
    assert again.output.endswith(b"x\nlast\n")
    kept = sum(p.stat().st_size for p in place.directory(spec).glob("out.*"))
    assert kept == len(again.output) <= 2 * 65536


async def test_a_command_killed_by_a_signal_has_the_code_that_shells_give_it(place: Place) -> None:
    ended, _heard = await place.run("kill -9 $$")
    assert (ended.exit, ended.proven) == (128 + signal.SIGKILL, True)


async def test_a_job_is_ended_on_request_and_says_so(place: Place) -> None:
    spec = place.spec("echo here; exec sleep 1000")
    async with place.running(spec) as (task, _heard):
        assert await place.ask("end", spec.name) == ["ended"]
        ended = await task
        assert (ended.exit, ended.timed_out, ended.reason) == (
            143,
            False,
            "it was ended on request; it was asked to end and did",
        )
    assert await place.ask("end", spec.name) == ["over"]
    assert await place.ask("end", "w.s.never") == ["gone"]


async def test_who_stops_waiting_does_not_end_the_job(place: Place, tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    spec = place.spec(f"echo here; cat {go}; exit 6")
    async with place.running(spec) as (task, _heard):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    heard = Heard()
    task = asyncio.create_task(place.job(spec, heard).run(resume=True))
    await heard.until(lambda: heard.output)
    await asyncio.to_thread(go.write_text, "more")
    assert (await task).exit == 6
    assert bytes(heard.output) == b"here\nmore"


async def test_a_job_that_was_never_started_never_will_be(place: Place, tmp_path: Path) -> None:
    started = tmp_path / "started"
    spec = place.spec(f"touch {started}")
    for resume in (True, False, True):
        ended = await place.job(spec, Heard()).run(resume=resume)
        assert (ended.proven, ended.sent, ended.exit) == (False, False, None)
        assert ended.reason == "it was never started"
    assert not started.exists()


async def test_output_goes_on_from_where_it_was(place: Place) -> None:
    spec = place.spec("printf 0123456789")
    await place.job(spec, Heard()).run()
    heard = Heard()
    await place.job(spec, heard, offset=7).run(resume=True)
    assert bytes(heard.output) == b"789"


async def test_hosts_that_share_a_home_keep_their_jobs_apart(place: Place, tmp_path: Path) -> None:
    spec = place.spec(f"echo x >> {tmp_path}/count; exit 3")
    for host in ("h", "h2", "h"):
        heard = Heard()
        job = Job(LocalTransport(), host, spec, heard.tale(), systemd=place.systemd)
        assert (await job.run()).exit == 3
    assert (tmp_path / "count").read_text() == "x\nx\n"
    assert await place.ask("clean", "", "w") == ["0"]
    assert place.names() == [f"{spec.name}@h2"]


async def test_a_place_is_told_once_and_good_for_all_that_follows(place: Place) -> None:
    _words, said = await ask_manager(LocalTransport(), manage_call("place", "", HOST, directory=str(place.base)))
    spec = place.spec("exit 4", directory="", place=said.decode())
    assert (await place.job(spec, Heard()).run()).exit == 4
    assert place.directory(spec).parent == Path(said.decode())


async def test_finished_jobs_are_cleared_away_and_running_ones_left(place: Place) -> None:
    done, other = place.spec("true"), place.spec("true", name="v.s.1")
    await place.job(done, Heard()).run()
    await place.job(other, Heard()).run()
    busy = place.spec("echo here; exec sleep 1000")
    async with place.running(busy):
        assert await place.ask("clean", "", "w") == ["1"]
        assert place.names() == ["v.s.1@h", f"{busy.name}@h"]
        await place.ask("end", busy.name)
        assert await place.ask("clean", "", "w") == ["0"]
    assert place.names() == ["v.s.1@h"]


async def test_what_a_timeout_left_is_not_cleared_away_and_is_ended_on_request(place: Place) -> None:
    spec = place.spec("true")
    await place.job(spec, Heard()).run()
    with place.left_by(spec) as (pid, _there):
        assert await place.ask("clean", "", "w") == ["1"]
        assert await place.ask("end", spec.name) == ["over"]
        assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        assert await place.ask("clean", "", "w") == ["0"]


async def test_nothing_of_a_job_outlives_a_reboot(place: Place) -> None:
    """Whoever has the number of a process now is not touched."""
    spec = place.spec("true")
    await place.job(spec, Heard()).run()
    with place.left_by(spec) as (pid, there):
        (there / "boot").write_text("another 1 0\n")
        assert await place.ask("end", spec.name) == ["over"]
        assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
