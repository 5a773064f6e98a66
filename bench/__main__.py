"""``python -m bench [NAME ...]``: run every ``bench_*`` module, or those named, and print one table.

A module has ``run() -> list[(what, measured, goal, "met" | "missed" | "")]``. Nothing else should run meanwhile.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {"met": "green", "missed": "bold red"}


def main(names: list[str]) -> int:
    known = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    table = Table(
        title=f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
    )
    for column in ("what", "measured", "goal", ""):
        table.add_column(column)
    for name in names or known:
        print(f"measuring {name} ...", file=sys.stderr)
        for what, measured, goal, word in importlib.import_module(f"bench.bench_{name}").run():
            table.add_row(Text(what), Text(measured), Text(goal), Text(word, STYLES.get(word, "")))
        table.add_section()
    Console(width=max(100, Console().width)).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
