"""Canaries: one probe each, that can be made, with expectations that fit it."""

from __future__ import annotations

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.keys import keys_of
from upgrade_tui.plan.model import LOCAL, Canary, Expect
from upgrade_tui.plan.probe_kinds import PROBES
from upgrade_tui.plan.rules.rule_context import Context
from upgrade_tui.plan.shape import shown_toml

_FASTEST = 0.1
_SECRET = ("authorization", "cookie", "x-api-key", "private-token", "x-auth-token")


def check(context: Context) -> None:
    """Looks at every canary by itself."""
    for i, canary in enumerate(context.plan.canaries):
        path: KeyPath = ("canaries", i)
        if _probe(context, path, canary):
            _fits_probe(context, path, canary)
        _rhythm(context, path, canary)


def _probe(context: Context, path: KeyPath, canary: Canary) -> bool:
    """Exactly one probe, and a target that can be probed."""
    given = [kind for kind in Canary.one_of if kind in context.written(*path)]
    if len(given) > 1:
        context.error(
            (*path, given[1]),
            f"a canary has one probe, this one has {len(given)}: {', '.join(given)}",
            "make a canary of each",
            at_key=True,
        )
    if not given:
        if not context.findings.lost(path):
            context.error(
                path,
                "this canary probes nothing",
                f"give it one of {', '.join(Canary.one_of[:-1])} or {Canary.one_of[-1]}",
            )
        return False
    for kind in given:
        if not context.broken((*path, kind)):
            wrong = PROBES[kind].wrong(getattr(canary, kind))
            if wrong:
                context.error((*path, kind), *wrong)
    return len(given) == 1


def _fits_probe(context: Context, path: KeyPath, canary: Canary) -> None:
    """Every key given must mean something for this probe."""
    kind, given = canary.probe, context.written(*path)
    for key in keys_of(Canary).values():
        if key.name in given and key.only and kind not in key.only:
            context.error(
                (*path, key.name),
                f"`{key.name}` means nothing for a {kind} canary",
                f"it is for {' and '.join(key.only)}",
                at_key=True,
            )
    expects = [key.name for key in keys_of(Expect).values() if kind in key.only]
    for name in context.written(*path, "expect"):
        if name not in expects:
            fitting = " and ".join(f"`{fits}`" for fits in expects)
            context.error(
                (*path, "expect", name),
                f"a {kind} canary has no `{name}` to expect",
                f"it can expect {fitting}" if fitting else "it expects that the port opens",
                at_key=True,
            )
    if canary.on is not None and canary.on != LOCAL and kind in keys_of(Canary)["on"].only:
        if canary.on in context.plan.groups() and canary.on not in context.plan.hosts:
            context.error(
                (*path, "on"),
                f"{shown_toml(canary.on)} is a group: a canary runs on one host",
                f"name one of {', '.join(context.plan.groups()[canary.on][:8])}, or make a canary for each",
            )
        else:
            context.refer((*path, "on"), canary.on, [*context.plan.hosts, LOCAL], "host")
    _expectations(context, (*path, "expect"), canary)
    for name in canary.headers:
        if name.lower() in _SECRET:
            context.warn(
                (*path, "headers", name),
                f"`{name}` is likely a secret: everybody attached can read the plan",
                "probe an address that needs none, or use run = with a file only the host can read",
                at_key=True,
            )


def _expectations(context: Context, path: KeyPath, canary: Canary) -> None:
    expect = canary.expect
    for key, value, low, high in (
        ("status", expect.status, 100, 599),
        ("days", expect.days, 0, 3650),
        ("exit", expect.exit, 0, 255),
    ):
        if value is not None and not low <= value <= high and not context.broken((*path, key)):
            context.error((*path, key), f"`{key}` cannot be {value}", f"from {low} to {high}")
    if expect.min is not None and expect.max is not None and expect.min > expect.max:
        context.error(
            (*path, "max"), f"`max` ({expect.max:g}) is below `min` ({expect.min:g})", "no number can be both"
        )


def _rhythm(context: Context, path: KeyPath, canary: Canary) -> None:
    often = context.positive((*path, "interval"), canary.interval) and canary.interval < _FASTEST
    if often and not context.broken((*path, "interval")):
        hint = 'at least "100ms"; "5s" is usual'
        context.error((*path, "interval"), "probing this often would be load of its own", hint)
    context.positive((*path, "timeout"), canary.timeout)
    slow = (*path, "max_latency")
    known = context.positive(slow, canary.max_latency) and not context.broken(slow, (*path, "timeout"))
    if known and canary.max_latency is not None and canary.max_latency >= canary.timeout:
        message = "`max_latency` is not below `timeout`: answers are never slow, only missing"
        context.warn(slow, message, "make it shorter, or `timeout` longer")
    for key, count in (("failure_limit", canary.failure_limit), ("recovery", canary.recovery)):
        if count < 1 and not context.broken((*path, key)):
            context.error((*path, key), f"`{key}` cannot be {count}", "1 or more answers in a row")
