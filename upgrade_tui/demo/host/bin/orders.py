"""The shop's database, an SQLite file: what ``bin/orders`` does with it.

``expand`` adds what version 2 needs and leaves all that version 1 needs (both can run); ``shrink`` takes that back;
``contract`` drops what only version 1 needed: from then on there is no way back.
"""

import os
import pathlib
import sqlite3
import sys
import time
from contextlib import closing

LIVE, COPY = pathlib.Path("data/shop.db"), pathlib.Path("data/backup.db")
TICK = float(os.environ["SHOP_TICK"])  # seconds of one piece of work


def say(text: str) -> None:
    """A line of output, and the time the work takes."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    time.sleep(TICK)


def rows(path: pathlib.Path) -> int:
    """How many orders a database file has."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM orders").fetchone()[0])


def columns(db: sqlite3.Connection) -> set[str]:
    """The columns of the orders."""
    return {str(row[1]) for row in db.execute("PRAGMA table_info(orders)")}


def backup() -> None:
    """A copy of the live database, made while it is used."""

    def progress(_status: int, left: int, total: int) -> None:
        say(f"  {100 * (total - left) // total} % of {total} pages")

    with closing(sqlite3.connect(LIVE)) as live, closing(sqlite3.connect(COPY)) as copy:
        pages = int(live.execute("PRAGMA page_count").fetchone()[0])
        live.backup(copy, pages=max(1, -(-pages // 6)), progress=progress, sleep=0)
    say(f"backed up {rows(COPY)} orders")


def restore_check() -> None:
    """A backup that was never read is a hope. Reads it."""
    with closing(sqlite3.connect(COPY)) as copy:
        sound = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if sound != "ok" or rows(COPY) != rows(LIVE):
        sys.exit(f"the backup is not good: {sound}, {rows(COPY)} of {rows(LIVE)} orders")
    sys.stdout.write(f"the backup is whole: {rows(COPY)} of {rows(LIVE)} orders\n")


def change(*statements: str) -> None:
    """Run statements in one transaction, telling each."""
    with closing(sqlite3.connect(LIVE)) as db, db:
        for statement in statements:
            say(f"  {statement}")
            db.execute(statement)


def keep(wanted: str) -> None:
    """Make the table anew with these columns: SQLite could not drop one before 3.35."""
    change(f"CREATE TABLE orders_new AS SELECT {wanted} FROM orders", "DROP TABLE orders",  # noqa: S608 - our own names
           "ALTER TABLE orders_new RENAME TO orders")  # fmt: skip


def expand() -> None:
    """What version 2 needs, beside what version 1 needs."""
    with closing(sqlite3.connect(LIVE)) as db:
        done = "total_cents" in columns(db)
    if not done:
        change(
            "ALTER TABLE orders ADD COLUMN total_cents INTEGER",
            "UPDATE orders SET total_cents = CAST(round(total * 100) AS INTEGER)",
            "CREATE INDEX orders_by_total ON orders (total_cents)",
        )
    say("version 1 and version 2 can both use the orders now")


def shrink() -> None:
    """Takes ``expand`` back."""
    keep("id, customer, total")
    say("the orders are as version 1 made them")


def contract() -> None:
    """Drops what only version 1 needed."""
    with closing(sqlite3.connect(LIVE)) as db:
        old = "total" in columns(db)
    if old:
        keep("id, customer, total_cents")
    say("the old column is gone: only version 2 can use the orders")


def count() -> None:
    """The number of orders, for a canary."""
    sys.stdout.write(f"{rows(LIVE)}\n")


VERBS = {"count": count, "backup": backup, "restore-check": restore_check, "expand": expand, "shrink": shrink,
         "contract": contract}  # fmt: skip
if len(sys.argv) != 2 or sys.argv[1] not in VERBS:
    sys.exit(f"usage: orders {' | '.join(VERBS)}")
VERBS[sys.argv[1]]()
