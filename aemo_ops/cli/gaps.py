"""aemo-ops gaps, findings: what is missing of the past, and what looks wrong in it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

from aemo_ops.cli import past
from aemo_ops.cli.printing import ATTENTION, GOOD, document, table
from aemo_ops.errors import StoreError
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import moment
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.gaps import Gap
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.validity import check

_SHOWN = 40


def register(verbs: Any) -> None:
    gaps_ = verbs.add_parser("gaps", help="what is missing of each file, and who can fill it")
    past.span(gaps_, required=False)
    gaps_.add_argument("--json", action="store_true")
    gaps_.set_defaults(run=gaps)
    findings_ = verbs.add_parser(
        "findings", help="values that look wrong: frozen, out of bounds, not the mean of their six"
    )
    findings_.add_argument("--check", action="store_true", help="look through the files first")
    past.span(findings_, required=False)
    findings_.add_argument("--json", action="store_true")
    findings_.set_defaults(run=findings)


def gaps(chosen: argparse.Namespace) -> int:
    engine = past.engine()
    entries = [_entry(engine, dataset, chosen) for dataset in past.datasets(engine, chosen.dataset)]
    if chosen.json:
        document({"datasets": entries})
    else:
        columns = ("dataset", "since", "until", "expected", "complete", "partial", "missing", "absent", "not_due")
        table(columns, [[entry[column] for column in columns] for entry in entries])
        rows = [(e["dataset"], *_told(gap)) for e in entries for gap in e["gaps"]]
        if rows:
            print()
            table(("dataset", "first", "last", "intervals", "keys", "state", "source"), rows[:_SHOWN])
            if len(rows) > _SHOWN:
                print(f"... and {len(rows) - _SHOWN:,} more; --json lists all")
        for entry in entries:
            if entry["problem"]:
                print(f"{entry['dataset']}: {entry['problem']}", file=sys.stderr)
    return ATTENTION if any(entry["partial"] or entry["missing"] or entry["problem"] for entry in entries) else GOOD


def _entry(engine: Engine, dataset: Dataset, chosen: argparse.Namespace) -> dict[str, Any]:
    try:
        found, problem = engine.gaps().of(dataset, chosen.since, chosen.until), ""
    except StoreError as error:  # of one file; the others are answered
        found, problem = None, str(error)
    entry: dict[str, Any] = {"dataset": dataset.name, "problem": problem, "since": None, "until": None, "expected": 0}
    counts = {state: found.count(state) if found else 0 for state in Presence}
    if found is not None and len(found.ends):
        entry |= {
            "since": moment(int(found.ends[0])) - dataset.cadence,
            "until": moment(int(found.ends[-1])),
            "expected": found.due,
        }
    entry |= {
        "complete": counts[Presence.COMPLETE],
        "partial": counts[Presence.PARTIAL],
        "missing": counts[Presence.MISSING],
        "absent": counts[Presence.ABSENT],
        "not_due": counts[Presence.NOT_DUE],
        "gaps": [_gap(gap) for gap in engine.gaps().listed(dataset, found)] if found else [],
    }
    return entry


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "first": gap.first, "last": gap.last, "intervals": gap.intervals, "keys": list(gap.keys),
        "state": gap.state.words, "source": gap.source or None, "reason": gap.reason,
    }  # fmt: skip


def _told(gap: dict[str, Any]) -> tuple[Any, ...]:
    keys = ", ".join(gap["keys"][:4]) + (f" and {len(gap['keys']) - 4} more" if len(gap["keys"]) > 4 else "")
    return gap["first"], gap["last"], gap["intervals"], keys or "all", gap["state"], gap["source"] or gap["reason"]


def findings(chosen: argparse.Namespace) -> int:
    engine = past.engine()
    ground = engine.ground()
    datasets = past.datasets(engine, chosen.dataset)
    if chosen.check:
        until = chosen.until or engine.now()
        text = check(
            engine.store, ground.findings, datasets, chosen.since, until, ground.ledger.fallbacks, Progress(past.say)
        )
        print(text, file=sys.stderr)
    found = [f for dataset in datasets for f in ground.findings.all(dataset.name)]
    if chosen.json:
        document({"findings": [asdict(finding) for finding in found]})
    else:
        columns = ("dataset", "kind", "id", "first", "last", "detail")
        table(columns, [[getattr(finding, column) for column in columns] for finding in found])
    return ATTENTION if found else GOOD
