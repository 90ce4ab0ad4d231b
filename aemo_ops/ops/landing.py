"""Where fetched rows of the past land: in their own file, or as means in a half-hour file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset, Mode
from aemo_ops.market.derive import FIVE_MINUTE_SETTLEMENT, SIX, mean_of_six, trading_half_hours
from aemo_ops.market.intervals import HALF_HOUR, moment
from aemo_ops.market.publication import last_of_each
from aemo_ops.ops.derivation import derive
from aemo_ops.ops.gaps import Gaps
from aemo_ops.ops.wanted import Left, Times
from aemo_ops.store.absences import Absences
from aemo_ops.store.coverage import STRETCHES, Coverage
from aemo_ops.store.findings import Findings
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.parquet import Store

BATCH_ROWS = 1_000_000  # a merge of so many takes about a second, in which a cycle waits
_DAY = 86_400 * 10**9
HALF = int(HALF_HOUR.total_seconds()) * 10**9
FIVE = HALF // SIX


@dataclass(frozen=True)
class Ground:
    """What landing takes: the files, what is known of them, and the turn that is held while one is written."""

    gaps: Gaps
    store: Store
    ledger: Ledger
    absences: Absences
    findings: Findings
    turn: Callable[[], AbstractContextManager[object]]
    wrote: Callable[[Dataset], None]
    datasets: tuple[Dataset, ...]


class Landing(Protocol):
    """`put` lands rows of wanted intervals; `left` says which of these interval ends are still outstanding."""

    def put(self, rows: pa.Table) -> None: ...

    def left(self, ends: Times) -> Left: ...


class Own:
    """Rows go into their own dataset's file, and into what derives from it. Existing keys stay."""

    def __init__(self, ground: Ground, dataset: Dataset) -> None:
        self._ground = ground
        self._dataset = dataset
        self._children = catalogue.derived_from(dataset, ground.datasets)

    def put(self, rows: pa.Table) -> None:
        for batch in in_days(rows):
            with self._ground.turn():
                self._ground.store.merge(self._dataset, batch, Mode.INSERT)
                for child in self._children:
                    derive(self._ground.store, self._ground.ledger, self._dataset, child, batch)
                    self._ground.wrote(child)
                self._ground.wrote(self._dataset)

    def left(self, ends: Times) -> Left:
        return outstanding(self._ground.gaps, self._dataset, ends)


class Means:
    """Five-minute rows of a time before their own file begins: only their means are kept, where all six came."""

    def __init__(self, ground: Ground, child: Dataset) -> None:
        self._ground = ground
        self._child = child
        self._parent = catalogue.dataset(child.derived_from or "")
        self._waiting = self._parent.schema.empty_table()

    def put(self, rows: pa.Table) -> None:
        for batch in in_days(rows):
            whole, self._waiting = whole_half_hours(pa.concat_tables([batch, self._waiting]), self._parent)
            means, present = mean_of_six(self._child, whole)
            means = means.filter(pa.array(present == SIX))
            if means.num_rows:
                with self._ground.turn():
                    self._ground.store.merge(self._child, means, Mode.INSERT)
                    self._ground.wrote(self._child)

    def left(self, ends: Times) -> Left:
        halves = np.unique(ends + (-ends) % HALF)
        wanting = outstanding(self._ground.gaps, self._child, halves)
        ends, units = (ends[np.isin(ends + (-ends) % HALF, some)] for some in (wanting.ends, wanting.units))
        return Left(ends, units)


class Trading:
    """Rows of TradingIS, rounded by AEMO: the last fallback of a half-hour file, remembered as such."""

    def __init__(self, ground: Ground, child: Dataset) -> None:
        self._ground = ground
        self._child = child
        self._waiting = child.schema.empty_table()

    def put(self, rows: pa.Table) -> None:
        rows = last_of_each(pa.concat_tables([rows, self._waiting]), self._child)
        halves = trading_half_hours(self._child, rows)
        fives = rows.filter(pc.greater(rows["settlementdate"], pa.scalar(FIVE_MINUTE_SETTLEMENT, pa.timestamp("ns"))))
        _, self._waiting = whole_half_hours(fives, self._child)
        if halves.num_rows == 0:
            return
        with self._ground.turn():
            # Known as such before they are there: no crash between the two leaves rounded values taken for means.
            self._ground.absences.fell_back(self._child.name, self._new(halves), "TradingIS")
            self._ground.store.merge(self._child, halves, Mode.INSERT)
            self._ground.wrote(self._child)

    def _new(self, halves: pa.Table) -> list[datetime]:
        """The half hours of which a key is not in the file yet."""
        times = pc.min_max(halves["settlementdate"].cast(pa.int64())).as_py()
        since, until = moment(times["min"]) - HALF_HOUR, moment(times["max"])
        ours = self._ground.store.read(self._child, since, until, self._child.key)
        lacking = halves.join(ours, list(self._child.key), join_type="left anti")
        return [moment(end) for end in pc.unique(lacking["settlementdate"].cast(pa.int64())).to_pylist()]

    def left(self, ends: Times) -> Left:
        return outstanding(self._ground.gaps, self._child, ends)


def outstanding(gaps: Gaps, dataset: Dataset, ends: Times) -> Left:
    """Which of the interval ends the dataset's file lacks, in whole or in part."""
    if len(ends) == 0:
        return Left(ends)
    since, until = moment(int(ends[0])) - dataset.cadence, moment(int(ends[-1]))
    found = gaps.judged(dataset, coverage_of(gaps, dataset), since, until)
    return Left(ends[np.isin(ends, found.wanting)], ends[np.isin(ends, found.ends[found.units_only])])


def coverage_of(gaps: Gaps, dataset: Dataset) -> Coverage:
    """What the dataset's file holds: nothing where there is no file."""
    return gaps.coverage(dataset) or Coverage(dataset, STRETCHES.empty_table(), 0)


def in_days(rows: pa.Table) -> Iterator[pa.Table]:
    """Rows in batches of whole days, oldest first: at most BATCH_ROWS, or one day."""
    if rows.num_rows <= BATCH_ROWS:
        if rows.num_rows:
            yield rows
        return
    times = rows["settlementdate"].cast(pa.int64())
    days = np.concatenate([((chunk.to_numpy() - 1) // _DAY).astype(np.int32) for chunk in times.chunks])
    if np.any(days[1:] < days[:-1]):
        order = np.argsort(days, kind="stable")
        rows, days = rows.take(pa.array(order)), days[order]
    ends = [*(np.flatnonzero(days[1:] != days[:-1]) + 1).tolist(), len(days)]
    begin = 0
    for end, following in zip(ends, [*ends[1:], None], strict=True):
        if following is None or following - begin > BATCH_ROWS:
            yield rows.slice(begin, end - begin)
            begin = end


def whole_half_hours(rows: pa.Table, parent: Dataset) -> tuple[pa.Table, pa.Table]:
    """Five-minute rows, each key once, of half hours that have all six intervals; and the others."""
    rows = last_of_each(rows, parent)
    ends = rows["settlementdate"].cast(pa.int64()).to_numpy()
    halves = ends + (-ends) % HALF
    distinct = np.unique(ends)
    names, counts = np.unique(distinct + (-distinct) % HALF, return_counts=True)
    whole = np.isin(halves, names[counts == SIX])
    return rows.filter(pa.array(whole)), rows.filter(pa.array(~whole))
