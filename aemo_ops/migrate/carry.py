"""Rows taken over by key: from the old files into the new ones while both are written, and back when the move is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aemo_ops import files
from aemo_ops.errors import Cancelled, SchemaMismatch
from aemo_ops.market.dataset import Dataset, Mode
from aemo_ops.migrate.copy import PAUSES, patiently
from aemo_ops.migrate.foreign import Foreign, fitted, months
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.parquet import Store


@dataclass(frozen=True)
class Carried:
    """What a file got from another: rows whose key it had not. `off_grid` rows are no keys and stay behind."""

    dataset: str
    inserted: int = 0
    off_grid: int = 0
    until: datetime | None = None


def carry(
    dataset: Dataset,
    old: Path,
    store: Store,
    since: datetime | None,
    progress: Progress,
    turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    pauses: Sequence[float] = PAUSES,
    latest: datetime | None = None,
) -> Carried:
    """Insert the old file's rows of after `since` (None: of all time) into the store; a key that is there keeps its row.

    A row that is dated after `latest` comes over too, and is no sign of how far the old file goes.

    While the old file cannot be read, as its writer is in the middle of it, there is another try after each of `pauses`; then
    UnreadableNow is raised. Raises StoreError; Cancelled between two months.
    """
    inserted = off_grid = 0
    until = None
    for month in patiently(lambda: months([Foreign(old).span()], since), progress, pauses):
        rows = patiently(lambda: fitted(dataset, Foreign(old).read(month)), progress, pauses)  # noqa: B023
        off_grid += rows.off_grid
        if rows.table.num_rows:
            with turn():
                inserted += store.merge(dataset, rows.table, Mode.INSERT).inserted
            ends = rows.table[dataset.key[0]].cast(pa.timestamp("us"))
            until = pc.max(ends if latest is None else ends.filter(pc.less_equal(ends, latest))).as_py() or until
        if progress.cancelled:
            raise Cancelled(f"{old}: stopped as asked; what was taken over by then stays, and it can be gone on with.")
    return Carried(dataset.name, inserted, off_grid, until)


def lost(
    dataset: Dataset, old: Path, new: Path, since: datetime | None = None, until: datetime | None = None
) -> list[str]:
    """Keys on the grid that the old file has and the new one lacks, the first ten in words; empty when none is lost.

    Only of intervals that end in (since, until], where these are given.
    """
    source, target = Foreign(old), Foreign(new)
    found: list[str] = []
    for month in months([source.span()], since, until):
        theirs, ours = (fitted(dataset, one.read(month)).table.select(list(dataset.key)) for one in (source, target))
        missing = theirs.join(ours, list(dataset.key), join_type="left anti")
        missing = missing.sort_by([(name, "ascending") for name in dataset.key])
        found += [" ".join(str(row[name]) for name in dataset.key) for row in missing.slice(0, 10).to_pylist()]
        if len(found) >= 10:
            break
    return found[:10]


def carry_back(dataset: Dataset, store: Store, old: Path, since: datetime) -> Carried:
    """Insert the store's rows of after `since` into the old file, which keeps its own columns, types and rows.

    An old file that is in normal form gets them as any merge; another is written anew, at once, under its name. Nobody else
    may write it meanwhile. Raises StoreError, UnreadableNow.
    """
    rows = store.read(dataset, since)
    until = rows[dataset.key[0]].cast(pa.timestamp("us"))[-1].as_py() if rows.num_rows else None
    try:
        if old.name != dataset.file_name:
            raise SchemaMismatch(f"{old} has not the name of a {dataset.name} file")
        inserted = Store(old.parent).merge(dataset, rows, Mode.INSERT).inserted
    except SchemaMismatch:
        inserted = _written_anew(dataset, rows, old)
    return Carried(dataset.name, inserted, 0, until)


def _written_anew(dataset: Dataset, rows: pa.Table, old: Path) -> int:
    """Append what the old file lacks, in its own columns; its rows stay as they are, in their order."""
    before = pq.read_table(old)
    known = fitted(dataset, before).table.select(list(dataset.key))
    fresh = rows.join(known, list(dataset.key), join_type="left anti").select(dataset.schema.names)
    fresh = fresh.sort_by([(name, "ascending") for name in dataset.key])
    names = {name.lower(): name for name in before.column_names}
    arrays = [
        fresh[field.name.lower()].cast(field.type) if field.name.lower() in names and field.name.lower() in fresh.column_names
        else pa.nulls(fresh.num_rows, field.type)
        for field in before.schema
    ]  # fmt: skip
    whole = pa.concat_tables([before, pa.table(arrays, schema=before.schema)])
    files.publish(old, lambda sink: pq.write_table(whole, sink))
    return int(fresh.num_rows)
