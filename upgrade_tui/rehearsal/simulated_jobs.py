"""A job on a simulated host: what lies in its directory, and the processes that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

from upgrade_tui.rehearsal.world import World

TERM_LIMIT = 5.0  # seconds after which what does not end is killed
WAY_LIMIT = 15.0  # seconds that a dead-man waits for the end of what it guards


class SimulatedCommand(Struct, frozen=True):
    """What a command will do on a host. ``stubborn``: it ends only by force; ``stays``: not even by that, at first."""

    seconds: float = 1.0
    exit: int = 0
    output: bytes = b""
    stubborn: bool = False
    stays: bool = False


class Code(NamedTuple):
    """How it ended. ``why``: "exit", "timeout", "ended", "deadman"; ``how``: the last signal sent, "left", or "-"."""

    exit: int
    why: str
    how: str
    seconds: float


class Witness(Protocol):
    """Who sees what really happens on hosts."""

    def began(self, job: SimJob) -> None:
        """A job's command runs from now on."""

    def ended(self, job: SimJob, code: int | None) -> None:
        """It ended; None: the host went down."""


class JobHost(Protocol):
    """What a job asks of the host that it is on."""

    name: str
    boot: int
    world: World
    witness: Witness
    jobs: dict[str, SimJob]

    def uptime(self) -> float: ...

    def make_way(self, key: str) -> None: ...

    def order(self, command: str, env: Mapping[str, str], secrets: Mapping[str, str]) -> SimulatedCommand: ...


class SimJob:
    """Its files (``docs/jobs.md``): ``begun``, ``code``, the output, and as ``fate`` what became of the token."""

    def __init__(
        self, host: JobHost, key: str, command: str, env: Mapping[str, str], secrets: Mapping[str, str],
        timeout: float | None, armed: int, guards: str = "",
    ) -> None:  # fmt: skip
        self.host, self.key, self.command, self.env, self.secrets = host, key, command, env, secrets
        self.timeout, self.armed, self.guards = timeout, armed, guards
        self.boot = host.boot
        self.begun: Literal["", "begun", "never"] = ""
        self.detail = ""  # why it never began
        self.code: Code | None = None
        self.fate = "open" if armed else ""  # of a dead-man: open, confirmed, ended, fired
        self.deadline = host.uptime() + armed
        self.output = bytearray()
        self.gone = False  # somebody removed its directory
        self._lives = False  # what runs it, or waits for the deadline
        self.waited = False  # a dead-man: its wait for the deadline began
        self._running = False  # the command itself
        self._began = 0.0
        self._stubborn = self._stays = False
        self.left = False  # its runner has given up, and something of it still runs
        self.followers: list[Callable[[], None]] = []  # told at each news

    @property
    def lives(self) -> bool:
        """Whether its runner is there: of this boot, and not killed."""
        return self._lives and self.boot == self.host.boot

    @property
    def running(self) -> bool:
        """Whether the command is at work on the host."""
        return self._running and self.boot == self.host.boot

    @property
    def sleeping(self) -> bool:
        """Whether a dead-man waits for its deadline."""
        return bool(self.armed) and not self.begun and self.lives

    @property
    def settled(self) -> bool:
        """Whether its directory can be cleared away."""
        if self.left and self.boot == self.host.boot:
            return False
        if self.code is not None or self.fate in ("confirmed", "ended") or self.boot != self.host.boot:
            return True
        return not self.lives if self.begun or self.armed else False

    def start(self) -> None:
        """The runner is there: it begins, or waits for its deadline."""
        self._lives = True
        if self.armed:
            self.waited = True
            self.news()
            self.host.world.later(self.armed, self._due)
        else:
            self._begin()

    def never(self, why: str) -> bool:
        """Decide that it never begins; False where that is decided already."""
        if self.begun:
            return False
        self.begun, self.detail = "never", why
        self.news()
        return True

    def extend(self, seconds: float) -> None:
        self.deadline = self.host.uptime() + seconds
        self.host.world.later(seconds, self._due)

    def take(self, fate: str) -> None:
        """The token of a dead-man: who moves it decides."""
        if self.fate == "open":
            self.fate = fate
            self._lives = False  # the sleeper sees it and leaves

    def _due(self) -> None:
        if not self.sleeping or self.fate != "open" or self.gone:
            return
        if self.host.uptime() + 0.001 >= self.deadline:
            self.fate = "fired"
            self.host.make_way(self.guards)
            self._begin_after(self.host.jobs.get(self.guards), self.host.world.mono() + WAY_LIMIT)

    def _begin_after(self, guarded: SimJob | None, limit: float) -> None:
        """Nothing is undone beside what is guarded, unless that cannot be ended."""
        if not self.lives:
            return
        if guarded is not None and guarded.left:
            guarded.strike_again()
        elif guarded is not None and guarded.running and guarded.lives and self.host.world.mono() < limit:
            self.host.world.later(0.1, self._begin_after, guarded, limit)
            return
        self._begin()

    def _begin(self) -> None:
        if self.begun:
            return  # claimed: it never begins
        if self.gone:
            self.detail, self._lives = "the disk of the host is full, or its job directory was removed", False
            self.begun = "never"
            self.news()
            return
        self.begun, self._running, self._began = "begun", True, self.host.world.mono()
        order = self.host.order(self.command, self.env, self.secrets)
        self._stubborn, self._stays = order.stubborn or order.stays, order.stays
        self.host.witness.began(self)
        half = len(order.output) // 2
        later = self.host.world.later
        later(order.seconds / 2, self._print, order.output[:half])
        later(order.seconds, self._exit, order.exit, order.output[half:])
        if self.timeout is not None and order.seconds > self.timeout:
            later(self.timeout, self.end, "timeout")
        self.news()

    def _print(self, data: bytes) -> None:
        if self.running and data:
            self.output += data
            self.news()

    def _exit(self, code: int, output: bytes) -> None:
        """By itself; what it printed is on the disk before how it ended is."""
        if self.running:
            self.output += output
            self._over(code, "exit", "-")

    def end(self, why: str = "ended") -> None:
        """TERM, and KILL to what does not end."""
        if self.running:
            world = self.host.world
            code, how = (137, "KILL") if self._stubborn else (143, "TERM")
            world.later(TERM_LIMIT + 0.5 if self._stubborn else world.between(0.01, 1.0), self._over, code, why, how)

    def _over(self, code: int, why: str, how: str) -> None:
        if not self.running:
            return
        seconds = self.host.world.mono() - self._began
        if how == "KILL" and self._stays and self.lives:
            self.code, self._lives, self.left = Code(code, why, "left", seconds), False, True
            self.news()
            return
        self._running = False
        if self.lives:
            self.code = Code(code, why, how, seconds)
        self._lives = self.left = False
        self.host.witness.ended(self, code)
        self.news()

    def strike_again(self) -> None:
        """Try once more to end what is left; mostly it has gone by then."""
        if self.left and self.host.world.chance(0.7):
            self._over(137, "ended", "-")

    def kill_runner(self) -> None:
        """As the kernel does it when memory is out: the command goes on, and nobody notes how it ends."""
        self._lives = False
        self.news()

    def die(self) -> None:
        """The host went down."""
        if self._running:
            self._running = False
            self.host.witness.ended(self, None)
        self._lives = False

    def news(self) -> None:
        """Tell whoever follows."""
        for follower in tuple(self.followers):
            follower()
