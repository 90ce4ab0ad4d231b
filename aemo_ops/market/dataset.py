"""The types of the catalogue: Column, Source, Dataset; and how an AEMO table becomes rows of a Dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property, reduce

import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.intervals import length
from aemo_ops.market.report import Report
from aemo_ops.market.rules import OTHERS, Rule, every_row

TIME = pa.timestamp("ns")
TEXT = pa.string()
NUMBER = pa.float64()
AEMO_TIMES = frozenset({"SETTLEMENTDATE", "INTERVAL_DATETIME"})
AEMO_IDS = frozenset({"REGIONID", "DUID", "INTERCONNECTORID", "TYPE"})
# Which words a column that a rule reads can hold: of a row with another nobody knows whether it counts, so its file is
# rejected. DAILY estimates stand in the data model beside the other two.
AEMO_WORDS: dict[str, tuple[float | str, ...]] = {
    "INTERVENTION": (0.0, 1.0),
    "TYPE": ("MEASUREMENT", "SATELLITE", "DAILY"),
}
# A row that lacks one of these belongs to no interval, id or run; its file is rejected too.
NEVER_BLANK = AEMO_TIMES | AEMO_IDS | AEMO_WORDS.keys()


class Mode(StrEnum):
    """Who may overwrite whom when rows meet rows of the same key."""

    UPSERT = "upsert"  # the new row wins
    INSERT = "insert"  # the existing row stays
    COLUMNS = "columns"  # only the named columns of the new row win


@dataclass(frozen=True)
class Column:
    name: str
    type: pa.DataType
    unit: str = ""


@dataclass(frozen=True)
class Source:
    """One table of one report that feeds a dataset.

    `columns`: the dataset's column -> AEMO's column. `rule` picks the rows that count; `rule_columns` are AEMO's columns
    that only the rule needs. `mode` is how its rows merge. `mmsdm`: the name of MMSDM's monthly table with the same rows.
    """

    report: Report
    table: str
    columns: tuple[tuple[str, str], ...]
    rule: Rule = every_row
    rule_columns: tuple[str, ...] = ()
    mode: Mode = Mode.UPSERT
    mmsdm: str | None = None

    @cached_property
    def wanted(self) -> tuple[str, ...]:
        """AEMO's columns to read from the table."""
        return tuple(dict.fromkeys([*(aemo for _, aemo in self.columns), *self.rule_columns]))


@dataclass(frozen=True)
class Dataset:
    """One flat parquet file `<name>.parquet` and everything that is known about it.

    `ids`: the fixed set of the second key column (None: DUIDs, which come and go); `parts`: ids beside these that are parts
    of them and never expected. `tolerance`: largest difference that counts as equal, in the column's unit. `fallbacks` are
    sources that only serve where the main ones have nothing.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    cadence: timedelta
    due_minutes: int
    tolerance: float
    sources: tuple[Source, ...] = ()
    fallbacks: tuple[Source, ...] = ()
    derived_from: str | None = None
    ids: tuple[str, ...] | None = None
    parts: tuple[str, ...] = ()
    time_column: str = "settlementdate"

    @property
    def file_name(self) -> str:
        return f"{self.name}.parquet"

    @cached_property
    def step(self) -> int:
        """The cadence in nanoseconds, as times are stored."""
        return length(self.cadence)

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema([(column.name, column.type) for column in self.columns])

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The columns that are not part of the key."""
        return tuple(column.name for column in self.columns if column.name not in self.key)

    def is_new(self, name: str) -> bool:
        """Whether an id is one that the market added since this program was written."""
        return self.ids is not None and name not in self.ids and name not in self.parts

    def rows(self, source: Source, table: pa.Table) -> pa.Table:
        """The rows of this dataset that an AEMO table (columns named as AEMO's) holds.

        Columns that the source does not have are null. A row without any value is none: AEMO has nothing to tell of its key.
        """
        rows = self._taken(source, table)
        if not all(rows[name].null_count for name in self.values):
            return rows
        return rows.filter(self._has_value(rows))

    def keys(self, rows: pa.Table) -> list[tuple[datetime, str]]:
        """(interval, id) of each row."""
        times = rows[self.key[0]].cast(pa.timestamp("us")).to_pylist()
        return list(zip(times, rows[self.key[1]].to_pylist(), strict=True))

    def blank(self, sources: Sequence[Source], tables: Mapping[str, pa.Table]) -> frozenset[tuple[datetime, str]]:
        """The (interval, id) of which AEMO's tables have a row without any value, and an estimate may stand in."""
        keys: set[tuple[datetime, str]] = set()
        if all(one.mode is Mode.UPSERT for one in self.sources):
            return frozenset()
        for source in sources:
            if source.mode is Mode.UPSERT and source.table in tables:
                rows = self._taken(source, tables[source.table])
                keys.update(self.keys(rows.filter(pc.invert(self._has_value(rows)))))
        return frozenset(keys)

    def _has_value(self, rows: pa.Table) -> pa.ChunkedArray:
        return reduce(pc.or_, (pc.is_valid(rows[name]) for name in self.values))

    def _taken(self, source: Source, table: pa.Table) -> pa.Table:
        """The rows that the source's rule takes, with a value or without."""
        table = source.rule(table)
        arrays = {name: table[aemo] for name, aemo in source.columns}
        complete = [
            as_type(column.type, arrays[column.name])
            if column.name in arrays
            else pa.nulls(table.num_rows, column.type)
            for column in self.columns
        ]
        return pa.table(complete, schema=self.schema)

    def left_out(self, sources: Sequence[Source], tables: Mapping[str, pa.Table]) -> dict[str, int]:
        """How many rows of a file's tables none of these sources takes, by what they are."""
        counts: Counter[str] = Counter()
        for table in dict.fromkeys(source.table for source in sources):
            own = [source for source in sources if source.table == table]
            ruled = sum(source.rule(tables[table]).num_rows for source in own)
            counts[OTHERS.get(own[0].rule, "")] += tables[table].num_rows - ruled
            counts["without a value"] += ruled - sum(self.rows(source, tables[table]).num_rows for source in own)
        return {what: count for what, count in counts.items() if count}


def as_type(kind: pa.DataType, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in this type, as it is where it has that already."""
    return column if column.type == kind else column.cast(kind)  # of a small table, casting costs as much as reading
