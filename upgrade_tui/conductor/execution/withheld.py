"""Output that was withheld since no conductor knew its secrets: fetched from the host by one that does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from upgrade_tui.conductor.execution.context import ExecutionContext
from upgrade_tui.conductor.execution.secret import Redactor, same_secrets
from upgrade_tui.conductor.execution.tasks import Work, job_spec
from upgrade_tui.directory.paths import output_file
from upgrade_tui.window import events as ev
from upgrade_tui.window.on_fail import REACHED
from upgrade_tui.window.state import WindowState, WithheldOutput

_LIMIT = 60.0  # seconds for a host to print it again


class Withheld:
    """Looks again, at a takeover and after a step, whether what was withheld can be kept now."""

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context
        self._one_at_a_time = asyncio.Lock()

    async def fetch(self) -> None:
        """All that hosts still have of it, and whose secrets are known. What fails stays withheld."""
        async with self._one_at_a_time:
            state = self._context.state()
            for left, work in self._wanted(state):
                secrets, _why = await same_secrets(work.spec, left.secrets)
                if secrets is not None:
                    await self._fetch(left, work, secrets)

    def _wanted(self, state: WindowState) -> Iterator[tuple[WithheldOutput, Work]]:
        for left in state.withheld:
            spec = state.plan.step(left.step)
            reached = left.place not in state.hosts or state.hosts[left.place].link in REACHED
            if spec is not None and reached:
                yield left, Work(
                    spec=spec, host=left.host, place=left.place, attempt=left.attempt, batch=left.batch, undo=left.undo
                )  # fmt: skip

    async def _fetch(self, left: WithheldOutput, work: Work, secrets: dict[str, str]) -> None:
        name = output_file(work.spec.id, work.host, work.attempt, "undo" if work.undo else "out")
        try:
            file = await asyncio.to_thread(self._context.output_file, self._context.output / name)
        except OSError:
            return
        redactor = Redactor(secrets, file.write)
        spec = job_spec(self._context, work, secrets)
        try:
            async with asyncio.timeout(_LIMIT):
                ended = await self._context.hosts.job(
                    work.place, spec, on_output=redactor.feed, on_lost=lambda reason: None, on_found=lambda: None,
                    resume=True, begun=True,
                )  # fmt: skip
            # How one ended that nobody knows is still not known, but what it printed is there.
            whole = ended.sent and (ended.proven or file.size >= max(1, left.bytes))
        except TimeoutError:
            whole = False
        finally:
            redactor.close()
            digest = await asyncio.to_thread(file.close)
        if not whole or file.error:
            return
        kept = ev.OutputKept(
            step=work.spec.id, host=work.host, attempt=work.attempt, undo=work.undo, output=name, bytes=file.size,
            sha256=digest, last_line=file.last_line,
        )  # fmt: skip
        await self._context.transact(lambda state: (kept,) if left in state.withheld else ())
