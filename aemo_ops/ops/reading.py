"""What one report file holds for one dataset: its rows, source by source, and what was left out by which rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from aemo_ops.errors import ReportRejected
from aemo_ops.market.dataset import Dataset, Source
from aemo_ops.market.values import first_unfit
from aemo_ops.nemweb.report import Contents, rejecting
from aemo_ops.store.marks import Key


@dataclass(frozen=True)
class Taken:
    """`rows`: a table for each of the sources. `left_out`: which rows of the file are none of the dataset's, in words.

    `blank`: (interval, id) of measurements without a value, for which an estimate stands.
    """

    rows: tuple[pa.Table, ...]
    left_out: str = ""
    blank: frozenset[Key] = frozenset()

    @property
    def count(self) -> int:
        return sum(rows.num_rows for rows in self.rows)


def taken(name: str, contents: Contents, dataset: Dataset, sources: Sequence[Source], now: datetime) -> Taken:
    """The rows of a file, read for these sources of a dataset. Raises ReportRejected where it has none of its tables, or a
    row that no file of ours may hold."""
    for source in sources:
        if source.table in contents.lacking:
            raise ReportRejected(f"{contents.lacking[source.table]}; {dataset.name} has nothing of this file")
    with rejecting(name):
        rows = tuple(dataset.rows(source, contents.tables[source.table]) for source in sources)
        for some in rows:
            if unfit := first_unfit(dataset, some, now):
                raise ReportRejected(f"{name}: {unfit}")
        left_out = _in_words(dataset.left_out(sources, contents.tables), contents.strays)
        return Taken(rows, left_out, dataset.blank(sources, contents.tables))


def _in_words(counts: dict[str, int], strays: Sequence[str]) -> str:
    told = [f"{count:,} row{'s' * (count > 1)} {what} left out" for what, count in counts.items()]
    return "; ".join([*told, *strays])
