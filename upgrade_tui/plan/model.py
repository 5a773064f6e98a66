"""The plan as typed, immutable structures: one class a TOML table, field names as in the file.

Durations are seconds (``Duration``), shares are 0 to 100 (``Percent``). ``upgrade_tui.plan.reader`` makes these from
a file; nothing here reads anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Literal

from msgspec import Struct, field

from upgrade_tui.units import Duration, Percent
from upgrade_tui.units import shown as _shown

Role = Literal["lead", "engineer", "observer"]
Level = Literal["low", "medium", "high"]
StepKind = Literal["manual", "command", "gate", "bake"]
OnFail = Literal["warn", "pause", "rollback"]
UndoScope = Literal["step", "phase", "all"]

LOCAL = "local"  # as a step's `on` or a host's address: this machine, without SSH


def _seconds(text: str) -> Duration:
    return Duration.parse(text)


class When:
    """A moment: a TOML date-time with its offset, or ``"now"`` (``at`` is None) for drills."""

    __slots__ = ("at",)

    def __init__(self, at: datetime | None) -> None:
        self.at = at

    @classmethod
    def parse(cls, value: object) -> When:
        """Raises ValueError that says what would be right."""
        if value == "now":
            return cls(None)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError(
                    f"expected an offset after the time, such as {value.isoformat()}Z or {value.isoformat()}+08:00"
                )
            return cls(value)
        raise ValueError(
            f'expected a date-time such as 2026-11-21T22:00:00+08:00 (without quotes) or "now", got {_shown(value)}'
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, When) and other.at == self.at

    def __hash__(self) -> int:
        return hash(self.at)

    def __repr__(self) -> str:
        return f"When({self.at.isoformat() if self.at else 'now'})"


class Window(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[window]``: when, for what, and what was promised. Either ``end`` or ``duration``."""

    id: str
    title: str
    start: When
    end: When | None = None
    duration: Duration | None = None
    change: str = ""
    margin: Duration = field(default_factory=lambda: _seconds("10m"))
    rto: Duration | None = None
    goal: str = ""
    services: tuple[str, ...] = ()
    accept_no_way_back: str = ""  # why the plan may have a time without a way back before its point of no return


class Person(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[people.LOGIN]``: the key is an OS login; who attaches and is not listed is an observer."""

    role: Role
    name: str = ""
    contact: str = ""


class Risk(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[risks]]``: a row of the risk matrix. ``watch`` names canaries that would show it happening."""

    title: str
    likelihood: Level
    impact: Level
    response: str = ""
    owner: str = ""
    watch: tuple[str, ...] = ()


class Ssh(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[ssh]`` for all hosts, or ``[hosts.NAME.ssh]`` for one. What is not given comes from ``~/.ssh/config``.

    Host keys are always verified. Times in seconds.
    """

    user: str | None = None
    port: int | None = None
    identity: tuple[str, ...] = ()
    known_hosts: str | None = None
    config: str | None = None  # an ssh_config file instead of ~/.ssh/config
    jump: str | None = None  # ProxyJump: [user@]host[:port][,...]
    job_dir: str = ""  # where job directories are on the hosts; left out, in the login user's state directory
    connect_timeout: Duration = field(default_factory=lambda: _seconds("5s"))
    keepalive: Duration = field(default_factory=lambda: _seconds("1s"))


class Host(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[hosts.NAME]``: a machine; ``address = "local"`` is this one. ``disks``: mount points, ``units``: systemd's."""

    address: str
    groups: tuple[str, ...] = ()
    disks: tuple[str, ...] = ("/",)
    units: tuple[str, ...] = ()
    proc_root: str = "/proc"
    limits: Mapping[str, Percent] = {}
    ssh: Ssh | None = None
    note: str = ""


class Watch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[watch]``: how often hosts are sampled and what they must not exceed.

    ``limits`` keys: ``cpu``, ``memory``, ``swap``, ``disk``, ``iowait``, ``steal``, ``load`` (of the CPUs),
    ``psi_cpu``, ``psi_memory``, ``psi_io``; each in percent. Crossed after ``for`` seconds above, cleared after as long
    at ``clear`` percentage points below.
    """

    interval: Duration = field(default_factory=lambda: _seconds("1s"))
    limits: Mapping[str, Percent] = {}
    sustain: Duration = field(default_factory=lambda: _seconds("5s"), name="for")
    clear: Percent = field(default_factory=lambda: Percent(5))


class Expect(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a canary must answer.

    ``status``, ``body`` (a substring): http. ``days`` (at least): tls. ``exit``, ``min``, ``max``
    (of the number printed): run.
    """

    status: int | None = None
    body: str | None = None
    days: int | None = None
    exit: int | None = None
    min: float | None = None
    max: float | None = None


class Canary(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[canaries]]``: a named health signal. Exactly one of ``http``, ``tcp``, ``tls``, ``run``.

    Degraded at the first failure (or answers slower than ``max_latency``), failing after ``failure_limit`` failures
    in a row, healthy again after ``recovery`` good answers in a row.
    """

    name: str
    http: str | None = None
    tcp: str | None = None  # host:port
    tls: str | None = None  # host:port
    run: str | None = None
    on: str | None = None  # `run` only: a host of the plan or "local"
    method: Literal["GET", "HEAD", "POST"] = "GET"
    headers: Mapping[str, str] = {}
    verify: bool = True  # TLS certificates of http and tls
    expect: Expect = field(default_factory=Expect)
    max_latency: Duration | None = None
    interval: Duration = field(default_factory=lambda: _seconds("5s"))
    timeout: Duration = field(default_factory=lambda: _seconds("2s"))
    failure_limit: int = 3
    recovery: int = 3
    on_fail: OnFail = "warn"
    undo: UndoScope = "step"  # what `on_fail = "rollback"` undoes: the steps that list it, their phases, or everything

    @property
    def probe(self) -> str:
        """Which of http, tcp, tls, run this is."""
        return next((kind for kind in ("http", "tcp", "tls", "run") if getattr(self, kind) is not None), "none")


class Rollback(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to undo one batch of a step: a command (``run``) or instructions (``manual``). ``estimate``: one batch."""

    estimate: Duration
    run: str | None = None
    manual: str | None = None
    check: str | None = None
    timeout: Duration | None = None


class Check(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A ready-made check of a host, without shell: one of the preflight kit. Each says what it found."""

    free: str | None = None  # mount point: at least `min`
    memory: str | None = None  # at least so much available, "2GiB"
    load: Percent | None = None  # one-minute load at most so much of the CPUs
    port: str | None = None  # host:port that must answer from there
    package: str | None = None  # installed; with `version`, that version
    program: str | None = None  # on the PATH; with `version`, what its --version says
    version: str = ""
    unit: str | None = None  # systemd unit that must be active
    clock: Duration | None = None  # clock at most so far from the conductor's
    no_reboot_pending: bool = False
    backup: str | None = None  # file: exists, not empty, not older than `max_age`, checksum of `sha256` file verifies
    max_age: Duration | None = None
    sha256: str | None = None  # checksum file beside the backup
    min: str = ""  # a size such as "5GiB" (free, backup) or a share such as "10%" (free)


class Step(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[steps]]``: in file order, grouped by ``phase``.

    ``kind`` may be left out: with ``run`` a step is a command, without it manual. ``estimate`` and
    ``rollback.estimate`` are for one batch. ``needs`` names steps that must be over first; left out, it is the step
    before.
    """

    id: str
    title: str
    phase: str = ""
    kind: StepKind | None = None
    owner: str = ""
    on: str | tuple[str, ...] = ()
    run: str | None = None
    check: str | None = None  # exit 0: the step's work is done and right
    instructions: str = ""
    needs: tuple[str, ...] | None = None
    batches: tuple[int | str, ...] = ("100%",)
    max_fail: Percent = field(default_factory=lambda: Percent(0))
    estimate: Duration = field(default_factory=lambda: _seconds("1m"))
    timeout: Duration | None = None
    canaries: tuple[str, ...] = ()
    bake: Duration | None = None  # a command's pause between batches; a bake step's length
    parallel: int | None = None  # at most so many hosts of a batch at a time
    stop: Literal["batch", "now"] = "batch"  # too many failed: end the batch first, or start nothing more at once
    on_fail: Literal["stop", "rollback"] = "stop"  # too many failed: only stop, or undo all of the step's hosts as well
    once: bool = False  # run once, for the first of its hosts
    run_on: str = ""  # run there instead, once for each host of `on`, which $UPGRADE_HOST names
    check_first: bool = True  # where `check` passes before, there is nothing to run
    checks: tuple[Check, ...] = ()  # ready-made checks instead of `run`: the preflight kit
    evidence: bool = False  # manual: ticking it needs a word on what was seen
    secret_env: tuple[str, ...] = ()  # variables from the conductor's environment, given to the command over stdin
    secret_command: str | None = None  # run beside the conductor; prints NAME=VALUE lines for those of secret_env
    confirm_within: Duration | None = None  # dead-man: the host undoes the step by itself unless confirmed in time
    on_armed: bool = False  # a step that changes nothing: it runs on what is armed, not yet confirmed
    confirm: Literal["person", "auto"] = "person"  # who confirms; auto: a passed check and healthy canaries
    failure_changes_nothing: bool = False  # a failed attempt left nothing to undo: it disarms the dead-man rollback
    rollback: Rollback | None = None
    irreversible: bool = False
    changes: bool = True  # false: the step only looks (a check before or after), there is nothing to undo
    approvals: int = 1
    by: tuple[str, ...] = ()

    @property
    def what(self) -> StepKind:
        """The kind, worked out where the plan leaves it out."""
        return self.kind or ("command" if self.run is not None or self.checks else "manual")

    @property
    def places(self) -> tuple[str, ...]:
        """``on`` as a tuple of names: hosts, groups or ``local``."""
        return (self.on,) if isinstance(self.on, str) else self.on


class Plan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A whole plan file. Lookups by name are worked out once and kept: the clock asks several times a second."""

    window: Window
    people: Mapping[str, Person] = {}
    risks: tuple[Risk, ...] = ()
    ssh: Ssh = field(default_factory=Ssh)
    hosts: Mapping[str, Host] = {}
    watch: Watch = field(default_factory=Watch)
    canaries: tuple[Canary, ...] = ()
    steps: tuple[Step, ...] = ()

    def step(self, step_id: str) -> Step | None:
        """The step with this id, or None."""
        return self._steps.get(step_id)

    def canary(self, name: str) -> Canary | None:
        """The canary with this name, or None."""
        return self._canaries.get(name)

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Group name -> its hosts in file order; ``all`` is every host."""
        return self._groups

    def targets(self, step: Step) -> tuple[str, ...]:
        """The hosts a step is for, in order and once each; only the first with ``once``.

        ``local`` for a command that names no place at all.
        """
        if not step.places:
            return (LOCAL,) if step.what == "command" else ()
        out = dict[str, None]()
        for place in step.places:
            names = (place,) if place in self.hosts or place == LOCAL else self._groups.get(place, ())
            out.update(dict.fromkeys(names))
        return tuple(out)[:1] if step.once else tuple(out)

    def needs(self, step: Step) -> tuple[str, ...]:
        """Ids of the steps that must be over before ``step``: as written, else the step before it."""
        if step.needs is not None:
            return step.needs
        before = self._before.get(step.id)
        return () if before is None else (before,)

    @cached_property
    def cut(self) -> dict[str, tuple[Step, tuple[tuple[str, ...], ...]]]:
        """Batches already worked out, by step id: ``estimate.batches_of`` keeps them here. The plan never changes."""
        return {}

    @cached_property
    def _steps(self) -> dict[str, Step]:
        return {step.id: step for step in reversed(self.steps)}

    @cached_property
    def _canaries(self) -> dict[str, Canary]:
        return {canary.name: canary for canary in reversed(self.canaries)}

    @cached_property
    def _before(self) -> dict[str, str]:
        return {step.id: before.id for before, step in pairwise(self.steps)}

    @cached_property
    def _groups(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {"all": dict.fromkeys(self.hosts)}
        for name, host in self.hosts.items():
            for group in host.groups:
                found.setdefault(group, {})[name] = None
        return {group: tuple(names) for group, names in found.items()}
