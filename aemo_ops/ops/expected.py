"""Which keys are expected at which intervals. Pure.

The regions and interconnectors that a dataset names are expected at every interval, so a missing row is a hard gap. An id
that the market added is expected from its first row on: between two rows of its own; and, once it has a day of rows, after
its newest row too, for as long as a day, since what has no row for longer may have been retired. DUIDs come and go: one is
expected between two rows of its own, and its absence there is a soft gap. Rows further apart than AROUND (for an id with
less than a day of rows, than a day) tell of two stays, not of one with a hole.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import DAY, length, moment
from aemo_ops.store.coverage import Coverage

# Longer than the longest hole known in users' files (35 days of negative values), shorter than a season's outage.
AROUND = timedelta(days=45)
Times = npt.NDArray[np.int64]
Holes = list[tuple[str, int, int]]  # (id, first, last) in nanoseconds; the id "" stands for all
_AROUND, _DAY = length(AROUND), length(DAY)


@dataclass(frozen=True)
class NewId:
    """An id that the market added, with the interval ends of its first and its newest row.

    `settled`: it has a day of rows, so it is expected as those are that the dataset names.
    """

    dataset: str
    id: str
    first: datetime
    last: datetime
    settled: bool


def new_ids(coverage: Coverage) -> list[NewId]:
    """The ids of a file that the market added since this program was written, by name."""
    own = _new(coverage)
    spans: dict[str, tuple[int, int, int]] = {}  # id -> first, last, time with rows
    for name, first, last in zip(*(own[column].to_pylist() for column in own.column_names), strict=True):
        begin, _, there = spans.get(name, (first, last, 0))
        spans[name] = (begin, last, there + last - first + coverage.dataset.step)
    return [
        NewId(coverage.dataset.name, name, moment(first), moment(last), there >= _DAY)
        for name, (first, last, there) in spans.items()
    ]


def key_holes(dataset: Dataset, coverage: Coverage, low: int, high: int) -> Holes:
    """(id, first, last): where an expected id has no row, within the interval ends low .. high, by id and time."""
    if high < low:
        return []
    stretches = coverage.stretches
    if dataset.ids is None:
        return _between(stretches, low, high, dataset.step, np.full(max(0, stretches.num_rows - 1), _AROUND))
    fixed = [hole for name in dataset.ids for hole in complement(name, stretches, low, high, dataset.step)]
    return fixed + _holes_of_new(coverage, low, high)


def _new(coverage: Coverage) -> pa.Table:
    """The stretches of the ids that the market added."""
    names = [name for name in coverage.ids if coverage.dataset.is_new(name)]
    stretches = coverage.stretches
    return stretches.filter(pc.is_in(stretches["id"], pa.array(names, pa.string()))) if names else stretches.slice(0, 0)


def _holes_of_new(coverage: Coverage, low: int, high: int) -> Holes:
    known = new_ids(coverage)
    if not known:
        return []
    own, step = _new(coverage), coverage.dataset.step
    settled = pc.is_in(own["id"], pa.array([one.id for one in known if one.settled], pa.string()))
    holes = _between(own, low, high, step, np.where(settled.to_numpy(), _AROUND, _DAY)[:-1])
    newest = int(pc.max(coverage.stretches["last"]).as_py())
    lasts = dict(zip(own["id"].to_pylist(), own["last"].to_pylist(), strict=True))
    for one in known:
        begin = max(lasts[one.id] + step, low)
        if one.settled and newest - lasts[one.id] <= _DAY and begin <= high:
            holes.append((one.id, begin, high))
    return sorted(holes)


def _between(stretches: pa.Table, low: int, high: int, step: int, reach: Times) -> Holes:
    """Where ids have no row between two of their own that are no further apart than `reach`, which follows the pairs."""
    if stretches.num_rows < 2:
        return []
    codes = stretches["id"].combine_chunks().dictionary_encode().indices.to_numpy()
    firsts, lasts = stretches["first"].to_numpy(), stretches["last"].to_numpy()
    begins, ends = lasts[:-1] + step, firsts[1:] - step
    expected = (codes[1:] == codes[:-1]) & (firsts[1:] - lasts[:-1] <= reach)
    chosen = np.flatnonzero(expected & (begins <= high) & (ends >= low))
    names = stretches["id"].take(pa.array(chosen)).to_pylist()
    begins, ends = np.maximum(begins[chosen], low), np.minimum(ends[chosen], high)
    return list(zip(names, begins.tolist(), ends.tolist(), strict=True))


def complement(name: str, stretches: pa.Table, low: int, high: int, step: int) -> Holes:
    """Where an id has no row, within the interval ends low .. high."""
    own = stretches.filter(pc.equal(stretches["id"], name))
    firsts, lasts = own["first"].to_numpy(), own["last"].to_numpy()
    meets = (firsts <= high) & (lasts >= low)
    begins = np.concatenate([[low], lasts[meets] + step])
    ends = np.concatenate([firsts[meets] - step, [high]])
    there = begins <= ends
    return [(name, int(first), int(last)) for first, last in zip(begins[there], ends[there], strict=True)]


def without(holes: Holes, gone: Holes, step: int) -> Holes:
    """The holes less what `gone` explains of the same id, or of all (the id "")."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for name, first, last in gone:
        spans.setdefault(name, []).append((first, last))
    joined: dict[str, tuple[list[int], list[int]]] = {}
    left: Holes = []
    for name, first, last in holes:
        if name not in joined:
            joined[name] = _joined([*spans.get(name, []), *(spans.get("", []) if name else [])])
        begins, ends = joined[name]
        for at in range(bisect_left(ends, first), len(begins)):
            if begins[at] > last:
                break
            if begins[at] > first:
                left.append((name, first, begins[at] - step))
            first = ends[at] + step
        if first <= last:
            left.append((name, first, last))
    return left


def _joined(spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """The first and last interval ends of spans in order, those that overlap made one."""
    begins: list[int] = []
    ends: list[int] = []
    for first, last in sorted(spans):
        if ends and first <= ends[-1]:
            ends[-1] = max(ends[-1], last)
        else:
            begins.append(first)
            ends.append(last)
    return begins, ends
