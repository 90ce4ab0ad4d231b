"""aemo-ops status: how fresh the files are."""

from __future__ import annotations

import argparse
from typing import Any

from aemo_ops.cli.printing import ATTENTION, ERROR, GOOD, document, table
from aemo_ops.clock import Clock
from aemo_ops.market import catalogue
from aemo_ops.ops.board import Board
from aemo_ops.ops.freshness import State as Freshness
from aemo_ops.ops.freshness import Thresholds
from aemo_ops.ops.gaps import Gaps
from aemo_ops.settings import Settings
from aemo_ops.store.coverage import Summaries
from aemo_ops.store.parquet import Store
from aemo_ops.store.state import State


def register(verbs: Any) -> None:
    parser = verbs.add_parser(
        "status", help="how fresh each file is; exit 1 late, suspicious or empty, 2 stale or unknown"
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=status)


def status(chosen: argparse.Namespace) -> int:
    settings = Settings.load()
    clock = Clock.from_file(settings.clock_file)
    store = Store(settings.data_path)
    datasets = catalogue.chosen(settings.datasets)
    thresholds = Thresholds(settings.late_cadences, settings.stale_cadences)
    board = Board(datasets, store, State(settings.home / "state.sqlite"), clock, thresholds)
    gaps = Gaps(datasets, store, Summaries(settings.home / "coverage.sqlite"), clock)
    entries: list[dict[str, Any]] = []
    for dataset in datasets:
        fresh, extent = board.freshness(dataset), board.extent(dataset)
        entries.append(
            {
                "dataset": dataset.name,
                "path": str(store.path(dataset)),
                "rows": None if isinstance(extent, str) else extent.rows,
                "latest": fresh.latest,
                "due": fresh.due,
                "age_minutes": None if fresh.age_minutes is None else round(fresh.age_minutes, 1),
                "state": str(fresh.state),
                "reason": fresh.reason,
                "new_ids": [] if isinstance(extent, str) else [one.id for one in gaps.new_ids(dataset)],
            }
        )
    if chosen.json:
        document({"now": clock.now(), "datasets": entries})
    else:
        columns = ("dataset", "state", "latest", "due", "age_minutes", "rows", "reason")
        table(columns, [[entry[column] for column in columns] for entry in entries])
        for entry in entries:
            if entry["new_ids"]:
                print(f"{entry['dataset']} has rows of ids that are new to this program: {', '.join(entry['new_ids'])}")
    states = {entry["state"] for entry in entries}
    if states & {Freshness.STALE, Freshness.UNKNOWN}:
        return ERROR
    return ATTENTION if states & {Freshness.LATE, Freshness.SUSPICIOUS, Freshness.EMPTY} else GOOD
