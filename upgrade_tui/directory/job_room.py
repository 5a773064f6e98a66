"""Whether jobs can be started on this machine: most of the time they are in the file system of the log."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from upgrade_tui.plan.model import LOCAL
from upgrade_tui.window.state import Undo, WindowState


def without_room(state: WindowState, steps: Iterable[Undo]) -> list[str]:
    """What of ``steps`` cannot be undone on this machine, which the conductor runs on as well: ``step on host: why``.

    Of other machines only their conductor's try can tell.
    """
    return [said for undo in steps for said in _of(state, undo)]


def _of(state: WindowState, undo: Undo) -> Iterator[str]:
    spec = state.plan.step(undo.step)
    if spec is None or spec.rollback is None or spec.rollback.run is None:  # a person does it
        return
    for place in dict.fromkeys(spec.run_on or host for batch in undo.batches for host in batch):
        here = place == LOCAL or (place in state.plan.hosts and state.plan.hosts[place].address == LOCAL)
        with suppress(OSError):
            directory = state.places.get(place, "") if here else ""
            if directory and os.statvfs(directory).f_flag & os.ST_RDONLY:
                why = f"its jobs are kept in {directory}, which is read-only"
                yield f"{undo.step} on {place}: {why}: the rollback stops there until it can be written"
