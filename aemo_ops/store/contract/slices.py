"""A file's rows in the order of time, slice by slice, however they lie in it and however many there are.

A slice is some whole days. A pass reads the stretches that hold rows of its slices, and gives a slice up as soon as its
last row has come: a file in order takes one pass, one whose months lie in disorder a few partial ones. Where the passes
together would read the file more than `READINGS` times (its rows are sorted by unit, or by nothing), it is read once,
spilling the rows of every day into a temporary file.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.dataset import Dataset
from aemo_ops.store.contract import keys
from aemo_ops.store.contract.census import Census
from aemo_ops.store.contract.spill import Spill

READINGS = 2


@dataclass(frozen=True)
class Sizes:
    """In rows: of a slice, unless a single day has more; and those waiting for their slice to be complete."""

    slice: int = 200_000
    waiting: int = 1_000_000


@dataclass(frozen=True)
class _Division:
    """`starts`: the first day of each slice. `counts`: stretches x slices, the usable rows of the one in the other."""

    dataset: Dataset
    possible: tuple[int, int]
    starts: np.ndarray
    counts: np.ndarray


def slices(census: Census, room: Path | None = None, sizes: Sizes = Sizes()) -> Iterator[pa.Table]:
    """The usable rows, slice by slice in the order of time; within a slice they stand as in the file. NaN is null.

    `room` is the folder for a temporary file, by default the system's. Raises NoSpace, and what reading raises.
    """
    division = _division(census, sizes)
    passes = list(_passes(division.counts, sizes.waiting))
    readings = sum(int(division.counts[:, one.start : one.stop].any(axis=1).sum()) for one in passes)
    if readings <= READINGS * census.stretches.count:
        for window in passes:
            yield from _one_pass(census, division, window)
    else:
        yield from _through_spill(census, division, sizes, room or Path(tempfile.gettempdir()))


def _division(census: Census, sizes: Sizes) -> _Division:
    totals: dict[int, int] = {}
    for found in census.days:
        for day, count in found.items():
            totals[day] = totals.get(day, 0) + count
    starts: list[int] = []
    held = 0
    for day in sorted(totals):
        if not starts or held + totals[day] > sizes.slice:
            starts.append(day)
            held = 0
        held += totals[day]
    counts = np.zeros((len(census.days), len(starts)), dtype=np.int64)
    for stretch, found in enumerate(census.days):
        at = np.searchsorted(starts, list(found), side="right") - 1
        np.add.at(counts[stretch], at, list(found.values()))
    return _Division(census.dataset, census.possible, np.array(starts, dtype=np.int64), counts)


def _passes(counts: np.ndarray, waiting: int) -> Iterator[range]:
    """Which slices one pass can give: as many as can be waited for without holding more than `waiting` rows at once."""
    seen = counts.cumsum(axis=0)
    ends = _last_stretches(counts)
    first, total = 0, len(ends)
    while first < total:
        held = np.zeros(len(counts), dtype=np.int64)
        end, stop = 0, first
        while stop < total:
            end = max(end, ends[stop])  # slices are given in order: one waits for those before it
            held[: end + 1] += seen[: end + 1, stop]
            if held.max() > waiting and stop > first:
                break
            stop += 1
        yield range(first, stop)
        first = stop


def _last_stretches(counts: np.ndarray) -> list[int]:
    return [int(np.flatnonzero(of_slice)[-1]) for of_slice in counts.T]


def _one_pass(census: Census, division: _Division, window: range) -> Iterator[pa.Table]:
    wanted = division.counts[:, window.start : window.stop]
    ends = _last_stretches(wanted)
    held: list[list[pa.Table]] = [[] for _ in window]
    given = 0
    for stretch in census.stretches.read(frozenset(np.flatnonzero(wanted.any(axis=1)).tolist())):
        for one, rows in _sorted_out(division, stretch.rows, window):
            held[one - window.start].append(rows)
        while given < len(window) and ends[given] <= stretch.number:
            complete, held[given] = held[given], []
            yield _joined(complete, census.dataset)
            given += 1


def _through_spill(census: Census, division: _Division, sizes: Sizes, room: Path) -> Iterator[pa.Table]:
    bundles = list(_bundles(division.counts.sum(axis=0), sizes.waiting))
    firsts = [bundle.start for bundle in bundles]
    with Spill(room) as spill:
        for stretch in census.stretches.read():
            parts = _sorted_out(division, stretch.rows, range(len(division.starts)))
            for number, of_bundle in groupby(parts, lambda part: bisect_right(firsts, part[0]) - 1):
                spill.put(number, pa.concat_tables([rows for _, rows in of_bundle]))
        for number, bundle in enumerate(bundles):
            held: list[list[pa.Table]] = [[] for _ in bundle]
            for spilled in spill.take(number):
                for one, rows in _sorted_out(division, spilled, bundle):
                    held[one - bundle.start].append(rows)
            while held:
                yield _joined(held.pop(0), census.dataset)


def _bundles(totals: np.ndarray, waiting: int) -> Iterator[range]:
    """Consecutive slices of together at most `waiting` rows, or a single larger one."""
    start = held = 0
    for one, rows in enumerate(totals.tolist()):
        if held and held + rows > waiting:
            yield range(start, one)
            start, held = one, 0
        held += rows
    if held:
        yield range(start, len(totals))


def _sorted_out(division: _Division, rows: pa.Table, window: range) -> Iterator[tuple[int, pa.Table]]:
    """The usable rows that belong to slices of the window: (slice, its rows in their order)."""
    dataset = division.dataset
    rows = keys.with_key(rows, dataset)
    at = np.searchsorted(division.starts, keys.days(rows, dataset), side="right") - 1
    mine = np.flatnonzero(keys.stays(rows, dataset, division.possible) & (at >= window.start) & (at < window.stop))
    small = np.min_scalar_type(len(window))  # 16 bits as a rule, which sort many times faster than 64
    mine = mine[np.argsort((at[mine] - window.start).astype(small), kind="stable")]
    rows, at = rows.take(mine), at[mine]
    bounds = [*np.flatnonzero(np.diff(at, prepend=-1)).tolist(), len(at)]
    for start, stop in pairwise(bounds):
        yield int(at[start]), rows.slice(start, stop - start)


def _joined(tables: list[pa.Table], dataset: Dataset) -> pa.Table:
    rows = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    for name in dataset.values:
        number = rows[name]
        if pa.types.is_floating(number.type):
            without_nan = pc.if_else(pc.is_nan(number), pa.scalar(None, number.type), number)
            rows = rows.set_column(rows.schema.get_field_index(name), name, without_nan)
    return rows
