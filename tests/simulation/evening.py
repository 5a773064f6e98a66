"""One night, played: the world, the conductor and its deaths, the faults, the operators, and the morning after."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from pathlib import Path
from typing import Any

from tests.simulation.chaos import Chaos
from tests.simulation.invariants import Watcher
from tests.simulation.known import KNOWN
from tests.simulation.night import SECRET, Moment, Night
from tests.simulation.operators import bring_to_a_close, choose
from tests.simulation.told import Broken, Told
from tests.simulation.truth import Truth
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.socket import Peer
from upgrade_tui.conductor.conductor import Conductor
from upgrade_tui.journal.format import Encoded
from upgrade_tui.plan.model import LOCAL
from upgrade_tui.rehearsal.loop import SimulatedProcess
from upgrade_tui.rehearsal.simulated_host import SimHost
from upgrade_tui.rehearsal.simulated_machine import SimMachine
from upgrade_tui.rehearsal.world import World
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import role_of

DIRECTORY = Path("/simulated/w1")
ANSWER_LIMIT = 120.0  # seconds that an operator waits for an answer
ROUNDS = 400  # tries to bring the window to a close
ROUND = 20.0  # seconds between two of them


class Over(Exception):
    """The night need not go on: something was broken."""


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
        self.chaos = Chaos(self.world, self.truth, self.hosts, self._note, self.kill, self._stop, lambda: told.fresh)
        self.machine = SimMachine(self.world, night.text, plan, self.chaos.ways, self.chaos.answer, self.chaos.log)
        self.process: SimulatedProcess | None = None
        self.conductor: Conductor | None = None
        self._processes: list[SimulatedProcess] = []
        self._serving: asyncio.Task[None] | None = None
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
            self.world.later(fault.at, self.chaos.strike, fault)
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
        self.process = SimulatedProcess(f"conductor {self.told.deaths}")
        self._processes.append(self.process)
        self._serving = self.loop.spawn(self.process, self._serve(self.process))

    async def _serve(self, process: SimulatedProcess) -> None:
        conductor = Conductor(DIRECTORY, opener="mei", machine=self.machine)
        conductor.store.observe(self._committed)
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
            self.chaos.trap(record.event)

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
            self.chaos.meanwhile(of)
        self.world.later(of["down"], self._again)

    def _let_go(self, process: SimulatedProcess) -> None:
        process.kill()
        if self.machine.last_fleet is not None:
            self.machine.last_fleet.drop()
        self.process = self.conductor = None

    def _again(self) -> None:
        if self.process is None and self.watcher.state.phase != "closed":
            knows = "knows the secret" if SECRET in os.environ else "does not know the secret"
            self._note(f"the next conductor is started; it {knows}")
            self.start_conductor()

    def _stop(self) -> None:
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
        live = self.conductor.store.state
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

    # -- operators ----------------------------------------------------------------------------------------------------

    async def _act(self, moment: Moment) -> None:
        state = self.watcher.state
        if self.conductor is None or state.phase in ("new", "closed") or self.told.fresh:
            return
        lead = role_of(self.night.plan, moment.login, state.opened_by) == "lead"
        command = choose(state, moment.login, lead, moment.seed, self.truth)
        if command is not None:
            await self.ask(moment.login, command)

    async def ask(self, login: str, command: cmd.AnyCommand) -> p.AnyAnswer | None:
        """As a client does; None where the conductor is not there, or dies before it answers."""
        if self.conductor is None or self.process is None:
            return None
        self.told.commands += 1
        welcome = self.conductor.welcome(Peer(pid=1, login=login), 1)
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
        self.chaos.calm()
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
