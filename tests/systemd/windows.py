"""A whole window over booted hosts, as a user runs it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.program import Program
from tests.systemd.hosts import SystemdHosts

_HEAD = """
[window]
id = "{name}"
title = "On hosts with systemd"
start = "now"
duration = "2h"
"""


def window(hosts: SystemdHosts, directory: Path, login: str, steps: str, name: str = "real") -> Program:
    """Opened, its hosts (h1, h2 …) up."""
    plan = directory / f"{name}.toml"
    plan.write_text(_HEAD.format(name=name) + hosts.plan_hosts(login) + steps)
    program = Program(directory / "home", uid=0)
    program.run("run", str(plan), "--detach")
    program.until(lambda seen: all(host["link"] == "up" for host in seen["hosts"]))
    return program


def said(program: Program) -> str:
    """The log in sentences."""
    return program.run("log").stdout
