"""Unix sockets in window directories, whatever the length of the path, and the peer's credentials.

A socket address holds about 107 bytes; a state directory can be longer. On Linux the directory is opened and addressed
through ``/proc/self/fd``; elsewhere the plain path is used.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_NOBODY = 0xFFFFFFFF  # loginuid of a process that no login started


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """A short name for ``path``, good while the context lasts."""
    if len(os.fsencode(path)) < 100 or not sys.platform.startswith("linux"):
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


class Peer(Struct, frozen=True):
    """Who is at the other end of a socket."""

    pid: int
    uid: int
    login: str


def peer(sock: socket.socket) -> Peer:
    """From the kernel: SO_PEERCRED, and the login the process descends from (audit loginuid: su and sudo keep it)."""
    if not hasattr(socket, "SO_PEERCRED"):  # macOS: the directory's 0700 lets in the owner alone
        return Peer(0, os.getuid(), login_name(os.getuid()))
    pid, uid, _gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return Peer(pid, uid, login_name(_login_uid(pid, uid)))


def _login_uid(pid: int, uid: int) -> int:
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text())
    except (OSError, ValueError):
        return uid
    return uid if login == _NOBODY else login


def login_name(uid: int) -> str:
    """The user name of ``uid``, or ``uid1234`` where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid{uid}"


def own_login() -> str:
    """The login this process descends from."""
    return login_name(_login_uid(os.getpid(), os.getuid()))
