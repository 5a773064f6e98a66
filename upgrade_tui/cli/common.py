"""What the commands share: finding a window, talking to its conductor, failing with one clear line."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from upgrade_tui.cli.exits import Exit

if TYPE_CHECKING:
    from upgrade_tui.attach.client import NotAnswering

T = TypeVar("T")

window_option = click.option("--window", "-w", metavar="ID", help="Which window, where more than one is open.")


def fail(message: str, code: Exit, hint: str = "") -> NoReturn:
    """One line to stderr (and a hint), and the exit code."""
    click.echo(f"upgrade-tui: {message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)
    sys.exit(code)


def find_window(name: str | None) -> Path:
    """A window's directory by path, directory name, plan id or a unique beginning; without a name, the only open one.

    Ends the command with a list of what there is where that is not clear.
    """
    from upgrade_tui.directory.paths import PLAN, window_directories

    if name and (Path(name) / PLAN).is_file():
        return Path(name).resolve()
    if name is None:
        return _only_open()
    found = window_directories()
    exact = [d for d in found if d.name == name]
    of_plan = [d for d in found if re.fullmatch(re.escape(name) + r"-\d{8}-\d{6}.*", d.name)]
    near = exact or of_plan or [d for d in found if d.name.startswith(name)]
    if len(near) > 1:
        near = [w.directory for w in _looked(near) if w.open] or near[:1]  # newest first: the last closed one
    if len(near) == 1:
        return near[0]
    names = ", ".join(d.name for d in (near or found)[:8]) or "none"
    problem = f'"{name}" is not clear' if near else f'there is no window "{name}"'
    fail(problem, Exit.UNAVAILABLE, f"windows: {names}")


def _looked(directories: list[Path]) -> list[Any]:
    from upgrade_tui.directory.windows import look

    return [look(d) for d in directories]


def _only_open() -> Path:
    from upgrade_tui.directory.windows import all_windows

    windows = [w for w in all_windows() if w.open]
    running = [w for w in windows if w.running]
    chosen = running or windows
    if not chosen:
        fail("no window is open", Exit.UNAVAILABLE, "start one: upgrade-tui run PLAN")
    if len(chosen) > 1:
        fail("more than one window is open", Exit.USAGE, f"say which: --window {' | '.join(w.name for w in chosen)}")
    directory: Path = chosen[0].directory
    return directory


def not_running(directory: Path) -> NoReturn:
    """Why nobody answers for a window, and what to do: a closed one has a report, an open one can go on."""
    from upgrade_tui.directory.windows import look

    info = look(directory)
    if info.state is not None and info.state.phase == "closed":
        fail(f"{info.name} is closed ({info.state.outcome})", Exit.UNAVAILABLE, f"upgrade-tui report {info.name}")
    fail(
        f"no conductor is running for {info.name}",
        Exit.UNAVAILABLE,
        f"start it again, it goes on where it was: upgrade-tui run {info.name}",
    )


def not_answering(directory: Path, silent: NotAnswering) -> NoReturn:
    """Its conductor is there and says nothing: what a person can do about that."""
    pid = silent.pid or "PID"
    fail(
        f"{directory.name}: {silent}",
        Exit.UNAVAILABLE,
        f"stopped? kill -CONT {pid}. If it hangs: kill -9 {pid}, then upgrade-tui run {directory.name} goes on from "
        "its log",
    )


async def live_state(client: Any) -> Any:
    """The window's state now."""
    return (await client.state())[0]


def talk(directory: Path, job: Callable[[Any], Awaitable[T]], *, since: int | None = None, attach: bool = False) -> T:
    """Connect to the window's conductor, do ``job(client)``. Ends the command where nobody answers.

    ``since``: stream what happened after that record, too; left out, only what happens from now on.
    """
    from upgrade_tui.attach.client import Client, Lost, NotAnswering, NotRunning

    async def go() -> T:
        client = await Client.connect(directory, since=since, attach=attach)
        try:
            return await job(client)
        finally:
            await client.close()

    try:
        return asyncio.run(go())
    except NotRunning:
        not_running(directory)
    except NotAnswering as silent:
        not_answering(directory, silent)
    except Lost as lost:
        fail(str(lost), Exit.UNAVAILABLE)
    except KeyboardInterrupt:
        sys.exit(130)
