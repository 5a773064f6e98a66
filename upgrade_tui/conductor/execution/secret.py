"""Secrets of a step: where they come from, and how they are kept out of what is kept.

Values are given to commands over stdin; here they are only held in memory for as long as the task runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping
from functools import cache

from upgrade_tui.plan.model import Step

MASK = b"[secret]"
_SHORTEST = 4  # bytes; masking every "1" would say more than it hides
_LIMIT = 60.0  # seconds for the command that gives secrets


class NoSecret(Exception):
    """A secret that the step needs is not to be had. The message says which and where it should come from."""


async def secrets_of(step: Step) -> dict[str, str]:
    """Name -> value for ``secret_env``. Raises NoSecret.

    An empty value is none: one that was only emptied would let the real value, which a job still prints, through.
    """
    given = {name: value for name in step.secret_env if (value := os.environ.get(name))}
    missing = [name for name in step.secret_env if name not in given]
    if missing and step.secret_command is not None:
        printed = await asyncio.to_thread(_printed, step.secret_command)
        given |= {name: value for name in missing if (value := printed.get(name))}
        missing = [name for name in missing if name not in given]
    if missing:
        where = "secret_command does not print it" if step.secret_command else "the conductor's environment lacks it"
        raise NoSecret(f"no value for {', '.join(missing)}: {where}")
    return given


async def known_secrets(step: Step) -> tuple[dict[str, str] | None, str]:
    """``secrets_of``; or None, and why: then nothing that the step prints may be kept, since nobody could mask it."""
    try:
        return await secrets_of(step), ""
    except NoSecret as error:
        return None, str(error)


async def same_secrets(step: Step, given: Mapping[str, str]) -> tuple[dict[str, str] | None, str]:
    """``known_secrets``, if they are those that a job was ``given``, as their ``marks`` tell: others mask nothing."""
    secrets, why = await known_secrets(step)
    if secrets is None or not given:
        return secrets, why
    now = await marks(secrets)
    other = [name for name, mark in given.items() if now.get(name, mark) != mark]
    if other:
        verb = "has another value" if len(other) == 1 else "have other values"
        return None, f"{', '.join(other)} {verb} than the job was started with"
    return secrets, ""


async def marks(secrets: Mapping[str, str]) -> dict[str, str]:
    """Name -> what tells its value from another one in the log: 16 bits of a slow hash, the same wherever it is used.

    Were they others for each job, the jobs of a window together would prove a guess of a weak value right. So one in
    65536 guesses fits, whatever else is known, and one in 65536 other values passes for the right one.
    """
    digests = {
        name: hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest() for name, value in secrets.items()
    }
    return await asyncio.to_thread(lambda: {name: _mark(name, d) for name, d in digests.items()}) if digests else {}


@cache  # slow on purpose, and each job of each host asks
def _mark(name: str, digest: bytes) -> str:
    return hashlib.scrypt(digest, salt=name.encode(), n=4096, r=8, p=1, dklen=2).hex()


def _printed(command: str) -> dict[str, str]:
    try:
        done = subprocess.run(
            ["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoSecret(f"secret_command did not end well: {type(error).__name__}") from error
    if done.returncode != 0:
        raise NoSecret(f"secret_command ended with exit {done.returncode}")
    lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    return {name.strip(): value for name, _, value in (line.partition("=") for line in lines if "=" in line)}


class Redactor:
    """Passes bytes on with every secret value masked, also where a value comes in two pieces."""

    def __init__(self, secrets: Mapping[str, str], on_output: Callable[[bytes], None]) -> None:
        values = {v.encode("utf-8", "surrogateescape") for v in secrets.values()}
        self._values = sorted((v for v in values if len(v) >= _SHORTEST), key=len, reverse=True)
        self._held, self._on_output = b"", on_output

    def feed(self, data: bytes) -> None:
        """Take a piece; what could be the beginning of a secret is held back until more is known."""
        if not self._values:
            self._on_output(data)
            return
        text = self._held + data
        for value in self._values:
            text = text.replace(value, MASK)
        keep = max(self._beginning(text, value) for value in self._values)
        self._held = text[len(text) - keep :]
        if text[: len(text) - keep]:
            self._on_output(text[: len(text) - keep])

    @staticmethod
    def _beginning(text: bytes, value: bytes) -> int:
        """Length of the longest end of ``text`` that a secret could begin with."""
        return next((n for n in range(min(len(value) - 1, len(text)), 0, -1) if text.endswith(value[:n])), 0)

    def close(self) -> None:
        """Pass on what was held back: it was not a whole secret."""
        if self._held:
            self._on_output(self._held)
            self._held = b""
