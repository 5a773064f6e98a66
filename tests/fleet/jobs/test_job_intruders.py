"""Other users of a host: nothing of theirs is believed, written through or killed; nothing of ours is shown to them."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fleet.jobs.ran import HOST, Heard, Place, until
from tests.support import require
from upgrade_tui.fleet.jobs.manage import NotAnswered, ask_manager
from upgrade_tui.fleet.jobs.scripts import directory_name, manage_call, rendered_call
from upgrade_tui.fleet.jobs.spec import place_name
from upgrade_tui.fleet.jobs.transport import LocalTransport

THEM = f"upgradetui{os.getpid()}"  # a test run beside this one has its own
pytestmark = pytest.mark.usefixtures("shell", "them")


@pytest.fixture(scope="module")
def them() -> Iterator[str]:
    """Another user of this host, without any rights."""
    require("useradd", "userdel", "runuser", root=True)
    subprocess.run(["useradd", "-M", "-s", "/bin/sh", THEM], check=True)
    try:
        yield THEM
    finally:
        subprocess.run(["userdel", THEM], check=True)


@pytest.fixture
def shared(place: Place) -> Iterator[Place]:
    """Jobs are wanted in a directory that everybody can write, without a sticky bit."""
    with TemporaryDirectory(prefix="upgrade-tui-shared-") as directory:  # pytest's own are closed to others
        Path(directory).chmod(0o777)
        place.base = Path(directory)
        yield place
        place.end_all()


def as_them(script: str) -> str:
    done = subprocess.run(["runuser", "-u", THEM, "--", "sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


def parent(place: Place) -> Path:
    who = os.environ.get("LOGNAME") or os.environ.get("USER") or "nobody"
    return place.base / f"upgrade-tui.{who}"


def forged(place: Place, name: str, begun: str) -> str:
    """What makes another user's directory look as if the job had run and ended well."""
    there = parent(place) / directory_name(place_name(name, HOST))
    return f"""
        mkdir -p {there} && chmod 777 {parent(place)} {there} && cd {there}
        cat /proc/sys/kernel/random/boot_id >boot
        echo '{begun}' >begun; echo true >command; echo 'forged' >out.0; : >pieces; : >drained
        printf '%-60s\\n' '0 exit - 1 2 .' >code; printf '%-100s\\n' '1 7 7 0 1' >size
    """


async def test_a_planted_directory_is_not_believed(shared: Place) -> None:
    spec = shared.spec("exit 3")
    as_them(forged(shared, spec.name, "1 1 1"))
    heard = Heard()
    ended = await shared.job(spec, heard).run()
    assert (ended.proven, ended.sent) == (False, False)
    assert "is not ours" in ended.reason
    assert "job_dir" in ended.reason
    assert not heard.output
    ended = await shared.job(spec, heard).run(resume=True, begun=True)
    assert (ended.proven, ended.sent) == (False, True), "what became of it is not known"
    assert "is not ours" in ended.reason


async def test_a_directory_that_is_exchanged_while_a_job_runs_is_not_believed(shared: Place) -> None:
    spec = shared.spec("echo here; exec sleep 1000")
    async with shared.running(spec) as (task, heard):
        pid = (shared.directory(spec) / "begun").read_text().split()[0]
        as_them(f"mv {parent(shared)} {shared.base}/away; " + forged(shared, spec.name, f"{pid} 1 1"))
        late = Heard()
        ended = await shared.job(spec, late).run(resume=True, begun=True)
        assert (ended.proven, ended.sent) == (False, True)
        assert "is not ours" in ended.reason
        assert not late.output
        with pytest.raises(NotAnswered, match="is not ours"):
            await shared.ask("end", spec.name)
        with pytest.raises(NotAnswered, match="is not ours"):
            await shared.ask("clean", "", "w")
        assert (parent(shared) / directory_name(place_name(spec.name, HOST)) / "code").exists()
        assert not task.done(), "who followed it from the start goes on, in the true directory"
        os.kill(int(pid), signal.SIGTERM)
        assert (await task).exit == 143
        assert bytes(heard.output) == b"here\n"


async def test_nothing_is_written_through_a_planted_link(shared: Place, tmp_path: Path) -> None:
    ours = tmp_path / "precious"
    ours.mkdir(mode=0o700)
    (ours / "size").write_text("untouched")
    as_them(f"ln -s {ours} {parent(shared)}")
    spec = shared.spec("true")
    for resume in (False, True):
        ended = await shared.job(spec, Heard()).run(resume=resume)
        assert not ended.proven
        assert "link" in ended.reason
    assert [(p.name, p.read_text()) for p in ours.iterdir()] == [("size", "untouched")]
    parent(shared).unlink()
    as_them(f"mkdir -m 777 {parent(shared)}; ln -s {ours} {parent(shared)}/{directory_name(f'{spec.name}@{HOST}')}")
    os.chown(parent(shared), 0, 0)  # ours, but everybody could write into it when the link was made
    ended = await shared.job(spec, Heard()).run()
    assert not ended.proven
    parent(shared).chmod(0o700)
    ended = await shared.job(spec, Heard()).run()
    assert not ended.proven
    assert "is not ours" in ended.reason
    assert [(p.name, p.read_text()) for p in ours.iterdir()] == [("size", "untouched")]


async def test_a_planted_pid_is_not_killed(shared: Place) -> None:
    victim = subprocess.Popen(["sleep", "1000"])
    try:
        born = Path(f"/proc/{victim.pid}/stat").read_text().rpartition(")")[2].split()[19]
        as_them(forged(shared, "w.s.victim", f"{victim.pid} {born} 1"))
        (parent(shared) / directory_name(f"w.s.victim@{HOST}") / "code").unlink()
        with pytest.raises(NotAnswered, match="is not ours"):
            await shared.ask("end", "w.s.victim")
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


async def test_a_process_that_got_the_pid_of_a_runner_later_is_not_killed(place: Place) -> None:
    """Nor is a job whose runner is gone taken for one that runs."""
    spec = place.spec("echo here; exec sleep 1000")
    async with place.running(spec):
        pass
    runner, start, up = (place.directory(spec) / "begun").read_text().split()
    os.kill(int(runner), signal.SIGKILL)
    place.end_all()
    victim = subprocess.Popen(["sleep", "1000"])
    try:
        (place.directory(spec) / "begun").write_text(f"{victim.pid} {start} {up}\n")
        assert await place.ask("end", spec.name) == ["running"]  # how it ended is not known, and so not said
        assert victim.poll() is None
        ended = await place.job(spec, Heard()).run(resume=True)
        assert "was killed" in ended.reason
    finally:
        victim.kill()
        victim.wait()


async def test_a_place_that_others_can_use_is_refused(place: Place) -> None:
    await place.run("true")
    parent(place).chmod(0o770)
    ended, _heard = await place.run("true")
    assert (ended.proven, ended.sent) == (False, False)
    assert "drwxrwx---" in ended.reason


async def test_nothing_that_names_or_opens_a_job_is_shown_to_other_users(place: Place) -> None:
    spec = place.spec("echo here; exec sleep 1000", secrets={"PASSWORD": "hunter22"}, name="w-s3cretkey.s.1")
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    looking = threading.Thread(target=look)
    looking.start()
    try:
        async with place.running(spec):
            found = await shared_place(place)
            late = Heard()
            task = asyncio.create_task(place.job(spec, late).run(resume=True))
            await until((place.directory(spec) / "follower").exists)
            told = as_them("ps -eo args")
            await place.ask("end", spec.name)
            await task
            await place.ask("clean", "", "w-s3cretkey")
    finally:
        over.set()
        looking.join()
    said = "\n".join(seen) + told
    assert "upgrade-tui" in said, "the scripts were seen"
    for hidden in ("s3cretkey", "hunter22", directory_name(f"w-s3cretkey.s.1@{HOST}") + "/", found + "/"):
        assert hidden not in said, hidden
    assert not spec_in_argv(spec.name)


async def shared_place(place: Place) -> str:
    _words, said = await ask_manager(LocalTransport(), manage_call("place", "", HOST, directory=str(place.base)))
    return said.decode()


def spec_in_argv(name: str) -> bool:
    """Rendered calls carry it on stdin only."""
    call = rendered_call(manage_call("end", name, HOST))
    return any(name in word for word in call.argv) or name.encode() not in call.stdin


async def test_job_directories_and_what_is_in_them_belong_to_their_user_alone(place: Place) -> None:
    spec = place.spec("echo here", secrets={"A": "b"})
    await place.job(spec, Heard()).run()
    for path in (parent(place), place.directory(spec)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
