"""Completeness: for each interval of a span, what of it is there. Pure: coverage, absences and the time are arguments.

Regions and interconnectors are a fixed set: a missing one is a hard gap. DUIDs come and go: one is expected between two
of its own rows that are not too far apart, and its absence there is a soft gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import nanoseconds
from aemo_ops.store.absences import Absence
from aemo_ops.store.coverage import STRETCHES, Coverage

# Longer than the longest hole known in users' files (35 days of negative values), shorter than a season's outage.
AROUND = timedelta(days=45)
Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Holes = list[tuple[str, int, int]]  # (id, first, last) in nanoseconds; the id "" stands for all


class Presence(IntEnum):
    """What there is of an interval."""

    COMPLETE = 0
    PARTIAL = 1
    MISSING = 2
    ABSENT = 3
    NOT_DUE = 4

    @property
    def words(self) -> str:
        return ("complete", "partial", "missing", "absent at AEMO", "not due yet")[self]


@dataclass(frozen=True)
class Completeness:
    """One dataset over a span. `ends`: interval ends in nanoseconds since 1970, none left out; the arrays follow them.

    `present`: how many of the `expected` ids have a row. `soft`: partial only by what the DUIDs of the days around suggest.
    """

    dataset: Dataset
    ends: Times
    states: Codes
    present: npt.NDArray[np.int32]
    expected: npt.NDArray[np.int32]
    soft: Mask

    def count(self, state: Presence) -> int:
        return int(np.count_nonzero(self.states == state))

    @property
    def due(self) -> int:
        """Intervals that are due: all but those not due yet."""
        return len(self.states) - self.count(Presence.NOT_DUE)

    @property
    def units_only(self) -> Mask:
        """Where rows are there, and only single DUIDs have none."""
        units: Mask = (self.dataset.ids is None) & (self.present > 0) & (self.soft | (self.states == Presence.ABSENT))
        return units

    @property
    def at_most_units(self) -> Mask:
        """Where at most single DUIDs have no row."""
        fine: Mask = self.units_only | (self.states == Presence.COMPLETE)
        return fine

    def settled(self) -> Completeness:
        """As a person should see it: what lacks only DUIDs of which AEMO itself has no row is as complete as it can be."""
        states = self.states.copy()
        states[self.units_only & (states == Presence.ABSENT)] = Presence.COMPLETE
        return replace(self, states=states)

    @property
    def outstanding(self) -> Times:
        """The interval ends that are partial or missing."""
        ends: Times = self.ends[(self.states == Presence.PARTIAL) | (self.states == Presence.MISSING)]
        return ends

    @property
    def wanting(self) -> Times:
        """The interval ends that are partial, missing or absent at AEMO."""
        ends: Times = self.ends[(self.states != Presence.COMPLETE) & (self.states != Presence.NOT_DUE)]
        return ends


@dataclass(frozen=True)
class Known:
    """What is known of a dataset beside its file.

    `absences` at AEMO; `partial`: half hours that are means of fewer than six; `published`: (interval ends, rows) of the
    report files that were merged: an interval that has all the rows of AEMO's own file is complete, whoever is not in it.
    """

    absences: Sequence[Absence] = ()
    partial: Iterable[datetime] = ()
    published: tuple[Times, Times] | None = None


@dataclass(frozen=True)
class Parent:
    """The 5-minute file that a dataset derives from: its completeness, and where its ids have no row."""

    found: Completeness
    holes: Holes


def judge(
    dataset: Dataset,
    coverage: Coverage,
    since: datetime,
    until: datetime,
    now: datetime,
    known: Known = Known(),
    parent: Parent | None = None,
) -> Completeness:
    """The completeness of the intervals in (since, until].

    A half hour that lacks only what its parent's six lack for good counts as complete or absent as they do. An interval
    is not due until its end, plus the due time, plus one cadence.
    """
    step = dataset.step
    low, high = _grid(since, step) + step, _grid(until, step)
    ends = low + step * np.arange(max(0, (high - low) // step + 1))
    present = _present(dataset, coverage, ends)
    holes = key_holes(dataset, coverage, low, high)
    expected = present + _counted(holes, ends)
    gone = [(a.id, nanoseconds(a.first), nanoseconds(a.last)) for a in known.absences]
    if parent is not None and dataset.ids is None:
        holes = without(holes, _never_there(parent, step), step)
    lacking, unexplained = _counted(holes, ends), _counted(without(holes, gone, step), ends)
    told, as_published = _as_published(ends, present, known.published)
    expected = np.where(as_published, present, expected)
    lacking = np.where(as_published, 0, lacking)
    partial = _at(ends, known.partial)
    states = np.full(len(ends), Presence.COMPLETE, np.uint8)
    states[(lacking > 0) & (unexplained == 0)] = Presence.ABSENT
    states[(lacking > 0) & (unexplained > 0) | partial | told] = Presence.PARTIAL
    states[present == 0] = Presence.MISSING
    states[(present == 0) & (_counted([hole for hole in gone if not hole[0]], ends) > 0)] = Presence.ABSENT
    if parent is not None:
        _settle_by_parent(states, ends, (lacking > 0) & (dataset.ids is None), parent.found)
    wait = nanoseconds(now) - int((catalogue.due(dataset) + dataset.cadence).total_seconds()) * 10**9
    states[(states != Presence.COMPLETE) & (ends > wait)] = Presence.NOT_DUE
    means = partial & ~_all_six(parent.found, parent.found.at_most_units, ends) if parent is not None else partial
    soft = (states == Presence.PARTIAL) & ~means & ~told & (dataset.ids is None)
    return Completeness(dataset, ends, states, present.astype(np.int32), expected.astype(np.int32), soft)


def _as_published(ends: Times, present: Times, published: tuple[Times, Times] | None) -> tuple[Mask, Mask]:
    """Which intervals have fewer rows than AEMO's own file of them that was merged; and which have as many."""
    nothing = np.zeros(len(ends), bool)
    if published is None or len(published[0]) == 0 or len(ends) == 0:
        return nothing, nothing
    at = np.minimum(np.searchsorted(ends, published[0]), len(ends) - 1)
    inside = ends[at] == published[0]
    rows = np.zeros(len(ends), np.int64)
    np.maximum.at(rows, at[inside], published[1][inside])
    return (rows > 0) & (present < rows) & (present > 0), (rows > 0) & (present >= rows)


def _never_there(parent: Parent, step: int) -> Holes:
    """(id, first, last) of the half hours in whose six intervals the parent has no row of an id."""
    five = parent.found.dataset.step
    spans = ((name, first + step - five, last) for name, first, last in parent.holes)
    up = ((name, first + (-first) % step, last - last % step) for name, first, last in spans)
    return [(name, first, last) for name, first, last in up if first <= last]


def _settle_by_parent(states: Codes, ends: Times, derivable: Mask, parent: Completeness) -> None:
    """Half hours that wait for nothing: of their six each is there as published, or absent at AEMO.

    `derivable`: those that lack a DUID of which the parent has rows.
    """
    all_settled = _all_six(parent, np.isin(parent.states, (Presence.COMPLETE, Presence.ABSENT)), ends)
    some_absent = all_settled & ~_all_six(parent, parent.states != Presence.ABSENT, ends)
    waiting = (states != Presence.COMPLETE) & ~derivable
    states[waiting & some_absent] = Presence.ABSENT
    if parent.dataset.ids is None:  # means of fewer than six of units that did not report: there is nothing to come
        states[waiting & (states == Presence.PARTIAL) & all_settled] = Presence.COMPLETE


def _all_six(parent: Completeness, mask: Mask, ends: Times) -> Mask:
    """The half hours all of whose six intervals are in `mask`, which follows the parent's."""
    if len(parent.ends) < 6:
        return np.zeros(len(ends), bool)
    sums = np.concatenate([[0], np.cumsum(mask)])
    last = (ends - parent.ends[0]) // parent.dataset.step + 1
    inside = (last >= 6) & (last <= len(parent.ends))
    last = np.where(inside, last, 6)
    all_six: Mask = inside & (sums[last] - sums[last - 6] == 6)
    return all_six


def key_holes(dataset: Dataset, coverage: Coverage, low: int, high: int) -> Holes:
    """(id, first, last): where an expected id has no row, within the interval ends low .. high, by id and time."""
    if high < low:
        return []
    step = dataset.step
    stretches = coverage.stretches
    if dataset.ids is not None:
        return [hole for name in dataset.ids for hole in _complement(name, stretches, low, high, step)]
    if stretches.num_rows < 2:
        return []
    codes = stretches["id"].combine_chunks().dictionary_encode().indices.to_numpy()
    firsts, lasts = stretches["first"].to_numpy(), stretches["last"].to_numpy()
    begins, ends = lasts[:-1] + step, firsts[1:] - step
    same = (codes[1:] == codes[:-1]) & (ends - begins < int(AROUND.total_seconds()) * 10**9)
    chosen = np.flatnonzero(same & (begins <= high) & (ends >= low))
    names = stretches["id"].take(pa.array(chosen)).to_pylist()
    return list(
        zip(
            names,
            np.maximum(begins[chosen], low).tolist(),
            np.minimum(ends[chosen], high).tolist(),
            strict=True,
        )
    )


def without(holes: Holes, gone: Holes, step: int) -> Holes:
    """The holes less what `gone` explains of the same id, or of all (the id "")."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for name, first, last in gone:
        spans.setdefault(name, []).append((first, last))
    left: Holes = []
    for name, first, last in holes:
        for begin, end in sorted([*spans.get(name, []), *spans.get("", [])] if spans else []):
            if begin > last:
                break
            if end < first:
                continue
            if begin > first:
                left.append((name, first, begin - step))
            first = end + step
        if first <= last:
            left.append((name, first, last))
    return left


def _complement(name: str, stretches: pa.Table, low: int, high: int, step: int) -> Holes:
    own = stretches.filter(pc.equal(stretches["id"], name))
    firsts, lasts = own["first"].to_numpy(), own["last"].to_numpy()
    meets = (firsts <= high) & (lasts >= low)
    begins = np.concatenate([[low], lasts[meets] + step])
    ends = np.concatenate([firsts[meets] - step, [high]])
    there = begins <= ends
    return [(name, int(first), int(last)) for first, last in zip(begins[there], ends[there], strict=True)]


def _present(dataset: Dataset, coverage: Coverage, ends: Times) -> Times:
    """How many of the expected ids have a row at each end; ids beyond a fixed set do not count."""
    stretches = coverage.stretches
    if dataset.ids is not None:
        stretches = stretches.filter(pc.is_in(stretches["id"], pa.array(dataset.ids, STRETCHES.field("id").type)))
    return _overlaps(stretches["first"].to_numpy(), stretches["last"].to_numpy(), ends)


def _counted(holes: Holes, ends: Times) -> Times:
    """How many of the holes each end lies in."""
    if not holes:
        return np.zeros(len(ends), np.int64)
    pairs = np.array([(first, last) for _, first, last in holes], np.int64)
    return _overlaps(pairs[:, 0], pairs[:, 1], ends)


def _overlaps(firsts: Times, lasts: Times, ends: Times) -> Times:
    change = np.zeros(len(ends) + 1, np.int64)
    begin, end = np.searchsorted(ends, firsts), np.searchsorted(ends, lasts, side="right")
    np.add.at(change, begin[begin < end], 1)
    np.add.at(change, end[begin < end], -1)
    counts: Times = np.cumsum(change[:-1])
    return counts


def _at(ends: Times, times: Iterable[datetime]) -> Mask:
    marked: Mask = np.isin(ends, np.array([nanoseconds(time) for time in times], np.int64))
    return marked


def runs_of(mask: Mask) -> list[tuple[int, int]]:
    """(first, last) index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _grid(time: datetime, step: int) -> int:
    at = nanoseconds(time)
    return at - at % step
