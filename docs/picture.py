"""Draws docs/dashboard.svg, the README's picture: the golden window in its rollout. ``python -m docs.picture``.

``python -m docs.picture MOMENT WIDTH HEIGHT dark|light FILE`` draws another one.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support_tui import feed, recorded
from upgrade_tui.tui.app import UpgradeApp


async def draw(
    moment: str, width: int, height: int, theme: str, *, hostile: bool = False, hosts: int = 12,
    ascii_only: bool = False, guide: bool = False, keys: tuple[str, ...] = (),
) -> str:  # fmt: skip
    """The dashboard as SVG."""
    session = recorded(moment, hosts, hostile=hostile)
    app = UpgradeApp(session, theme=theme, ascii=ascii_only, guide=guide)
    if session.frame is not None:
        feed(app.history, session.frame)
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        return app.export_screenshot(title=f"upgrade-tui · {session.plan.window.id}")


def main(arguments: list[str]) -> None:
    """Writes the picture."""
    moment, width, height, theme, file = arguments or ["rollout", "120", "40", "dark", "docs/dashboard.svg"]
    Path(file).write_text(asyncio.run(draw(moment, int(width), int(height), theme)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
