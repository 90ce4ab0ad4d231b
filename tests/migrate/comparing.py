"""Two hours of each kind of file, AEMO's rows of them, and what can be wrong with a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate.told import Told

BEGIN = datetime(2026, 4, 20, 10, 0)
END = datetime(2026, 4, 20, 12, 0)
Row = tuple[datetime, str, list[float | None]]


def value(at: int, number: int, column: int) -> float:
    """Never straight, and never the same twice: so every kind of damage gives another value."""
    return 40.0 + 3.0 * at + 0.17 * at * at + 11.3 * number + 101.0 * column + (7 * at + 3 * number) % 5


def ids(dataset: Dataset) -> Sequence[str]:
    return dataset.ids or ("BATT1", "COAL1", "WIND1")


def fives(dataset: Dataset) -> list[Row]:
    """AEMO's five-minute rows from an hour before BEGIN to an hour after END."""
    count = int((END - BEGIN) / timedelta(minutes=5)) + 24
    begin = BEGIN - timedelta(hours=1)
    return [
        (begin + (at + 1) * timedelta(minutes=5), name, [value(at, n, c) for c in range(len(dataset.values))])
        for at in range(count)
        for n, name in enumerate(ids(dataset))
    ]


def halves(dataset: Dataset, rows: Sequence[Row], take: str = "mean of six") -> list[Row]:
    """Half hours of five-minute rows, worked out by hand: rightly, or in one of the ways that older collectors had."""
    found: list[Row] = []
    end = BEGIN
    while end < END:
        end += timedelta(minutes=30)
        for name in ids(dataset):
            six = [values for at, id_, values in rows if id_ == name and end - timedelta(minutes=30) < at <= end]
            columns = [[row[c] for row in six] for c in range(len(dataset.values))]
            ways = {
                "mean of six": lambda v: sum(v) / 6,
                "five of six": lambda v: sum(v[1:]) / 5,
                "half the sum of five": lambda v: sum(v[1:]) / 2,
                "the last of six": lambda v: v[-1],
                "the first three": lambda v: sum(v[:3]) / 3,
            }
            found.append((end, name, [ways[take](column) for column in columns]))
    return found


def table(dataset: Dataset, rows: Sequence[Row]) -> pa.Table:
    columns = [[end for end, *_ in rows], [name for _, name, _ in rows]]
    columns += [[values[c] for *_, values in rows] for c in range(len(dataset.values))]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, dataset.schema, strict=True)]
    return pa.table(arrays, schema=dataset.schema)


def window(rows: pa.Table, since: datetime, until: datetime) -> pa.Table:
    after, before = (pa.scalar(one, pa.timestamp("ns")) for one in (since, until))
    return rows.filter(pc.and_(pc.greater(rows[0], after), pc.less_equal(rows[0], before)))


def inside(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if BEGIN < row[0] <= END]


def right(dataset: Dataset) -> list[Row]:
    """What a right file of the dataset holds of the two hours."""
    if dataset.derived_from:
        return halves(dataset, fives(dataset))
    rows = fives(dataset)
    return inside(rows if dataset.cadence == timedelta(minutes=5) else [r for r in rows if r[0].minute % 30 == 0])


@dataclass
class Aemo:
    """AEMO's rows; `lost` interval ends can no longer be had. `other` are an intervention's other run, `earlier` the rows of
    publications before the last, `estimates` those of what was measured.
    """

    given: dict[str, list[Row]]
    lost: set[datetime] = field(default_factory=set)
    other: list[Row] = field(default_factory=list)
    earlier: list[Row] = field(default_factory=list)
    estimates: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, dataset: Dataset) -> Aemo:
        source = catalogue.dataset(dataset.derived_from) if dataset.derived_from else dataset
        rows = fives(source)
        if source.cadence == timedelta(minutes=30):
            rows = [row for row in rows if row[0].minute % 30 == 0]
        return cls({source.name: rows})

    def told(self, dataset: Dataset, since: datetime, until: datetime) -> Told:
        known = [row for row in self.given[dataset.name] if row[0] not in self.lost]
        kinds = (known, self.other, self.earlier, self.estimates)
        return Told(*(window(table(dataset, rows), since, until) for rows in kinds))
