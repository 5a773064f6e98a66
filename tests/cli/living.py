"""A real conductor in a thread of this process: its log, its socket, its jobs on this machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from upgrade_tui.attach.launch import freeze
from upgrade_tui.attach.socket import own_login
from upgrade_tui.cli import cli
from upgrade_tui.conductor.conductor import Conductor
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, AnyCommand
from upgrade_tui.window.state import WindowState, role_of

SOON = 60.0  # seconds: nothing here takes one; where something hangs it is told, also on a busy machine


class Living:
    """Conducts the window in ``directory`` until it is closed or left."""

    def __init__(self, directory: Path, origin: Path | None = None) -> None:
        self.directory = directory
        self._origin = origin
        self._ready, self._error = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)

    def __enter__(self) -> Living:
        self._thread.start()
        assert self._ready.wait(SOON), "the conductor does not come up"
        if self._error:
            raise self._error[0]
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.ended()
        if self._error:
            raise self._error[0]

    def ended(self) -> None:
        """Wait for its end."""
        self._thread.join(SOON)
        assert not self._thread.is_alive(), "the conductor does not end"

    def _run(self) -> None:
        try:
            asyncio.run(self._conduct())
        except BaseException as error:
            self._error.append(error)
        finally:
            self._ready.set()

    async def _conduct(self) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._window = window = Conductor(self.directory, opener=own_login(), origin=self._origin)
        await window.open()
        ready = asyncio.Event()
        running = asyncio.create_task(window.run(ready))
        telling = asyncio.create_task(ready.wait())
        await asyncio.wait({running, telling}, return_when=asyncio.FIRST_COMPLETED)
        self._ready.set()
        try:
            await running
        except asyncio.CancelledError:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        finally:
            telling.cancel()

    # -- what it knows ------------------------------------------------------------------------------------------------

    @property
    def state(self) -> WindowState:
        """The window as it stands."""
        return self._window.store.state

    def until(self, what: Callable[[WindowState], Any]) -> WindowState:
        """The first state for which ``what`` holds."""

        async def wait() -> WindowState:
            async with asyncio.timeout(SOON):
                while not what(self._window.store.state):
                    await self._window.store.changed()
            return self._window.store.state

        return self.inside(wait())

    def records(self) -> list[ev.Record]:
        """What happened, as it is in the log."""
        return list(self._window.store.read())

    def events(self) -> list[ev.Event]:
        """The events of those."""
        return [record.event for record in self.records()]

    def do(self, command: AnyCommand, login: str = "") -> Any:
        """What a client would ask for, without one."""
        login = login or own_login()
        actor = Actor(login, role_of(self.state.plan, login, self.state.opened_by))
        return self.inside(self._window.store.command(command, actor))

    def inside(self, job: Coroutine[Any, Any, Any]) -> Any:
        """Have the conductor's loop do ``job``."""
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(SOON)


def frozen(plan: str) -> Path:
    """A new window's directory with this plan."""
    return freeze(parse_plan(plan, "plan.toml"), plan)


def typed(*arguments: str, code: int = 0, given: str | None = None) -> Result:
    """A command as somebody types it; its exit code is ``code``."""
    done = CliRunner().invoke(cli, [*arguments], input=given, catch_exceptions=False)
    assert done.exit_code == code, f"{arguments}: exit {done.exit_code}\n{done.stdout}{done.stderr}"
    return done
