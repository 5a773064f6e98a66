"""Unix sockets in window directories, whatever the length of the path, and who is at the other end.

A socket address holds about 107 bytes; a state directory can be longer. On Linux the directory is opened and addressed
through ``/proc/self/fd``; elsewhere the plain path is used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_NOBODY = 0xFFFFFFFF  # loginuid of a process that no login started
_SO_PEERPIDFD = getattr(socket, "SO_PEERPIDFD", 77)  # Linux 6.5; Python has no name for it yet


class NobodyThere(Exception):
    """The process that connected is gone: whoever has its socket now cannot be told from it."""


class Peer(Struct, frozen=True):
    """Who is at the other end of a socket."""

    pid: int
    login: str


def peer(sock: socket.socket) -> Peer:
    """Who connected: the kernel's SO_PEERCRED, and the login that process descends from (su and sudo keep it).

    To be called as soon as the connection is accepted, not when its first message is read: by then the process may
    have handed the socket on and ended, and another login's process may have its number. Raises NobodyThere where the
    process that connected is gone.
    """
    if not hasattr(socket, "SO_PEERCRED"):  # macOS: the directory's 0700 lets in the owner alone
        return Peer(0, login_name(os.getuid()))
    pid, uid, _gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    with _held(sock, pid):
        login = login_name(_login_uid(pid, uid))
    return Peer(pid, login)


@contextlib.contextmanager
def _held(sock: socket.socket, pid: int) -> Iterator[None]:
    """Sure that ``pid`` named the process that connected all the while. Raises NobodyThere.

    The kernel's own handle of that process (SO_PEERPIDFD) proves it. Before Linux 6.5 there is none: then the process
    that has the number is taken for it, as long as it is the same one before and after.
    """
    try:
        handle = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as error:
        if error.errno != errno.ENOPROTOOPT:  # ESRCH or, in some kernels, EINVAL: it has ended
            raise NobodyThere from None
        handle = None
    if handle is None:
        before = _began(pid)
        yield
        if before is None or _began(pid) != before:
            raise NobodyThere
        return
    try:
        yield
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        if ended.poll(0):  # and its number may be another's by now
            raise NobodyThere
    finally:
        os.close(handle)


def _began(pid: int) -> str | None:
    """When the process ``pid`` began, in clock ticks since boot; None where there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if stat[0] in "ZX" else stat[19]


def _login_uid(pid: int, uid: int) -> int:
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text())
    except (FileNotFoundError, ValueError):  # a kernel without audit: the account is all that is known
        return uid
    except OSError:
        raise NobodyThere from None
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


def listener_pid(sock: socket.socket) -> int:
    """The process that listens at the other end of a client's socket; 0 where the system does not say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    pid: int = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))[0]
    return pid
