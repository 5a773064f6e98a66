"""What a conductor finds around it: clocks, hosts, probes, its socket, the files beside the log.

The real ones are here. A simulated machine (``upgrade_tui.rehearsal``) takes their place, so that whole windows run in
virtual time, with everything else just as it is.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from upgrade_tui.canary.probe_base import Execute
from upgrade_tui.canary.probes import Prober
from upgrade_tui.conductor.observations import Observations
from upgrade_tui.conductor.server import ServerBackend, WindowServer
from upgrade_tui.directory.output import OutputFile
from upgrade_tui.directory.paths import OUTPUT, PLAN, TELEMETRY, kept_directory
from upgrade_tui.fleet.fleet import Fleet
from upgrade_tui.journal.store import OpenStore
from upgrade_tui.journal.writer import file_store
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.telemetry.writer import TelemetryWriter


class Machine:
    """This machine. ``tick``: seconds between two corrections of the clock, each with a look at the deadlines."""

    tick = 1.0

    def wall(self) -> float:
        """Epoch seconds."""
        return time.time()

    def mono(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def random(self) -> float:
        """From 0 to 1, for what must not happen all at once."""
        return random.random()  # noqa: S311 - jitter

    def key(self) -> str:
        """What tells this window's jobs from those of all others."""
        return secrets.token_hex(4)

    def plan(self, directory: Path) -> tuple[str, Plan]:
        """The frozen plan, as text and as it reads. Raises PlanError and OSError."""
        text = (directory / PLAN).read_bytes().decode("utf-8")  # to the byte: its hash is recorded and compared
        return text, parse_plan(text, PLAN)

    def make_room(self, directory: Path) -> None:
        """Make what is needed beside the log."""
        with contextlib.suppress(OSError):  # then output is not kept, and says so; the log has its own say
            (directory / OUTPUT).mkdir(mode=0o700, exist_ok=True)

    def is_there(self, directory: Path) -> bool:
        """Whether the window's directory is still there; called in a thread."""
        return directory.is_dir()

    def store(self, directory: Path) -> OpenStore:
        """Where the window's events are kept."""
        return file_store(directory, kept=kept_directory(directory))

    def output_file(self, path: Path) -> OutputFile:
        """Where a task's output goes; called in a thread. Raises OSError."""
        return OutputFile(path)

    def telemetry(self, directory: Path, on_error: Callable[[str], None]) -> TelemetryWriter:
        """Where samples and probe results go."""
        return TelemetryWriter(directory / TELEMETRY, on_error=on_error)

    def fleet(self, plan: Plan, observations: Observations, base_dir: Path | None) -> Fleet:
        return Fleet(
            plan, on_link=observations.link, on_sample=observations.sample, on_facts=observations.facts,
            on_detail=observations.detail,
            base_dir=base_dir,
        )  # fmt: skip

    def prober(self, execute: Execute) -> Prober:
        """What asks the canaries."""
        return Prober(execute, wall=self.wall, mono=self.mono)

    def server(self, directory: Path, backend: ServerBackend, on_error: Callable[[str], None]) -> WindowServer:
        return WindowServer(directory, backend, on_error)
