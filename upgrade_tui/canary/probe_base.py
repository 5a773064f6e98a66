"""What a kind of probe is to whoever asks: a file ``KIND_probe.py`` beside this one, with its class as ``PROBE``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import ClassVar, Protocol

from msgspec import Struct

from upgrade_tui.canary.name_lookup import Names
from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.plan.model import Canary


class Execute(Protocol):
    """Runs a command somewhere; given by whoever owns the connections."""

    async def __call__(self, host: str, command: str, timeout: float) -> tuple[int | None, bytes, bool]:
        """(exit code, output, proven).

        ``proven`` False: the host could not be reached or the link broke, so nothing is known; the output says why.
        Proven without an exit code: a signal ended it, or it was stopped after ``timeout`` seconds.
        """
        ...


class Means(Struct, frozen=True):
    """What probes ask with. ``wall`` gives epoch seconds."""

    execute: Execute
    names: Names
    wall: Callable[[], float]


class Probe:
    """Asks canaries of one kind, all of a window."""

    LIBRARIES: ClassVar[tuple[str, ...]] = ()  # loaded before the first question, whose time they would seem to be

    def __init__(self, means: Means) -> None:
        self.means = means

    def load(self) -> None:
        """Get ready. Blocks; called in a thread."""
        for library in self.LIBRARIES:
            importlib.import_module(library)

    async def ask(self, canary: Canary) -> ProbeResult:
        """One question, within the canary's timeout. What it finds, good or bad, is the result; its latency is measured
        outside. Raises ValueError where the plan's target cannot be asked.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of what is held open."""


def probe_of(kind: str, means: Means) -> Probe:
    """The probe of a kind of the plan. Raises ModuleNotFoundError."""
    made: Probe = importlib.import_module(f"upgrade_tui.canary.{kind}_probe").PROBE(means)
    return made
