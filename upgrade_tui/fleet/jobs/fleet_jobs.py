"""Jobs on the hosts of a fleet: what the conductor calls."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

from msgspec.structs import replace

from upgrade_tui.fleet.commands.command_result import CommandResult
from upgrade_tui.fleet.jobs.deadman import Arming, Arms, HostDeadman
from upgrade_tui.fleet.jobs.job import Job, Tale
from upgrade_tui.fleet.jobs.manage import NotAnswered, ask_manager
from upgrade_tui.fleet.jobs.scripts import manage_call
from upgrade_tui.fleet.jobs.spec import JobSpec
from upgrade_tui.fleet.jobs.transport import Transport
from upgrade_tui.foreign import one_line


class FleetJobs(ABC):
    """All of it raises KeyError for an unknown host, and nothing for what a host does, unless it says so.

    ``place`` is where the window's jobs are on the host, as the method of that name told.
    """

    @abstractmethod
    def _transport(self, host: str) -> tuple[Transport, str]:
        """The way to a host, and its ``/proc``. Raises KeyError."""

    async def job(
        self, host: str, spec: JobSpec, *, on_output: Callable[[bytes], None], on_lost: Callable[[str], None],
        on_found: Callable[[], None], on_gap: Callable[[int, int], None] | None = None,
        on_begun: Callable[[], None] | None = None, resume: bool = False, begun: bool = False, offset: int = 0,
    ) -> CommandResult:  # fmt: skip
        """Start the job, at most once ever, and follow it to its end, through any number of broken links.

        ``on_output`` gets its output from byte ``offset`` on, ``on_gap(a, b)`` tells that bytes a to b were not kept;
        ``on_lost(reason)`` and ``on_found()`` alternate. ``on_begun()``, at most once: the host acknowledges that the
        job was made. ``resume``: attach to a job that may have been started before; one that was not never will be
        (``sent`` False), unless it was acknowledged (``begun``): then its end is not known. ``proven`` False and
        ``sent`` True: unknown, ``reason`` says why. A host not reached at first gives ``sent`` False; later the host
        is waited for without limit. Cancelling ends the waiting, not the job (see ``end_job``). An error of
        ``on_output`` costs the output, not the result.
        """
        transport, proc_root = self._transport(host)
        tale = Tale(on_output, on_lost, on_found, on_gap, on_begun)
        return await Job(transport, host, spec, tale, proc_root=proc_root, offset=offset).run(
            resume=resume, begun=begun
        )

    async def place(self, host: str, directory: str) -> str:
        """Where jobs are on the host, made there and proven ours: once a window, and given back in all its later calls.

        ``directory``: where the plan wants them, if it says so. Raises NotAnswered: then nothing can be sent there.
        """
        transport, proc_root = self._transport(host)
        _words, said = await ask_manager(
            transport, manage_call("place", "", host, directory=directory, proc_root=proc_root)
        )
        return said.decode("utf-8", "surrogateescape")

    async def end_job(self, host: str, name: str, *, place: str = "") -> str:
        """End a job with all it started: TERM, after 5 seconds KILL. Empty once nothing of it runs, or ever will.

        Else why not: what of it still runs (pid, user and name of each), or why that is not known.
        """
        transport, proc_root = self._transport(host)
        call = manage_call("end", name, host, place=place, proc_root=proc_root)
        try:
            words, rest = await ask_manager(transport, call)
        except NotAnswered as error:
            return str(error)
        if words[:1] in (["ended"], ["over"]):
            return ""
        if words[:1] == ["gone"]:
            return "its job directory is gone from the host: whether anything of it still runs cannot be told"
        return one_line(rest.decode("utf-8", "replace").strip(), 300) or "it still runs"

    async def clean_jobs(self, host: str, window: str, *, place: str = "") -> int:
        """Remove the directories of the window's finished jobs (``<window>.…``); the number still running, and left.

        Raises NotAnswered where the host could not be asked.
        """
        transport, proc_root = self._transport(host)
        call = manage_call("clean", "", host, place=place, proc_root=proc_root, window=window)
        words, _rest = await ask_manager(transport, call)
        return int(words[0]) if words and words[0].isdigit() else 0

    # -- dead-men -----------------------------------------------------------------------------------------------------

    async def arm(self, host: str, name: str, command: str, seconds: float, *, spec: JobSpec | None = None) -> Arming:
        """``command`` runs on the host in ``seconds`` unless confirmed; no error once that is certain.

        ``spec`` gives what else a job has (timeout, directory, env, secrets); its name and command do not count.
        """
        base = spec or JobSpec(name=name, command=command)
        job = replace(base, name=name, command=command)
        return await self._arms(host, base.place, base.directory).arm(job, math.ceil(seconds))

    async def confirm(self, host: str, name: str, *, place: str = "") -> HostDeadman:
        """Keep the change: "confirmed", or "fired" where that was too late. Exactly one of them, ever."""
        return await self._arms(host, place).confirm(name)

    async def extend(self, host: str, name: str, seconds: float, *, place: str = "") -> HostDeadman:
        """Let it fire in ``seconds`` from now: "armed", or "fired" where that was too late."""
        return await self._arms(host, place).extend(name, seconds)

    async def armed(self, host: str, name: str, *, place: str = "") -> HostDeadman:
        """What became of it."""
        return await self._arms(host, place).state(name)

    def _arms(self, host: str, place: str, directory: str = "") -> Arms:
        transport, proc_root = self._transport(host)
        return Arms(transport, host, directory=directory, place=place, proc_root=proc_root)
