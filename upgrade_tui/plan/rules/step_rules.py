"""Steps: keys that mean something for their kind, places and needs that exist, batches and rollbacks that work."""

from __future__ import annotations

import re

from upgrade_tui.plan.batches import size
from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.estimate import batches_of
from upgrade_tui.plan.keys import keys_of
from upgrade_tui.plan.model import LOCAL, Plan, Rollback, Step
from upgrade_tui.plan.rules.rule_context import Context
from upgrade_tui.plan.shape import choices, shown_toml
from upgrade_tui.plan.step_kinds import STEP_KINDS

_NOT_ONCE = ("batches", "parallel", "max_fail", "stop", "bake")
_NOT_CHECKS = {
    "check": "the checks themselves say what is right",
    "rollback": "checks change nothing: there is nothing to undo",
    "irreversible": "checks change nothing",
    "secret_env": "checks use no secrets",
    "secret_command": "checks use no secrets",
    "confirm_within": "checks change nothing: there is nothing to undo",
    "on_fail": "checks change nothing: there is nothing to undo",
}
_IS_ACTIVE = re.compile(r"\s*(?:sudo -n )?systemctl (?:-q |--quiet )?is-active (?:-q |--quiet )?(?P<unit>[\w@.:-]+)\s*")
_RESTART = re.compile(r"\bsystemctl (?:-q |--quiet )?(?:try-)?(?:restart|reload)(?P<units>(?: [\w@.:-]+)+)")


def check(context: Context) -> None:
    """Looks at every step by itself, and at how they follow each other."""
    plan = context.plan
    if not plan.steps and not context.broken(("steps",)):
        context.error(("steps",), "this plan has no steps", "add [[steps]] with an `id` and a `title`")
    for i, step in enumerate(plan.steps):
        path: KeyPath = ("steps", i)
        _kind(context, path, step)
        _places(context, path, step)
        _times(context, path, step)
        if STEP_KINDS[step.kind].on_hosts:
            _batches(context, path, step)
            _where(context, path, step)
            _instead(context, path, step)
            _done_already(context, path, step)
        if STEP_KINDS[step.kind].may_change:
            _undo(context, path, step)
    _needs(context)
    _phases(context)


def _kind(context: Context, path: KeyPath, step: Step) -> None:
    """Refuses what means nothing for this kind of step, and misses what it cannot do without."""
    given, kind = context.written(*path), step.kind
    if context.broken((*path, "kind")):
        return
    for key in given:
        only = keys_of(Step)[key].only
        if only and kind not in only:
            hint = f"drop it, or write {_meant(key, only)}"
            context.error((*path, key), f"`{key}` means nothing for a {kind} step", hint, at_key=True)
    nothing = not (step.run or "").strip() and not step.checks
    if kind == "command" and nothing and not context.broken((*path, "run"), (*path, "checks")):
        place = (*path, "run" if "run" in given else "kind")
        hint = 'write run = "…", or `checks`; without either, drop `kind`: it is a manual step'
        context.error(place, "a command step needs a command", hint)
    if kind == "bake" and "bake" not in given:
        context.error((*path, "kind"), "a bake step needs its length", 'write bake = "10m"')
    if kind == "bake" and not context.plan.canaries and not context.findings.broken_field("canaries"):
        context.warn((*path, "kind"), "this bakes without a canary to watch: it is only a pause", "add [[canaries]]")


def _meant(key: str, only: tuple[str, ...]) -> str:
    if only == ("command",) or key == "timeout":
        return "`run`" if key != "run" else 'kind = "command"'
    return 'kind = "bake"' if key == "bake" else f'kind = "{only[0] if len(only) == 1 else "command"}"'


def _places(context: Context, path: KeyPath, step: Step) -> None:
    plan = context.plan
    if context.findings.broken_field("hosts", "groups") or context.broken((*path, "on")):
        return  # a group may be missing only because its `groups` could not be read
    known = [*plan.hosts, *plan.groups(), LOCAL]
    many = not isinstance(step.on, str)
    for i, place in enumerate(step.places):
        context.refer((*path, "on", i) if many else (*path, "on"), place, known, "host or group")
    if many:
        context.once((*path, "on"), step.places)
        if not step.places and "on" in context.written(*path):
            context.error((*path, "on"), "`on` names no place", 'a host, a group, or "local"')
    if "all" in step.places and not plan.hosts:
        context.error((*path, "on"), "there are no [hosts.NAME] in this plan", 'add hosts, or write on = "local"')


def _batches(context: Context, path: KeyPath, step: Step) -> None:
    place = (*path, "batches")
    if not step.batches and not context.broken(place):
        context.error(place, "`batches` is empty", 'write [1, "50%", "100%"], or drop it to take all hosts at once')
    for i, entry in enumerate(step.batches):
        try:
            size(entry, 1)
        except ValueError as error:
            if not context.broken((*place, i)):
                context.error((*place, i), f"`batches[{i}]`: {error}")
            context.findings.breaks((*place, i))
    known = step.batches and not step.once and not context.broken(place, (*path, "on"), (*path, "bake"))
    if step.bake is not None and step.confirm != "auto" and known and len(batches_of(context.plan, step)) == 1:
        context.warn(
            (*path, "bake"),
            "`bake` is the pause between batches, and this step has only one batch",
            'write smaller `batches`, or a step with kind = "bake" after this one',
            at_key=True,
        )


def _where(context: Context, path: KeyPath, step: Step) -> None:
    """``parallel``, ``once`` and ``run_on``: how many at a time, and where instead."""
    given = context.written(*path)
    if step.parallel is not None and step.parallel < 1 and not context.broken((*path, "parallel")):
        hint = "1 or more; drop it for a whole batch at a time"
        context.error((*path, "parallel"), f"`parallel` cannot be {step.parallel}", hint)
    if step.once:
        for key in _NOT_ONCE:
            if key in given:
                message = f"`{key}` means nothing for a step that runs once"
                context.error((*path, key), message, "drop it, or drop `once`", at_key=True)
    place = (*path, "run_on")
    if "run_on" not in given or context.broken(place):
        return
    groups = context.plan.groups()
    if step.run_on in groups and step.run_on not in context.plan.hosts:
        hint = f"name one of its hosts: {choices(groups[step.run_on])}" if groups[step.run_on] else "name a host"
        context.error(place, f"`run_on` is one host, and {shown_toml(step.run_on)} is a group", hint)
    elif not context.findings.broken(("hosts",)):
        context.refer(place, step.run_on, [*context.plan.hosts, LOCAL], "host")
    if not step.places and not context.broken((*path, "on")):
        hint = f"write on = {shown_toml(step.run_on)} instead, or say in `on` which hosts it is for"
        context.error(place, "`run_on` runs once for each host of `on`, and there is none", hint, at_key=True)


def _instead(context: Context, path: KeyPath, step: Step) -> None:
    """``checks`` stand instead of a command, and change nothing."""
    given = context.written(*path)
    if "checks" not in given or context.broken((*path, "checks")):
        return
    if "run" in given:
        hint = "two steps: first the checks, then what is run"
        context.error((*path, "checks"), "a step has `checks` or `run`, not both", hint, at_key=True)
    elif not step.checks:
        context.error((*path, "checks"), "`checks` is empty", 'such as [{ free = "/var", min = "5GiB" }]')
    else:
        for key, hint in _NOT_CHECKS.items():
            if key in given:
                context.error((*path, key), f"`{key}` means nothing for a step with `checks`", hint, at_key=True)


def _done_already(context: Context, path: KeyPath, step: Step) -> None:
    """A check that passes before skips the step: it must tell whether this step's work is done."""
    given = context.written(*path)
    if "check_first" in given and step.check is None and not context.broken((*path, "check")):
        message = "`check_first` means nothing without a `check`"
        context.error((*path, "check_first"), message, "write `check`, or drop it", at_key=True)
    if step.check is None or "check_first" in given or context.broken((*path, "check")):
        return
    undone = step.rollback.check if step.rollback else None
    hint = "check what only this step brings about, such as a version, or write check_first = false"
    if undone is not None and undone.split() == step.check.split():
        message = "the rollback's `check` is the same: this one passes before the step, too, which then never runs"
        context.warn((*path, "check"), message, hint)
        return
    asked = _IS_ACTIVE.fullmatch(step.check)
    again = _RESTART.search(step.run or "")
    if asked and again and _service(asked["unit"]) in [_service(unit) for unit in again["units"].split()]:
        message = f"`{asked['unit']}` is active before this step, too: it would count as done already, and never run"
        context.warn((*path, "check"), message, hint)


def _service(unit: str) -> str:
    return unit if "." in unit else f"{unit}.service"


def _times(context: Context, path: KeyPath, step: Step) -> None:
    context.positive((*path, "estimate"), step.estimate)
    context.positive((*path, "bake"), step.bake)
    if context.positive((*path, "timeout"), step.timeout) and step.kind in ("command", "gate"):
        context.shorter((*path, "timeout"), step.timeout, step.estimate)


def _undo(context: Context, path: KeyPath, step: Step) -> None:
    """How the step is undone: one way, or a clear word that there is none."""
    place = (*path, "rollback")
    if step.rollback is None:
        known = not context.broken(place, (*path, "irreversible"), (*path, "changes"))
        if known and step.changes and not step.irreversible and _touches_hosts(context.plan, step):
            context.warn(
                path,
                f"the step {shown_toml(step.id)} changes hosts and has no `rollback`",
                "add one, or write irreversible = true; changes = false if it only looks",
            )
        if step.irreversible and not step.changes:
            context.error((*path, "changes"), "a step that changes nothing is not irreversible", "drop one of the two")
        return
    _rollback(context, place, step.rollback)
    for key, wrong in (("irreversible", step.irreversible), ("changes", not step.changes)):
        if wrong:
            what = "is irreversible" if key == "irreversible" else "changes nothing"
            context.error(
                place,
                f"the step {shown_toml(step.id)} {what}, and yet has a `rollback`",
                "drop one of the two",
                at_key=True,
            )


def _rollback(context: Context, place: KeyPath, undo: Rollback) -> None:
    context.positive((*place, "estimate"), undo.estimate)
    if context.positive((*place, "timeout"), undo.timeout):
        context.shorter((*place, "timeout"), undo.timeout, undo.estimate)
    if context.broken((*place, "run"), (*place, "manual")):
        return
    ways = [way for way in ("run", "manual") if getattr(undo, way) is not None]
    if len(ways) != 1:
        what = "two ways to undo it" if ways else "no way to undo it"
        context.error(
            place, f"this `rollback` has {what}", "give it either `run` (a command) or `manual` (instructions)"
        )
    elif not str(getattr(undo, ways[0])).strip():
        context.error((*place, ways[0]), f"`{ways[0]}` is empty", "say how this step is undone")
    elif ways == ["manual"]:
        for key in ("check", "timeout"):
            if getattr(undo, key) is not None:
                context.error(
                    (*place, key), f"`{key}` means nothing for a rollback by hand", "it is for `run`", at_key=True
                )


def _touches_hosts(plan: Plan, step: Step) -> bool:
    """True if it runs on something else than this machine, or the plan says it does."""
    return step.kind == "command" and not step.checks and bool(step.places) and plan.targets(step) != (LOCAL,)


def _needs(context: Context) -> None:
    """Needs may only point back: then there is no cycle, and the file reads in the order things happen."""
    steps = context.plan.steps
    first: dict[str, int] = {}
    for i, step in enumerate(steps):
        first.setdefault(step.id, i)
    cycles = _cycles(context.plan)
    for i, step in enumerate(steps):
        path: KeyPath = ("steps", i, "needs")
        context.once(path, step.needs or ())
        for j, need in enumerate(step.needs or ()):
            if not context.findings.broken_field("steps", "id"):
                context.refer((*path, j), need, first, "step")
            if need == step.id and need:
                context.error((*path, j), f"the step {shown_toml(need)} needs itself", "drop it")
            elif first.get(need, -1) > i:
                cycle = next((c for c in cycles if step.id in c and need in c), None)
                if cycle:
                    message, hint = (
                        f"these steps wait for each other: {' → '.join((*cycle, cycle[0]))}",
                        "drop one of the needs",
                    )
                else:
                    message = f"the step {shown_toml(need)} comes later in the file"
                    hint = "move it before this one: a step needs earlier steps only"
                context.error((*path, j), message, hint)


def _cycles(plan: Plan) -> list[tuple[str, ...]]:
    """Rings of steps that wait for each other, each found from the step that stands first in it. Without recursion."""
    needs = {step.id: plan.needs(step) for step in plan.steps}
    order = {step.id: i for i, step in enumerate(plan.steps)}
    out: list[tuple[str, ...]] = []
    for start in needs:
        came: dict[str, str] = {}
        stack = [start]
        while stack:
            here = stack.pop()
            for need in needs.get(here, ()):
                if need == start and here != start:
                    ring = [here]
                    while ring[-1] != start:
                        ring.append(came[ring[-1]])
                    if order[start] == min(order[name] for name in ring):
                        out.append(tuple(reversed(ring)))
                elif need in needs and need not in came and need != start:
                    came[need] = here
                    stack.append(need)
    return out


def _phases(context: Context) -> None:
    left: dict[str, None] = {}
    before = None
    for i, step in enumerate(context.plan.steps):
        if step.phase != before and step.phase in left and not context.broken(("steps", i)):
            message = (
                f"the phase {shown_toml(step.phase)} was over already" if step.phase else "this step is in no phase"
            )
            hint = f"keep the steps of a phase together; phases so far: {choices([p for p in left if p])}"
            context.warn(("steps", i, "phase") if step.phase else ("steps", i), message, hint)
        left[step.phase] = None
        before = step.phase
