"""Rows of a file that somebody else writes, brought to a dataset's columns: read in part, one row a key, on the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from aemo_ops.errors import SchemaMismatch, UnreadableNow
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import TIME, Dataset
from aemo_ops.market.intervals import EARLIEST, HALF_HOUR
from aemo_ops.market.publication import last_of_each
from aemo_ops.store.contract.conversion import convert, is_convertible
from aemo_ops.store.contract.layout import layout
from aemo_ops.store.contract.wide import is_wide, time_column, unfolded

Window = tuple[datetime, datetime]
_TIME = "settlementdate"
_MONTH = timedelta(days=31)


@dataclass(frozen=True)
class Rows:
    """`table` fits the dataset, sorted by key; `off_grid` rows and `doubled` ones (of a key's several the last stays) do not."""

    table: pa.Table
    off_grid: int
    doubled: int


def fitted(dataset: Dataset, rows: pa.Table) -> Rows:
    """Rows as the dataset has them, by the same road as the normal form: whatever that can read, this can.

    An absent column is null throughout. Raises SchemaMismatch for columns that nobody can read as the dataset's.
    """
    if is_wide(dataset, rows.schema):
        rows = unfolded(dataset, rows).rows
    found = layout(dataset, rows.schema)
    if found.obstacles:
        raise SchemaMismatch(f"these rows cannot be read as {dataset.name}: {'; '.join(found.obstacles)}.")
    table = found.rows(rows).cast(dataset.schema)
    table = table.filter(pc.and_(*(pc.is_valid(table[name]) for name in dataset.key)))
    for name in dataset.values:  # a value that is none, as the normal form writes it
        column = table[name]
        if pa.types.is_floating(column.type):
            without = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
            table = table.set_column(table.schema.get_field_index(name), dataset.schema.field(name), without)
    on_grid = table[dataset.key[0]].cast(pa.int64()).to_numpy() % dataset.step == 0
    table = table.filter(pa.array(on_grid))
    once = last_of_each(table, dataset).sort_by([(name, "ascending") for name in dataset.key])
    return Rows(once, int((~on_grid).sum()), table.num_rows - once.num_rows)


class Foreign:
    """A parquet file of any writer. Raises UnreadableNow where it is not whole: it may be being written.

    Raises SchemaMismatch where its times are none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            pq.read_metadata(path)
            self._file = pads.dataset(path, format="parquet")
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        found = time_column(self._file.schema, _TIME)
        if found is None:
            raise UnreadableNow(f"{path} has no column {_TIME}; `aemo-ops check` says more")
        self._time: str = found
        kind = self._file.schema.field(self._time).type
        if not is_convertible(kind, TIME):
            raise SchemaMismatch(f"{path} cannot be read: {self._time} is {kind}, of which nobody knows the interval.")

    @property
    def schema(self) -> pa.Schema:
        return self._file.schema

    def span(self, until: datetime | None = None) -> Window | None:
        """The first and the last settlementdate, of those up to `until` where it is given; None without rows."""
        try:
            times = self._times(self._file.to_table(columns=[self._time]))
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        if until is not None:
            times = times.filter(pc.less_equal(times, pa.scalar(until, times.type)))
        bounds = pc.min_max(times).as_py()
        return None if bounds["min"] is None else (bounds["min"], bounds["max"])

    def read(self, window: Window) -> pa.Table:
        """The rows that end in (since, until], with the file's own columns."""
        kind = self._file.schema.field(self._time).type
        time = pads.field(self._time)
        try:
            if not pa.types.is_timestamp(kind) or kind.tz:  # no statistics tell where these are: all are looked at
                return self._looked_for(window)
            since, until = (pa.scalar(at, kind) for at in window)
            return self._file.to_table(filter=(time > since) & (time <= until))
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _looked_for(self, window: Window) -> pa.Table:
        found = []
        for batch in self._file.to_batches():
            rows = pa.Table.from_batches([batch])
            times = self._times(rows)
            since, until = (pa.scalar(at, times.type) for at in window)
            found.append(rows.filter(pc.and_(pc.greater(times, since), pc.less_equal(times, until))))
        return pa.concat_tables(found) if found else self.schema.empty_table()

    def _times(self, rows: pa.Table) -> pa.ChunkedArray:
        """NEM times, whatever they are written as; null where nobody can read them."""
        return convert(rows[self._time], TIME).cast(pa.timestamp("us"), safe=False)  # a stamp may have nine decimals

    def _unreadable(self, error: Exception) -> UnreadableNow:
        return UnreadableNow(
            f"{self.path} cannot be read now ({error}). If a program is writing it, try again when it has finished; "
            "if it stays so, `aemo-ops check` says more."
        )


def newest(name: str, path: Path, last: datetime | None, now: datetime) -> datetime | None:
    """The newest interval of a file whose footer tells `last`; None where that is not known. `name`: its name in the set.

    A row that is dated after `now` is a mistake of its writer's: the file is read for the newest of the others. Raises
    UnreadableNow.
    """
    dataset = catalogue.dataset_of_file(name)
    if dataset is None or last is None or last <= (latest := catalogue.latest_possible(dataset, now)):
        return last
    span = Foreign(path).span(latest)
    return span[1] if span else None


def months(
    spans: Sequence[Window | None], since: datetime | None = None, until: datetime | None = None
) -> list[Window]:
    """All that lies in some spans and in (since, until], in parts: memory is bounded by a part and not by the history."""
    known = [span for span in spans if span]
    if not known:
        return []
    begin, end = min(first for first, _ in known) - HALF_HOUR, max(last for _, last in known)
    begin, end = max(begin, since or begin, EARLIEST), min(end, until or end)
    found = []
    while begin < end:
        found.append((begin, min(begin + _MONTH, end)))
        begin += _MONTH
    return found
