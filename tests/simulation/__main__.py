"""Play nights: ``python -m tests.simulation --seed N`` tells one, ``--nights 1000 [--start N]`` plays many."""

from __future__ import annotations

# ruff: noqa: T201 - a command line
import argparse
import sys
import time
from collections import Counter

from tests.simulation.evening import play
from tests.simulation.night import make_night
from tests.simulation.shrink import shrink
from tests.simulation.told import Told


def main() -> int:
    """0: nothing was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", help="play this night and tell its story")
    parser.add_argument("--nights", type=int, default=100, help="play so many nights")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--narrow", action="store_true", help="short nights in which much happens at one moment")
    parser.add_argument("--whole", action="store_true", help="tell the story without making it smaller first")
    parser.add_argument("--strict", action="store_true", help="what is known to be broken counts, too")
    parser.add_argument("--rule", default="", help="only what breaks this rule counts")
    given = parser.parse_args()
    if given.seed is not None:
        return one(given.seed, whole=given.whole, strict=given.strict, rule=given.rule)
    return many(given.start, given.nights, strict=given.strict, rule=given.rule, kind="narrow " * given.narrow)


def one(seed: str, *, whole: bool, strict: bool, rule: str) -> int:
    """One night, as a story."""
    told = play(make_night(seed), strict=strict, rule=rule)
    if told.fresh and not whole:
        before = len(told.night.faults), len(told.night.moments)
        told = shrink(told, lambda night: play(night, strict=strict, rule=rule))
        after = len(told.night.faults), len(told.night.moments)
        print(f"made smaller: {before[0]} faults and {before[1]} looks to {after[0]} and {after[1]}\n")
    print(told.night.text)
    print(told.story())
    print(told.stderr, file=sys.stderr)
    print(verdict(told))
    return 1 if told.fresh else 0


def verdict(told: Told) -> str:
    """The last line."""
    if not told.fresh:
        return f"seed {told.night.seed}: {told.events} events, {told.deaths} deaths, nothing was broken"
    return "\n".join(f"seed {told.night.seed}: BROKEN: {b.rule}: {b.text}" for b in told.fresh)


def many(start: int, count: int, *, strict: bool, rule: str, kind: str = "") -> int:
    """Many nights, with figures."""
    broken, known, events, deaths, commands, hours = Counter[str](), Counter[str](), 0, 0, 0, 0.0
    began = time.process_time()
    for seed in range(start, start + count):
        told = play(make_night(f"{kind}{seed}"), strict=strict, rule=rule)
        events, deaths, commands = events + told.events, deaths + told.deaths, commands + told.commands
        hours += told.seconds / 3600
        known.update({b.rule for b in told.broken} - {b.rule for b in told.fresh})
        if told.fresh:
            broken[told.fresh[0].rule] += 1
            print(verdict(told), flush=True)
    took = time.process_time() - began
    print(
        f"{count} nights ({hours:.0f} virtual hours, {events} events, {commands} commands, {deaths} deaths of the "
        f"conductor) in {took:.1f} s of a core: {60 * count / took:.0f} nights a minute"
    )
    print(f"broken: {dict(broken) or 'nothing'}; known: {dict(known) or 'nothing'}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
