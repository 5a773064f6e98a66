"""The file system of the state directory turns read-only with a rollback due: it goes on, and nothing of it is lost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults import alive, until
from tests.e2e.program import Program, step
from tests.support import require

PLAN = """
[window]
id = "storage"
title = "A disk that fails"
start = "now"
duration = "2h"

[ssh]
job_dir = "{site}/jobs"

[[steps]]
id = "roll"
title = "Change it"
on = "local"
run = "echo new > {site}/version"
rollback = {{ run = "echo old > {site}/version", estimate = "1s" }}

[[steps]]
id = "more"
title = "Change more"
on = "local"
run = "echo newer > {site}/version"
rollback = {{ run = "true", estimate = "1s" }}
"""
BACK = ("rollback", "--confirm", "storage", "--reason", "errors", "--wait")


class Disk:
    """A small ext4 in a file, mounted where the state directory is."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image, self.place = image, place
        image.write_bytes(b"")
        os.truncate(image, 24 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)

    def mount(self) -> bool:
        return not subprocess.run(["mount", "-o", "loop", self.image, self.place], check=False).returncode

    def remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", self.place], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", self.place], check=False)

    def replace(self) -> bool:
        """As after a reboot: a copy of what is on the disk, since somebody may still hold the old mount."""
        self.unmount()
        self.image = Path(shutil.copy(self.image, self.image.with_name("image after")))
        return self.mount()


@pytest.fixture
def lead(tmp_path: Path) -> Program:
    program = Program(tmp_path / "home", uid=0)
    (tmp_path / "run").mkdir(mode=0o700)
    program.env["XDG_RUNTIME_DIR"] = str(tmp_path / "run")
    return program


@pytest.fixture
def disk(tmp_path: Path, lead: Program) -> Iterator[Disk]:
    require("mkfs.ext4", "mount", "umount", root=True)
    place = lead.home / "state"
    place.mkdir()
    made = Disk(tmp_path / "image", place)
    if not made.mount():
        pytest.skip("may not mount a loop device here")
    yield made
    with contextlib.suppress(OSError, IndexError, ValueError, KeyError):
        os.kill(conductor(place), signal.SIGKILL)
    made.unmount()


def conductor(state: Path) -> int:
    """The pid that the lock names."""
    label = json.loads(next(state.glob("upgrade-tui/windows/*/log.lock")).read_text())
    return int(label["pid"])


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))


def begun(lead: Program, directory: Path) -> Path:
    """A window with a step done; what it changed."""
    site = directory / "site"
    site.mkdir()
    plan = directory / "plan.toml"
    plan.write_text(PLAN.format(site=site))
    lead.run("run", str(plan), "--detach")
    lead.run("start", "roll", "--wait")
    assert (site / "version").read_text() == "new\n"
    return site / "version"


def window(disk: Disk) -> Path:
    return next(disk.place.glob("upgrade-tui/windows/storage-*"))


def joined(lead: Program, disk: Disk) -> list[str]:
    """The kinds of the log from the fence on, once it tells that what was kept elsewhere is in it."""
    name = window(disk).name
    until(lambda: "log.joined" in [event["kind"] for event in lead.events(name)])
    verdict = lead.run("verify", name).stdout
    assert "intact" in verdict
    assert "not in the log yet" not in verdict
    kinds = [str(event["kind"]) for event in lead.events(name)]
    assert "not yet in the log" not in lead.run("status").stdout, "that is over"
    return kinds[kinds.index("log.fenced") :]


@pytest.mark.ssh
def test_on_a_file_system_that_failed_a_rollback_goes_on_and_the_next_conductor_joins_it(
    lead: Program, disk: Disk, tmp_path: Path
) -> None:
    version = begun(lead, tmp_path)
    disk.remount("abort")
    assert "cannot be written" in lead.run("pause", code=78).stderr
    said = lead.run(*BACK).stdout
    assert f"kept in {tmp_path / 'run'}" in said
    assert "not yet in the log" in said
    assert version.read_text() == "old\n"
    assert "a rollback goes on, and nothing else" in lead.run("start", "more", code=78).stderr
    assert step(lead.status(), "roll")["state"] == "rolled back"
    assert "are not in the log yet" in lead.run("verify", window(disk).name).stdout
    end(conductor(disk.place))
    assert "rolled back" in lead.run("status").stdout, "who only looks sees it, too"
    assert disk.replace()
    lead.run("run", window(disk).name, "--detach")
    kinds = joined(lead, disk)
    assert kinds[:2] == ["log.fenced", "window.paused"]
    assert kinds.index("rollback.ended") < kinds.index("log.joined") < kinds.index("conductor.started")
    assert step(lead.status(), "roll")["state"] == "rolled back"


@pytest.mark.ssh
def test_a_conductor_starts_on_a_read_only_state_directory_to_roll_back_and_joins_when_it_is_writable(
    lead: Program, disk: Disk, tmp_path: Path
) -> None:
    version = begun(lead, tmp_path)
    end(conductor(disk.place))
    until(lambda: not subprocess.run(["mount", "-o", "remount,ro", disk.place], check=False).returncode)
    lead.run("run", window(disk).name, "--detach")
    refused = lead.run("start", "more", code=78).stderr
    assert "Read-only file system" in refused
    second = lead.run("run", str(tmp_path / "plan.toml"), "--detach").stdout
    assert second.strip() == window(disk).name, "it is found, and there is one of it"
    assert "not yet in the log" in lead.run(*BACK).stdout
    assert version.read_text() == "old\n"
    disk.remount("rw")
    kinds = joined(lead, disk)
    assert "conductor.started" in kinds
    assert kinds.index("rollback.ended") < kinds.index("log.joined")
    lead.run("resume", "--reason", "the disk is fine")
    lead.run("start", "roll", "--wait")
    assert version.read_text() == "new\n"
    assert not list((tmp_path / "run").rglob("log.*")), "nothing is kept there any more"
    lead.run("close", "--confirm", "storage", "--outcome", "abandoned", "--reason", "it is a test")
