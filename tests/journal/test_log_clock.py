"""The machine's clocks, and what the package costs to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from upgrade_tui.journal import SystemLogClock


def test_the_boot_id_is_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("6e1f9d5c-0001-4222-8333-444455556666\n")
    assert SystemLogClock(tmp_path / "boot_id").boot_id() == "6e1f9d5c-0001-4222-8333-444455556666"


def test_without_a_boot_id_each_process_is_a_boot_of_its_own(tmp_path: Path) -> None:
    clock = SystemLogClock(tmp_path / "none")
    assert clock.boot_id() == clock.boot_id() != SystemLogClock(tmp_path / "none").boot_id()


def test_both_clocks_move_on() -> None:
    clock = SystemLogClock()
    assert clock.wall() > 1_700_000_000
    assert clock.mono() <= clock.mono()


def test_a_reader_does_not_pay_for_the_writer() -> None:
    code = (
        "import sys; from upgrade_tui.journal import read_log, verify_log; loaded = set(sys.modules);"
        "from upgrade_tui.journal import Journal;"
        "print('asyncio' in loaded, 'asyncio' in sys.modules, callable(verify_log))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True", "True"]
