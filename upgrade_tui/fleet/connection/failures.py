"""Why a host cannot be reached, in plain words with what to do: exceptions of a connect into a ``Link``. Pure."""

from __future__ import annotations

import errno
import re
import socket

import asyncssh

from upgrade_tui.foreign import one_line
from upgrade_tui.units import duration_text
from upgrade_tui.window.measurements import Link

_LONGEST = 600


class Unreachable(Exception):
    """A host could not be reached. ``slow``: somebody has to change something first, so do not retry often."""

    def __init__(self, link: Link, detail: str, *, slow: bool = False) -> None:
        super().__init__(detail)
        self.link: Link = link
        self.detail = one_line(detail, _LONGEST)
        self.slow = slow


def network_failure(error: BaseException, place: str, timeout: float) -> Unreachable:
    """``error`` of a connect to ``place`` (host:port) that is not about keys or logins."""
    text = f"{error}"
    if isinstance(error, socket.gaierror):
        return Unreachable(
            "unresolved", f"the name in {place} does not resolve ({error.strerror}): check the address and DNS"
        )
    if isinstance(error, ConnectionRefusedError) or _all_refused(text):
        return Unreachable("refused", f"nothing listens on {place}: is sshd running there, and is the port right?")
    if isinstance(error, TimeoutError) or "Login timeout" in text:
        return Unreachable(
            "lost", f"no answer from {place} within {timeout:g} s: host down or hung, wrong address, or a firewall"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return Unreachable("lost", f"no route to {place} ({error.strerror}): check the network and the address")
    if isinstance(error, (ConnectionResetError, asyncssh.ConnectionLost)):
        return Unreachable(
            "lost", f"{place} closed the connection before the login was through ({text}): sshd's log there says why"
        )
    if isinstance(error, asyncssh.ChannelOpenError):
        return Unreachable("refused", f"the jump host cannot open {place}: {text}")
    return Unreachable("lost", f"connecting to {place} failed: {text or type(error).__name__}")


def _all_refused(text: str) -> bool:
    """asyncio joins the errors of several addresses into one text without an errno."""
    numbers = re.findall(r"\[Errno (\d+)\]", text)
    return bool(numbers) and all(int(n) == errno.ECONNREFUSED for n in numbers)


def link_lost(error: BaseException | None, seconds: float) -> Unreachable:
    """An established connection that ended with ``error``; ``seconds`` without an answer end it."""
    if error is None:
        return Unreachable("lost", "the host closed the connection (a reboot, or sshd was stopped): reconnecting")
    if "keepalive" in str(error):
        return Unreachable(
            "lost", f"the host has not answered for {duration_text(seconds)} (network cut or hung): reconnecting"
        )
    return Unreachable("lost", f"the connection broke ({error or type(error).__name__}): reconnecting")
