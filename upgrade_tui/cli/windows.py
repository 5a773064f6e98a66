"""``upgrade-tui windows``: what windows there are."""

from __future__ import annotations

from datetime import datetime

import click


@click.command(short_help="List windows, newest first.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not closed.")
def windows(as_json: bool, only_open: bool) -> None:
    """List the windows of this machine and user, newest first."""
    from upgrade_tui.directory.windows import WindowInfo, all_windows

    def words(w: WindowInfo) -> str:
        if w.state is None:
            return "unreadable"
        if w.problem:
            return f"{w.state.phase} at #{w.state.seq}, then unreadable"
        if w.state.phase == "closed":
            return f"closed: {w.state.outcome}"
        return w.state.phase if w.running else f"{w.state.phase}, no conductor"

    found = [w for w in all_windows() if w.open or not only_open]
    if as_json:
        import msgspec

        rows = [
            {
                "window": w.name, "directory": str(w.directory), "running": w.running, "problem": w.problem,
                "id": w.plan_id, "title": w.state.plan.window.title if w.state else "",
                "phase": w.state.phase if w.state else None, "outcome": w.state.outcome if w.state else None,
                "opened": w.state.opened if w.state else None, "events": w.state.seq if w.state else None,
            }
            for w in found
        ]  # fmt: skip
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    if not found:
        click.echo("no windows yet; start one: upgrade-tui run PLAN")
    width = max((len(w.name) for w in found), default=0)
    for w in found:
        opened = w.state.opened if w.state else None
        at = datetime.fromtimestamp(opened).astimezone().strftime("%Y-%m-%d %H:%M") if opened else " " * 16
        title = w.state.plan.window.title if w.state else w.problem
        click.echo(f"{w.name:<{width}}  {at}  {words(w):<20}  {title}")
