"""How long canaries have to be healthy, counted on a clock of the test's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from upgrade_tui.conductor.execution.waits import healthy_for


class Desk:
    """A window with one canary whose verdicts come at set times."""

    def __init__(self, *verdicts: tuple[float, str]) -> None:
        self.now, self.verdicts = 0.0, verdicts

    def mono(self) -> float:
        return self.now

    def under_way(self, _step: str, _attempt: int) -> bool:
        return True

    def state(self) -> Any:
        verdict = [verdict for at, verdict in self.verdicts if at <= self.now][-1]
        canary = SimpleNamespace(verdict=verdict, detail="")
        return SimpleNamespace(phase="open", rollback=None, canaries={"front": canary}, missing=lambda step: ())

    async def change_within(self, seconds: float) -> None:
        self.now = min([self.now + seconds, *(at for at, _ in self.verdicts if at > self.now)])


@pytest.mark.parametrize(
    ("verdicts", "until"),
    [
        ([(0, "healthy")], 15),
        ([(0, "degraded"), (30, "healthy")], 45),
        ([(0, "healthy"), (10, "degraded"), (12, "healthy")], 27),
        ([(0, "no data"), (5, "degraded"), (40, "healthy")], 55),
    ],
)
async def test_canaries_are_healthy_on_end_from_when_they_became_it(
    verdicts: list[tuple[float, str]], until: float
) -> None:
    context = Desk(*verdicts)
    await healthy_for(context, SimpleNamespace(id="s", canaries=("front",)), 1, 15.0)  # type: ignore[arg-type]
    assert context.now == until
