"""What the log says of files beside it, compared with those files: the frozen plan, what tasks printed.

A hash that is recorded and never compared proves nothing: the plan could be edited while no conductor ran, an output
replaced, and the chain of the log would still hold.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from upgrade_tui.directory.paths import OUTPUT, PLAN
from upgrade_tui.window import events as ev


class PlanDiffers(Exception):
    """The frozen plan is not the one that the log was opened with, or that a lead accepted. Says what to do."""

    def __init__(self, window: str, found: str, recorded: str, refused: str = "") -> None:
        """``found``, ``recorded``: SHA-256, hex. ``refused``: why whoever wanted to accept it may not."""
        what = f"{PLAN} was changed since it was frozen: {_unlike(found, recorded)}"
        super().__init__(
            ". ".join(part for part in (what, refused) if part)
            + f". Put the frozen plan back: upgrade-tui run {window} --plan FILE; or, as its lead, go on with it as it "
            f"is: upgrade-tui run {window} --accept-plan REASON"
        )


def _unlike(found: str, recorded: str) -> str:
    return f"its SHA-256 is {found[:16]}…, the log records {recorded[:16]}…"


def digest(data: bytes) -> str:
    """SHA-256, hex, as the log records it."""
    return hashlib.sha256(data).hexdigest()


class Recorded:
    """Collects what a log records of other files; ``take`` gets its records in order."""

    def __init__(self) -> None:
        self.plan = ""  # SHA-256, hex; empty: not recorded
        self.accepted = ""  # who accepted another plan than the one that was frozen, and why
        self._outputs: dict[str, str] = {}

    def take(self, record: ev.Record) -> None:
        event = record.event
        if isinstance(event, ev.WindowOpened):
            self.plan = event.plan_sha256
        elif isinstance(event, ev.PlanAccepted):
            self.plan = event.sha256
            self.accepted = f"{record.actor} accepted a changed {PLAN}: {event.reason}"
        elif isinstance(event, ev.TaskFinished | ev.OutputKept) and event.output and event.sha256:
            self._outputs[event.output] = event.sha256

    def plan_difference(self, directory: Path) -> str:
        """What is wrong with the frozen plan, in a line; empty where it is as it was recorded."""
        return _difference(directory / PLAN, PLAN, self.plan) if self.plan else ""

    def output_differences(self, directory: Path) -> tuple[str, ...]:
        """A line for each output that is gone or is not what was printed."""
        found = (_difference(directory / OUTPUT / name, f"{OUTPUT}/{name}", h) for name, h in self._outputs.items())
        return tuple(line for line in found if line)


def _difference(path: Path, name: str, recorded: str) -> str:
    sha = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                sha.update(piece)
    except FileNotFoundError:
        return f"{name} is gone; the log records its SHA-256 as {recorded[:16]}…"
    except OSError as error:
        return f"{name} cannot be read: {error.strerror or error}"
    if sha.hexdigest() == recorded:
        return ""
    return f"{name} was changed: {_unlike(sha.hexdigest(), recorded)}"
