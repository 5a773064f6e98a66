"""The plan as typed, immutable structures: one class a TOML table, field names as in the file.

Durations are seconds (``Duration``), shares are 0 to 100 (``Percent``). ``upgrade_tui.plan.reader`` makes these from
a file; nothing here reads anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from typing import Annotated as Key
from typing import Any, ClassVar, Literal

from msgspec import Struct, field
from msgspec.structs import force_setattr

from upgrade_tui.plan.inventory import Host, Ssh, Watch
from upgrade_tui.plan.keys import BATCHES, BY_NAME, COUNTED, NAMED, SOME, VARIABLES, says
from upgrade_tui.plan.kit import Check
from upgrade_tui.units import Duration, Percent, When

Role = Literal["lead", "engineer", "observer"]
RiskLevel = Literal["low", "medium", "high"]
StepKind = Literal["bake", "command", "gate", "manual"]
OnFail = Literal["warn", "pause", "rollback"]
UndoScope = Literal["all", "phase", "step"]

LOCAL = "local"  # as a step's `on` or a host's address: this machine, without SSH

SHORT_NAME = 'write id = "a-short-name"; commands and files use it'
FEW_WORDS = 'write title = "what this is, in a few words"'


class Window(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[window]``: when, for what, and what was promised. Either ``end`` or ``duration``."""

    heading: ClassVar = "[window]"
    one_of: ClassVar = ("end", "duration")

    id: Key[str, says("Short name; the window's directory is named after it.", missing=SHORT_NAME, schema=NAMED)]
    title: Key[str, says("What this window is, as people say it.", text="label", missing=FEW_WORDS)]
    start: Key[
        When,
        says(
            'When it opens: a date-time with its offset, or "now" for a drill.',
            missing='write start = 2026-12-05T22:00:00+08:00, or start = "now" for a drill',
        ),
    ]
    end: Key[When | None, says("When it must be over. Either this or `duration`.")] = None
    duration: Key[Duration | None, says("How long it is. Either this or `end`.")] = None
    change: Key[str, says("Number of the change request or ticket.", text="label")] = ""
    margin: Key[Duration, says("Kept free before the end: rolling back must be over by then.")] = field(
        default_factory=lambda: Duration.parse("10m")
    )
    rto: Key[Duration | None, says("Promised recovery time: no rollback may ever take longer.")] = None
    goal: Key[str, says("What is true when it worked.", text="prose")] = ""
    services: Key[tuple[str, ...], says("The services that are touched.", text="label")] = ()
    accept_no_way_back: Key[
        str, says("Why there may be steps after which no time is left to go back; else that is refused.")
    ] = ""


class Person(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[people.LOGIN]``: the key is an OS login; who attaches and is not listed is an observer."""

    heading: ClassVar = "[people.LOGIN]"

    role: Key[Role, says("lead (may override), engineer (may act), observer (may look).")]
    name: Key[str, says("As colleagues call them.")] = ""
    contact: Key[str, says("Phone or chat, for the preview and the retrospective.", text="label")] = ""


class Risk(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[risks]]``: a row of the risk matrix. ``watch`` names canaries that would show it happening."""

    heading: ClassVar = "[[risks]]"

    title: Key[str, says("What may go wrong.", text="label", missing=FEW_WORDS)]
    likelihood: Key[RiskLevel, says("How likely it is.")]
    impact: Key[RiskLevel, says("How bad it would be.")]
    response: Key[str, says("What to do if it happens.", text="prose")] = ""
    owner: Key[str, says("Login of who watches for it.")] = ""
    watch: Key[tuple[str, ...], says("Canaries that would show it.")] = ()


class Expect(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a canary must answer."""

    heading: ClassVar = "a canary's `expect`"

    status: Key[int | None, says("HTTP status; any 2xx or 3xx without it.", only="http")] = None
    body: Key[str | None, says("Text the answer must contain.", text="lines", only="http")] = None
    days: Key[int | None, says("Days the certificate must still be valid.", only="tls")] = None
    exit: Key[int | None, says("Exit code of the command; 0 without it.", only="run")] = None
    min: Key[float | None, says("The number it prints must be at least this.", only="run")] = None
    max: Key[float | None, says("The number it prints must be at most this.", only="run")] = None


class Canary(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[canaries]]``: a named health signal. Exactly one of ``http``, ``tcp``, ``tls``, ``run``.

    Degraded at the first failure (or answers slower than ``max_latency``), failing after ``failure_limit`` failures
    in a row, healthy again after ``recovery`` good answers in a row.
    """

    heading: ClassVar = "[[canaries]]"
    one_of: ClassVar = ("http", "tcp", "tls", "run")

    name: Key[str, says("What steps, risks and the screen call it.", missing='write name = "what this canary tells"')]
    http: Key[str | None, says("URL to ask.")] = None
    tcp: Key[str | None, says("host:port that must accept a connection.")] = None
    tls: Key[str | None, says("host:port whose certificate is looked at.")] = None
    run: Key[str | None, says("Command whose exit code or number tells.", text="command")] = None
    on: Key[str | None, says('For `run`: a host of the plan, or "local".', only="run")] = None
    method: Key[Literal["GET", "HEAD", "POST"], says("HTTP method.", only="http")] = "GET"
    headers: Key[
        Mapping[str, str], says("HTTP headers. No secrets: everybody attached can read the plan.", only="http")
    ] = {}
    verify: Key[bool, says("Verify the certificate of http and tls.", only="http tls")] = True
    expect: Key[Expect, says("What it must answer.")] = field(default_factory=Expect)
    max_latency: Key[Duration | None, says("A slower answer is degraded.")] = None
    interval: Key[Duration, says("How often it is asked.")] = field(default_factory=lambda: Duration.parse("5s"))
    timeout: Key[Duration, says("How long an answer may take.")] = field(default_factory=lambda: Duration.parse("2s"))
    failure_limit: Key[int, says("Failing after so many bad answers in a row.", schema=COUNTED)] = 3
    recovery: Key[int, says("Healthy again after so many good answers in a row.", schema=COUNTED)] = 3
    on_fail: Key[OnFail, says("What failing does: warn, pause the window, or roll back.")] = "warn"
    undo: Key[
        UndoScope, says('What `on_fail = "rollback"` undoes: the steps that list it, their phases, or everything.')
    ] = "step"

    @property
    def probe(self) -> str:
        """Which of http, tcp, tls, run this is."""
        return next((kind for kind in self.one_of if getattr(self, kind) is not None), "none")


class Rollback(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to undo one batch of a step: a command (``run``) or instructions (``manual``). ``estimate``: one batch."""

    heading: ClassVar = "a step's `rollback`"
    one_of: ClassVar = ("run", "manual")

    estimate: Key[
        Duration, says("How long undoing one batch takes.", missing='write estimate = "5m": what one batch takes')
    ]
    run: Key[str | None, says("Command that undoes the step, on the same hosts.", text="command")] = None
    manual: Key[str | None, says("Instructions for undoing it by hand.", text="prose")] = None
    check: Key[str | None, says("Command that proves with exit 0 that it is undone.", text="command")] = None
    timeout: Key[Duration | None, says("Give the command up after this long.")] = None


_LEFT_OUT: Any = ""  # of a `kind`: never seen outside, a step works its own out


class Step(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[steps]]``: in file order, grouped by ``phase``.

    ``kind`` may be left out: with ``run`` a step is a command, without it manual. ``estimate`` and
    ``rollback.estimate`` are for one batch. ``needs`` names steps that must be over first; left out, it is the step
    before.
    """

    heading: ClassVar = "[[steps]]"

    id: Key[str, says("Short name; commands and files use it.", missing=SHORT_NAME, schema=NAMED)]
    title: Key[str, says("What is done, as people say it.", text="label", missing=FEW_WORDS)]
    phase: Key[str, says("Heading it stands under; keep a phase's steps together.", text="label")] = ""
    kind: Key[
        StepKind, says("manual, command, gate or bake. Left out: command with `run` or `checks`, else manual.")
    ] = _LEFT_OUT
    owner: Key[str, says("Login of who does it.")] = ""
    on: Key[
        str | tuple[str, ...], says('Where: a host, a group, a list of them, or "local".', only="manual command")
    ] = ()
    run: Key[str | None, says("The command. No pty; use sudo -n.", text="command", only="command")] = None
    check: Key[
        str | None,
        says("Command that proves with exit 0 that the work is done and right.", text="command", only="command"),
    ] = None
    instructions: Key[str, says("What to do or to look at, for people.", text="prose")] = ""
    needs: Key[
        tuple[str, ...] | None, says("Ids of earlier steps that must be over first. Left out: the step before.")
    ] = None
    batches: Key[
        tuple[int | str, ...], says("How many hosts at a time; the last entry repeats.", only="command", schema=BATCHES)
    ] = ("100%",)
    max_fail: Key[Percent, says("Share of hosts that may fail without the step failing.", only="command")] = field(
        default_factory=lambda: Percent(0)
    )
    estimate: Key[Duration, says("How long one batch takes.", only="manual command gate")] = field(
        default_factory=lambda: Duration.parse("1m")
    )
    timeout: Key[
        Duration | None,
        says(
            "Give a host's command up, or a gate, after this long. A gate that times out is a no.", only="command gate"
        ),
    ] = None
    canaries: Key[tuple[str, ...], says("Canaries that must stay healthy.")] = ()
    bake: Key[
        Duration | None, says("A command's pause between batches; a bake step's length.", only="command bake")
    ] = None
    parallel: Key[
        int | None, says("At most so many hosts of a batch at the same time.", only="command", schema=COUNTED)
    ] = None
    stop: Key[
        Literal["batch", "now"],
        says("Too many hosts failed: batch = end the batch, then stop; now = start no other host.", only="command"),
    ] = "batch"
    on_fail: Key[
        Literal["stop", "rollback"],
        says(
            "Too many hosts failed: stop = only stop; rollback = undo all of the step's hosts by itself.",
            only="command",
        ),
    ] = "stop"
    once: Key[bool, says("Run once only, for the first of its hosts.", only="command")] = False
    run_on: Key[
        str,
        says(
            'Run there instead, once for each host of `on`, which $UPGRADE_HOST names: a host, or "local".',
            only="command",
        ),
    ] = ""
    check_first: Key[
        bool, says("Where `check` passes before, there is nothing to run: the step is done already.", only="command")
    ] = True
    checks: Key[tuple[Check, ...], says("Ready-made checks of each host, instead of `run`.", only="command")] = ()
    evidence: Key[bool, says("A manual step that is only ticked with a word on what was seen.", only="manual")] = False
    secret_env: Key[
        tuple[str, ...],
        says(
            "Variables given to the command, taken from the conductor's environment. Never shown or logged.",
            only="command",
            schema=VARIABLES,
        ),
    ] = ()
    secret_command: Key[
        str | None,
        says(
            "Run beside the conductor instead: prints a line NAME=VALUE for each name in `secret_env`.",
            text="command",
            only="command",
        ),
    ] = None
    confirm_within: Key[
        Duration | None,
        says("Each host undoes the step by itself, unless confirmed so long after its start.", only="command"),
    ] = None
    on_armed: Key[
        bool, says("A step that changes nothing runs on what is armed, before it is confirmed.", only="command")
    ] = False
    confirm: Key[
        Literal["person", "auto"],
        says(
            "Who confirms: person, or auto at the end of the bake: `check` passed, the step's canaries healthy.",
            only="command",
        ),
    ] = "person"
    failure_changes_nothing: Key[
        bool, says("Where the command fails there is nothing to undo: `confirm_within` is called off.", only="command")
    ] = False
    rollback: Key[Rollback | None, says("How one batch is undone.", only="manual command")] = None
    irreversible: Key[
        bool, says("There is no way back from this step: the point of no return.", only="manual command")
    ] = False
    changes: Key[bool, says("false: the step only looks, there is nothing to undo.", only="command")] = True
    approvals: Key[int, says("How many people must say go.", only="gate", schema=COUNTED)] = 1
    by: Key[tuple[str, ...], says("Logins of who may say go. Left out: anyone but observers.", only="gate")] = ()

    def __post_init__(self) -> None:
        """The kind, worked out where the plan leaves it out."""
        if self.kind == _LEFT_OUT:
            force_setattr(self, "kind", "command" if self.run is not None or self.checks else "manual")

    @property
    def places(self) -> tuple[str, ...]:
        """``on`` as a tuple of names: hosts, groups or ``local``."""
        return (self.on,) if isinstance(self.on, str) else self.on


class Plan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """A whole plan file. Lookups by name are worked out once and kept: the clock asks several times a second."""

    heading: ClassVar = "the plan"

    window: Key[
        Window,
        says(
            "When, for what, and what was promised.",
            missing="add [window] with `id`, `title`, `start`, and `end` or `duration`",
        ),
    ]
    people: Key[
        Mapping[str, Person], says("Who takes part: OS login to role. Who attaches and is not listed is an observer.")
    ] = {}
    risks: Key[tuple[Risk, ...], says("Rows of the risk matrix.")] = ()
    ssh: Key[
        Ssh, says("How hosts are reached; what is not given comes from ~/.ssh/config. Host keys are always verified.")
    ] = field(default_factory=Ssh)
    hosts: Key[Mapping[str, Host], says("The machines, by name.", schema=BY_NAME)] = {}
    watch: Key[Watch, says("How often hosts are sampled, and what they must not exceed.")] = field(
        default_factory=Watch
    )
    canaries: Key[tuple[Canary, ...], says("Named health signals.")] = ()
    steps: Key[tuple[Step, ...], says("The steps in order, grouped by phase.", schema=SOME)] = ()

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
            return (LOCAL,) if step.kind == "command" else ()
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
