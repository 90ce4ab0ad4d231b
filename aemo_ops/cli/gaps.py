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
from aemo_ops.ops.completeness import Completeness, Presence
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.listing import Gap
from aemo_ops.ops.tally import RULE, in_words, tally
from aemo_ops.ops.validity import check, with_new_ids

_SHOWN = 40


def register(verbs: Any) -> None:
    gaps_ = verbs.add_parser("gaps", help="what is missing of each file, and who can fill it")
    past.span(gaps_, required=False)
    gaps_.add_argument("--json", action="store_true")
    gaps_.set_defaults(run=gaps)
    findings_ = verbs.add_parser(
        "findings", help="what looks wrong: values frozen, out of bounds, not the mean of their six; ids that are new"
    )
    findings_.add_argument("--check", action="store_true", help="look through the files first")
    past.span(findings_, required=False)
    findings_.add_argument("--json", action="store_true")
    findings_.set_defaults(run=findings)


def gaps(chosen: argparse.Namespace) -> int:
    engine = past.engine()
    found, listed, problems = _answered(engine, chosen)
    entries = [_entry(one, found[one], listed[one], problems.get(one, "")) for one in found]
    told = tally(gap for gaps in listed.values() for gap in gaps)
    if chosen.json:
        document({"datasets": entries, "tally": asdict(told)})
    else:
        columns = ("dataset", "since", "until", "expected", "complete", "partial", "missing", "absent", "not_due")
        table(columns, [[entry[column] for column in columns] for entry in entries])
        rows = [(e["dataset"], *_told(gap)) for e in entries for gap in e["gaps"]]
        if rows:
            print()
            table(("dataset", "first", "last", "intervals", "keys", "state", "source"), rows[:_SHOWN])
            if len(rows) > _SHOWN:
                print(f"... and {len(rows) - _SHOWN:,} more; --json lists all")
        print(f"\n{in_words(told)}\n{RULE}")
        for dataset, problem in problems.items():
            print(f"{dataset.name}: {problem}", file=sys.stderr)
    wanting = any(entry["partial"] or entry["missing"] for entry in entries)
    return ATTENTION if wanting or problems else GOOD


def _answered(
    engine: Engine, chosen: argparse.Namespace
) -> tuple[dict[Dataset, Completeness | None], dict[Dataset, list[Gap]], dict[Dataset, str]]:
    """The completeness and the gaps of each dataset, and why a file cannot be read; the others are answered all the same."""
    found: dict[Dataset, Completeness | None] = {}
    listed: dict[Dataset, list[Gap]] = {}
    problems: dict[Dataset, str] = {}
    for dataset in past.datasets(engine, chosen.dataset):
        try:
            found[dataset] = told = engine.gaps().of(dataset, chosen.since, chosen.until)
            listed[dataset] = engine.gaps().listed(dataset, told) if told else []
        except StoreError as error:
            found[dataset], listed[dataset], problems[dataset] = None, [], str(error)
    return found, listed, problems


def _entry(dataset: Dataset, found: Completeness | None, listed: list[Gap], problem: str) -> dict[str, Any]:
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
        "gaps": [_gap(gap) for gap in listed],
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
    stored = [f for dataset in datasets for f in ground.findings.all(dataset.name)]
    found = with_new_ids(stored, engine.gaps(), datasets)
    if chosen.json:
        document({"findings": [asdict(finding) for finding in found]})
    else:
        columns = ("dataset", "kind", "id", "first", "last", "detail")
        table(columns, [[getattr(finding, column) for column in columns] for finding in found])
    return ATTENTION if found else GOOD
