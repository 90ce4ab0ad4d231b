"""aemo-ops compare: two files or folders, key by key; with --judge AEMO's own files decide who is right."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aemo_ops.cli import past
from aemo_ops.cli.printing import ATTENTION, ERROR, GOOD, document, table
from aemo_ops.clock import Clock, stamp
from aemo_ops.market import catalogue
from aemo_ops.migrate.comparison import Comparison, Verdict, together
from aemo_ops.migrate.judge import Nemweb
from aemo_ops.migrate.pairs import compare_files, pairs
from aemo_ops.nemweb.client import Client, Manners
from aemo_ops.settings import Settings

_CODES = {Verdict.PASS: GOOD, Verdict.INSUFFICIENT: ATTENTION, Verdict.BLOCK: ERROR}


def register(verbs: Any) -> None:
    parser = verbs.add_parser(
        "compare", help="two files or folders, key by key; exit 1 not enough to judge by, 2 block"
    )
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    past.span(parser, required=False)
    parser.add_argument("--judge", action="store_true", help="where they differ, fetch AEMO's own files to decide")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=compare)


def compare(chosen: argparse.Namespace) -> int:
    known = [catalogue.dataset(name) for name in chosen.dataset]
    found = []
    settings = Settings.load()
    clock = Clock.from_file(settings.clock_file)
    judge = _judge(settings, clock) if chosen.judge else None
    for pair in pairs(chosen.old, chosen.new, known):
        if not chosen.json:
            print(f"{pair.dataset.name}: comparing ...", file=sys.stderr)
        found.append(compare_files(pair, chosen.since, chosen.until, judge, clock.now()))
    verdict = together(found)
    if chosen.json:
        document({"datasets": [_entry(one) for one in found], "verdict": str(verdict)})
    else:
        _show(found, verdict, chosen.judge)
    return _CODES[verdict]


def _judge(settings: Settings, clock: Clock) -> Nemweb:
    return Nemweb(Client(settings.nemweb_url, Manners(gap=settings.request_gap), clock))


def _entry(one: Comparison) -> dict[str, Any]:
    return {
        "dataset": one.dataset,
        "only_old": one.only_old,
        "only_new": one.only_new,
        "equal": one.equal,
        "different": one.different,
        "explained": {str(reason): number for reason, number in one.explained.items()},
        "unexplained": one.unexplained,
        "new_is_wrong": {
            str(reason): number
            for reason, number in one.reasons.items()
            if not reason.explained and not reason.unexplained
        },
        "intervals": one.intervals,
        "off_grid": one.off_grid,
        "doubled": one.doubled,
        "problems": one.problems,
        "samples": [
            {"settlementdate": s.end, "id": s.id, "reason": str(s.reason), "old": s.old, "new": s.new, "aemo": s.aemo}
            for s in one.samples
        ],
        "verdict": str(one.verdict),
    }


def _show(found: Sequence[Comparison], verdict: Verdict, judged: bool) -> None:
    table(
        ("dataset", "only old", "only new", "equal", "different", "intervals", "verdict"),
        [(c.dataset, c.only_old, c.only_new, c.equal, c.different, c.intervals, str(c.verdict)) for c in found],
    )
    for one in found:
        for problem in one.problems:
            print(f"{one.dataset}: {problem}")
        for number, what in ((one.off_grid, "rows off the grid"), (one.doubled, "rows of a key that another row has")):
            if number:
                print(f"{one.dataset}: the old file has {number:,} {what}; they are no keys")
        for reason, number in one.reasons.items():
            print(f"{one.dataset}: {number:,} x {reason}")
        for sample in one.samples[:5]:
            print(f"    {stamp(sample.end)} {sample.id}: old {sample.old}, new {sample.new}, AEMO's {sample.aemo}")
    print({Verdict.PASS: "pass", Verdict.BLOCK: "BLOCKED", Verdict.INSUFFICIENT: "not enough evidence yet"}[verdict])
    if verdict is Verdict.BLOCK and not judged:
        print("Nobody was asked who is right: --judge fetches AEMO's own files of the intervals that differ.")
