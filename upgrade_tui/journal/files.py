"""The files under a log: the lock, a segment that is appended to, the ballast. Blocking; called from threads only."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from upgrade_tui.journal.errors import LockedError

LOCK_FILE = "log.lock"
BALLAST_FILE = "log.ballast"
BALLAST = 1 << 20  # bytes; room for some 2,000 events of a rollback
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def sync(fd: int) -> None:
    """The data of ``fd`` on stable storage, with the metadata needed to read it back."""
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync only reaches the drive's cache there
    else:
        os.fdatasync(fd)


def sync_directory(directory: Path) -> None:
    """Names in ``directory`` on stable storage."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """All of ``data``; a file system about to be full takes only a part at first, then says why."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])


class Lock:
    """The right to write a log: ``flock`` on a file beside it, which says who holds it. Free once the holder ends."""

    def __init__(self, directory: Path) -> None:
        """Raises LockedError naming the holder."""
        path, flags, labelled = directory / LOCK_FILE, os.O_CLOEXEC | os.O_NOFOLLOW, True
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            self._fd, labelled = os.open(path, os.O_RDONLY | flags), False  # it holds all the same
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not labelled:
                return
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, msgspec.json.encode({"pid": os.getpid(), "host": socket.gethostname()}) + b"\n", 0)
        except BlockingIOError:
            pid, host = self._holder()
            os.close(self._fd)
            raise LockedError(str(directory), pid, host) from None
        except OSError as error:
            if error.errno in FULL:  # the lock holds without its label; a full disk must not stop a rollback
                return
            os.close(self._fd)
            raise

    def _holder(self) -> tuple[int, str]:
        try:
            label = msgspec.json.decode(os.pread(self._fd, 4096, 0), type=dict[str, int | str])
            pid, host = int(label["pid"]), str(label["host"])
            if host == socket.gethostname():
                os.kill(pid, 0)  # the label of an earlier holder, where this one could not write its own
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError, ProcessLookupError):
            return 0, ""
        except OSError:  # it is another user's
            pass
        return pid, host

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two processes hold a lock each."""
        os.close(self._fd)


class MovedError(OSError):
    """The segment is not what was written any more: somebody moved, removed, truncated or wrote to it."""


class SegmentFile:
    """A segment open for appending. ``size`` is the bytes known to be durable."""

    def __init__(self, path: Path, *, create: bool) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self.path = path
        self._fd = os.open(path, flags | (os.O_CREAT | os.O_EXCL if create else 0), 0o600)
        try:
            if create:
                sync_directory(path.parent)
            else:
                os.fchmod(self._fd, 0o600)
            found = os.fstat(self._fd)
        except BaseException:
            os.close(self._fd)
            raise
        self._device, self._inode = found.st_dev, found.st_ino
        self._name = os.fspath(path)
        self.size = found.st_size

    def commit(self, data: bytes) -> None:
        """``data`` on stable storage, in the file that has the log's name. Raises OSError; never to be tried again."""
        write_all(self._fd, data)
        sync(self._fd)
        self._check(self.size + len(data))
        self.size += len(data)

    def _check(self, expected: int) -> None:
        try:
            found = os.lstat(self._name)  # on the way of every event: no pathlib
        except FileNotFoundError:
            raise MovedError(errno.ENOENT, f"{self.path.name} was renamed or removed") from None
        if found.st_ino != self._inode or found.st_dev != self._device:
            raise MovedError(errno.ESTALE, f"{self.path.name} was replaced by another file")
        if found.st_size != expected:
            name = self.path.name
            what = "truncated" if found.st_size < expected else "written to by somebody else"
            raise MovedError(errno.ESTALE, f"{name} was {what}: {found.st_size} bytes, not {expected}")

    def look(self) -> None:
        """What is durable is in its place, whatever came behind it. Raises OSError."""
        found = os.lstat(self._name)
        if (found.st_ino, found.st_dev) != (self._inode, self._device) or found.st_size < self.size:
            raise MovedError(errno.ESTALE, f"{self.path.name} was replaced or truncated")

    def restore(self) -> None:
        """Where the file's name is gone (renamed, removed), write the durable part under it again. Raises OSError."""
        if os.path.lexists(self.path) or os.fstat(self._fd).st_size < self.size:
            return
        copy = self.path.with_name(self.path.name + ".restoring")
        fd = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            offset = 0
            while offset < self.size:
                data = os.pread(self._fd, min(1 << 20, self.size - offset), offset)
                write_all(fd, data)
                offset += len(data)
            os.fsync(fd)
        finally:
            os.close(fd)
        copy.rename(self.path)
        sync_directory(self.path.parent)

    def close(self) -> None:
        """Close the file. An error now says nothing new: what is acknowledged was synced."""
        try:
            os.close(self._fd)
        except OSError as error:
            if error.errno == errno.EBADF:
                raise


class Nowhere:
    """A segment that keeps nothing: its lines are in memory, or nothing has been opened for writing yet."""

    def __init__(self, path: Path) -> None:
        """``path``: what it is called."""
        self.path = path
        self.size = 0  # bytes

    def commit(self, data: bytes) -> None:
        """Nothing can fail."""

    def look(self) -> None:
        """There is nothing to be found gone."""

    def restore(self) -> None:
        """There is nothing to restore."""

    def close(self) -> None:
        """There is nothing to close."""


def private_directory(directory: Path) -> None:
    """Make ``directory``, its parent and the one above, for this user alone, or make sure that they are so.

    Raises OSError.
    """
    for each in (directory.parent.parent, directory.parent, directory):
        with suppress(FileExistsError):
            each.mkdir(mode=0o700)
        found = os.lstat(each)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(errno.EPERM, "is not a directory for this user alone", str(each))


def new_segment(path: Path, data: bytes) -> SegmentFile:
    """A segment that begins with ``data``, durable. Raises OSError; then it is not there."""
    segment = SegmentFile(path, create=True)
    try:
        segment.commit(data)
    except BaseException:
        segment.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    return segment


class Ballast:
    """Space taken in good times and given back on a full disk, so that a rollback can still be logged."""

    def __init__(self, directory: Path, size: int = BALLAST) -> None:
        """``size`` in bytes; 0: there is none."""
        self._path, self._size = directory / BALLAST_FILE, size
        self.held = False
        self.take()

    def take(self) -> None:
        """Take it (again). Raises OSError where more than room is missing."""
        if not self._size:
            return
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                _allocate(fd, self._size)
                self.held = True
            finally:
                os.close(fd)
        except OSError as error:  # little room is no reason not to open; part of a ballast helps nobody
            if error.errno not in FULL | {errno.EFBIG}:
                raise
            self.free()

    def free(self) -> None:
        self.held = False
        self._path.unlink(missing_ok=True)


def _allocate(fd: int, size: int) -> None:
    """``size`` bytes really taken, not a hole."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
        else:
            return
    write_all(fd, b"\0" * size)
