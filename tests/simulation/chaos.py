"""What goes wrong in a night: every kind of fault, as it strikes the simulated world."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.night import Fault
from tests.simulation.truth import Truth
from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.journal.store import MemoryLog
from upgrade_tui.plan.model import LOCAL
from upgrade_tui.rehearsal.simulated_host import SimHost
from upgrade_tui.rehearsal.simulated_link import SimPath as Way
from upgrade_tui.rehearsal.world import World
from upgrade_tui.window import events as ev


class Chaos:
    """Strikes hosts, links, the log, the clock, canaries; ``kill`` and ``stop`` strike the conductor."""

    def __init__(
        self, world: World, truth: Truth, hosts: Mapping[str, SimHost], note: Callable[[str], None],
        kill: Callable[[dict[str, Any]], None], stop: Callable[[], None], over: Callable[[], object],
    ) -> None:  # fmt: skip
        self.world, self.truth, self.hosts = world, truth, hosts
        self.ways = {n: Way(world, h, always=n == LOCAL) for n, h in hosts.items()}
        self.log = MemoryLog(clock=world, sync=self.quick)
        self.sick: dict[str, tuple[float, str]] = {}  # canary -> (until, how)
        self.traps: dict[str, list[tuple[int, Fault]]] = {}
        self._note, self._kill, self._stop_politely, self._over = note, kill, stop, over

    def calm(self) -> None:
        """Everything works again."""
        self.traps.clear()
        self.sick.clear()
        self.log.error = self.log.reopen_error = 0
        self.log.sync = self.quick
        for name, way in self.ways.items():
            way.turn("good")
            self.hosts[name].full = False

    def strike(self, fault: Fault) -> None:
        if self._over():
            return
        if fault.kind == "death at":
            self.traps.setdefault(fault.of["event"], []).append((fault.of["number"], fault))
            return
        self._note(str(fault))
        handler: Callable[[dict[str, Any]], None] = getattr(self, f"_on_{fault.kind}")
        handler(fault.of)

    def trap(self, event: ev.Event) -> None:
        traps = self.traps.get(str(type(event).__struct_config__.tag))
        if not traps:
            return
        number, fault = traps[0]
        if number > 1:
            traps[0] = (number - 1, fault)
            return
        traps.pop(0)
        self._note(str(fault))
        self.world.later(fault.of["lag"], self._kill, fault.of)

    def _on_death(self, of: dict[str, Any]) -> None:
        self._kill(of)

    def _on_stop(self, of: dict[str, Any]) -> None:
        self._stop_politely()

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
        log = self.log
        log.error = getattr(errno, of["error"])
        log.reopen_error = 0 if of["reopens"] else log.error

        def over() -> None:
            log.error = log.reopen_error = 0

        self.world.later(of["seconds"], over)

    def _on_slow(self, of: dict[str, Any]) -> None:
        log, most = self.log, of["sync"]
        log.sync = lambda: self.world.between(0.0, most)
        self.world.later(of["seconds"], setattr, log, "sync", self.quick)

    def quick(self) -> float:
        return self.world.between(0.0005, 0.02)

    def _on_jump(self, of: dict[str, Any]) -> None:
        self.world.offset += of["by"]

    def _on_flap(self, of: dict[str, Any]) -> None:
        self.sick[of["canary"]] = (self.world.mono() + of["seconds"], of["how"])

    def answer(self, canary: str) -> ProbeResult:
        until, how = self.sick.get(canary, (0.0, ""))
        if self.world.mono() >= until or (how == "mixed" and self.world.chance(0.5)):
            return ProbeResult(ok=True, latency=0.01, value=None, detail="200")
        return ProbeResult(ok=False, latency=None, value=None, detail="no answer", no_data=how == "silent")

    def meanwhile(self, of: dict[str, Any]) -> None:
        busy = sorted({host for (_, host), jobs in self.truth.at_work.items() if any(j.running for j in jobs)})
        host = busy[0] if of["busy"] and busy else of["host"]
        if of["meanwhile"] == "reboot":
            self._reboot(host, 20.0, clear=True)
        else:
            self._tidy(host)
