"""A machine for a conductor, simulated: its clocks are the world's, its disk is memory, its hosts are simulated."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from upgrade_tui.canary.probe_base import Execute
from upgrade_tui.canary.probes import Prober
from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.conductor.machine import Machine
from upgrade_tui.conductor.observations import Observations
from upgrade_tui.conductor.server import ServerBackend, WindowServer
from upgrade_tui.directory.output import OutputFile
from upgrade_tui.fleet.fleet import Fleet
from upgrade_tui.foreign import decoded, one_line
from upgrade_tui.journal.store import MemoryLog, OpenStore
from upgrade_tui.plan.model import Canary, Plan
from upgrade_tui.rehearsal.simulated_fleet import SimFleet
from upgrade_tui.rehearsal.simulated_link import SimPath as Way
from upgrade_tui.rehearsal.world import World
from upgrade_tui.telemetry.writer import TelemetryWriter
from upgrade_tui.window.measurements import Sample, Verdict

_Answer = Callable[[str], ProbeResult]
"""What a canary answers when it is asked: (its name)."""


class SimMachine(Machine):
    """One for all conductors of a window: what they keep (``log``, ``outputs``) stays when one of them dies."""

    tick = 15.0

    def __init__(
        self, world: World, text: str, plan: Plan, ways: Mapping[str, Way], answer: _Answer, log: MemoryLog
    ) -> None:
        self.world, self._text, self._plan, self._ways, self._answer = world, text, plan, ways, answer
        self.log = log
        self.outputs: dict[str, bytes] = {}
        self.last_fleet: SimFleet | None = None

    def wall(self) -> float:
        return self.world.wall()

    def mono(self) -> float:
        return self.world.mono()

    def random(self) -> float:
        return self.world.rng.random()

    def key(self) -> str:
        return "5eed5eed"

    def plan(self, directory: Path) -> tuple[str, Plan]:
        return self._text, self._plan

    def make_room(self, directory: Path) -> None:
        """There is room."""

    def is_there(self, directory: Path) -> bool:
        return True

    def store(self, directory: Path) -> OpenStore:
        return self.log.open

    def output_file(self, path: Path) -> OutputFile:
        """In memory."""
        return _Output(path, self.outputs)

    def telemetry(self, directory: Path, on_error: Callable[[str], None]) -> TelemetryWriter:
        """Nowhere."""
        return _NoTelemetry()

    def fleet(self, plan: Plan, observations: Observations, base_dir: Path | None) -> Fleet:
        """Simulated hosts."""
        self.last_fleet = SimFleet(plan, observations, self._ways)
        return self.last_fleet

    def prober(self, execute: Execute) -> Prober:
        """Canaries that answer from a script."""
        return _Script(self._answer)

    def server(self, directory: Path, backend: ServerBackend, on_error: Callable[[str], None]) -> WindowServer:
        """Nobody connects."""
        return _NoServer()


class _Output(OutputFile):
    def __init__(self, path: Path, kept: dict[str, bytes]) -> None:
        self.path, self._outputs, self._data = path, kept, bytearray()
        self.kept = self.size = 0
        self.error = ""

    def write(self, data: bytes) -> None:
        self._data += data
        self.size = self.kept = len(self._data)
        self._outputs[self.path.name] = bytes(self._data)

    @property
    def last_line(self) -> str:
        lines = [line for line in decoded(bytes(self._data[-4096:])).split("\n") if line.strip()]
        return one_line(lines[-1].strip(), 200) if lines else ""

    def close(self) -> str:
        self._outputs[self.path.name] = bytes(self._data)
        return hashlib.sha256(self._data).hexdigest()


class _NoTelemetry(TelemetryWriter):
    def __init__(self) -> None:
        pass

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def put_sample(self, host: str, sample: Sample, at: float | None = None) -> None:
        pass

    def put_probe(
        self, canary: str, result: ProbeResult, verdict: Verdict | None = None, at: float | None = None
    ) -> None:
        pass


class _NoServer(WindowServer):
    def __init__(self) -> None:
        self._guests = {}
        self.listening = asyncio.Event()

    async def run(self, first_client: int) -> None:
        self.listening.set()
        await asyncio.get_running_loop().create_future()


class _Script(Prober):
    def __init__(self, answer: _Answer) -> None:
        self._script = answer

    async def prepare(self, kinds: object) -> None:
        pass

    async def probe(self, canary: Canary) -> ProbeResult:
        return self._script(canary.name)

    async def close(self) -> None:
        pass
