"""A census of a file: what one reading tells of its rows, counted without holding them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market import intervals
from aemo_ops.market.catalogue import latest_possible
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import EARLIEST, tomorrow
from aemo_ops.store.contract import keys
from aemo_ops.store.contract.conversion import nanoseconds
from aemo_ops.store.contract.stretches import Stretch, Stretches

_NEVER = np.iinfo(np.int64)


@dataclass
class Span:
    """The earliest and latest of some times, in nanoseconds since 1970, and how many there are."""

    count: int = 0
    first: int = _NEVER.max
    last: int = _NEVER.min

    def add(self, times: np.ndarray) -> None:
        if len(times):
            self.count += len(times)
            self.first, self.last = min(self.first, int(times.min())), max(self.last, int(times.max()))


@dataclass
class Census:
    """Counts of rows, unless said otherwise.

    `possible`: the earliest and the latest time that a row may have, in nanoseconds. `impossible`: rows with a key at
    other times; `off_grid`: those of the others that end no interval, `on_five_minutes` of them on the 5-minute grid at
    least. `future`: possible ones that are not due yet.
    `padded`: ids with spaces around them.
    `misplaced`: rows before which a row with a later key stands. `repeated`: equal keys that follow one another.
    `group_first`, `group_last`: the span of each row group in nanoseconds. `days`: for each stretch, day since 1970 ->
    rows that a normal form can take.
    """

    dataset: Dataset
    stretches: Stretches
    possible: tuple[int, int]
    rows: int = 0
    times: Span = field(default_factory=Span)
    null_keys: int = 0
    impossible: Span = field(default_factory=Span)
    off_grid: Span = field(default_factory=Span)
    on_five_minutes: int = 0
    future: Span = field(default_factory=Span)
    misplaced: int = 0
    repeated: int = 0
    nan: int = 0
    infinite: int = 0
    no_value: int = 0
    padded: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    group_first: np.ndarray = field(default_factory=lambda: np.array([], dtype=np.int64))
    group_last: np.ndarray = field(default_factory=lambda: np.array([], dtype=np.int64))
    days: list[dict[int, int]] = field(default_factory=list)

    @property
    def usable(self) -> int:
        """Rows that a normal form can take: with a whole key, at a possible time, on the grid."""
        return self.rows - self.null_keys - self.impossible.count - self.off_grid.count


def take_census(stretches: Stretches, now: datetime) -> Census:
    """Read the whole file once; `now` is NEM time. Raises pyarrow's errors and OSError where it is broken."""
    dataset = stretches.layout.dataset
    census = Census(dataset, stretches, (intervals.nanoseconds(EARLIEST), intervals.nanoseconds(tomorrow(now))))
    groups = len(stretches.footer.groups)
    census.group_first = np.full(groups, _NEVER.max, dtype=np.int64)
    census.group_last = np.full(groups, _NEVER.min, dtype=np.int64)
    limit = intervals.nanoseconds(latest_possible(dataset, now))
    previous: tuple[int | str, ...] | None = None
    for stretch in stretches.read():
        rows = keys.with_key(stretch.rows, dataset)
        _count_times(census, stretch, limit)
        _count_keys(census, stretch, rows)
        _count_values(census, stretch)
        previous = _count_order(census, rows, previous)
    return census


def _count_times(census: Census, stretch: Stretch, limit: int) -> None:
    column = stretch.rows[census.dataset.time_column]
    there = pc.is_valid(column).to_numpy()
    times = nanoseconds(column.drop_null())
    census.times.add(times)
    census.future.add(times[(times > limit) & (times <= census.possible[1])])
    if not len(times):
        return
    positions = stretch.first_row + np.flatnonzero(there)
    groups = np.searchsorted(census.stretches.bounds, positions, side="right") - 1
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    touched = groups[starts]
    census.group_first[touched] = np.minimum(census.group_first[touched], np.minimum.reduceat(times, starts))
    census.group_last[touched] = np.maximum(census.group_last[touched], np.maximum.reduceat(times, starts))


def _count_keys(census: Census, stretch: Stretch, rows: pa.Table) -> None:
    dataset = census.dataset
    census.rows += stretch.rows.num_rows
    census.null_keys += stretch.rows.num_rows - rows.num_rows
    times = nanoseconds(rows[dataset.time_column])
    fits = keys.stays(rows, dataset, census.possible)
    beyond = (times < census.possible[0]) | (times > census.possible[1])
    strays = times[~fits & ~beyond]
    census.impossible.add(times[beyond])
    census.off_grid.add(strays)
    census.on_five_minutes += int((strays % keys.FIVE_MINUTES_NS == 0).sum())
    found, counts = np.unique(keys.days(rows, dataset)[fits], return_counts=True)
    census.days.append(dict(zip(found.tolist(), counts.tolist(), strict=True)))
    for name in dataset.key[1:]:
        if dataset.ids is not None and pa.types.is_dictionary(rows[name].type):
            for entry in pc.value_counts(rows[name].unify_dictionaries()):
                census.ids[entry["values"].as_py()] += entry["counts"].as_py()


def _count_values(census: Census, stretch: Stretch) -> None:
    rows, dataset = stretch.rows, census.dataset
    census.unread.update(stretch.unread)
    census.padded += stretch.padded
    empty = []
    for name in dataset.values:
        column = rows[name]
        if pa.types.is_floating(column.type):
            nan = pc.is_nan(column)
            census.nan += pc.sum(nan).as_py() or 0
            census.infinite += pc.sum(pc.is_inf(column)).as_py() or 0
            empty.append(pc.fill_null(nan, True))
        else:
            empty.append(pc.is_null(column))
    if empty:
        census.no_value += pc.sum(reduce(pc.and_, empty)).as_py() or 0


def _count_order(
    census: Census, rows: pa.Table, previous: tuple[int | str, ...] | None
) -> tuple[int | str, ...] | None:
    """Compare each key with the one before it, over the end of the stretch before; the last key."""
    if rows.num_rows == 0:
        return previous
    key = census.dataset.key
    steps = np.diff(keys.codes(rows, key))
    census.misplaced += int((steps < 0).sum())
    census.repeated += int((steps == 0).sum())
    if previous is not None:
        first = keys.key_at(rows, key, 0)
        census.misplaced += first < previous
        census.repeated += first == previous
    return keys.key_at(rows, key, rows.num_rows - 1)
