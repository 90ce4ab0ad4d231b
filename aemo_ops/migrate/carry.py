"""Rows taken over by key: from the old files into the new ones while both are written, and back when the move is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aemo_ops import files
from aemo_ops.clock import NEM_OFFSET
from aemo_ops.errors import Cancelled, SchemaMismatch
from aemo_ops.market.dataset import TIME, Dataset, Mode
from aemo_ops.market.intervals import tomorrow
from aemo_ops.market.values import fit
from aemo_ops.migrate.copy import PAUSES, patiently
from aemo_ops.migrate.foreign import Foreign, fitted, months
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.contract.conversion import convert, is_text
from aemo_ops.store.contract.layout import layout
from aemo_ops.store.contract.wide import folded, is_wide, time_column
from aemo_ops.store.parquet import Store

_PART = 1_000_000  # rows of an old file that is written anew, held at a time


@dataclass(frozen=True)
class Carried:
    """What a file got from another: rows whose key it had not. `off_grid` rows, and those with a value that no row may have
    (`market.values`), stay behind; `off_grid` counts them.
    """

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

    A row that is dated after `latest`, by tomorrow, comes over too, and is no sign of how far the old file goes.

    While the old file cannot be read, as its writer is in the middle of it, there is another try after each of `pauses`; then
    UnreadableNow is raised. Raises StoreError; Cancelled between two months.
    """
    inserted = off_grid = 0
    until = None
    for month in patiently(lambda: months([Foreign(old).span()], since), progress, pauses):
        rows = patiently(lambda: fitted(dataset, Foreign(old).read(month)), progress, pauses)  # noqa: B023
        fits = fit(dataset, rows.table, store.clock.now())
        table = rows.table.filter(pa.array(fits))
        off_grid += rows.off_grid + int((~fits).sum())
        if table.num_rows:
            with turn():
                inserted += store.merge(dataset, table, Mode.INSERT).inserted
            ends = table[dataset.key[0]].cast(pa.timestamp("us"))
            until = pc.max(ends if latest is None else ends.filter(pc.less_equal(ends, latest))).as_py() or until
        if progress.cancelled:
            raise Cancelled(f"{old}: stopped as asked; what was taken over by then stays, and it can be gone on with.")
    return Carried(dataset.name, inserted, off_grid, until)


def lost(
    dataset: Dataset,
    old: Path,
    new: Path,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    pauses: Sequence[float] = (),
) -> list[str]:
    """Keys on the grid that the old file has and the new one lacks, the first ten in words; empty when none is lost.

    Only of intervals that end in (since, until], where these are given. A row that is dated after tomorrow is no key.
    `pauses` before each further try, where a program may be writing one of them. Raises UnreadableNow.
    """
    found: list[str] = []
    latest = tomorrow(now)
    for missing in _missing(dataset, old, new, since, min(until or latest, latest), pauses):
        keys = missing.slice(0, 10).select(list(dataset.key)).to_pylist()
        found += [" ".join(str(row[name]) for name in dataset.key) for row in keys]
        if len(found) >= 10:
            break
    return found[:10]


def _missing(
    dataset: Dataset,
    path: Path,
    other: Path,
    since: datetime | None,
    until: datetime | None = None,
    pauses: Sequence[float] = (),
) -> Iterator[pa.Table]:
    """A month after the other, sorted by key: the rows of a file whose key the other one lacks."""
    key, calm = list(dataset.key), Progress()
    for month in months([patiently(lambda: Foreign(path).span(), calm, pauses)], since, until):
        theirs, ours = (
            patiently(lambda: fitted(dataset, Foreign(one).read(month)).table, calm, pauses)  # noqa: B023
            for one in (path, other)
        )
        missing = theirs.join(ours.select(key), key, join_type="left anti").select(dataset.schema.names)
        yield missing.sort_by([(name, "ascending") for name in key])


def carry_back(dataset: Dataset, store: Store, old: Path, since: datetime | None) -> Carried:
    """Insert into the old file, which keeps its own columns, types and rows, what it lacks of the store's rows of after
    `since` (None: of all time).

    An old file that is in normal form gets them as any merge; another is written anew, at once, under its name. Nobody else
    may write it meanwhile. Raises StoreError, UnreadableNow.
    """
    rows = pa.concat_tables([dataset.schema.empty_table(), *_missing(dataset, store.path(dataset), old, since)])
    until = rows[dataset.key[0]].cast(pa.timestamp("us"))[-1].as_py() if rows.num_rows else None
    try:
        if old.name != dataset.file_name:
            raise SchemaMismatch(f"{old} has not the name of a {dataset.name} file")
        inserted = Store(old.parent, clock=store.clock).merge(dataset, rows, Mode.INSERT).inserted
    except SchemaMismatch:
        inserted = _written_anew(dataset, rows, old)
    return Carried(dataset.name, inserted, 0, until)


def _written_anew(dataset: Dataset, rows: pa.Table, old: Path) -> int:
    """Append rows that the old file lacks, in its own columns; its rows stay as they are, in their order, and pass by in
    parts."""
    if rows.num_rows:
        before = pq.ParquetFile(old)
        if is_wide(dataset, before.schema_arrow):
            files.publish(old, partial(pq.write_table, _folded_in(dataset, rows, before)))
        else:
            files.publish(old, partial(_appended, before, _in_its_form(dataset, rows, before)))
    return int(rows.num_rows)


def _appended(before: pq.ParquetFile, more: pa.Table, sink: BinaryIO) -> None:
    with pq.ParquetWriter(sink, before.schema_arrow) as writer:
        for batch in before.iter_batches(_PART):
            writer.write_batch(batch)
        writer.write_table(more)


def _folded_in(dataset: Dataset, rows: pa.Table, file: pq.ParquetFile) -> pa.Table:
    """All of a file of the wide layout, with values where it had none. Rooftop's few columns: it is held at once."""
    schema = file.schema_arrow
    time = time_column(schema, dataset.key[0]) or dataset.key[0]
    before = file.read()
    ends = convert(before[time], TIME).to_pandas()
    more = folded(dataset, rows)
    new = more.index.difference(ends)
    written = _as_written(pa.chunked_array([pa.array(new, TIME)]), file, time)
    arrays = []
    for field in schema:
        if field.name == time:
            arrays.append(pa.chunked_array([*before[time].chunks, *written.cast(field.type).chunks]))
            continue
        values = before[field.name].to_pandas()
        if field.name.upper() in more.columns:
            values = values.fillna(ends.map(more[field.name.upper()]))
            values = pd.concat([values, more.loc[new, field.name.upper()]])
        else:
            values = values.reindex(range(len(values) + len(new)))
        arrays.append(pa.chunked_array([pa.Array.from_pandas(values, type=field.type)]))
    return pa.table(arrays, schema=schema)


def _in_its_form(dataset: Dataset, rows: pa.Table, file: pq.ParquetFile) -> pa.Table:
    """Rows of the dataset with a file's own columns; null in those that the dataset does not have."""
    schema = file.schema_arrow
    sources = layout(dataset, schema).sources
    columns = {source: rows[name] for name, source in sources.items()}
    time = sources[dataset.key[0]]
    columns[time] = _as_written(columns[time], file, time)
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def _as_written(ends: pa.ChunkedArray, file: pq.ParquetFile, name: str) -> pa.ChunkedArray:
    """Interval ends as a file tells them: an instant where it has a time zone, else NEM time; text as its first row has it."""
    kind = file.schema_arrow.field(name).type
    if is_text(kind):
        first = str(next((batch[0][0].as_py() for batch in file.iter_batches(1, columns=[name])), None))
        day = "%Y/%m/%d" if "/" in first else "%Y-%m-%d"
        return pc.strftime(ends.cast(pa.timestamp("s")), f"{day}{'T' if first[10:11] == 'T' else ' '}%H:%M:%S")
    if pa.types.is_timestamp(kind) and kind.tz:
        return pc.assume_timezone(pc.subtract(ends, pa.scalar(NEM_OFFSET, pa.duration("ns"))), "UTC")
    return ends
