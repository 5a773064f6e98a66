"""One job from its start to its end, through as many links as that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from upgrade_tui.fleet.commands.command_result import ON_REQUEST, CommandResult
from upgrade_tui.fleet.jobs.frames import Frames, JobResult
from upgrade_tui.fleet.jobs.scripts import SYSTEMD, Mode, job_call
from upgrade_tui.fleet.jobs.spec import JobSpec
from upgrade_tui.fleet.jobs.transport import ScriptRun, Transport
from upgrade_tui.foreign import one_line

PAUSES = (0.1, 0.3, 1.0)  # seconds before a follower that ended on a link that holds is started again
_NOW = 0.05  # seconds
_TERM = "its runner on the host got a TERM that did not come from here"
_MUTE = 8  # followers that ended without a word, on a link that holds, after which the host is not asked again


class Tale:
    """Whom a job tells what. ``on_lost`` and ``on_found`` alternate; ``on_gap(a, b)``: bytes a to b were not kept."""

    def __init__(
        self, on_output: Callable[[bytes], None], on_lost: Callable[[str], None], on_found: Callable[[], None],
        on_gap: Callable[[int, int], None] | None = None, on_begun: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._on_output, self._on_lost, self._on_found = on_output, on_lost, on_found
        self._on_gap, self._on_begun = on_gap, on_begun
        self.missing = 0  # bytes
        self.spoiled = ""  # why output could not be taken
        self._lost = False

    def output(self, data: bytes) -> None:
        """An error in taking it is the caller's: the job goes on, and its end is told."""
        if not self.spoiled:
            self._tell(lambda: self._on_output(data))

    def gap(self, start: int, end: int) -> None:
        """These bytes of its output the host did not keep: they will never come."""
        self.missing += end - start
        on_gap = self._on_gap
        if on_gap is not None:
            self._tell(lambda: on_gap(start, end))

    def lost(self, why: str) -> None:
        """Told once a loss: whoever looks for the job asks again every few seconds."""
        if not self._lost:
            self._lost = True
            self._tell(lambda: self._on_lost(why))

    def found(self) -> None:
        if self._lost:
            self._lost = False
            self._tell(self._on_found)

    def begun(self) -> None:
        """The host has made the job. Told once, however often the host says so."""
        on_begun, self._on_begun = self._on_begun, None
        if on_begun is not None:
            self._tell(on_begun)

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the edge: the job's end matters more
            self.spoiled = one_line(str(error) or type(error).__name__, 200)


class Job:
    """``run`` may be cancelled at any time: what runs on the host goes on."""

    def __init__(
        self, transport: Transport, host: str, spec: JobSpec, tale: Tale, *, proc_root: str = "/proc", offset: int = 0,
        armed: int = 0, systemd: str = SYSTEMD,
    ) -> None:  # fmt: skip
        self._transport, self._host, self._spec, self._tale = transport, host, spec, tale
        self._proc_root, self._offset, self._armed = proc_root, offset, armed
        self._systemd = systemd
        self._sent = False  # the host may have seen it
        self._known = False  # ... and has said so
        self._mute = 0
        self._last = Frames(b"", tale.output, tale.gap, tale.found)

    async def run(self, *, resume: bool = False, begun: bool = False) -> CommandResult:
        """Until its end is known, or is known not to be known. Waits for the host without limit once it was sent.

        ``begun``: the host acknowledged earlier that the job was made.
        """
        self._known = begun
        problem = self._spec.problem()
        if problem and not resume:
            return CommandResult(proven=False, sent=False, reason=problem)
        cut = ""
        while True:
            if not self._sent and (why := await self._transport.reached()):
                if not resume:
                    return CommandResult(proven=False, sent=False, reason=why)
                cut = why
            if not await self._open():
                waits = resume and not self._sent
                self._tale.lost(cut or ("the host is not reached yet" if waits else "the link broke"))
                await self._transport.opened()
            first = not self._sent and not self._known and not resume
            run = await self._once("attach" if self._known else "resume" if resume else "start")
            ended = self._ended(run, resume, first)
            if ended is not None:
                return ended
            cut = one_line(str(run.error), 200) if run.error else run.cut
            if self._mute or run.error:
                self._tale.lost(cut)
            await asyncio.sleep(PAUSES[min(self._mute, len(PAUSES) - 1)])

    async def _once(self, mode: Mode) -> ScriptRun:
        call = job_call(
            self._spec, self._host, mode, offset=self._offset, proc_root=self._proc_root, armed=self._armed,
            systemd=self._systemd,
        )  # fmt: skip
        tale = self._tale
        frames = self._last = Frames(
            call.mark.encode(), tale.output, tale.gap, tale.found, self._offset, on_begun=tale.begun
        )

        def feed(data: bytes) -> bool:
            frames.feed(data)
            return frames.over

        try:
            run = await self._transport.run(call, feed)
        except asyncio.CancelledError:
            if frames.pid and not frames.over:
                await asyncio.shield(self._transport.dismiss(frames.pid, frames.born))
            raise
        self._sent = self._sent or run.sent
        self._known = self._known or frames.begun
        self._offset = frames.offset
        quiet = not frames.found and await self._open()
        self._mute = self._mute + 1 if quiet else 0
        return run

    def _ended(self, run: ScriptRun, resume: bool, first: bool) -> CommandResult | None:
        """None: not yet, follow it again. ``first``: nothing was sent before this."""
        last = self._last
        if last.result is not None:
            return self._proven(last.result)
        if last.never:
            return CommandResult(proven=False, sent=False, reason=last.never)
        if last.unknown or last.denied:
            return CommandResult(proven=False, sent=not (last.denied and first), reason=last.unknown or last.denied)
        if last.armed:
            return CommandResult(reason=last.risk)
        if not self._sent:  # every link broke just before
            return (
                CommandResult(proven=False, sent=False, reason=run.cut) if self._mute >= _MUTE and not resume else None
            )
        if self._mute >= _MUTE and not run.error:
            said = one_line(last.banner.decode("utf-8", "replace").strip(), 100)
            return CommandResult(
                proven=False, reason="the host does not answer as a shell does" + (f": {said}" if said else "")
            )
        return None

    async def _open(self) -> bool:
        """Whether the host can be asked right now."""
        try:
            async with asyncio.timeout(_NOW):
                await self._transport.opened()
        except TimeoutError:
            return False
        return True

    def _proven(self, result: JobResult) -> CommandResult:
        early = self._early(result)
        if result.how == "left":
            there = ", ".join(self._last.left) or "processes that the host did not name"
            return CommandResult(
                proven=False, left=there, reason=f"{early}, but this could not be ended and may still run: {there}"
            )
        said = [early] if early else []
        if self._tale.spoiled:
            said.append(f"its output could not be kept: {self._tale.spoiled}")
        if self._tale.missing:
            said.append(f"{self._tale.missing:,} of its {result.total:,} bytes of output were not kept")
        return CommandResult(
            exit=result.code,
            seconds=result.seconds,
            timed_out=result.why == "timeout",
            ended=result.why in ("ended", "deadman"),
            early=early,
            reason="; ".join(said),
        )

    def _early(self, result: JobResult) -> str:
        """Why it did not come to its own end, and what that took; empty if it did."""
        limit = f" after {self._spec.timeout:g} s" if self._spec.timeout else ""
        whys = {
            "exit": "", "timeout": f"timed out{limit}", "ended": ON_REQUEST,
            "deadman": "its dead-man rollback ended it before it undid the step",
            "shutdown": "the host was shut down while it ran",
            "signal": f"{_TERM}; who sent it is not known",
            "rebooted": f"{_TERM}; the host has rebooted since: its shutdown, or somebody, sent it",
        }  # fmt: skip
        why = whys.get(result.why, result.why)
        if not why or result.how == "left":
            return why
        how = "it did not end when asked to and was killed" if result.how == "KILL" else "it was asked to end and did"
        return f"{why}; {how}"
