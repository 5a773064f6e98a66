"""The golden window: one believable night, told to any moment, for tests, pictures and reports to share.

Everything in it is made the honest way: what people do goes through ``decide``, what happens is an event, deadlines are
raised by the clock. Nothing is random and no clock is read: the same moment always gives the same records and frame.

    rollout           on time, the API's second batch under way, a host lost, a memory limit crossed
    armed             the same night, later: both balancers switched; they undo it in 6 min if nobody confirms
    rollback          in the trouble below, mei takes the API back instead: one host is back, one under way, one failed
    trouble ... closed  the base backup took 84 minutes more: a tight night that is finished going forward
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Literal, get_args

from tests import golden_frame, golden_plan
from upgrade_tui.plan.model import Plan, Step
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.fold import fold, fold_all
from upgrade_tui.window.gates import open_gate
from upgrade_tui.window.measurements import Frame, HostDetail, Link
from upgrade_tui.window.state import WindowState, initial, role_of

Moment = Literal["opened", "preflight", "rollout", "armed", "trouble", "rollback", "late", "closed"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)

EVENING = datetime.fromisoformat("2026-11-21T00:00:00+08:00")
BOOT = "5b0a1c9e-6f7d-4d5b-9a52-0d6c3f1e7a11"
VERSION = "0.1.0"
_SLOW_BACKUP = 84 * 60.0  # seconds that the stories with trouble lose to the backup


@dataclass(frozen=True)
class Golden:
    """A window at a moment: its plan, its log so far, and what the fleet looks like now (epoch seconds)."""

    plan_text: str
    plan: Plan
    records: list[ev.Record]
    frame: Frame
    details: dict[str, HostDetail]
    now: float

    @cached_property
    def state(self) -> WindowState:
        """``records`` folded."""
        return fold_all(self.plan, self.records)


def golden(moment: str = "rollout", hosts: int = 12, *, hostile: bool = False) -> Golden:
    """The window at ``moment`` (one of ``MOMENTS``) with 12 to 500 ``hosts``.

    ``hostile``: titles, notes and host details full of markup, escapes (made harmless, as at ingress), wide
    characters and endless names.
    """
    if moment not in MOMENTS:
        raise ValueError(f"no such moment: {moment}; there are {', '.join(MOMENTS)}")
    text, plan, records, frame, now = _told(moment, hosts, hostile)
    return Golden(text, plan, list(records), frame, dict(frame.details), now)


@lru_cache(maxsize=32)
def _told(moment: str, hosts: int, hostile: bool) -> tuple[str, Plan, tuple[ev.Record, ...], Frame, float]:
    text = golden_plan.plan_text(hosts, hostile=hostile, dead_man=moment == "armed")
    plan = parse_plan(text, "plan.toml")
    story = Story(plan, moment, hostile)
    story.tell()
    frame = golden_frame.frame(story.state, story.now, hostile=hostile)
    return text, plan, tuple(story.records), frame, story.now


class TheEnd(Exception):
    """The moment has come."""


class Story:
    """Tells the night up to a moment. ``state`` is always what the records fold to."""

    def __init__(self, plan: Plan, moment: str, hostile: bool = False) -> None:
        self.plan = plan
        self.state = initial(plan)
        self.records: list[ev.Record] = []
        self.now = 0.0
        self._moment = moment
        self._hostile = hostile
        self._slow = moment in ("trouble", "rollback", "late", "closed")
        self._shift = 0.0
        self._client = 0

    def tell(self) -> None:
        """The whole night, until the moment comes."""
        try:
            self._opening()
            self._preflight()
            self._backup()
            self._databases()
            self._fleet()
            self._verify()
        except TheEnd:
            return

    # -- how things come to be in the log -------------------------------------------------------------------------

    def at(self, time: str, moment: str = "") -> None:
        """It is ``time`` (plus what the night has lost by now); deadlines passed meanwhile are raised on the way."""
        hours, minutes, seconds = (int(part) for part in time.split(":"))
        clock_time = EVENING + timedelta(days=hours < 12, hours=hours, minutes=minutes, seconds=seconds)
        target = clock_time.timestamp() + self._shift
        assert target >= self.now, f"{time} is before what was told already"
        self.now = self.now or target
        while self.now < target:
            self.now = min(target, self.now + 10.0)
            for crossing in clock.crossings(self.state, clock.read(self.state, self.now)):
                self.happens(crossing)
        if moment == self._moment:
            raise TheEnd

    def happens(self, event: ev.Event, actor: str = ev.SYSTEM) -> None:
        """An event joins the log."""
        mono = self.now - EVENING.timestamp() - 70_000.0
        record = ev.Record(
            seq=len(self.records) + 1, ts=self.now, mono=mono, boot=BOOT, actor=actor, event=event,
        )  # fmt: skip
        self.records.append(record)
        self.state = fold(self.state, record)

    def does(self, login: str, command: cmd.AnyCommand) -> None:
        """An operator asks and ``decide`` agrees."""
        actor = Actor(login, role_of(self.plan, login, self.state.opened_by))
        decision = decide(self.state, command, actor, self.now)
        assert not isinstance(decision, Refusal), f"{login}: {command}: {decision}"
        for event in decision:
            self.happens(event, login)

    def opens(self, gate: str) -> None:
        """The conductor opens a gate that is reached: votes count from now on, on this evidence."""
        for event in open_gate(self.state, gate, self.now):
            self.happens(event)

    def says_go(self, login: str, gate: str, reason: str = "") -> None:
        """A go on the evidence that is open."""
        opened = self.state.steps[gate].gate
        assert opened is not None
        self.does(login, cmd.Vote(step=gate, go=True, reason=reason, digest=opened.digest))

    def attaches(self, *logins: str) -> None:
        """Operators' dashboards connect."""
        for login in logins:
            self._client += 1
            role = role_of(self.plan, login, self.state.opened_by)
            self.happens(
                ev.OperatorAttached(login=login, role=role, client=self._client, terminal="xterm-256color 200x60"),
                login,
            )

    def links(self, host: str, link: Link, detail: str = "") -> None:
        """A host's connection changes."""
        self.happens(ev.HostLink(host=host, link=link, detail=self._foreign(detail)))

    def facts(self, host: str) -> None:
        """A host comes up and says what it is."""
        self.links(host, "up")
        detail = golden_frame.detail(host, self._reboots(host))
        memory = golden_frame.memory_total(host)
        self.happens(
            ev.HostFacts(
                host=host, kernel=detail.kernel, boot_id=detail.boot_id, cores=golden_frame.cores(host),
                memory=memory, sampler=detail.sampler, skew=detail.skew,
            )
        )  # fmt: skip

    def _reboots(self, host: str) -> int:
        return self.state.hosts[host].reboots

    def verdict(self, canary: str, verdict: Literal["healthy", "degraded", "failing", "no data"], detail: str,
                failures: int = 0, latency: float | None = None) -> None:  # fmt: skip
        """A canary's verdict changes."""
        name = self.plan.canaries[[c.probe + c.on_fail for c in self.plan.canaries].index(_CANARIES[canary])].name
        before = self.state.canaries[name].verdict
        self.happens(ev.CanaryVerdict(
            canary=name, verdict=verdict, before=before, detail=detail, failures=failures, latency=latency
        ))  # fmt: skip

    # -- tasks, as the conductor runs them ------------------------------------------------------------------------

    def batch(self, step: str, batch: int) -> tuple[str, ...]:
        """A batch begins: its hosts that are not done yet are started."""
        attempt = self.state.steps[step].attempt
        self.happens(ev.BatchStarted(step=step, attempt=attempt, batch=batch))
        tasks = self.state.steps[step].tasks
        hosts = tuple(h for h in self.state.steps[step].batches[batch] if tasks[h].state == "pending")
        for host in hosts:
            self.happens(ev.TaskStarted(step=step, host=host, attempt=attempt, batch=batch))
        return hosts

    def task_ends(self, step: str, hosts: Sequence[str], exit_code: int = 0, last_line: str = "done") -> None:
        """Commands end, and where the plan has a check it is run after a good end."""
        attempt, spec = self.state.steps[step].attempt, self.plan.step(step)
        assert spec is not None
        for host in hosts:
            started = self.state.steps[step].tasks[host].started
            assert started is not None
            self.happens(ev.TaskFinished(
                step=step, host=host, attempt=attempt, exit=exit_code, seconds=round(self.now - started, 3),
                output=f"output/{step}.{attempt}.{host}.log", bytes=2048 + 17 * len(host) * attempt,
                sha256=golden_frame.digest(step, host, attempt), last_line=self._foreign(last_line),
            ))  # fmt: skip
            if spec.check is not None and exit_code == 0:
                self.happens(ev.TaskChecked(step=step, host=host, attempt=attempt, exit=0))

    def step_ends(self, step: str, reason: str = "") -> None:
        """All batches ran, or the step stopped."""
        attempt = self.state.steps[step].attempt
        self.happens(ev.StepFinished(step=step, attempt=attempt, reason=reason))

    def bake_ends(self, step: str, reason: str) -> None:
        """Its canaries stayed healthy."""
        attempt = self.state.steps[step].attempt
        self.happens(ev.BakeEnded(step=step, attempt=attempt, passed=True, reason=reason))

    # -- the night ------------------------------------------------------------------------------------------------

    def _opening(self) -> None:
        self.at("21:52:10")
        self.happens(
            ev.WindowOpened(
                window="2026-11-21-orders-pg16", plan_id=self.plan.window.id,
                plan_sha256=golden_frame.digest("plan", self.plan.window.id, 0),
                start=EVENING.timestamp() + 22 * 3600, end=EVENING.timestamp() + 26 * 3600,
                version=VERSION, host="bastion1", pid=41822,
            ), "mei",
        )  # fmt: skip
        self.attaches("mei")
        for host in self.plan.hosts:
            self.links(host, "connecting")
        self.at("21:52:11")
        for host in self.plan.hosts:
            if host != "lb2":
                self.facts(host)
        self.at("21:52:13")
        self.verdict("orders health", "healthy", "200 ok", latency=0.041)
        self.verdict("checkout latency", "healthy", "200", latency=0.118)
        self.verdict("certificate", "healthy", "61 days left")
        self.at("21:52:20", "opened")
        self.facts("lb2")
        self.verdict("replication lag", "healthy", "0.4")
        self.at("21:55:00")
        self.attaches("tom", "ana")

    def _preflight(self) -> None:
        self.at("22:00:20")
        self.does("mei", cmd.Start(step="announce"))
        self.at("22:02:10")
        self.does("mei", cmd.Tick(step="announce"))
        self.at("22:02:40")
        self.does("ana", cmd.Start(step="space"))
        hosts = self.batch("space", 0)
        self.at("22:02:46")
        self.task_ends("space", hosts[:5], last_line="")
        self.at("22:02:49", "preflight")
        self.task_ends("space", hosts[5:], last_line="")
        self.step_ends("space")
        self.at("22:03:10")
        self.does("tom", cmd.Start(step="replica"))
        hosts = self.batch("replica", 0)
        self.at("22:03:13")
        self.task_ends("replica", hosts, last_line="streaming")
        self.step_ends("replica")
        self.at("22:05:00")
        self.opens("go-begin")
        self.says_go("mei", "go-begin")
        self.at("22:05:40")
        self.says_go("tom", "go-begin", "replica is 0.4 s behind")

    def _backup(self) -> None:
        self.at("22:06:00")
        self.does("ana", cmd.Start(step="jobs"))
        self.at("22:08:50")
        self.does("ana", cmd.Tick(step="jobs"))
        self.at("22:09:30")
        self.does("tom", cmd.Start(step="backup"))
        hosts = self.batch("backup", 0)
        self.at("22:25:00")
        self.happens(ev.LimitCrossed(
            host="db1", metric="disk", what="/var/lib/postgresql", value=86.2, limit=85.0
        ))  # fmt: skip
        if self._slow:
            self.at("22:33:00")
            self._note("tom", "the backup volume writes at a third of last month's rate", step="backup", mark="bad")
            self._shift = _SLOW_BACKUP
        self.at("22:34:10")
        self.task_ends("backup", hosts, last_line="412341/412341 kB (100%), 1/1 tablespace")
        self.step_ends("backup")
        self.at("22:36:00")
        self.does("tom", cmd.Start(step="restore-check"))
        hosts = self.batch("restore-check", 0)
        self.at("22:40:00")
        self.happens(ev.LimitCleared(
            host="db1", metric="disk", what="/var/lib/postgresql", value=71.9, limit=85.0
        ))  # fmt: skip
        self.at("22:45:20")
        self.task_ends("restore-check", hosts, last_line="orders 18202113 = 18202113")
        self.step_ends("restore-check")
        self._note("ana", "restore check compared 18.2 million rows: equal", step="restore-check", mark="good")

    def _databases(self) -> None:
        self.at("22:46:00")
        self._takeover()
        self.at("22:47:00")
        self.does("tom", cmd.Start(step="pg-replica"))
        hosts = self.batch("pg-replica", 0)
        self.at("22:52:30")
        self.links("lb2", "lost", "no answer for 3 s: keepalive timed out")
        self.at("22:54:05")
        self.happens(ev.HostRebooted(
            host="lb2", before=golden_frame.boot_id("lb2", 0), after=golden_frame.boot_id("lb2", 1)
        ))  # fmt: skip
        self.facts("lb2")
        self.happens(ev.UnitChanged(host="lb2", unit="haproxy", before="active", after="active"))
        self._note("ana", "lb2 rebooted by itself; lb1 carried it all, nobody noticed", host="lb2", mark="lucky")
        self.at("23:01:00")
        self.task_ends("pg-replica", hosts, last_line="16.4 (Debian 16.4-1) ready")
        self.step_ends("pg-replica")
        self.at("23:02:00")
        self.does("tom", cmd.Start(step="pg-switch"))
        hosts = self.batch("pg-switch", 0)
        self.at("23:08:00")
        self.verdict("replication lag", "degraded", "14.2 is over 10", failures=1)
        self.at("23:09:30")
        self.verdict("replication lag", "healthy", "1.1")
        self.at("23:13:30")
        self.task_ends("pg-switch", hosts, last_line="primary is db2, replica is db1")
        self.step_ends("pg-switch")
        self.at("23:14:20")
        self.opens("go-api")
        self.says_go("mei", "go-api")
        self.at("23:16:00")
        self.says_go("tom", "go-api")

    def _takeover(self) -> None:
        """The conductor was killed and another took over; dashboards connect again."""
        self.happens(ev.ConductorStarted(pid=43110, host="bastion1", version=VERSION), "mei")
        for host in self.plan.hosts:
            self.links(host, "connecting", "conductor restarted")
            self.facts(host)
        self.attaches("mei", "tom", "ana")

    def _fleet(self) -> None:
        self.at("23:17:00")
        if self._slow:
            self.does(
                "mei", cmd.Start(step="api", override="rolling forward is the safer way: 4.1 is known to run on 16")
            )
        else:
            self.does("tom", cmd.Start(step="api"))
        hosts = self.batch("api", 0)
        self.at("23:18:30")
        self.verdict("checkout latency", "degraded", "slower than 200 ms", latency=0.262)
        self.at("23:22:40")
        self.task_ends("api", hosts, last_line="orders-api 4.2.0 up in 3.1 s")
        self.at("23:23:10")
        self.verdict("checkout latency", "healthy", "200", latency=0.131)
        self.at("23:26:20")
        self.happens(ev.LimitCrossed(host="cache1", metric="memory", value=92.4, limit=90.0))
        self._note("ana", "cache1 is filling: expected, evicts at 95 %", host="cache1")
        self.at("23:27:45")
        hosts = self.batch("api", 1)
        self.at("23:29:40")
        self.verdict("checkout latency", "degraded", "slower than 200 ms", latency=0.238)
        self.at("23:29:48")
        self.links("cache2", "lost", "no answer for 3 s: keepalive timed out; trying again in 4 s")
        self.at("23:30:10")
        done = [h for h in hosts if h not in ("api3", "api4")]
        self.task_ends("api", done, last_line="orders-api 4.2.0 up in 3.4 s")
        self.at("23:30:30", "rollout")
        self.facts("cache2")
        if self._moment == "armed":
            self._armed()
        self._trouble()
        if self._moment == "rollback":
            self._rollback()
        self._recovery()

    def _trouble(self) -> None:
        self.at("23:31:20")
        self.links("api3", "lost", "no answer for 3 s: keepalive timed out")
        self.happens(ev.TaskUnknown(
            step="api", host="api3", attempt=1, reason="the link broke while the command ran"
        ))  # fmt: skip
        self.at("23:32:05")
        last = "dpkg: error processing package orders-api (--configure): exit status 1"
        self.task_ends("api", ["api4"], exit_code=100, last_line=last)
        self.step_ends("api")
        self.at("23:33:00")
        self.verdict("orders health", "failing", "503 Service Unavailable", failures=3, latency=0.087)
        self.happens(ev.WindowPaused(reason="canary orders health is failing: 503 Service Unavailable"))
        self._note("tom", "api4: half-configured package, no space on /boot", step="api", host="api4", mark="bad")
        self.at("23:37:40", "trouble")

    def _armed(self) -> None:
        """The rest of the fleet goes well; then the step that hosts undo by themselves."""
        self.at("23:33:10")
        self.task_ends("api", ["api3", "api4"], last_line="orders-api 4.2.0 up in 3.2 s")
        self.verdict("checkout latency", "healthy", "200", latency=0.127)
        self.at("23:38:20")
        self.task_ends_after("api", 2, "23:42:30")
        self.step_ends("api")
        self.at("23:44:00")
        self.does("ana", cmd.Start(step="traffic"))
        attempt = self.state.steps["traffic"].attempt
        self.happens(ev.BatchStarted(step="traffic", attempt=attempt, batch=0))
        for host in ("lb1", "lb2"):
            name = next(h for h in self.plan.targets(self._spec("traffic")) if h.startswith(host))
            self.happens(ev.DeadmanArmed(step="traffic", host=name, attempt=attempt, seconds=600.0))
            self.happens(ev.TaskStarted(step="traffic", host=name, attempt=attempt))
        self.at("23:44:12")
        self.task_ends("traffic", self.plan.targets(self._spec("traffic")), last_line="weights: new 100, old 0")
        self.step_ends("traffic")
        self.at("23:48:00", "armed")

    def _rollback(self) -> None:
        """Back to 4.1: the second batch first, as it was done last."""
        self.at("23:40:10")
        self.facts("api3")
        self.at("23:42:00")
        self.does("mei", cmd.StartRollback(confirm=self.plan.window.id, step="api", reason="4.2 does not fit on /boot"))
        assert self.state.rollback is not None
        batches = self.state.rollback.undo[0].batches
        self.happens(ev.RollbackStarted(step="api", reason=self.state.rollback.reason, batches=batches))
        for host in batches[0]:
            self.happens(ev.TaskStarted(step="api", host=host, attempt=1, batch=1, undo=True))
        self.at("23:43:30")
        for host in batches[0]:
            if host not in ("api3", "api4"):
                self._undo_ends(host, 0, "orders-api 4.1.7 up in 3.0 s")
        self.at("23:43:50")
        self._undo_ends("api4", 100, "dpkg: error: dpkg frontend lock is held by process 4711")
        self.at("23:44:10", "rollback")

    def _undo_ends(self, host: str, exit_code: int, last_line: str) -> None:
        started = self.state.steps["api"].tasks[host].started
        assert started is not None
        self.happens(ev.TaskFinished(
            step="api", host=host, attempt=1, exit=exit_code, seconds=round(self.now - started, 3), undo=True,
            output=f"output/api.undo.1.{host}.log", bytes=812, sha256=golden_frame.digest("undo", host, 1),
            last_line=self._foreign(last_line),
        ))  # fmt: skip

    def _spec(self, step: str) -> Step:
        spec = self.plan.step(step)
        assert spec is not None
        return spec

    def _recovery(self) -> None:
        self.at("23:40:10")
        self.facts("api3")
        self.at("23:41:30")
        looked = "looked on api3: 4.2.0 is up and answers"
        self.does("tom", cmd.Settle(step="api", host="api3", outcome="done", reason=looked))
        self.at("23:42:00")
        self.verdict("orders health", "healthy", "200 ok", latency=0.052)
        self.verdict("checkout latency", "healthy", "200", latency=0.140)
        self.at("23:44:40")
        self.does("mei", cmd.Resume(reason="api4 is clean, health is green"))
        self.at("23:45:30")
        self.does(
            "mei", cmd.Start(step="api", override="two batches are on 4.2 and healthy; forward is shorter than back")
        )
        self.task_ends_after("api", 1, "23:50:05")
        self.at("23:55:06")
        hosts = self.batch("api", 2)
        self.at("23:57:00", "late")
        self.happens(ev.LimitCleared(host="cache1", metric="memory", value=83.0, limit=90.0))
        self.at("00:00:20")
        self.task_ends("api", hosts, last_line="orders-api 4.2.0 up in 2.9 s")
        self.step_ends("api")

    def task_ends_after(self, step: str, batch: int, time: str) -> None:
        """A batch runs from now to ``time``, and all goes well."""
        hosts = self.batch(step, batch)
        self.at(time)
        self.task_ends(step, hosts, last_line="orders-api 4.2.0 up in 3.0 s")

    def _verify(self) -> None:
        self.at("00:01:00")
        self.does("ana", cmd.Claim(step="traffic"))
        self.does(
            "mei", cmd.Start(step="traffic", override="all hosts are on 4.2: sending traffic back is the way out")
        )
        self.at("00:05:10")
        self.does("ana", cmd.Tick(step="traffic"))
        self.at("00:06:00")
        self.does("mei", cmd.Start(step="soak"))
        self.at("00:26:00")
        self.bake_ends("soak", "20 min healthy")
        self.at("00:26:40")
        self.does("tom", cmd.Start(step="drop-15", confirm="drop-15"))
        hosts = self.batch("drop-15", 0)
        self.at("00:26:50")
        self.at("00:29:00")
        self.task_ends("drop-15", hosts, last_line="")
        self.step_ends("drop-15")
        self._note("mei", "move backups off the shared volume before the next window", mark="action")
        self._note("tom", "p95 is 142 ms on 16, no writes lost", mark="good")
        self.at("00:31:00")
        self.does("mei", cmd.Close(confirm="orders-pg16"))
        self.at("00:31:05", "closed")

    def _note(self, login: str, text: str, step: str = "", host: str = "",
              mark: Literal["", "good", "bad", "lucky", "action"] = "") -> None:  # fmt: skip
        self.does(login, cmd.Note(text=self._foreign(text), step=step, host=host, mark=mark))

    def _foreign(self, text: str) -> str:
        """What a host or a person says, at its worst in the hostile story."""
        return text + " " + " ".join(golden_plan.NASTY.values()) if text and self._hostile else text


_CANARIES = {  # by what they are: the hostile plan calls them by other names
    "orders health": "httppause",
    "checkout latency": "httpwarn",
    "replication lag": "runpause",
    "certificate": "tlswarn",
}
