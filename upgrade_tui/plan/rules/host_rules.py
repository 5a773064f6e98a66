"""Hosts, SSH and limits: addresses that can be reached, host keys that are verified, metrics that exist."""

from __future__ import annotations

import re
from collections.abc import Mapping

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.inventory import METRICS, Ssh
from upgrade_tui.plan.model import LOCAL
from upgrade_tui.plan.rules.rule_context import Context
from upgrade_tui.plan.shape import shown_toml
from upgrade_tui.units import Percent

_ADDRESS = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9_.:%\[\]-]*")
_JUMP = re.compile(
    r"(?:[A-Za-z0-9_.\\$+-]+@)?(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*)(?::(?P<port>\d{1,5}))?"
)
UNIT = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*")
_VERIFIED = "host keys are always verified: name a real file, or leave it out for ~/.ssh/known_hosts"
_FASTEST = 0.1


def check(context: Context) -> None:
    """Looks at ``[hosts]``, ``[ssh]`` and ``[watch]``."""
    plan = context.plan
    _ssh(context, ("ssh",), plan.ssh)
    _limits(context, ("watch", "limits"), plan.watch.limits)
    if plan.watch.interval < _FASTEST and not context.broken(("watch", "interval")):
        context.error(
            ("watch", "interval"),
            "sampling hosts this often would be load of its own",
            'at least "100ms"; "1s" is usual',
        )
    for name, host in plan.hosts.items():
        path: KeyPath = ("hosts", name)
        _address(context, (*path, "address"), host.address)
        _limits(context, (*path, "limits"), host.limits)
        for key, paths in (("disks", host.disks), ("proc_root", (host.proc_root,))):
            for i, mount in enumerate(paths):
                if not mount.startswith("/") and not context.broken((*path, key)):
                    place = (*path, key, i) if key == "disks" else (*path, key)
                    context.error(place, f"{shown_toml(mount)} is not an absolute path", 'paths begin with "/"')
        for i, unit in enumerate(host.units):
            if not UNIT.fullmatch(unit) and not context.broken((*path, "units")):
                context.error(
                    (*path, "units", i), f"{shown_toml(unit)} is not a systemd unit's name", 'such as "nginx.service"'
                )
        if host.ssh is not None:
            _ssh(context, (*path, "ssh"), host.ssh)
            if host.address == LOCAL:
                context.error(
                    (*path, "ssh"),
                    f"`{name}` is this machine: it is not reached over SSH",
                    "drop the `ssh` table",
                    at_key=True,
                )
    _same_machine(context)


def _address(context: Context, path: KeyPath, address: str) -> None:
    if context.broken(path):
        return
    if not address.strip():
        context.error(path, "`address` is empty", 'write an IP address, a host name, or "local"')
    elif "@" in address:
        user, _, host = address.rpartition("@")
        context.error(
            path,
            f"{shown_toml(address)}: the address has no user in it",
            f"write address = {shown_toml(host)}, and ssh = {{ user = {shown_toml(user)} }}",
        )
    elif address.count(":") == 1:
        host, _, port = address.partition(":")
        context.error(
            path,
            f"{shown_toml(address)}: the address has no port in it",
            f"write address = {shown_toml(host)}, and ssh = {{ port = {port or 22} }}",
        )
    elif not _ADDRESS.fullmatch(address):
        context.error(path, f"{shown_toml(address)} is not an address", 'write an IP address, a host name, or "local"')


def _same_machine(context: Context) -> None:
    first: dict[tuple[str, int | None], str] = {}
    for name, host in context.plan.hosts.items():
        port = (host.ssh.port if host.ssh else None) or context.plan.ssh.port
        other = first.setdefault((host.address, port), name)
        if other != name and not context.broken(("hosts", name), ("hosts", other)):
            context.warn(
                ("hosts", name, "address"), f"`{name}` and `{other}` are the same machine", "one name is enough"
            )


def _limits(context: Context, path: KeyPath, limits: Mapping[str, Percent]) -> None:
    for metric, limit in limits.items():
        place = (*path, metric)
        if metric not in METRICS:
            if not context.broken(place):
                context.refer(place, metric, METRICS, "metric", at_key=True)
        elif limit <= 0 and not context.broken(place):
            context.error(place, f"a limit of {shown_toml('0%')} is always crossed", 'such as "90%"')


def _ssh(context: Context, path: KeyPath, ssh: Ssh) -> None:
    known = ssh.known_hosts
    if known is not None and (not known.strip() or known.strip().lower() == "none" or known.strip() == "/dev/null"):
        context.error(
            (*path, "known_hosts"), f"{shown_toml(known)} would switch the verification of host keys off", _VERIFIED
        )
    if ssh.port is not None and not 1 <= ssh.port <= 65535 and not context.broken((*path, "port")):
        context.error((*path, "port"), f"{ssh.port} is not a port", "from 1 to 65535; 22 is usual")
    for i, key in enumerate(ssh.identity):
        if "PRIVATE KEY" in key or "\n" in key:
            context.error((*path, "identity", i), "a private key does not belong in a plan", "name the file it is in")
        elif not key.strip() and not context.broken((*path, "identity")):
            context.error((*path, "identity", i), "this names no file", 'such as "~/.ssh/id_ed25519"')
    for hop in (ssh.jump or "").split(",") if ssh.jump is not None else ():
        match = _JUMP.fullmatch(hop.strip())
        if (not match or not 1 <= int(match["port"] or 22) <= 65535) and not context.broken((*path, "jump")):
            context.error(
                (*path, "jump"),
                f"{shown_toml(hop)} is not a jump host",
                'write "bastion", "user@bastion:2222", or several with commas',
            )
    context.positive((*path, "connect_timeout"), ssh.connect_timeout)
    context.positive((*path, "keepalive"), ssh.keepalive)
