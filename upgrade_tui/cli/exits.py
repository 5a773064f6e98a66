"""What the program's exit codes mean. The numbers above 63 are those of ``sysexits.h``; ``docs/`` lists them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1  # what was asked for was tried and did not succeed
    WRONG_PLAN = 2  # the plan has errors; nothing was touched
    USAGE = 2  # wrong options or arguments (click's own code)
    ARMED = 3  # it waits to be confirmed: not done, and undone by its hosts unless somebody confirms
    HELD = 4  # it runs, and waits: the clock holds its next batch until the lead lets it go
    UNDONE = 5  # its hosts undid it by themselves
    LOG_DAMAGED = 65  # EX_DATAERR: a log that was altered or is broken
    NO_INPUT = 66  # EX_NOINPUT: a file that is not there or cannot be read
    UNAVAILABLE = 69  # EX_UNAVAILABLE: no conductor answers, no such window, a port is refused
    SOFTWARE = 70  # EX_SOFTWARE: a mistake of ours
    CANNOT_WRITE = 73  # EX_CANTCREAT: the state directory or an output file cannot be written
    LOCKED = 75  # EX_TEMPFAIL: another conductor holds this window
    NO_PERMISSION = 77  # EX_NOPERM: this operator may not do that
    REFUSED = 78  # the window refused the command, and said why
