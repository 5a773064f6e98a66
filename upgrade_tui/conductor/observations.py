"""What hosts and canaries report, turned into events where something changed. Called on the loop, never waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.conductor.window_store import WindowStore
from upgrade_tui.fleet.sampling.limits import Limits
from upgrade_tui.telemetry.writer import TelemetryWriter
from upgrade_tui.window import events as ev
from upgrade_tui.window.measurements import HostDetail, Link, Sample, Verdict
from upgrade_tui.window.on_fail import canary_answer
from upgrade_tui.window.state import WindowState


class Observations:
    """Callbacks of the fleet and of the canaries. ``note`` queues an event for the log.

    Compares with what the log says and with what is queued but not yet folded, so that nothing is told twice.
    """

    def __init__(
        self,
        *,
        state: Callable[[], WindowState],
        note: Callable[[ev.Event], None],
        telemetry: TelemetryWriter,
        limits: Limits,
    ) -> None:
        self._state, self._note, self._telemetry, self._limits = state, note, telemetry, limits
        self._links = {name: (host.link, host.detail) for name, host in state().hosts.items()}
        self._facts = {name: host.facts for name, host in state().hosts.items()}
        self._verdicts: dict[str, Verdict] = {name: canary.verdict for name, canary in state().canaries.items()}
        self._restarts: dict[tuple[str, str], int] = {}  # what was told of
        self._units = {name: dict(host.units) for name, host in state().hosts.items()}

    def link(self, host: str, link: Link, detail: str) -> None:
        """The connection changed. A retry that fails in the same way is no news."""
        before = self._links.get(host, ("connecting", ""))
        if link == "connecting" or (link, detail) == before or (link == before[0] != "up"):
            return
        self._links[host] = (link, detail)
        self._note(ev.HostLink(host=host, link=link, detail=detail))

    def facts(self, host: str, detail: HostDetail, cores: int, memory: int) -> None:
        """A host said who it is: another boot id than before is a reboot."""
        new = ev.HostFacts(
            host=host, kernel=detail.kernel, boot_id=detail.boot_id, cores=cores, memory=memory,
            sampler=detail.sampler, skew=None if detail.skew is None else round(detail.skew, 1),
        )  # fmt: skip
        old = self._facts.get(host)
        self._facts[host] = new
        if old is not None and old.boot_id and new.boot_id and old.boot_id != new.boot_id:
            self._note(ev.HostRebooted(host=host, before=old.boot_id, after=new.boot_id))
        if old is None or (old.kernel, old.boot_id, old.cores, old.memory, old.sampler) != (
            new.kernel, new.boot_id, new.cores, new.memory, new.sampler,
        ):  # fmt: skip
            self._note(new)

    def detail(self, host: str, detail: HostDetail) -> None:
        """What changes rarely: the states of watched units."""
        known = self._units.setdefault(host, {})
        for unit, after in detail.units.items():
            before = known.get(unit, "")
            known[unit] = after
            if after != before and not (before == "" and after == "active"):
                restarts = self._restarted(host, unit, detail.restarts.get(unit, 0))
                self._note(ev.UnitChanged(host=host, unit=unit, before=before, after=after, restarts=restarts))

    def _restarted(self, host: str, unit: str, count: int) -> int:
        """How often a unit was started again since it was told of last; a new connection counts anew."""
        told = self._restarts.get((host, unit), 0)
        self._restarts[host, unit] = count
        return count - told if count >= told else count

    def sample(self, host: str, sample: Sample) -> None:
        self._telemetry.put_sample(host, sample)
        for event in self._limits.feed(host, sample):
            self._note(event)

    def result(self, canary: str, result: ProbeResult) -> None:
        self._telemetry.put_probe(canary, result, self._verdicts.get(canary, "no data"))

    def verdict(self, event: ev.CanaryVerdict) -> None:
        """A canary's verdict changed: ``write_observations`` writes it together with what it brings about."""
        self._note(event)
        self._verdicts[event.canary] = event.verdict


async def write_observations(store: WindowStore, events: Sequence[ev.Event]) -> None:
    """Make what was reported durable, in its order. A canary that fails is answered on the state right before it."""
    said: list[ev.Event] = []
    for event in events:
        if isinstance(event, ev.CanaryVerdict) and event.verdict == "failing":
            await store.write(said)
            said = []
            await store.transact(_answered(event))
        else:
            said.append(event)
    await store.write(said)


def _answered(event: ev.CanaryVerdict) -> Callable[[WindowState], tuple[ev.Event, ...]]:
    return lambda state: (event, *canary_answer(state, event))
