"""One night, played: the world, the conductor and its deaths, the faults, the operators, and the morning after."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation.invariants import Watcher
from tests.simulation.known import KNOWN
from tests.simulation.night import SECRET, Fault, Moment, Night
from tests.simulation.operators import bring_to_a_close, choose
from tests.simulation.truth import Truth
from upgrade_tui.canary.result import Result
from upgrade_tui.conductor import protocol as p
from upgrade_tui.conductor.conductor import Conductor
from upgrade_tui.journal.format import Encoded
from upgrade_tui.plan.model import LOCAL
from upgrade_tui.rehearsal.host import SimHost
from upgrade_tui.rehearsal.link import Path as Way
from upgrade_tui.rehearsal.loop import Process
from upgrade_tui.rehearsal.machine import SimMachine
from upgrade_tui.rehearsal.world import World
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.sentences import sentence
from upgrade_tui.window.state import role_of

DIRECTORY = Path("/simulated/w1")
ANSWER_LIMIT = 120.0  # seconds that an operator waits for an answer
ROUNDS = 400  # tries to bring the window to a close
ROUND = 20.0  # seconds between two of them


class Over(Exception):
    """The night need not go on: something was broken."""


@dataclass
class Broken:
    """A rule that did not hold."""

    rule: str
    text: str
    at: float


@dataclass
class Told:
    """What came of a night."""

    night: Night
    broken: list[Broken] = field(default_factory=list)
    events: int = 0
    deaths: int = 0
    commands: int = 0
    seconds: float = 0.0  # virtual
    lines: list[tuple[float, str]] = field(default_factory=list)  # what happened outside of the log
    records: list[ev.Record] = field(default_factory=list)
    stderr: str = ""
    ignored: frozenset[str] = frozenset()  # rules that do not count
    only: str = ""  # if given, the one that does

    @property
    def fresh(self) -> list[Broken]:
        """What counts."""
        return [b for b in self.broken if b.rule not in self.ignored and self.only in b.rule]

    def story(self) -> str:
        """Everything in sentences, in order."""
        logged = [(r.mono, f"{r.seq:5d}  {r.actor} · {sentence(r.event)}") for r in self.records]
        both = sorted([*logged, *((at, f"   ** {text}") for at, text in self.lines)], key=lambda line: line[0])
        begun = both[0][0] if both else 0.0
        return "\n".join(f"{at - begun:10.3f} {text}" for at, text in both)


def play(night: Night, *, strict: bool = False, rule: str = "") -> Told:
    """Play a night to its end, or to the first broken rule that counts.

    ``strict``: what is known to be broken counts, too. ``rule``: nothing else counts.
    """
    told = Told(night, ignored=frozenset() if strict else frozenset(KNOWN), only=rule)
    said = io.StringIO()
    kept = os.environ.get(SECRET)
    try:
        with contextlib.redirect_stderr(said):
            _Evening(night, told).play()
    finally:
        os.environ.pop(SECRET, None)
        if kept is not None:
            os.environ[SECRET] = kept
    told.stderr = said.getvalue()
    return told


class _Evening:
    def __init__(self, night: Night, told: Told) -> None:
        self.night, self.told = night, told
        self.world = World(night.seed)
        self.loop = self.world.loop
        plan = night.plan
        self.secret = f"hunter2-{night.seed}"
        self.truth = Truth(night.seed, plan, self.broken)
        self.watcher = Watcher(plan, self.truth, self.secret, self.broken)
        self.hosts = {n: SimHost(self.world, n, self.truth.behave, self.truth) for n in (*plan.hosts, LOCAL)}
        self.ways = {n: Way(self.world, h, always=n == LOCAL) for n, h in self.hosts.items()}
        self.machine = SimMachine(self.world, night.text, plan, self.ways, self._answer)
        self.sick: dict[str, tuple[float, str]] = {}  # canary -> (until, how)
        self.process: Process | None = None
        self.conductor: Conductor | None = None
        self._processes: list[Process] = []
        self._serving: asyncio.Task[None] | None = None
        self._traps: dict[str, list[tuple[int, Fault]]] = {}
        self._fed = 0
        self._acknowledged: list[tuple[int, cmd.AnyCommand]] = []
        self._ended = self.loop.create_future()

    def play(self) -> None:
        os.environ[SECRET] = self.secret
        with contextlib.suppress(Over):
            try:
                self.loop.run_until_complete(self._whole())
            except Over:
                raise
            except Exception as error:
                self._note(f"{type(error).__name__}: {error}")
                self.told.broken.append(
                    Broken("the night can be played", f"{type(error).__name__}: {error}", self.loop.time())
                )
        self.told.records = self.watcher.records
        self.told.events = len(self.watcher.records)
        self.told.seconds = self.loop.time()
        for process in self._processes:
            process.bury()
        self.loop.close()

    def broken(self, rule: str, text: str) -> None:
        """A rule does not hold."""
        self.told.broken.append(Broken(rule, text, self.loop.time()))
        self._note(f"BROKEN: {rule}: {text}")
        if self.told.fresh and not self._ended.done():
            self._ended.set_exception(Over())

    def _note(self, text: str) -> None:
        self.told.lines.append((self.loop.time(), text))

    async def _whole(self) -> None:
        main = asyncio.ensure_future(self._night())
        await asyncio.wait({main, self._ended}, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            main.cancel()
            await asyncio.gather(main, return_exceptions=True)
            self._ended.result()
        await main

    async def _night(self) -> None:
        self.loop.set_exception_handler(self._fault_of_ours)
        self.start_conductor()
        for fault in self.night.faults:
            self.world.later(fault.at, self._strike, fault)
        for moment in self.night.moments:
            self.world.later(moment.at, lambda m=moment: self.loop.create_task(self._act(m)))
        await asyncio.sleep(self.night.seconds)
        await self._morning()

    def _fault_of_ours(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Over) and "was never retrieved" not in context["message"]:
            self.broken("nothing goes wrong unseen", f"{context['message']}: {type(error).__name__}: {error}")

    # -- the conductor ------------------------------------------------------------------------------------------------

    def start_conductor(self) -> None:
        """Start one, or the next."""
        self._catch_up()
        self.process = Process(f"conductor {self.told.deaths}")
        self._processes.append(self.process)
        self._serving = self.loop.spawn(self.process, self._serve(self.process))

    async def _serve(self, process: Process) -> None:
        conductor = Conductor(DIRECTORY, opener="mei", machine=self.machine)
        conductor.book.observe(self._committed)
        try:
            await conductor.open()
            self._catch_up()
            self.conductor = conductor
            await conductor.run(asyncio.Event())
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not process.alive:
                raise
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            self.broken("the conductor stands", f"it ended with {type(error).__name__}: {error}")
        finally:
            if self.process is process:
                self.conductor = None

    def _committed(self, records: list[ev.Record]) -> None:
        self._catch_up()
        for record in records:
            self._trap(record.event)

    def _catch_up(self) -> None:
        """Look at what is new in the log."""
        lines = self._durable()
        while self._fed < len(lines):
            line = lines[self._fed]
            self._fed += 1
            self.watcher.feed(line.record)

    def kill(self, of: dict[str, Any]) -> None:
        """As kill -9, or the power, does it; somebody starts the next one later."""
        if self.process is None or not self.process.alive:
            return
        self._same_state()
        self._note(f"the conductor dies ({len(self.machine.log.doubtful)} lines unsynced)")
        self.told.deaths += 1
        self._let_go(self.process)
        keep = round(of.get("keeps", 1.0) * len(self.machine.log.doubtful))
        self.machine.log.crash(keep=keep, torn=of.get("torn", False))
        self._after_a_death()
        if of.get("forgets"):
            os.environ.pop(SECRET, None)
        else:
            os.environ[SECRET] = self.secret
        if "meanwhile" in of:
            self._meanwhile(of)
        self.world.later(of["down"], self._again)

    def _let_go(self, process: Process) -> None:
        process.kill()
        if self.machine.last_fleet is not None:
            self.machine.last_fleet.drop()
        self.process = self.conductor = None

    def _again(self) -> None:
        if self.process is None and self.watcher.state.phase != "closed":
            knows = "knows the secret" if SECRET in os.environ else "does not know the secret"
            self._note(f"the next conductor is started; it {knows}")
            self.start_conductor()

    def _meanwhile(self, of: dict[str, Any]) -> None:
        busy = sorted({host for (_, host), jobs in self.truth.at_work.items() if any(j.running for j in jobs)})
        host = busy[0] if of["busy"] and busy else of["host"]
        if of["meanwhile"] == "reboot":
            self._reboot(host, 20.0, clear=True)
        else:
            self._tidy(host)

    def _stop_politely(self, of: dict[str, Any]) -> None:
        if self.process is None or self._serving is None or self._serving.done():
            return
        self._note("the conductor is asked to end")
        self._serving.cancel()
        process = self.process

        def gone() -> None:
            if self.process is process:
                self._let_go(process)
                self.machine.log.crash(keep=len(self.machine.log.doubtful))
                self._again()

        self.world.later(20.0, gone)

    def _same_state(self) -> None:
        """The fold of the whole log is what the conductor has."""
        if self.conductor is None:
            return
        live = self.conductor.book.state
        if live.seq == self.watcher.state.seq and live != self.watcher.state:
            self.broken("fold gives the live state", f"at {live.seq}")
        if live.seq > self.watcher.state.seq:
            self.broken("fold gives the live state", f"the state is at {live.seq}, the log at {self.watcher.state.seq}")

    def _durable(self) -> list[Encoded]:
        """The log, and what was kept elsewhere while it could not be written."""
        log = self.machine.log
        return log.lines + log.kept if log.kept else log.lines

    def _after_a_death(self) -> None:
        lines = self._durable()
        for seq, command in self._acknowledged:
            if seq > len(lines) or lines[seq - 1].record != self.watcher.records[seq - 1]:
                self.broken("what was acknowledged is in the log", f"{type(command).__name__}, {seq}")
        for told, line in zip(self.watcher.records, lines, strict=False):
            if told is not line.record:
                self.broken("what was told is in the log", f"{told.seq} is another one now")
                break

    # -- faults -------------------------------------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> None:
        if self.told.fresh:
            return
        if fault.kind == "death at":
            self._traps.setdefault(fault.of["event"], []).append((fault.of["number"], fault))
            return
        self._note(str(fault))
        handler: Callable[[dict[str, Any]], None] = getattr(self, f"_on_{fault.kind}")
        handler(fault.of)

    def _trap(self, event: ev.Event) -> None:
        traps = self._traps.get(str(type(event).__struct_config__.tag))
        if not traps:
            return
        number, fault = traps[0]
        if number > 1:
            traps[0] = (number - 1, fault)
            return
        traps.pop(0)
        self._note(str(fault))
        self.world.later(fault.of["lag"], self.kill, fault.of)

    def _on_death(self, of: dict[str, Any]) -> None:
        self.kill(of)

    def _on_stop(self, of: dict[str, Any]) -> None:
        self._stop_politely(of)

    def _on_cut(self, of: dict[str, Any]) -> None:
        self._weather([of["host"]], "cut", of["seconds"])

    def _on_stall(self, of: dict[str, Any]) -> None:
        self._weather([of["host"]], "stalled", of["seconds"])

    def _on_storm(self, of: dict[str, Any]) -> None:
        self._weather(of["hosts"], "cut", of["seconds"])

    def _weather(self, hosts: list[str], weather: Any, seconds: float) -> None:
        for host in hosts:
            self.ways[host].turn(weather)
            self.world.later(seconds, self.ways[host].turn, "good")

    def _on_reboot(self, of: dict[str, Any]) -> None:
        self._reboot(of["host"], of["seconds"], of["clear"])

    def _reboot(self, name: str, seconds: float, clear: bool) -> None:
        host = self.hosts[name]
        if not host.up or name == LOCAL:
            return
        self._note(f"{name} reboots{' and clears its directories' if clear else ''}")
        host.go_down(clear)
        self.ways[name].host_went()

        def back() -> None:
            host.come_up()
            self.ways[name].host_went()

        self.world.later(seconds, back)

    def _on_tidy(self, of: dict[str, Any]) -> None:
        self._tidy(of["host"])

    def _tidy(self, name: str) -> None:
        self._note(f"somebody removes the job directories on {name}")
        self.hosts[name].remove_directories()

    def _on_oom(self, of: dict[str, Any]) -> None:
        live = [j for j in self.hosts[of["host"]].jobs.values() if j.lives]
        if live:
            self._note(f"what runs {live[-1].key} is killed")
            live[-1].kill_runner()

    def _on_full(self, of: dict[str, Any]) -> None:
        host = self.hosts[of["host"]]
        host.full = True
        self.world.later(of["seconds"], setattr, host, "full", False)

    def _on_fence(self, of: dict[str, Any]) -> None:
        log = self.machine.log
        log.error = getattr(errno, of["error"])
        log.reopen_error = 0 if of["reopens"] else log.error

        def over() -> None:
            log.error = log.reopen_error = 0

        self.world.later(of["seconds"], over)

    def _on_slow(self, of: dict[str, Any]) -> None:
        log, most = self.machine.log, of["sync"]
        log.sync = lambda: self.world.between(0.0, most)
        self.world.later(of["seconds"], setattr, log, "sync", self._quick)

    def _quick(self) -> float:
        return self.world.between(0.0005, 0.02)

    def _on_jump(self, of: dict[str, Any]) -> None:
        self.world.offset += of["by"]

    def _on_flap(self, of: dict[str, Any]) -> None:
        self.sick[of["canary"]] = (self.loop.time() + of["seconds"], of["how"])

    def _answer(self, canary: str) -> Result:
        until, how = self.sick.get(canary, (0.0, ""))
        if self.loop.time() >= until or (how == "mixed" and self.world.chance(0.5)):
            return Result(ok=True, latency=0.01, value=None, detail="200")
        return Result(ok=False, latency=None, value=None, detail="no answer", no_data=how == "silent")

    # -- operators ----------------------------------------------------------------------------------------------------

    async def _act(self, moment: Moment) -> None:
        state = self.watcher.state
        if self.conductor is None or state.phase in ("new", "closed") or self.told.fresh:
            return
        lead = role_of(self.night.plan, moment.login, state.opened_by) == "lead"
        command = choose(state, moment.login, lead, moment.seed, self.truth)
        if command is not None:
            await self.ask(moment.login, command)

    async def ask(self, login: str, command: cmd.AnyCommand) -> p.Answer | None:
        """As a client does; None where the conductor is not there, or dies before it answers."""
        if self.conductor is None or self.process is None:
            return None
        self.told.commands += 1
        welcome = self.conductor.welcome(p_peer(login), 1)
        asking = self.loop.spawn(self.process, self.conductor.answer(p.Do(id=1, command=command), welcome))
        await asyncio.wait({asking}, timeout=ANSWER_LIMIT)
        if not asking.done() or asking.cancelled():
            return None
        if asking.exception() is not None:
            self.broken("a command is answered", f"{command}: {asking.exception()!r}")
            return None
        answer = asking.result()
        if isinstance(answer, p.Done):
            self._note(f"{login}: {type(command).__name__} -> {answer.seqs}")
            for seq in answer.seqs:
                self._acknowledged.append((seq, command))
                if seq > len(self.watcher.records):
                    self.broken("what was acknowledged is in the log", f"{type(command).__name__}, {seq}")
        return answer

    # -- the morning --------------------------------------------------------------------------------------------------

    async def _morning(self) -> None:
        """Everything works again, and a lead closes the window."""
        self._note("morning: everything works again")
        self._traps.clear()
        log = self.machine.log
        log.error = log.reopen_error = 0
        log.sync = self._quick
        self.sick.clear()
        for name, way in self.ways.items():
            way.turn("good")
            self.hosts[name].full = False
        await asyncio.sleep(300.0)  # hosts that reboot, and conductors that are down, are back by then
        os.environ[SECRET] = self.secret
        last: object = None
        for turn in range(ROUNDS):
            if self.watcher.state.phase == "closed":
                return await self._closed()
            self._again()
            command = bring_to_a_close(self.watcher.state, turn, self.truth)
            last = command, await self.ask("mei", command)
            await asyncio.sleep(ROUND)
        self.broken("the window can be closed", f"{last}")
        return None

    async def _closed(self) -> None:
        self._same_state()
        self._after_a_death()
        await asyncio.sleep(30.0)
        if self._serving is not None and not self._serving.done() and self.process is not None:
            self.broken("the conductor ends with its window", "it still runs")
        if any(self.secret.encode() in data for data in self.machine.outputs.values()):
            self.broken("secrets stay secret", "an output has it")


def p_peer(login: str) -> Any:
    """Who a client is, as the socket would have said it."""
    from upgrade_tui.conductor.wire import Peer

    return Peer(pid=1, uid=1000, login=login)
