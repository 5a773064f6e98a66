"""Runs in a terminal of ``bench_tui``: the dashboard on a saved window, fed as a client is fed, or a bare Textual app.

python -m bench.dashboard_child bare
python -m bench.dashboard_child DIRECTORY            shows the window saved there
python -m bench.dashboard_child DIRECTORY feed       and feeds it one telemetry message a second
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


def bare() -> None:
    """The least that Textual can do: what we are measured against."""
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Bare(App[None]):
        BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012

        def compose(self) -> ComposeResult:
            yield Static("WHERE")

    Bare().run()


def dashboard(directory: Path, fed: bool) -> None:
    """Plan and events as they come over the socket, then the app."""
    from upgrade_tui.attach import protocol
    from upgrade_tui.attach.session import Session
    from upgrade_tui.plan.reader import parse_plan
    from upgrade_tui.tui.app import UpgradeApp

    happened = protocol.decode_conductor((directory / "events.json").read_bytes())
    telemetry = next(protocol.decode_conductor(line) for line in (directory / "frames.jsonl").open("rb"))
    assert isinstance(happened, protocol.Happened)
    assert isinstance(telemetry, protocol.FrameMessage)
    session = Session(parse_plan((directory / "plan.toml").read_text(), "plan.toml"), "mei", "lead")
    session._take(happened)
    session._take(telemetry)
    session.live = True
    app = UpgradeApp(session)

    async def feed() -> None:
        lines = (directory / "frames.jsonl").read_bytes().splitlines()
        for i in range(10_000):
            message = protocol.decode_conductor(lines[i % len(lines)])
            assert isinstance(message, protocol.FrameMessage)
            session._take(message)
            await asyncio.sleep(1.0)

    async def main() -> None:
        task = asyncio.create_task(feed()) if fed else None
        await app.run_async()
        if task is not None:
            task.cancel()

    asyncio.run(main())


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        bare()
    else:
        dashboard(Path(sys.argv[1]), "feed" in sys.argv[2:])
