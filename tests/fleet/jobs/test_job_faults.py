"""What can go wrong on a host, and what is said about it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.jobs.ran import Heard, Place, until
from tests.support import require
from upgrade_tui.fleet.jobs import scripts
from upgrade_tui.fleet.jobs.scripts import directory_name, job_call, rendered_call

NOT_SENT = "it was never started: the link broke, or the conductor ended, as it was sent"


def runner(place: Place, spec: object) -> int:
    return int((place.directory(spec) / "begun").read_text().split()[0])  # type: ignore[arg-type]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    require("mount", root=True)
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=64", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fake_boot(place: Place, directory: Path, boot: str) -> None:
    path = directory / "sys/kernel/random/boot_id"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(boot + "\n")
    place.proc = str(directory)


@pytest.mark.parametrize("boot", ["one", "two"], ids=["the same boot", "rebooted since"])
async def test_of_a_term_that_is_not_ours_is_said_what_is_proven(place: Place, tmp_path: Path, boot: str) -> None:
    """Who is told of it after a reboot cannot know whether the shutdown had sent it."""
    fake_boot(place, tmp_path / "proc", "one")
    spec = place.spec("echo here; exec sleep 1000")
    async with place.running(spec):
        pass
    directory = place.directory(spec)
    os.kill(int((directory / "begun").read_text().split()[0]), signal.SIGTERM)
    await until(lambda: (directory / "code").read_text().rstrip().endswith("."))
    await until((directory / "drained").exists)
    fake_boot(place, tmp_path / "proc", boot)
    ended = await place.job(spec, Heard()).run(resume=True, begun=True)
    who = (
        "who sent it is not known"
        if boot == "one"
        else "the host has rebooted since: its shutdown, or somebody, sent it"
    )
    assert (
        ended.early
        == f"its runner on the host got a TERM that did not come from here; {who}; it was asked to end and did"
    )
    assert (ended.proven, ended.ended, ended.ok) == (True, False, False)


async def test_a_host_that_rebooted_while_it_ran_leaves_it_unknown(place: Place, tmp_path: Path) -> None:
    fake_boot(place, tmp_path / "proc", "one")
    spec = place.spec("echo before; exec sleep 1000")
    async with place.running(spec):
        pass
    os.kill(runner(place, spec), signal.SIGKILL)
    place.end_all()
    fake_boot(place, tmp_path / "proc", "two")
    heard = Heard()
    ended = await place.job(spec, heard).run(resume=True)
    assert (ended.proven, ended.sent, ended.reason) == (False, True, "the host rebooted while it ran")
    assert bytes(heard.output) == b"before\n"


async def test_a_result_from_before_a_reboot_still_counts(place: Place, tmp_path: Path) -> None:
    fake_boot(place, tmp_path / "proc", "one")
    spec = place.spec("echo before; exit 3")
    await place.job(spec, Heard()).run()
    fake_boot(place, tmp_path / "proc", "two")
    heard = Heard()
    assert (await place.job(spec, heard).run(resume=True)).exit == 3
    assert bytes(heard.output) == b"before\n"


async def test_a_runner_that_was_killed_leaves_it_unknown(place: Place) -> None:
    spec = place.spec("echo here; exec sleep 1000")
    async with place.running(spec) as (task, _heard):
        os.kill(runner(place, spec), signal.SIGKILL)
        place.end_all()
        ended = await task
    assert (ended.proven, ended.sent) == (False, True)
    assert "killed" in ended.reason


async def test_a_removed_directory_costs_those_who_come_later_the_result(place: Place, tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    spec = place.spec(f"echo here; cat {go}; exit 5")
    async with place.running(spec) as (task, heard):
        late = asyncio.create_task(place.job(spec, Heard()).run(resume=True))
        await until((place.directory(spec) / "follower").exists)
        subprocess.run(["rm", "-rf", str(place.directory(spec))], check=True)
        ended = await late
        assert (ended.proven, ended.sent) == (False, True)
        assert "directory is gone" in ended.reason
        await asyncio.to_thread(go.write_text, "lost output")
        first = await task  # has the runner's own word
        assert (first.exit, first.proven) == (5, True)
        assert bytes(heard.output) == b"here\n"


@pytest.mark.usefixtures("shell")
async def test_a_job_that_was_acknowledged_and_is_gone_is_unknown(place: Place, tmp_path: Path) -> None:
    started = tmp_path / "started"
    spec = place.spec(f"echo x >> {started}; exit 1")
    heard = Heard()
    await place.job(spec, heard).run()
    assert heard.begun == 1
    subprocess.run(["rm", "-rf", str(place.directory(spec))], check=True)
    ended = await place.job(spec, Heard()).run(resume=True, begun=True)
    assert (ended.proven, ended.sent) == (False, True)
    assert "its job directory is gone" in ended.reason
    assert started.read_text() == "x\n"


async def test_what_the_host_never_made_is_not_acknowledged(place: Place) -> None:
    place.base.write_text("not a directory")
    heard = Heard()
    ended = await place.job(place.spec("true"), heard).run()
    assert (ended.sent, heard.begun) == (False, 0)


@pytest.mark.usefixtures("shell")
async def test_a_full_disk_keeps_a_job_from_starting(place: Place, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 256 * 1024)
    ended, _heard = await place.run(f"touch {small_disk}/started", directory=str(small_disk))
    assert (ended.proven, ended.sent, ended.exit) == (False, False, None)
    assert "disk" in ended.reason or "space" in ended.reason
    assert not (small_disk / "started").exists()


@pytest.mark.usefixtures("shell")
async def test_a_disk_that_fills_up_costs_output_but_not_the_result(place: Place, small_disk: Path) -> None:
    ended, heard = await place.run(
        "echo first; head -c 1000000 /dev/zero; echo last; exit 6", directory=str(small_disk)
    )
    assert (ended.exit, ended.proven) == (6, True)
    assert heard.output.startswith(b"first\n")
    assert "were not kept" in ended.reason


async def test_jobs_are_in_the_state_directory_of_the_login_user(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    await place.job(place.spec("true", directory=""), Heard()).run()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    await place.job(place.spec("true", directory=""), Heard()).run()
    for jobs in (tmp_path / "home/.local/state/upgrade-tui/jobs", tmp_path / "state/upgrade-tui/jobs"):
        assert jobs.stat().st_mode & 0o777 == 0o700
        assert len(list(jobs.iterdir())) == 1


async def test_where_no_place_can_be_made_nothing_is_sent_and_the_key_is_named(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("in the way")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    ended = await place.job(place.spec("true", directory=""), Heard()).run()
    assert (ended.proven, ended.sent) == (False, False)
    assert "job_dir" in ended.reason


async def test_a_directory_of_somebody_else_is_not_used(place: Place) -> None:
    require("chown", root=True)
    base = place.base
    name = os.environ.get("LOGNAME") or os.environ.get("USER") or "nobody"
    (base / f"upgrade-tui.{name}").mkdir(parents=True)
    os.chown(base / f"upgrade-tui.{name}", 65534, 65534)
    ended, _heard = await place.run("true")
    assert (ended.proven, ended.sent) == (False, False)
    assert "is not ours" in ended.reason


async def test_who_died_between_making_the_directory_and_starting_starts_nothing(place: Place, tmp_path: Path) -> None:
    started = tmp_path / "started"
    spec = place.spec(f"touch {started}")
    await place.job(place.spec("true"), Heard()).run()
    (parent,) = place.base.iterdir()
    (parent / directory_name(f"{spec.name}@h")).mkdir(mode=0o700)
    ended = await place.job(spec, Heard()).run()
    assert (ended.proven, ended.sent) == (False, False)
    assert ended.reason == NOT_SENT
    assert not started.exists()


async def test_orders_that_end_half_way_start_nothing_and_say_what_may_have_cut_them(tmp_path: Path) -> None:
    """The runner cannot tell a link that broke from a conductor that died as it wrote."""
    source = (Path(scripts.__file__).parent / "runner.sh").read_text(encoding="utf-8")
    told = tmp_path / "news"
    script = f"exec 3>{told} 4<{tmp_path / 'orders'}\n{source}"
    (tmp_path / "orders").write_text(f"{tmp_path}\n\n1000000\n0\n\nmark\ntouch started\nPATH=/bin\n", encoding="utf-8")
    await asyncio.to_thread(subprocess.run, ["sh", "-c", script], cwd=tmp_path, check=False)
    assert told.read_text() == f"N {NOT_SENT}\n"
    assert (tmp_path / "begun").read_text() == f"never {NOT_SENT}\n"
    assert not (tmp_path / "started").exists()


async def test_what_does_not_arrive_whole_starts_nothing(place: Place, tmp_path: Path) -> None:
    started = tmp_path / "started"
    spec = place.spec(f"touch {started}", secrets={"A": "1", "B": "2"})
    call = rendered_call(job_call(spec, "h", "start", offset=0))
    done = subprocess.run(call.argv, input=call.stdin[:-4], capture_output=True, check=True)
    assert b" D what was to be done did not arrive whole" in done.stdout
    assert not started.exists()
    assert (await place.job(spec, Heard()).run()).exit == 0  # nothing was decided by it


async def test_output_that_cannot_be_kept_here_costs_the_output_only(place: Place) -> None:
    def full(_data: bytes) -> None:
        raise OSError("disk full")

    heard = Heard()
    heard.on_output = full  # type: ignore[method-assign]
    ended = await place.job(place.spec("echo a; exit 3"), heard).run()
    assert (ended.exit, ended.proven) == (3, True)
    assert "disk full" in ended.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": "../x"}, "name"),
        ({"command": "a\0b"}, "NUL"),
        ({"command": "x" * 200_000}, "too long"),
        ({"directory": "tmp"}, "absolute"),
        ({"env": {"A B": "1"}}, "variable"),
        ({"timeout": 0.0}, "timeout"),
        ({"keep": 10}, "bytes of output"),
    ],
)
async def test_what_cannot_be_sent_is_refused(place: Place, change: dict[str, object], said: str) -> None:
    ended, _heard = await place.run(**{"command": "true", **change})  # type: ignore[arg-type]
    assert (ended.proven, ended.sent) == (False, False)
    assert said in ended.reason


FAKE_SYSTEMD_RUN = """#!/bin/sh
echo "$@" >> {log}
[ -z "{fail}" ] || exit 1
while [ $# -gt 0 ]; do
    case $1 in
    -p) shift 2 ;;
    -*) shift ;;
    *) break ;;
    esac
done
text=$(printf '%s' "$5" | sed 's/[$][$]/$/g')
exec setsid --wait "$1" "$2" "PATH=$PATH" "$3" "$4" "$text" "$6" "$7"
"""


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("fail", ["", "yes"])
async def test_systemd_runs_it_where_it_is_there(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: str
) -> None:
    log, tools = tmp_path / "systemd-run.log", tmp_path / "tools"
    tools.mkdir()
    (tools / "systemd-run").write_text(FAKE_SYSTEMD_RUN.format(log=log, fail=fail))
    (tools / "systemd-run").chmod(0o755)
    (tmp_path / "systemd/system").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    place.systemd = str(tmp_path / "systemd")
    spec = place.spec('printf \'%s|%s\' "$A" "$B"\nexit 3', env={"A": "it's"}, secrets={} if fail else {"B": "s\n$x"})
    heard = Heard()
    ended = await place.job(spec, heard).run()
    assert ended.exit == 3
    assert bytes(heard.output) == (b"it's|" if fail else b"it's|s\n$x")
    said = log.read_text()
    assert "--unit=upgrade-tui-" in said
    assert spec.name not in said
    assert str(place.base) not in said
    assert "--collect" in said
    assert "KillMode=process" in said
    assert "$x" not in said


HUNG_SYSTEMD_RUN = """#!/bin/sh
# Its manager gets what is asked, and makes a unit of it when it goes on, long after nobody waits any more.
cat > {at}/asked
while [ $# -gt 0 ]; do
    case $1 in
    -p) shift 2 ;;
    -*) shift ;;
    *) break ;;
    esac
done
text=$(printf '%s' "$5" | sed 's/[$][$]/$/g')
setsid sh -c ': >{at}/hangs; n=0
    while [ ! -e {at}/goes-on ] && [ $n -lt 3000 ]; do sleep 0.02; n=$((n + 1)); done
    "$@" <{at}/asked; : >{at}/late-unit-over' late "$1" "$2" "PATH=$PATH" "$3" "$4" "$text" "$6" "$7" </dev/null &
while [ ! -e {at}/hangs ]; do sleep 0.02; done
[ {fails} = 0 ] || exit {fails}
exec sleep 1000
"""
TIME_IS_UP = """#!/bin/sh
# The time is up as soon as it hangs.
shift
exec 3<&0
"$@" <&3 &
[ {code} = 0 ] && {{ wait $!; exit $?; }}
while [ ! -e {at}/hangs ]; do sleep 0.02; done
kill $!
exit {code}
"""


@pytest.mark.parametrize(
    ("fails", "code"), [(0, 124), (0, 143), (0, 137), (1, 0)], ids=["coreutils", "busybox", "by-force", "says-so"]
)
async def test_a_manager_that_hangs_starts_nothing_and_one_that_refuses_is_done_without(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int, code: int
) -> None:
    """``timeout`` ends with another code each time. A unit that comes late begins nothing beside what was decided."""
    tools, ran = tmp_path / "tools", tmp_path / "ran"
    tools.mkdir()
    for name, text in (("systemd-run", HUNG_SYSTEMD_RUN), ("timeout", TIME_IS_UP)):
        (tools / name).write_text(text.format(at=tmp_path, fails=fails, code=code))
        (tools / name).chmod(0o755)
    (tmp_path / "systemd/system").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    place.systemd = str(tmp_path / "systemd")
    ended = await place.job(place.spec(f"echo x >> {ran}; exit 3"), Heard()).run()
    if fails:
        assert (ended.exit, ended.proven, ran.read_text()) == (3, True, "x\n")
    else:
        assert (ended.exit, ended.sent, ended.proven) == (None, False, False)
        assert ended.reason == "systemd on the host did not start it within 10 s"
    (tmp_path / "goes-on").touch()
    await until((tmp_path / "late-unit-over").exists)
    assert ran.exists() == bool(fails)
    assert not fails or ran.read_text() == "x\n"


async def test_a_unit_that_systemd_stops_is_ended_politely(place: Place) -> None:
    spec = place.spec("trap 'echo asked; exit 8' TERM; echo here; sleep 1000 & wait")
    async with place.running(spec) as (task, heard):
        stat = Path(f"/proc/{runner(place, spec)}/stat").read_text().rpartition(")")[2].split()
        os.kill(int(stat[1]), signal.SIGTERM)  # the unit's main process
        assert (await task).exit == 8
        assert b"asked" in heard.output


async def test_what_ignores_being_asked_is_killed(place: Place) -> None:
    ended, heard = await place.run("trap '' TERM; echo started; while :; do sleep 1000; done", timeout=0.3)
    assert (ended.exit, ended.timed_out) == (137, True)
    assert "was killed" in ended.reason
    assert bytes(heard.output) == b"started\n"
    await until(lambda: not place.processes())
