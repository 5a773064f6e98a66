"""The dead-man on a host: a rollback that runs by itself unless somebody confirms in time.

It is a job (see ``runner.sh``) that waits for its deadline, counted in the host's uptime, before it begins. Who creates
``begun`` decides: the runner (it fired) or whoever confirms. Exactly one of them can.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from upgrade_tui.fleet.jobs.job import Job, Tale
from upgrade_tui.fleet.jobs.manage import NotAnswered, ask_manager
from upgrade_tui.fleet.jobs.scripts import SYSTEMD, ManageVerb, manage_call
from upgrade_tui.fleet.jobs.spec import JobSpec
from upgrade_tui.fleet.jobs.transport import Transport
from upgrade_tui.foreign import decoded, one_line

DeadmanState = Literal["armed", "confirmed", "fired", "gone", "not known"]


class HostDeadman(Struct, frozen=True, kw_only=True):
    """What is known of a dead-man. "gone": it cannot fire (any more). "not known": the host did not say."""

    state: DeadmanState
    remaining: float = 0.0  # seconds until it fires
    exit: int | None = None  # of a fired rollback; None while it runs, or where ``reason`` says that nobody knows
    output: str = ""  # of a fired rollback: the last 4 KiB
    reason: str = ""
    left: str = ""  # what of a fired rollback a timeout could not end: pid, user and name of each
    maybe_fired: bool = False  # of one that is gone: whether it fired before is not known


class Arming(Struct, frozen=True, kw_only=True):
    """What came of arming. ``error``: why it is not armed. ``risk``: what could kill it before its deadline."""

    error: str = ""
    risk: str = ""


class Arms:
    """The dead-men of one host."""

    def __init__(
        self, transport: Transport, host: str, *, directory: str = "", place: str = "", proc_root: str = "/proc",
        systemd: str = SYSTEMD,
    ) -> None:  # fmt: skip
        self._transport, self._host, self._directory, self._place = transport, host, directory, place
        self._proc_root, self._systemd = proc_root, systemd

    async def arm(self, spec: JobSpec, seconds: float) -> Arming:
        """``spec.command`` runs in ``seconds`` unless confirmed. No error once that is certain."""
        if not 1 <= seconds < 1e8:
            return Arming(error=f"a dead-man waits between a second and three years, not {seconds:g} s")
        tale = Tale(lambda _data: None, lambda _why: None, lambda: None)
        job = Job(
            self._transport, self._host, spec, tale, proc_root=self._proc_root, armed=round(seconds),
            systemd=self._systemd,
        )  # fmt: skip
        ended = await job.run()
        if ended.proven and ended.sent and ended.exit is None:
            return Arming(risk=ended.reason)
        return Arming(error=ended.reason or "it is over already: each dead-man needs a name of its own")

    async def confirm(self, name: str) -> HostDeadman:
        """Keep the change. "confirmed", or "fired" where that was too late."""
        return await self._ask("confirm", name)

    async def extend(self, name: str, seconds: float) -> HostDeadman:
        """It fires in ``seconds`` from now. "armed", or "fired" where that was too late."""
        return await self._ask("extend", name, round(seconds))

    async def state(self, name: str) -> HostDeadman:
        """What became of it."""
        return await self._ask("state", name)

    async def _ask(self, verb: ManageVerb, name: str, seconds: int = 0) -> HostDeadman:
        call = manage_call(
            verb, name, self._host, directory=self._directory, place=self._place, proc_root=self._proc_root,
            seconds=seconds,
        )  # fmt: skip
        try:
            words, output = await ask_manager(self._transport, call)
            return _read(words, output)
        except NotAnswered as error:
            return HostDeadman(state="not known", reason=str(error))
        except (ValueError, IndexError):
            return HostDeadman(state="not known", reason="the host answered with something else")


def _read(words: list[str], output: bytes) -> HostDeadman:
    """Raises ValueError, IndexError."""
    match words[0]:
        case "armed":
            return HostDeadman(state="armed", remaining=float(words[1]))
        case "confirmed":
            return HostDeadman(state="confirmed")
        case "gone":
            return HostDeadman(state="gone", reason=one_line(" ".join(words[2:]), 200), maybe_fired=words[1] == "?")
        case "unknown":
            return HostDeadman(state="not known", reason=one_line(" ".join(words[1:]), 200))
        case "fired":
            code = int(words[1]) if words[1].isdigit() else None
            why, left = one_line(" ".join(words[2:]), 200), ""
            if words[2:3] == ["left"]:
                left = one_line(" ".join(words[3:]), 200)
                why = f"timed out, but this could not be ended and may still run: {left}"
            return HostDeadman(
                state="fired", exit=code, output=decoded(output), reason="" if why == "exit" else why, left=left
            )
    raise ValueError(words[0])
