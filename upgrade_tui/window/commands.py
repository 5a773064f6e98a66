"""What an operator can ask for. A class a verb; the dashboard's keys and the command line both end in these."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from upgrade_tui.plan.model import Role


class Actor(Struct, frozen=True):
    """Who asks: an OS login as the conductor established it, and the role the plan gives it."""

    login: str
    role: Role


class Command(Struct, frozen=True, kw_only=True, tag_field="do", omit_defaults=True, forbid_unknown_fields=True):
    """What all commands share: the tag field. Not a command itself."""


class Start(Command, frozen=True, kw_only=True, tag="start"):
    """Start a step: run a command step, open a gate, begin a bake, mark a manual step as under way.

    On a failed or unknown step: a new attempt on the hosts that are not done. ``confirm`` repeats the id of an
    irreversible step. ``override``: the lead's reason to begin what the clock holds: the first batch, a retry, or, of a
    step that runs and is held, the batch it is held before. With ``rest`` all batches that are left.
    """

    step: str
    confirm: str = ""
    override: str = ""
    rest: bool = False
    hosts: tuple[str, ...] = ()  # retry these alone


class Tick(Command, frozen=True, kw_only=True, tag="tick"):
    """A manual step is done. ``confirm`` and ``override`` as in Start, where the step was not started before."""

    step: str
    confirm: str = ""
    override: str = ""
    evidence: str = ""  # what you saw, where the plan asks for it


class Untick(Command, frozen=True, kw_only=True, tag="untick"):
    """Take back a tick or a skip."""

    step: str
    reason: str


class Skip(Command, frozen=True, kw_only=True, tag="skip"):
    """The step will not be done."""

    step: str
    reason: str


class Claim(Command, frozen=True, kw_only=True, tag="claim"):
    """I do this step; with ``release``: I do not, after all."""

    step: str
    release: bool = False


class Note(Command, frozen=True, kw_only=True, tag="note"):
    """A remark for everybody and for the retrospective."""

    text: str
    step: str = ""
    host: str = ""
    mark: Literal["", "good", "bad", "lucky", "action"] = ""


class Settle(Command, frozen=True, kw_only=True, tag="settle"):
    """Say what is so where a task failed, is unknown or was unreachable. No ``host``: on all such hosts of the step."""

    step: str
    outcome: Literal["done", "failed", "skipped"]
    reason: str
    host: str = ""


class Vote(Command, frozen=True, kw_only=True, tag="vote"):
    """Go or no-go on a gate. A no-go needs a reason; ``digest`` is that of the evidence the operator saw."""

    step: str
    go: bool
    reason: str = ""
    digest: str = ""


class Pause(Command, frozen=True, kw_only=True, tag="pause"):
    """Let running tasks finish, start no new ones."""

    reason: str = ""


class Abort(Command, frozen=True, kw_only=True, tag="abort"):
    """End running tasks, start nothing more. ``confirm`` repeats the plan's window id."""

    confirm: str
    reason: str = ""


class Exclude(Command, frozen=True, kw_only=True, tag="exclude"):
    """Take a host out of the rest of the window."""

    host: str
    reason: str


class StartRollback(Command, frozen=True, kw_only=True, tag="rollback"):
    """Undo what was done: all of it, a phase, a step, or what ran on some hosts. ``confirm`` repeats the window id."""

    confirm: str
    reason: str = ""
    phase: str = ""
    step: str = ""
    hosts: tuple[str, ...] = ()
    unrecorded: str = ""  # why to go on although nothing can be recorded: neither in the log nor elsewhere


class Confirm(Command, frozen=True, kw_only=True, tag="confirm"):
    """A step with ``confirm_within`` stays: its armed hosts (or one) will not undo it."""

    step: str
    host: str = ""


class Extend(Command, frozen=True, kw_only=True, tag="extend"):
    """Armed hosts wait ``seconds`` from now on."""

    step: str
    seconds: float
    host: str = ""


class Revert(Command, frozen=True, kw_only=True, tag="revert"):
    """Armed hosts undo the step now instead of waiting."""

    step: str
    reason: str
    host: str = ""


class Resume(Command, frozen=True, kw_only=True, tag="resume"):
    """Let tasks start again."""

    reason: str = ""


class Close(Command, frozen=True, kw_only=True, tag="close"):
    """End the window. ``confirm`` repeats the plan's window id."""

    confirm: str
    outcome: Literal["completed", "rolled back", "abandoned"] = "completed"
    reason: str = ""


AnyCommand = (
    Start | Tick | Untick | Skip | Claim | Note | Settle | Vote | Pause | Abort | Exclude | StartRollback | Confirm
    | Extend | Revert | Resume | Close
)  # fmt: skip
"""The tagged union of all commands."""


Need = Literal["", "confirm", "reason", "evidence", "override", "override of batches", "unrecorded"]
"""What a refused command lacks; said with it, it would have been carried out. Empty: nothing that can be said."""


class Refusal(Struct, frozen=True, tag="refused"):
    """Why a command was not carried out, and what would be right. ``needs``: the same as data, for who asks for it."""

    reason: str
    hint: str = ""
    needs: Need = ""

    def __str__(self) -> str:
        return f"{self.reason}; {self.hint}" if self.hint else self.reason
