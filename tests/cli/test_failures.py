"""How commands end when something is in the way: one clear line, what to do, and an exit code that scripts can read."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from tests.support import require
from upgrade_tui import cli
from upgrade_tui.attach import client
from upgrade_tui.attach.launch import freeze
from upgrade_tui.cli.exits import Exit
from upgrade_tui.journal.writer import Journal
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev

PLAN = """
[window]
id = "w1"
title = "A window"
start = "now"
duration = "4h"

[[steps]]
id = "look"
title = "Look at it"
"""


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a window that nobody conducts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    directory = freeze(parse_plan(PLAN, "plan.toml"), PLAN)

    async def opened() -> None:
        async with await Journal.open(directory) as log:
            event = ev.WindowOpened(
                window=directory.name, plan_id="w1", plan_sha256="", start=0.0, end=14400.0, version="", host="", pid=1
            )
            await log.append("mei", event)

    asyncio.run(opened())
    return directory


def ends(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of ``upgrade-tui ARGUMENTS``, as the installed command runs it."""
    monkeypatch.setattr(sys, "argv", ["upgrade-tui", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("verb", [("pause",), ("status",), ("tick", "look"), ("attach",), ("log", "-f")])
def test_a_stopped_conductor_is_named_with_its_pid_and_what_to_do(
    verb: tuple[str, ...], window: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It listens, and says nothing: that used to be told as "no conductor is running"."""
    monkeypatch.setattr(client, "PATIENCE", 0.2)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    place = os.open(window, os.O_RDONLY)
    sock.bind(f"/proc/self/fd/{place}/socket")
    sock.listen(8)
    assert ends(monkeypatch, *verb) == Exit.UNAVAILABLE
    said = capsys.readouterr().err
    assert f"pid {os.getpid()} runs but does not answer" in said
    assert f"kill -CONT {os.getpid()}" in said
    assert f"upgrade-tui run {window.name}" in said
    sock.close()
    os.close(place)


@pytest.mark.parametrize("verb", [("status", "-w"), ("attach",), ("run",), ("log", "-w"), ("verify",), ("report",)])
def test_another_users_window_is_not_a_traceback(
    verb: tuple[str, ...], window: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require(root=True)
    ends(monkeypatch, *verb, str(window / "nothing"))  # what it imports is read while we may read it
    monkeypatch.setattr(sys, "argv", ["upgrade-tui", *verb, str(window)])
    capsys.readouterr()
    os.seteuid(65534)
    try:
        code = ends(monkeypatch, *verb, str(window))
    finally:
        os.seteuid(0)
    assert code == Exit.NO_PERMISSION
    said = capsys.readouterr().err
    assert "Permission denied" in said
    assert "root can: sudo -iu root upgrade-tui" in said
    assert "Traceback" not in said


def test_a_state_directory_of_another_user_is_told_as_well(
    window: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require(root=True)
    tmp_path.chmod(0o700)
    ends(monkeypatch, "status", "-w", "nothing")
    os.seteuid(65534)
    try:
        code = ends(monkeypatch, "windows")
    finally:
        os.seteuid(0)
    assert code == Exit.NO_PERMISSION
    assert "Traceback" not in capsys.readouterr().err


def test_a_fault_of_ours_is_one_line_with_the_rest_in_a_file(
    window: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str | None) -> Path:
        raise RuntimeError("a thing that cannot be")

    monkeypatch.setattr("upgrade_tui.cli.status.find_window", broken)
    assert ends(monkeypatch, "status") == Exit.SOFTWARE
    said = capsys.readouterr().err
    assert said.splitlines()[0] == "upgrade-tui: RuntimeError: a thing that cannot be"
    assert "Traceback" not in said
    kept = (tmp_path / "upgrade-tui/fault.log").read_text(encoding="utf-8")
    assert "upgrade-tui" in kept
    assert "Traceback" in kept
