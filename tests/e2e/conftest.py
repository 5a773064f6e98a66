"""Nothing that a test started outlives it, also where the test fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture(autouse=True)
def no_conductor_outlives_its_test(tmp_path: Path) -> Iterator[None]:
    """Conductors are in sessions of their own: end those whose window lies in the test's directory."""
    yield
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if "conductor" in words and any(word.startswith(str(tmp_path)) for word in words):
                process.kill()
                process.wait(10)
