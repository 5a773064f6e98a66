"""What can go wrong with a log, in words for the operator: what, where, what to do."""

from __future__ import annotations


class JournalError(Exception):
    """Any failure of the log. ``str()`` is one message fit for the screen."""


class MissingLogError(JournalError):
    """There is no log where one was expected."""

    def __init__(self, directory: str) -> None:
        super().__init__(f"{directory}: no log.jsonl here; name the directory of a window")


class LockedError(JournalError):
    """Another process writes this log (exit code 75 for commands). ``pid`` and ``host`` are 0 and "" if unknown."""

    def __init__(self, directory: str, pid: int, host: str) -> None:
        self.directory = directory
        self.pid = pid
        self.host = host
        holder = f"process {pid} on {host}" if pid else "another process"
        super().__init__(f"{directory}: the log is held by {holder}; attach to it instead of starting it again")


class DamagedError(JournalError):
    """The log was changed after it was written. It can be read up to that line, and never written again."""

    def __init__(self, segment: str, line: int, problem: str) -> None:
        self.segment = segment
        self.line = line
        self.problem = problem
        super().__init__(f"{segment}:{line}: {problem}; the log is read-only now, the lines before it are intact")


class OtherLogError(JournalError):
    """An intact line that this version must not read, since its meaning is another. ``kind``: "" if it is not known."""

    def __init__(self, segment: str, line: int, problem: str, kind: str, advice: str) -> None:
        self.segment = segment
        self.line = line
        self.kind = kind
        super().__init__(f"{segment}:{line}: {problem}; {advice}")


class NewerLogError(OtherLogError):
    """The line was written by a newer version."""

    def __init__(self, segment: str, line: int, problem: str, kind: str = "") -> None:
        super().__init__(segment, line, problem, kind, "read this window with a newer upgrade-tui")


class OlderLogError(OtherLogError):
    """The line was written by an older version, in which its kind meant something else."""

    def __init__(self, segment: str, line: int, problem: str, kind: str) -> None:
        super().__init__(segment, line, problem, kind, "read this log with the version that wrote it")


class RefusedError(JournalError):
    """This event cannot be written: too long, NaN in it, or fields of the wrong types. Nothing was queued."""


class FencedError(JournalError):
    """Writing or syncing the log failed, so it takes no more events until it is reopened on a new segment."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the log is fenced: {reason}; nothing new starts until the log is reopened")
