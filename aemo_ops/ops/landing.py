"""Where fetched rows of the past land: in their own file, or as means in a half-hour file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset, Mode, Source
from aemo_ops.market.derive import FIVE_MINUTE_SETTLEMENT, SIX, mean_of_six, trading_half_hours
from aemo_ops.market.intervals import DAY, HALF_HOUR, length, moment, nanoseconds
from aemo_ops.market.publication import last_of_each
from aemo_ops.ops.completeness import Completeness
from aemo_ops.ops.derivation import derive
from aemo_ops.ops.gaps import Gaps
from aemo_ops.ops.precedence import merge_means, merge_source, merge_trading
from aemo_ops.ops.wanted import Left, Mask, Times
from aemo_ops.store.absences import Absences
from aemo_ops.store.findings import Findings
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.parquet import Store

BATCH_ROWS = 1_000_000  # a merge of so many takes about a second, in which a cycle waits
_DAY = length(DAY)
HALF = length(HALF_HOUR)
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
    """`put` lands rows of wanted intervals; `left` says which of these interval ends are still outstanding.

    `dataset`: whose file they end up in; `rows` counts what it has for each interval end.
    """

    dataset: Dataset

    def put(self, rows: pa.Table, source: Source) -> None: ...

    def left(self, ends: Times) -> Left: ...

    def rows(self, ends: Times) -> Times: ...


class Own:
    """Rows go into their own dataset's file, and into what derives from it. Existing keys stay, but for estimates."""

    def __init__(self, ground: Ground, dataset: Dataset) -> None:
        self.dataset = dataset
        self._ground = ground
        self._children = catalogue.derived_from(dataset, ground.datasets)

    def put(self, rows: pa.Table, source: Source) -> None:
        store, ledger = self._ground.store, self._ground.ledger
        for batch in in_days(rows):
            with self._ground.turn():
                merge_source(store, ledger, self.dataset, source, batch, Mode.INSERT)
                for child in self._children:
                    derive(store, ledger, self.dataset, child, batch)
                    self._ground.wrote(child)
                self._ground.wrote(self.dataset)

    def left(self, ends: Times) -> Left:
        return outstanding(self._ground, self.dataset, ends)

    def rows(self, ends: Times) -> Times:
        return rows_at(self._ground.gaps, self.dataset, ends)


class Means:
    """Five-minute rows of a time before their own file begins: only their means are kept, of half hours whose six came.

    A key that AEMO itself has in fewer of the six gets the mean of these, known as such.
    """

    def __init__(self, ground: Ground, child: Dataset) -> None:
        self.dataset = child
        self._ground = ground
        self._parent = catalogue.dataset(child.derived_from or "")
        self._waiting = self._parent.schema.empty_table()

    def put(self, rows: pa.Table, source: Source) -> None:
        for batch in in_days(rows):
            whole, self._waiting = whole_half_hours(pa.concat_tables([batch, self._waiting]), self._parent)
            means, present = mean_of_six(self.dataset, whole)
            if means.num_rows == 0:
                continue
            with self._ground.turn():
                merge_means(self._ground.store, self._ground.ledger, self.dataset, means, present)
                self._ground.wrote(self.dataset)

    def left(self, ends: Times) -> Left:
        halves = np.unique(ends + (-ends) % HALF)
        wanting = outstanding(self._ground, self.dataset, halves)
        ends, units = (ends[np.isin(ends + (-ends) % HALF, some)] for some in (wanting.ends, wanting.units))
        return Left(ends, units)

    def rows(self, ends: Times) -> Times:
        return rows_at(self._ground.gaps, self.dataset, ends + (-ends) % HALF)


class Trading:
    """Rows of TradingIS, rounded by AEMO: the last fallback of a half-hour file, remembered as such."""

    def __init__(self, ground: Ground, child: Dataset) -> None:
        self.dataset = child
        self._ground = ground
        self._waiting = child.schema.empty_table()

    def put(self, rows: pa.Table, source: Source) -> None:
        rows = last_of_each(pa.concat_tables([rows, self._waiting]), self.dataset)
        halves = trading_half_hours(self.dataset, rows)
        fives = rows.filter(pc.greater(rows["settlementdate"], pa.scalar(FIVE_MINUTE_SETTLEMENT, pa.timestamp("ns"))))
        _, self._waiting = whole_half_hours(fives, self.dataset)
        if halves.num_rows == 0:
            return
        with self._ground.turn():
            merge_trading(self._ground.store, self._ground.ledger, self.dataset, source, halves)
            self._ground.wrote(self.dataset)

    def left(self, ends: Times) -> Left:
        return outstanding(self._ground, self.dataset, ends)

    def rows(self, ends: Times) -> Times:
        return rows_at(self._ground.gaps, self.dataset, ends)


def outstanding(ground: Ground, dataset: Dataset, ends: Times) -> Left:
    """Which of the interval ends the dataset's file lacks, in whole or in part, or has as estimates."""
    if len(ends) == 0:
        return Left(ends)
    gaps = ground.gaps
    since, until = moment(int(ends[0])) - dataset.cadence, moment(int(ends[-1]))
    found = gaps.judged(dataset, gaps.held(dataset), since, until)
    guessed = estimated(ground.ledger, found)
    wanting = np.isin(found.ends, found.wanting) | guessed
    return Left(ends[np.isin(ends, found.ends[wanting])], ends[np.isin(ends, found.ends[found.units_only | guessed])])


def estimated(ledger: Ledger, found: Completeness) -> Mask:
    """Where every id has its row, but some as an estimate, for want of a measurement."""
    if len(found.ends) == 0:
        return np.zeros(0, bool)
    since, until = moment(int(found.ends[0])) - found.dataset.cadence, moment(int(found.ends[-1]))
    ends = [nanoseconds(end) for end, _ in ledger.provisional(found.dataset.name, since, until)]
    mask: Mask = np.isin(found.ends, np.array(ends, np.int64)) & (found.present >= found.expected)
    return mask


def rows_at(gaps: Gaps, dataset: Dataset, ends: Times) -> Times:
    """How many rows the dataset's file has at each of some interval ends, sorted."""
    if len(ends) == 0:
        return ends
    since, until = moment(int(ends[0])) - dataset.cadence, moment(int(ends[-1]))
    grid, counts = gaps.held(dataset).counts(since, until)
    rows: Times = counts[np.searchsorted(grid, ends)]
    return rows


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
