"""A simulated host. It keeps the contract of the real scripts (``fleet/jobs/*.sh``, told in ``docs/jobs.md``):

- a key is made at most once, whoever asks first; who finds it there follows what is there
- a job is begun once, or decided never to begin, and that decision holds
- ``resume`` keeps a job that is not there from starting late; ``attach`` tells that it is gone
- how it ended, with its output, is kept; a runner that was killed, or a reboot, leaves no result
- one of confirmed, ended and fired holds for a dead-man; its deadline counts uptime; a reboot takes it along
- what a call is answered (frames, "R" lines) is what ``follow.sh`` and ``manage.sh`` print
- directories may be cleared by a reboot or by somebody: then a running command goes on, and nothing tells of it

Where it differs from the real scripts, it is wrong: both are put through the same cases by the contract test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from upgrade_tui.fleet.jobs.scripts import Call, JobCall, ManageCall, directory_name
from upgrade_tui.rehearsal.simulated_jobs import SimJob, SimulatedCommand, Witness
from upgrade_tui.rehearsal.world import World

PLACE = "/home/ops/.local/state/upgrade-tui/jobs"  # in answers; nothing is made there
UNDECIDED = 8.0  # seconds after which a job that was made and not begun is claimed
_LOOK = 2.0  # seconds within which who follows by looking sees that a directory is gone


class Reply(Protocol):
    """Where a script prints."""

    def say(self, data: bytes) -> None:
        """Print."""

    @property
    def closed(self) -> bool: ...


Behave = Callable[["SimHost", str, Mapping[str, str], Mapping[str, str]], SimulatedCommand]
"""What a command does on a host: (host, command, environment, secrets)."""


class SimHost:
    """See above. ``boot`` counts its boots."""

    def __init__(self, world: World, name: str, behave: Behave, witness: Witness) -> None:
        self.world, self.name, self.behave, self.witness = world, name, behave, witness
        self.boot = 1
        self.up = True
        self.full = False  # its disk: no job can be made
        self.jobs: dict[str, SimJob] = {}
        self._booted = world.mono() - world.between(1e4, 1e6)
        self._pid = 1000
        self._placed = False  # the place for jobs is there

    @property
    def boot_id(self) -> str:
        """Another one after each reboot."""
        return f"{self.name}-boot-{self.boot}"

    def uptime(self) -> float:
        """Seconds since boot."""
        return self.world.mono() - self._booted

    def order(self, command: str, env: Mapping[str, str], secrets: Mapping[str, str]) -> SimulatedCommand:
        """What a command will do here."""
        return self.behave(self, command, env, secrets)

    # -- what may happen to it ----------------------------------------------------------------------------------------

    def go_down(self, clear: bool) -> None:
        """A reboot begins; ``clear``: it empties the place where jobs are."""
        self.up = False
        for job in self.jobs.values():
            job.die()
        self.boot += 1
        if clear:
            self.remove_directories()

    def come_up(self) -> None:
        """The reboot is over."""
        self.up, self._booted = True, self.world.mono()

    def remove_directories(self) -> None:
        """Somebody tidies up."""
        for job in self.jobs.values():
            job.gone = True
            self.world.later(self.world.between(0, _LOOK), job.news)
        self.jobs.clear()

    # -- what it is asked ---------------------------------------------------------------------------------------------

    def take(self, call: Call, reply: Reply) -> None:
        """A script arrived and runs."""
        self._pid += 1
        if isinstance(call, JobCall):
            self._job(call, reply)
        else:
            self._manage(call, reply)

    def _job(self, call: JobCall, reply: Reply) -> None:
        job = self.jobs.get(call.key)
        say = _speaker(call, reply)
        if job is not None:
            say(self._hello(call, "there"))
            _Follower(job, reply, say, call.offset, heeds=False)
        elif call.mode == "attach":
            say(f"there {self._pid} 0 -")
            say("U its job directory is gone from the host: somebody removed it")
        elif self.full:
            say(f"there {self._pid} 0 -")
            say("D no directory of ours for it on the host: No space left on device")
        else:
            self._make(call, reply, say)

    def _hello(self, call: JobCall, how: str) -> str:
        return f"{how} {self._pid} {self._pid * 7} {PLACE}/{directory_name(call.key)}"

    def _make(self, call: JobCall, reply: Reply, say: Callable[[str], None]) -> None:
        job = SimJob(self, call.key, call.command, call.env, call.secrets, call.timeout, call.armed, call.guards)
        self.jobs[call.key] = job
        if call.mode == "resume":
            job.never("it was never started")
            say(self._hello(call, "there"))
            say("N it was never started")
            return
        say(self._hello(call, "new"))
        _Follower(job, reply, say, call.offset, heeds=True)
        boot = self.boot
        self.world.later(self.world.between(0.001, 0.05), lambda: job.start() if self.boot == boot else None)

    def make_way(self, key: str) -> None:
        """A dead-man fires: the job that it guards never begins any more, or is ended."""
        if not key:
            return
        job = self.jobs.get(key)
        if job is None:
            job = self.jobs[key] = SimJob(self, key, "", {}, {}, None, 0)
        if not job.never("its host undid the step by itself") and job.lives:
            job.end("deadman")

    # -- about jobs and dead-men --------------------------------------------------------------------------------------

    def _manage(self, call: ManageCall, reply: Reply) -> None:
        say = _speaker(call, reply)
        job = self.jobs.get(call.key)
        if call.verb == "place":
            if self.full and not self._placed:
                say("D no directory of ours for jobs on the host: No space left on device")
                return
            self._placed = True
            say("R here")
            reply.say(PLACE.encode())
        elif call.verb == "clean":
            say(f"R {self._clean(call)}")
        elif job is None:
            say("R gone" if call.verb == "end" else "R gone ? its directory is gone from the host")
        elif call.verb == "end":
            self._end(job, say, reply)
        else:
            if call.verb == "confirm":
                job.take("confirmed")
            elif call.verb == "extend":
                job.extend(call.seconds)
            reply.say(f"{call.mark} ".encode() + self._state(job))

    def _clean(self, call: ManageCall) -> int:
        mine = [k for k in self.jobs if k.startswith(f"{call.window}.") and k.endswith(f"@{call.host}")]
        for key in mine:
            if self.jobs[key].settled:
                del self.jobs[key]
        return sum(key in self.jobs for key in mine)

    def _end(self, job: SimJob, say: Callable[[str], None], reply: Reply) -> None:
        if job.boot != self.boot:
            say("R over")
        elif job.code is not None:
            job.strike_again()
            _gave_up(say, reply) if job.left else say("R over")
        elif job.fate == "open" and not job.begun:
            job.take("ended")
            say("R ended")
        elif not job.armed and job.never("it was ended before it began"):
            say("R ended")
        else:
            job.end()
            self._await_end(job, say, reply, self.world.mono() + 12.0)

    def _await_end(self, job: SimJob, say: Callable[[str], None], reply: Reply, limit: float) -> None:
        if job.left:
            _gave_up(say, reply)
        elif job.code is not None:
            say("R ended")
        elif not job.lives or self.world.mono() > limit:
            say("R running")
        else:
            self.world.later(0.2, self._await_end, job, say, reply, limit)

    def _state(self, job: SimJob) -> bytes:
        if job.fate == "confirmed":
            return b"R confirmed 0\n"
        if job.fate == "ended":
            return b"R gone 0 it was ended on request\n"
        if job.fate == "fired":
            return self._fired(job)
        if job.boot != self.boot:
            return b"R gone 0 the host rebooted, which killed it\n"
        if not job.sleeping:
            return b"R gone 0 what waited on the host was killed\n"
        return f"R armed {max(0, round(job.deadline - self.uptime()))}\n".encode()

    def _fired(self, job: SimJob) -> bytes:
        if job.code is not None:
            said = f"{job.code.exit} {'left 4242 root stays' if job.left else job.code.why}"
        elif job.boot != self.boot:
            said = "- the host rebooted while it ran"
        elif not job.lives:
            said = "- what ran it on the host was killed"
        else:
            said = "+"
        return f"R fired {said}\n".encode() + bytes(job.output[-4096:])


def _gave_up(say: Callable[[str], None], reply: Reply) -> None:
    say("R running")
    reply.say(b"4242 root stays")


def _speaker(call: Call, reply: Reply) -> Callable[[str], None]:
    """Prints frames of this call."""
    return lambda frame: reply.say(f"{call.mark} {frame}\n".encode())


class _Follower:
    """Prints a job's news as frames. ``heeds``: it started the job, and hears of it from the runner itself."""

    def __init__(self, job: SimJob, reply: Reply, say: Callable[[str], None], at: int, *, heeds: bool) -> None:
        self._job, self._reply, self._say, self._at, self._heeds = job, reply, say, at, heeds
        self._boot = job.host.boot
        self._seen = False  # known to run
        self._since = job.host.world.mono()
        job.followers.append(self._look)
        if not heeds:
            job.host.world.later(0.02, self._look)
            job.host.world.later(UNDECIDED, self._look)

    def _leave(self, frame: str) -> None:
        if self._look in self._job.followers:
            self._job.followers.remove(self._look)
        self._say(frame)

    def _look(self) -> None:
        job = self._job
        if self._look not in job.followers:
            return
        if self._reply.closed or job.host.boot != self._boot:
            job.followers.remove(self._look)
            return
        if not job.gone:
            self._emit()
        if job.code is not None and (self._heeds or not job.gone):
            code, why, how, seconds = job.code
            up = job.host.uptime()
            if how == "left":  # what was noted then, also where it is gone by now
                self._say("L 4242 root stays")
            self._leave(f"X {code} {why} {how} {up - seconds:.2f} {up:.2f} {self._at if job.gone else len(job.output)}")
        elif job.begun == "never":
            self._leave(f"N {job.detail or 'it was never started'}")
        elif job.sleeping and job.fate == "open" and not job.gone:
            self._leave("A")
        elif not (self._heeds and (job.lives or not job.begun)):
            self._unsure()

    def _unsure(self) -> None:
        """What looking at the directory tells, where there is no result."""
        job = self._job
        if job.gone:
            self._leave("U its job directory is gone from the host: somebody removed it")
        elif job.boot != job.host.boot:
            rebooted = "U the host rebooted while it ran" if job.begun else "N the host rebooted before it was started"
            self._leave(rebooted)
        elif job.fate == "confirmed":
            self._leave("N it was confirmed before")
        elif not job.begun:
            if job.host.world.mono() - self._since >= UNDECIDED - 0.01 and job.fate != "fired":
                killed = job.armed and job.fate == "open" and job.waited
                not_sent = "it was never started: the link broke, or the conductor ended, as it was sent"
                job.never("what waited on the host was killed" if killed else not_sent)
        elif not job.lives:
            self._leave("U what ran it on the host was killed: it may still go on there")
        elif not self._seen:
            self._seen = True
            self._say("K")

    def _emit(self) -> None:
        data = bytes(self._job.output[self._at :])
        if data:
            self._at += len(data)
            self._say(f"O {len(data)}")
            self._reply.say(data)
