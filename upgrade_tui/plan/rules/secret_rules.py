"""Secrets in a plan: only their names, and no way of using them that others on the host can read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.keys import VARIABLE
from upgrade_tui.plan.model import Step
from upgrade_tui.plan.rules.rule_context import Context
from upgrade_tui.plan.shape import shown_toml

_STEERING = {"PATH", "HOME", "IFS", "ENV", "BASH_ENV", "SHELL", "PWD", "LD_PRELOAD", "LD_LIBRARY_PATH"}
_OURS = "UPGRADE_"
_QUOTED = re.compile(r"'[^']*'")
_PARTS = re.compile(r"\n|;|&&|\|\|?|\(|(?<!\$)\{")
_BUILT_IN = re.compile(
    r"\s*(?:(?:if|while|until|then|else|elif|do|!)\s+)*(?:\w+=\S*\s+)*(?:printf|echo|test|\[|\[\[|export|case|for|:)\s"
)


def check(context: Context) -> None:
    """Looks at ``secret_env`` and ``secret_command`` of every step."""
    for i, step in enumerate(context.plan.steps):
        path: KeyPath = ("steps", i)
        context.once((*path, "secret_env"), step.secret_env)
        for j, name in enumerate(step.secret_env):
            _name(context, (*path, "secret_env", j), name)
        if step.secret_command is not None and not context.broken((*path, "secret_env"), (*path, "secret_command")):
            _command(context, path, step)
        _shown(context, path, step)


def _name(context: Context, path: KeyPath, name: str) -> None:
    if context.broken(path):
        return
    if not VARIABLE.fullmatch(name):
        hint = "letters, digits and `_`, such as DB_PASSWORD"
        if "=" in name:
            hint = "only its name: the value comes from the conductor's environment, never from a plan"
            name = name.partition("=")[0] + "=…"  # what follows may be the secret
        context.error(path, f"{shown_toml(name)} is not the name of a variable", hint)
    elif name in _STEERING or name.startswith(_OURS):
        whose = "tells the command where it runs" if name.startswith(_OURS) else "steers the shell itself"
        context.error(path, f"`{name}` {whose}, and is no secret", "give the secret a name of its own")


def _command(context: Context, path: KeyPath, step: Step) -> None:
    if not step.secret_env:
        context.error(
            (*path, "secret_command"),
            "`secret_command` prints secrets that nothing names",
            'name them: secret_env = ["DB_PASSWORD"]',
            at_key=True,
        )
    elif not (step.secret_command or "").strip():
        context.error((*path, "secret_command"), "`secret_command` is empty", "drop it to take the secrets as they are")


def _shown(context: Context, path: KeyPath, step: Step) -> None:
    """Warns of a secret on a command line: every user of the host reads it in the list of processes."""
    undo = step.rollback
    commands: list[tuple[KeyPath, str | None]] = [((*path, "run"), step.run), ((*path, "check"), step.check)]
    if undo is not None:
        commands += [((*path, "rollback", "run"), undo.run), ((*path, "rollback", "check"), undo.check)]
    for place, command in commands:
        for name in _on_command_lines(command or "", step.secret_env):
            context.warn(
                place,
                f"the secret `{name}` stands on a command line, which every user of the host can read",
                f'let the command read it from its environment, or from its input: printf %s "${name}" | …',
            )


def _on_command_lines(command: str, names: tuple[str, ...]) -> Iterator[str]:
    """Names whose value becomes an option, or a word of sudo or env. What only may be one is not reported."""
    plain = _QUOTED.sub("''", command)
    parts = [part for part in _PARTS.split(plain) if not _BUILT_IN.match(part + " ")]
    for name in names:
        value = rf"\$(?:{re.escape(name)}\b|\{{{re.escape(name)}\b)"
        option = rf"(?:^|\s)--?\w[^\s\"$]*(?:[=\s]*\"[^\"]*|\s)?{value}"
        word = rf"^\s*(?:sudo|env)\b[^<]*{value}"
        if any(re.search(option, part) or re.search(word, part) for part in parts):
            yield name
