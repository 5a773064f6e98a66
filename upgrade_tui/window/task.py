"""A task (one step on one host) and a host's dead-man rollback, as the log tells them. Made by ``fold`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

TaskName = Literal[
    "pending", "running", "armed", "unprotected", "done", "failed", "unknown", "unreachable", "skipped", "rolling back",
    "rolled back",
]  # fmt: skip

UNSETTLED: frozenset[str] = frozenset({"failed", "unknown", "unreachable"})  # states of a task that need somebody


class Task(Struct, frozen=True, kw_only=True):
    """One step on one host, its latest attempt."""

    host: str
    batch: int
    state: TaskName = (
        "pending"  # never ``armed`` nor ``unprotected``: those are worked out, see ``StepState.host_state``
    )
    attempt: int = 0
    started: float | None = None
    finished: float | None = None
    seconds: float | None = None
    exit: int | None = None
    signal: str = ""
    timed_out: bool = False
    ended: bool = False  # on request, before it was through
    early: str = ""  # why it did not come to its own end, and what that took
    check: int | None = None  # exit of the step's check; None: not run or no answer
    reason: str = ""
    output: str = ""
    bytes: int = 0
    last_line: str = ""
    withheld: str = ""  # why its output was not kept: a secret in it could not be masked
    secrets: Mapping[str, str] = {}  # what tells the values that it was given from others
    settled_by: str = ""
    place: str = ""  # where it runs, if that is not the host itself
    begun: bool = False  # the host acknowledged that its job was made
    following: bool = False  # unknown, but its job is looked for as soon as the host is back
    undo: int = 0  # number of the rollback this is about; 0: the step itself
    abandoned: str = ""  # attempts ("2", "undo1", "2 deadman2") of which something may still run: ended before another
    touched: bool = False  # an ended attempt changed something there, or may have
    excluded: bool = False  # skipped because its host takes no part any more: nobody decided about the step there

    @property
    def said(self) -> str:
        """The last line that it printed; or that, and why, it is withheld."""
        return f"{self.bytes:,} bytes of output are withheld: {self.withheld}" if self.withheld else self.last_line

    @property
    def changed(self) -> bool:
        """Something was done on the host, or may have been: by any attempt so far, or by hand."""
        under_way = self.state in ("running", "rolling back")
        return self.touched or under_way or (self.state == "done" and self.settled_by != "")

    @property
    def undone(self) -> bool:
        """What was done there is back as it was, or given up: by a rollback, or by the host itself."""
        return self.undo > 0 and self.state in ("rolled back", "skipped")

    @property
    def can_be_left_out(self) -> bool:
        """Excluding its host skips it: nothing is under way or done there, and no rollback is left half-way."""
        return self.undo == 0 and self.state in ("pending", "failed", "unknown", "unreachable")


class WithheldOutput(Struct, frozen=True, kw_only=True):
    """What a job printed and no conductor could keep, since a secret in it could not be masked: it is on its host."""

    step: str
    host: str
    attempt: int  # of its rollbacks where ``undo``
    undo: bool
    batch: int
    bytes: int
    why: str
    secrets: Mapping[str, str] = {}  # what tells the values that it was given from others
    place: str  # where it ran: the host, or another
    directory: str  # where jobs are there; empty: not known

    @property
    def said(self) -> str:
        """Whose it is, and where to find it."""
        which = f"{'rollback' if self.undo else 'attempt'} {self.attempt}"
        where = f"{self.place}, in {self.directory}" if self.directory else self.place
        return f"{self.step} on {self.host}, {which}: {self.bytes:,} bytes are still on {where} ({self.why})"


class Armed(Struct, frozen=True, kw_only=True):
    """A host that undoes a step by itself at ``until`` (epoch seconds) unless it is confirmed."""

    until: float
    seconds: float
    attempt: int = 1
    state: Literal["armed", "confirmed", "fired", "gone"] = "armed"  # gone: nothing will undo it, nobody confirmed it
    asked: str = ""  # "confirm", "extend", "cancel": decided, not carried out yet
    asked_seconds: float = 0.0  # extend: from now on
    last_line: str = ""
    risk: str = ""  # what could kill it before its deadline
    reason: str = ""  # why it is gone

    @property
    def waits(self) -> bool:
        """It was not confirmed: also where nothing will undo it any more, only a person makes it stay."""
        return self.state in ("armed", "gone")

    def waits_for(self, task: Task) -> bool:
        """A person has yet to say that the task's work stays; of one that is gone: if there is any left."""
        return self.state == "armed" or (self.state == "gone" and task.changed)
