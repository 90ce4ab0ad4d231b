"""aemo-ops check: does a parquet file keep its dataset's contract; --repair writes the normal form beside it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aemo_ops.cli.printing import ATTENTION, ERROR, GOOD, document, table
from aemo_ops.clock import Clock, stamp
from aemo_ops.errors import AemoOpsError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.settings import Settings
from aemo_ops.store.contract.examination import describe, examine
from aemo_ops.store.contract.normal import Repair, is_untouched_result, normal_path, normalise
from aemo_ops.store.contract.problem import NOTES, Problem, Verdict
from aemo_ops.store.contract.recognition import recognise


def register(verbs: Any) -> None:
    parser = verbs.add_parser(
        "check", help="does a file keep its dataset's contract; exit 1 it does not, 2 it cannot be read or is unknown"
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--dataset", metavar="NAME", help="the dataset of the files; by default told by each file's name"
    )
    parser.add_argument("--repair", action="store_true", help="write NAME.normal.parquet beside a file with problems")
    parser.add_argument("--drop-columns", action="store_true", help="the normal form may leave out extra columns")
    parser.add_argument(
        "--accept-loss",
        action="store_true",
        help="the normal form may leave out rows that have no whole key, an impossible date, or end no interval",
    )
    parser.add_argument("--force", action="store_true", help="replace a NAME.normal.parquet that was changed since")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=check)


@dataclass(frozen=True)
class Outcome:
    """What came of one file. `repair`: None where none was asked for or needed; `refused`: why it was not done."""

    verdict: Verdict
    repair: Repair | None = None
    refused: str | None = None

    @property
    def exit_code(self) -> int:
        """With a repair, that of the normal form."""
        if self.verdict.fatal or self.refused:
            return ERROR
        judged = self.repair.after if self.repair else self.verdict
        return GOOD if judged.ok else ATTENTION


def check(chosen: argparse.Namespace) -> int:
    settings = Settings.load()
    now = Clock.from_file(settings.clock_file).now()
    dataset = catalogue.dataset(chosen.dataset) if chosen.dataset else None
    outcomes = []
    for path in chosen.files:
        outcome = Outcome(examine(path, now, dataset))
        if chosen.repair:
            outcome = _repair(outcome.verdict, dataset, now, chosen)
        outcomes.append(outcome)
        if not chosen.json:
            _show(outcome, chosen.repair)
    if chosen.json:
        document({"files": [_entry(outcome) for outcome in outcomes]})
    return max(outcome.exit_code for outcome in outcomes)


def _repair(verdict: Verdict, dataset: Dataset | None, now: datetime, chosen: argparse.Namespace) -> Outcome:
    """A refusal is said, and the next file has its turn."""
    recognition = recognise(verdict.file.name)
    dataset = dataset or (recognition.dataset if recognition else None)
    if dataset is None or verdict.fatal or not verdict.cured_by_rewriting:
        return Outcome(verdict)
    target = normal_path(verdict.file)
    try:
        overwrite = chosen.force or is_untouched_result(target)
        repair = normalise(
            verdict.file,
            target,
            dataset,
            now,
            chosen.drop_columns,
            overwrite,
            accept_loss=chosen.accept_loss,
            accept_off_grid=False,
        )
        return Outcome(verdict, repair)
    except AemoOpsError as error:
        return Outcome(verdict, refused=str(error))


def _entry(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    entry: dict[str, Any] = {
        "file": str(verdict.file),
        "dataset": verdict.dataset,
        "ok": verdict.ok,
        "rows": verdict.rows,
        "first": verdict.first,
        "last": verdict.last,
        "problems": _problems(verdict.problems),
    }
    if outcome.repair:
        entry["repair"] = _report(outcome.repair)
    if outcome.refused:
        entry["repair"] = {"refused": outcome.refused}
    return entry


def _problems(problems: tuple[Problem, ...]) -> list[dict[str, Any]]:
    return [{"kind": str(problem.kind), "detail": problem.detail, "count": problem.count} for problem in problems]


def _report(repair: Repair) -> dict[str, Any]:
    return {
        "target": str(repair.target),
        "rows_in": repair.rows_in,
        "rows_out": repair.rows_out,
        "duplicates_identical": repair.identical,
        "duplicates_differing": repair.differing,
        "first_differing": [dict(key) for key in repair.conflicts],
        "left_out": repair.left_out,
        "off_grid": repair.off_grid,
        "impossible_dates": repair.impossible,
        "null_keys": repair.null_keys,
        "unreadable_keys": repair.unread_keys,
        "values_unreadable": repair.unread,
        "values_nan": repair.nan,
        "columns_added": list(repair.added),
        "columns_dropped": list(repair.dropped),
        "cured": _problems(repair.before.cured_by_rewriting),
        "remaining": _problems(repair.remaining),
        "source_bytes": repair.source_size,
        "target_bytes": repair.target_size,
        "source_sha256": repair.source_sha256,
        "target_sha256": repair.target_sha256,
        "seconds": round(repair.seconds, 3),
    }


def _show(outcome: Outcome, asked: bool) -> None:
    verdict = outcome.verdict
    span = f", {stamp(verdict.first)} to {stamp(verdict.last)}" if verdict.first and verdict.last else ""
    rows = "" if verdict.rows is None else f", {verdict.rows:,} rows{span}"
    print(f"{verdict.file}: {verdict.dataset or 'of no dataset'}{rows}: {'good' if verdict.ok else 'PROBLEMS'}")
    if verdict.problems:
        table(("", "kind", "count", "what"), [_line(problem) for problem in verdict.problems])
    if outcome.repair:
        _show_repair(outcome.repair)
    elif verdict.fatal:
        print(f"  what to do: {verdict.fatal.todo}")
    elif asked and not outcome.refused:
        print("  not rewritten: " + _why_not(verdict))
    if outcome.refused:
        print(f"  not repaired: {outcome.refused}", file=sys.stderr)


def _line(problem: Problem) -> tuple[str, str, int, str]:
    return ("note" if problem.kind in NOTES else "", str(problem.kind), problem.count, problem.detail)


def _why_not(verdict: Verdict) -> str:
    return "it is in normal form" if not verdict.cured_by_rewriting else "its layout is not one that can be rewritten"


def _show_repair(repair: Repair) -> None:
    print(f"  normal form: {repair.target}; the original was not touched")
    arithmetic = (
        ("rows in", repair.rows_in),
        ("identical duplicates left out", repair.identical),
        ("differing duplicates left out, the last row of a key stays", repair.differing),
        ("off-grid rows left out", repair.off_grid),
        ("rows with an impossible date left out", repair.impossible),
        ("rows without a whole key left out", repair.null_keys),
        ("rows out", repair.rows_out),
    )
    table(("  rows", "count"), [(f"  {name}", count) for name, count in arithmetic])
    for key in repair.conflicts:
        print(f"  differing at {describe(key)}")
    if repair.unread or repair.nan:
        print(f"  values that became null: {repair.unread:,} unreadable, {repair.nan:,} NaN")
    if repair.added:
        print(f"  columns added, without values: {', '.join(repair.added)}")
    if repair.dropped:
        print(f"  columns left out: {', '.join(repair.dropped)}")
    for problem in repair.remaining:
        print(f"  kept as it is: {problem.detail}")
    print(f"  sha256 {repair.source_sha256}  {repair.source}  {repair.source_size:,} bytes")
    print(f"  sha256 {repair.target_sha256}  {repair.target}  {repair.target_size:,} bytes")
