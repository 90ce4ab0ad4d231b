"""A move of a small damaged data set through its first steps; also as a process that may be killed anywhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import DATASETS
from aemo_ops.migrate.inventory import Wanted
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.steps.copying import Copying
from aemo_ops.migrate.steps.normal import NormalForm
from aemo_ops.migrate.steps.prepare import Prepare
from aemo_ops.migrate.wizard import Wizard
from aemo_ops.store.journal import Journal
from tests.conftest import NOON
from tests.migrate.comparing import fives, inside, right, table
from tests.migrate.stepping import quiet

WANTED = (
    *(Wanted(dataset.file_name, True) for dataset in DATASETS),
    Wanted("gen_info.pkl", True),
    Wanted("notes.json", False),
)


def damaged(folder: Path) -> None:
    """prices5 in microseconds, scada5 unsorted and doubled, prices30 with five-minute rows; the others as they should be."""
    folder.mkdir(parents=True)
    for dataset in DATASETS:
        rows = table(dataset, right(dataset))
        if dataset.name == "prices5":
            rows = rows.set_column(0, "settlementdate", rows[0].cast(pa.timestamp("us")))
        if dataset.name == "scada5":
            rows = pa.concat_tables([rows.take(pa.array(range(rows.num_rows)[::-1])), rows.slice(0, 3)])
        if dataset.name == "prices30":
            rows = pa.concat_tables([rows, table(dataset, [r for r in inside(fives(dataset)) if r[0].minute % 30])])
        pq.write_table(rows, folder / dataset.file_name)
    (folder / "gen_info.pkl").write_bytes(b"\x80\x04never loaded")
    let_rest(folder)


def let_rest(folder: Path) -> None:
    """As if nobody had written there for hours."""
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))


def move(place: Path, **options: bool) -> Move:
    return Move(place / "old", place / "ssd", WANTED, ("no such collector",), **options)


def wizard(place: Path, **options: bool) -> Wizard:
    what = move(place, **options)
    journal = Journal(place / "journal.jsonl")
    clock = Clock.starting(NOON, 0)
    steps = (Prepare(what, clock, journal), Copying(what, clock, pauses=()), NormalForm(what, clock))
    return Wizard(journal, steps, what.inputs())


if __name__ == "__main__":
    deed = wizard(Path(sys.argv[1]))
    (deed.run if sys.argv[2] == "run" else deed.rollback)(quiet())
