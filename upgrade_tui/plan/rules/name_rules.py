"""Names: what they may look like, that each is given once, and that whatever is referred to exists."""

from __future__ import annotations

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.keys import NAME
from upgrade_tui.plan.model import LOCAL
from upgrade_tui.plan.rules.rule_context import NAME_HINT, Context
from upgrade_tui.plan.shape import shown_toml

_RESERVED = {LOCAL: "`local` is this machine, without being listed", "all": "`all` is the group of every host"}


def check(context: Context) -> None:
    """Looks at every name in the plan, and at every reference to one."""
    _spelling(context)
    _groups(context)
    _twice(context)
    _empty(context)
    _people(context)
    _watched(context)
    _unused_hosts(context)


def _spelling(context: Context) -> None:
    plan = context.plan
    _name(context, ("window", "id"), plan.window.id, "a window's id")
    for i, step in enumerate(plan.steps):
        _name(context, ("steps", i, "id"), step.id, "a step's id")
    for name in plan.hosts:
        _name(context, ("hosts", name), name, "a host's name", at_key=True)
        if name in _RESERVED:
            context.error(
                ("hosts", name),
                f"a host cannot be called `{name}`: {_RESERVED[name]}",
                'choose another name; address = "local" makes a host of this machine',
                at_key=True,
            )


def _name(context: Context, path: KeyPath, name: str, what: str, *, at_key: bool = False) -> None:
    if not NAME.fullmatch(name) and not context.broken(path):
        context.error(path, f"{what} cannot be {shown_toml(name)}", NAME_HINT, at_key=at_key)


def _groups(context: Context) -> None:
    for name, host in context.plan.hosts.items():
        context.once(("hosts", name, "groups"), host.groups)
        for i, group in enumerate(host.groups):
            path: KeyPath = ("hosts", name, "groups", i)
            _name(context, path, group, "a group's name")
            if group in context.plan.hosts:
                context.error(path, f"{shown_toml(group)} is both a host and a group", "rename one of them")
            elif group in _RESERVED:
                context.error(
                    path, f"a group cannot be called {shown_toml(group)}: {_RESERVED[group]}", "choose another name"
                )


def _twice(context: Context) -> None:
    for table, field, names in (
        ("steps", "id", [step.id for step in context.plan.steps]),
        ("canaries", "name", [canary.name for canary in context.plan.canaries]),
    ):
        first: dict[str, int] = {}
        for i, name in enumerate(names):
            path: KeyPath = (table, i, field)
            if name in first and name and not context.broken(path):
                what = "step" if table == "steps" else "canary"
                context.error(
                    path, f"two {table} are called {shown_toml(name)}", f"it is the {what}'s only name: choose another"
                )
            first.setdefault(name, i)


def _empty(context: Context) -> None:
    plan = context.plan
    texts: list[tuple[KeyPath, str]] = [(("window", "title"), plan.window.title)]
    texts += [(("steps", i, "title"), step.title) for i, step in enumerate(plan.steps)]
    texts += [(("canaries", i, "name"), canary.name) for i, canary in enumerate(plan.canaries)]
    texts += [(("risks", i, "title"), risk.title) for i, risk in enumerate(plan.risks)]
    for path, text in texts:
        if not text.strip() and not context.broken(path):
            context.error(
                path, f"`{path[-1]}` is empty", "people will read it in the middle of the night: say what it is"
            )


def _people(context: Context) -> None:
    plan = context.plan
    if not plan.people:
        return  # owners may be free text then: nobody attaches under a name the plan knows
    if all(person.role != "lead" for person in plan.people.values()) and not context.broken(("people",)):
        context.warn(
            ("people",), "there is no lead in [people]", 'give somebody role = "lead": only a lead may override'
        )
    owners: list[tuple[KeyPath, str]] = [(("steps", i, "owner"), step.owner) for i, step in enumerate(plan.steps)]
    owners += [(("risks", i, "owner"), risk.owner) for i, risk in enumerate(plan.risks)]
    for path, owner in owners:
        if not owner or not context.refer(path, owner, plan.people, "person"):
            continue
        if plan.people[owner].role == "observer" and path[0] == "steps" and not context.broken(("people", owner)):
            context.error(
                path,
                f"{shown_toml(owner)} is an observer, and observers only look on",
                "make them an engineer in [people], or name somebody else",
            )


def _watched(context: Context) -> None:
    names = [canary.name for canary in context.plan.canaries]
    lists: list[tuple[KeyPath, tuple[str, ...]]] = [
        (("risks", i, "watch"), risk.watch) for i, risk in enumerate(context.plan.risks)
    ]
    lists += [(("steps", i, "canaries"), step.canaries) for i, step in enumerate(context.plan.steps)]
    if context.findings.broken_field("canaries", "name"):
        return
    for path, wanted in lists:
        context.once(path, wanted)
        for i, name in enumerate(wanted):
            context.refer((*path, i), name, names, "canary")


def _unused_hosts(context: Context) -> None:
    plan = context.plan
    if context.findings.broken_field("steps", "on") or context.findings.broken_field("hosts", "groups"):
        return
    used = {host for step in plan.steps for host in plan.targets(step)} | {canary.on for canary in plan.canaries}
    for name, host in plan.hosts.items():
        if name not in used and not host.note and not context.broken(("hosts", name)):
            context.warn(
                ("hosts", name),
                f"no step and no canary uses the host `{name}`: it is only watched",
                "name it in a step's `on`, or say in its `note` why it is watched",
                at_key=True,
            )
