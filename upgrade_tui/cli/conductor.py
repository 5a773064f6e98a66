"""The conductor process. Started by ``run``; not for people."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import NoReturn

import click

from upgrade_tui.cli.exits import Exit


@click.command(hidden=True)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--ready-fd", type=int, default=-1)
@click.option("--origin", type=click.Path(path_type=Path), default=None)
@click.option("--accept-plan", "accept", default="")
def conductor(directory: Path, ready_fd: int, origin: Path | None, accept: str) -> None:
    """Own the window in DIRECTORY until it is closed."""
    from upgrade_tui.attach.socket import own_login
    from upgrade_tui.conductor.conductor import Conductor
    from upgrade_tui.directory.recorded import PlanDiffers
    from upgrade_tui.journal import DamagedError, JournalError, LockedError, OtherLogError
    from upgrade_tui.plan.reader import PlanError

    async def serve() -> None:
        window = Conductor(directory, opener=own_login(), origin=origin, accept=accept)
        await window.open()
        with contextlib.suppress(OSError):  # local commands run in the plan's folder, as long as there is one
            os.chdir(window.origin or "/")
        ready, task = asyncio.Event(), asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        signal.signal(signal.SIGHUP, lambda *_: None)  # not SIG_IGN, which local commands would inherit
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(_tell(ready, ready_fd))
            await window.run(ready)
            telling.cancel()

    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(serve())
    except LockedError as error:
        _end(ready_fd, str(error), Exit.LOCKED)
    except (DamagedError, OtherLogError) as error:
        _end(ready_fd, str(error), Exit.LOG_DAMAGED)
    except PlanDiffers as error:
        _end(ready_fd, str(error), Exit.LOG_DAMAGED)
    except PlanError as error:
        _end(ready_fd, f"the frozen plan is wrong: {error}", Exit.WRONG_PLAN)
    except (JournalError, OSError) as error:
        _end(ready_fd, f"{directory}: {error}", Exit.CANNOT_WRITE)


async def _tell(ready: asyncio.Event, fd: int) -> None:
    await ready.wait()
    _say(fd, "ready")


def _say(fd: int, text: str) -> None:
    if fd >= 0:
        with contextlib.suppress(OSError):  # who started us went away: the window goes on
            os.write(fd, text.replace("\n", " ").encode() + b"\n")
            os.close(fd)


def _end(fd: int, message: str, code: Exit) -> NoReturn:
    click.echo(message, err=True)
    _say(fd, message)
    raise SystemExit(code)
