"""A task's output on disk: all of it up to a cap, then only its end, with the gap named."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

from upgrade_tui.foreign import decoded, one_line
from upgrade_tui.journal.room import shortage

HEAD = 16 * 1024 * 1024  # bytes kept from the beginning
TAIL = 1024 * 1024  # bytes kept from the end once the head is full


class CountedOutput:
    """Takes the place of a file where output must not be kept: only its size is told."""

    kept_at_all, last_line, error = False, "", ""

    def __init__(self) -> None:
        self.size = 0  # bytes produced

    def write(self, data: bytes) -> None:
        """Forget what the command wrote."""
        self.size += len(data)

    def close(self) -> str:
        """There is no file, and no hash of one."""
        return ""


class OutputFile:
    """Collects a task's bytes. ``write`` appends to a file in the page cache and never waits for a disk.

    Where the disk gets short of room, nothing more is kept: what is left is for the log.
    """

    def __init__(self, path: Path, shortage: Callable[[Path], str] = shortage) -> None:
        """Raises OSError where the file cannot be made. ``shortage``: why nothing may be written to a directory."""
        self.path = path
        self._shortage = shortage
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._last = b""
        self.kept = 0  # bytes in the file
        self.size = 0  # bytes produced
        self.error = ""

    def write(self, data: bytes) -> None:
        """Take what the command wrote. A disk error is remembered in ``error``; the command goes on."""
        self.size += len(data)
        self._last = (self._last + data)[-4096:]
        room = HEAD - self.kept
        if room > 0:
            self._put(data[:room])
            data = data[room:]
        if data:
            self._tail.append(data)
            self._tail_size += len(data)
            while self._tail_size - len(self._tail[0]) > TAIL:
                self._tail_size -= len(self._tail.popleft())

    def _put(self, data: bytes) -> None:
        if not self.error and (short := self._shortage(self.path.parent)):
            self.error = f"output is not kept: {short}"
        view = memoryview(data)
        while view and not self.error:
            try:
                written = os.write(self._fd, view)
            except OSError as error:
                self.error = f"output could not be kept: {error.strerror}"
                return
            self.kept += written
            view = view[written:]

    @property
    def kept_at_all(self) -> bool:
        """There is a file of it: not where none could be made."""
        return self.path != Path(os.devnull)

    @property
    def last_line(self) -> str:
        """The last line that is not empty, harmless, at most 200 characters."""
        lines = [line for line in decoded(self._last.replace(b"\r", b"\n")).split("\n") if line.strip()]
        return one_line(lines[-1].strip(), 200) if lines else ""

    def close(self) -> str:
        """Write the tail, close the file. The SHA-256 of the file's content, hex."""
        if self._tail:
            left_out = self.size - self.kept - self._tail_size
            if left_out:
                self._put(b"\n[... %d bytes left out ...]\n" % left_out)
            for piece in self._tail:
                self._put(piece)
        os.close(self._fd)
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        return digest.hexdigest()
