"""The plan file's JSON Schema (2020-12), made from the model, so that it cannot fall behind. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from upgrade_tui.plan.model import Plan, When
from upgrade_tui.plan.rules.checks import KINDS
from upgrade_tui.plan.rules.context import NAME
from upgrade_tui.plan.rules.hosts import METRICS
from upgrade_tui.plan.rules.secrets import VARIABLE
from upgrade_tui.units import DURATION_PATTERN, PERCENT_PATTERN, SIZE_PATTERN, Duration, Percent

_DURATION = {
    "type": "string",
    "pattern": DURATION_PATTERN,
    "minLength": 2,
    "description": 'A duration: "90s", "10m", "1h30m", "300ms", "2d".',
    "examples": ["30s", "10m", "1h30m"],
}
_PERCENT = {
    "type": "string",
    "pattern": PERCENT_PATTERN,
    "description": 'A share from "0%" to "100%".',
    "examples": ["85%"],
}
_WHEN = {
    "description": 'A date-time with its offset, such as 2026-12-05T22:00:00+08:00 (no quotes), or "now" for a drill.',
    # language servers show TOML date-times to the schema as strings of this format
    "anyOf": [{"type": "string", "format": "date-time"}, {"const": "now"}],
}
_BATCH = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "description": "So many hosts."},
        {"type": "string", "pattern": PERCENT_PATTERN, "description": "A share of all the step's hosts; at least one."},
    ]
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def plan_schema() -> dict[str, Any]:
    """The schema of a whole plan file, as plain data."""
    out = msgspec.json.schema(Plan, schema_hook=_custom)
    tables: dict[str, dict[str, Any]] = out["$defs"]
    for name, table in tables.items():
        if "description" in table:
            table["description"] = _plain(table["description"])
        for key, text in KEYS.get(name, {}).items():
            table["properties"][key]["description"] = text
    for table in tables.values():
        for key, value in table.get("properties", {}).items():
            table["properties"][key] = _without_null(value)
    _refine(tables)
    tables["Plan"]["description"] = "The plan of an upgrade window: hosts, steps, canaries, risks, people."
    return {"$schema": _DIALECT, "title": "upgrade-tui plan", **out}


def _custom(kind: type) -> dict[str, Any]:
    known: dict[type, dict[str, Any]] = {Duration: _DURATION, Percent: _PERCENT, When: _WHEN}
    return dict(known[kind])


def _refine(tables: dict[str, dict[str, Any]]) -> None:
    """What the types alone do not say: names, batches, metrics, either-or."""
    name = {"type": "string", "pattern": f"^{NAME.pattern}$"}
    step, window, canary = tables["Step"]["properties"], tables["Window"]["properties"], tables["Canary"]["properties"]
    for properties in (step, window):
        properties["id"] |= name
    step["batches"] |= {"items": _BATCH, "minItems": 1}
    step["approvals"]["minimum"] = 1
    step["parallel"]["minimum"] = 1
    step["secret_env"]["items"] = {"type": "string", "pattern": f"^{VARIABLE.pattern}$"}
    for key in ("failure_limit", "recovery"):
        canary[key]["minimum"] = 1
    for table in ("Host", "Watch"):
        limits = tables[table]["properties"]["limits"]
        limits["propertyNames"] = {"enum": list(METRICS)}
    tables["Ssh"]["properties"]["port"] |= {"minimum": 1, "maximum": 65535}
    tables["Window"]["oneOf"] = [{"required": ["end"]}, {"required": ["duration"]}]
    tables["Canary"]["oneOf"] = [{"required": [probe]} for probe in ("http", "tcp", "tls", "run")]
    tables["Rollback"]["oneOf"] = [{"required": ["run"]}, {"required": ["manual"]}]
    check = tables["Check"]["properties"]
    tables["Check"]["oneOf"] = [{"required": [kind]} for kind in KINDS]
    check["memory"]["pattern"] = SIZE_PATTERN
    check["min"]["pattern"] = f"{SIZE_PATTERN}|{PERCENT_PATTERN}"
    check["no_reboot_pending"] = {"const": True, "description": check["no_reboot_pending"]["description"]}
    tables["Plan"]["required"] = ["window", "steps"]
    tables["Plan"]["properties"]["steps"]["minItems"] = 1
    tables["Plan"]["properties"]["hosts"]["propertyNames"] = name


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: a key that is not given is not there."""
    options = value.get("anyOf")
    if not isinstance(options, list) or {"type": "null"} not in options:
        return value
    rest = [option for option in options if option != {"type": "null"}]
    out = {key: item for key, item in value.items() if key not in ("anyOf", "default")}
    if len(rest) != 1:
        return {**out, "anyOf": rest}
    return {**rest[0], **out}


def _plain(docstring: str) -> str:
    return " ".join(docstring.replace("``", "`").split())


KEYS: dict[str, dict[str, str]] = {
    "Plan": {
        "window": "When, for what, and what was promised.",
        "people": "Who takes part: OS login to role. Who attaches and is not listed is an observer.",
        "risks": "Rows of the risk matrix.",
        "ssh": "How hosts are reached; what is not given comes from ~/.ssh/config. Host keys are always verified.",
        "hosts": "The machines, by name.",
        "watch": "How often hosts are sampled, and what they must not exceed.",
        "canaries": "Named health signals.",
        "steps": "The steps in order, grouped by phase.",
    },
    "Window": {
        "id": "Short name; the window's directory is named after it.",
        "title": "What this window is, as people say it.",
        "change": "Number of the change request or ticket.",
        "start": 'When it opens: a date-time with its offset, or "now" for a drill.',
        "end": "When it must be over. Either this or `duration`.",
        "duration": "How long it is. Either this or `end`.",
        "margin": "Kept free before the end: rolling back must be over by then.",
        "rto": "Promised recovery time: no rollback may ever take longer.",
        "goal": "What is true when it worked.",
        "services": "The services that are touched.",
        "accept_no_way_back": "Why there may be steps after which no time is left to go back; else that is refused.",
    },
    "Person": {
        "role": "lead (may override), engineer (may act), observer (may look).",
        "name": "As colleagues call them.",
        "contact": "Phone or chat, for the preview and the retrospective.",
    },
    "Risk": {
        "title": "What may go wrong.",
        "likelihood": "How likely it is.",
        "impact": "How bad it would be.",
        "response": "What to do if it happens.",
        "owner": "Login of who watches for it.",
        "watch": "Canaries that would show it.",
    },
    "Ssh": {
        "user": "Login on the host.",
        "port": "Port of the SSH server.",
        "identity": "Private key files.",
        "known_hosts": "File of known host keys instead of ~/.ssh/known_hosts. Verification cannot be switched off.",
        "config": "An ssh_config file instead of ~/.ssh/config.",
        "jump": "ProxyJump: [user@]host[:port], several with commas.",
        "job_dir": "Where jobs are kept on the host. Left out: the login user's `~/.local/state/upgrade-tui`.",
        "connect_timeout": "Give a connection up after this long.",
        "keepalive": "Ask a silent connection this often; three missing answers and it is lost.",
    },
    "Host": {
        "address": 'IP address or host name; "local" is this machine.',
        "groups": "Groups it belongs to; `all` is always every host.",
        "disks": "Mount points that are watched.",
        "units": "systemd units that are watched.",
        "proc_root": "Where its /proc is mounted, for containers.",
        "limits": "Limits of this host, over those of [watch].",
        "ssh": "How this host is reached, over [ssh].",
        "note": "A remark; for a host without steps, why it is watched.",
    },
    "Watch": {
        "interval": "How often hosts are sampled.",
        "limits": "Metric to the share it must not exceed.",
        "for": "A limit is crossed after so long above it.",
        "clear": "Cleared so many percentage points below the limit.",
    },
    "Expect": {
        "status": "HTTP status; any 2xx or 3xx without it.",
        "body": "Text the answer must contain.",
        "days": "Days the certificate must still be valid.",
        "exit": "Exit code of the command; 0 without it.",
        "min": "The number it prints must be at least this.",
        "max": "The number it prints must be at most this.",
    },
    "Canary": {
        "name": "What steps, risks and the screen call it.",
        "http": "URL to ask.",
        "tcp": "host:port that must accept a connection.",
        "tls": "host:port whose certificate is looked at.",
        "run": "Command whose exit code or number tells.",
        "on": 'For `run`: a host of the plan, or "local".',
        "method": "HTTP method.",
        "headers": "HTTP headers. No secrets: everybody attached can read the plan.",
        "verify": "Verify the certificate of http and tls.",
        "expect": "What it must answer.",
        "max_latency": "A slower answer is degraded.",
        "interval": "How often it is asked.",
        "timeout": "How long an answer may take.",
        "failure_limit": "Failing after so many bad answers in a row.",
        "recovery": "Healthy again after so many good answers in a row.",
        "on_fail": "What failing does: warn, pause the window, or roll back.",
        "undo": 'What `on_fail = "rollback"` undoes: the steps that list it, their phases, or everything.',
    },
    "Rollback": {
        "estimate": "How long undoing one batch takes.",
        "run": "Command that undoes the step, on the same hosts.",
        "manual": "Instructions for undoing it by hand.",
        "check": "Command that proves with exit 0 that it is undone.",
        "timeout": "Give the command up after this long.",
    },
    "Check": {
        "free": "Mount point or directory with at least `min` free.",
        "memory": 'So much memory must be available, such as "2GiB".',
        "load": "One-minute load, at most so much of the CPUs.",
        "port": "host:port that must answer from there.",
        "package": "Package that must be installed (dpkg, rpm or apk).",
        "program": "Program that must be there.",
        "version": 'For `package` and `program`: this version, or one that goes on from it: "1.28" is 1.28.3 too.',
        "unit": "systemd unit that must be active.",
        "clock": "Its clock may be at most so far from the conductor's.",
        "no_reboot_pending": "true: no installed update may be waiting for a reboot.",
        "backup": "File that must be there and not empty.",
        "max_age": "For `backup`: written at most so long ago.",
        "sha256": "For `backup`: file with its SHA-256, beside it or with a full path; it must agree.",
        "min": 'For `free`: a size ("5GiB") or share ("10%"); for `backup`: a size.',
    },
    "Step": {
        "id": "Short name; commands and files use it.",
        "title": "What is done, as people say it.",
        "phase": "Heading it stands under; keep a phase's steps together.",
        "kind": "manual, command, gate or bake. Left out: command with `run` or `checks`, else manual.",
        "owner": "Login of who does it.",
        "on": 'Where: a host, a group, a list of them, or "local".',
        "run": "The command. No pty; use sudo -n.",
        "check": "Command that proves with exit 0 that the work is done and right.",
        "instructions": "What to do or to look at, for people.",
        "needs": "Ids of earlier steps that must be over first. Left out: the step before.",
        "batches": "How many hosts at a time; the last entry repeats.",
        "max_fail": "Share of hosts that may fail without the step failing.",
        "estimate": "How long one batch takes.",
        "timeout": "Give a host's command up, or a gate, after this long. A gate that times out is a no.",
        "canaries": "Canaries that must stay healthy.",
        "bake": "A command's pause between batches; a bake step's length.",
        "parallel": "At most so many hosts of a batch at the same time.",
        "stop": "Too many hosts failed: batch = end the batch, then stop; now = start no other host.",
        "on_fail": "Too many hosts failed: stop = only stop; rollback = undo all of the step's hosts by itself.",
        "once": "Run once only, for the first of its hosts.",
        "run_on": 'Run there instead, once for each host of `on`, which $UPGRADE_HOST names: a host, or "local".',
        "check_first": "Where `check` passes before, there is nothing to run: the step is done already.",
        "checks": "Ready-made checks of each host, instead of `run`.",
        "evidence": "A manual step that is only ticked with a word on what was seen.",
        "secret_env": "Variables given to the command, taken from the conductor's environment. Never shown or logged.",
        "secret_command": "Run beside the conductor instead: prints a line NAME=VALUE for each name in `secret_env`.",
        "confirm_within": "Each host undoes the step by itself, unless confirmed so long after its start.",
        "on_armed": "A step that changes nothing runs on what is armed, before it is confirmed.",
        "confirm": "Who confirms: person, or auto at the end of the bake: `check` passed, the step's canaries healthy.",
        "failure_changes_nothing": "Where the command fails there is nothing to undo: `confirm_within` is called off.",
        "rollback": "How one batch is undone.",
        "irreversible": "There is no way back from this step: the point of no return.",
        "changes": "false: the step only looks, there is nothing to undo.",
        "approvals": "How many people must say go.",
        "by": "Logins of who may say go. Left out: anyone but observers.",
    },
}
"""One line for each key of each table: editors show it, and the tests hold that none is missing."""
