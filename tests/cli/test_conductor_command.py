"""The conductor's own command in this process: what it says on its pipe, its exit codes, and that it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.cli.living import SOON, Living, frozen, typed
from upgrade_tui.attach.client import Client
from upgrade_tui.cli.exits import Exit
from upgrade_tui.window import commands as cmd

PLAN = """\
[window]
id = "w"
title = "A window"
start = "now"
duration = "4h"
[[steps]]
id = "hand"
title = "By hand"
"""


def late(*_: object) -> NoReturn:
    pytest.fail("the conductor neither gets ready nor ends")


@pytest.fixture
def signals() -> Iterator[None]:
    """Signals as they were afterwards. The command runs in the main thread: where it hangs only a signal ends it."""
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SOON, SOON)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


async def closed(directory: Path) -> None:
    client = await Client.connect(directory)
    await client.do(cmd.Close(confirm="w", outcome="abandoned", reason="a drill"))
    await client.close()


def test_it_says_when_it_is_ready_and_ends_with_its_window(
    home: Path, signals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, said = frozen(PLAN), list[bytes]()
    reading, writing = os.pipe()
    monkeypatch.chdir("/")

    def others() -> None:
        said.append(os.read(reading, 100))
        asyncio.run(closed(directory))

    somebody = threading.Thread(target=others, daemon=True)
    somebody.start()
    typed("conductor", str(directory), "--ready-fd", str(writing), "--origin", str(home))
    somebody.join()
    os.close(reading)
    assert said == [b"ready\n"]
    assert Path.cwd() == home  # where local commands run
    assert not (directory / "socket").exists()


def refused(directory: Path, code: Exit) -> str:
    """What it says on its pipe, and to whoever started it by hand."""
    reading, writing = os.pipe()
    done = typed("conductor", str(directory), "--ready-fd", str(writing), code=code)
    said = os.read(reading, 4096).decode()
    os.close(reading)
    assert said == done.stderr
    return said


def test_a_second_one_is_told_who_holds_the_window(home: Path, signals: None) -> None:
    directory = frozen(PLAN)
    with Living(directory):
        assert str(os.getpid()) in refused(directory, Exit.LOCKED)


def test_a_frozen_plan_that_is_no_plan_any_more_is_refused(home: Path, signals: None) -> None:
    directory = frozen(PLAN)
    (directory / "plan.toml").write_text("[window", encoding="utf-8")
    assert refused(directory, Exit.WRONG_PLAN).startswith("the frozen plan is wrong: ")


def test_another_plan_than_the_one_that_was_frozen_is_refused(home: Path, signals: None) -> None:
    directory = frozen(PLAN)
    with Living(directory):
        pass
    (directory / "plan.toml").write_text(PLAN + "# changed\n", encoding="utf-8")
    assert directory.name in refused(directory, Exit.LOG_DAMAGED)


def test_a_damaged_log_is_refused_with_its_line(home: Path, signals: None) -> None:
    directory = frozen(PLAN)
    with Living(directory):
        typed("note", "hello")
        typed("note", "goodbye")
    file = directory / "log.jsonl"
    file.write_bytes(file.read_bytes().replace(b"hello", b"jello"))
    assert "log.jsonl:" in refused(directory, Exit.LOG_DAMAGED)
