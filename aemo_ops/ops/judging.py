"""Judges completeness, interval by interval. Pure: coverage, what is known beside it, and the time are arguments.

A half hour is complete where each of its keys is the mean of six, or AEMO itself has no row of those of the six that lack;
so it is open as long as one of its six is. One that holds AEMO's own trading values needs no six.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.derive import SIX
from aemo_ops.market.intervals import length, nanoseconds
from aemo_ops.ops.completeness import NOTHING, OPEN, Codes, Completeness, Keys, Known, Mask, Parent, Presence
from aemo_ops.ops.expected import Holes, Times, complement, key_holes, without
from aemo_ops.store.coverage import STRETCHES, Coverage


@dataclass(frozen=True)
class _Six:
    """What is known of the six of each half hour; nothing where they reach beyond what the parent's completeness tells.

    `open`: one of them is partial or missing, `hard`: and not only for single DUIDs. `settled`: none is, and all are due;
    `absent`: and of these AEMO has no row, or not of a region or interconnector.
    """

    open: Mask
    hard: Mask
    settled: Mask
    absent: Mask
    at_most_units: Mask


def judge(
    dataset: Dataset,
    coverage: Coverage,
    since: datetime,
    until: datetime,
    now: datetime,
    known: Known = NOTHING,
    parent: Parent | None = None,
) -> Completeness:
    """The completeness of the intervals in (since, until].

    An interval is not due until its end, plus the due time, plus one cadence.
    """
    step = dataset.step
    low, high = _grid(since, step) + step, _grid(until, step)
    ends = low + step * np.arange(max(0, (high - low) // step + 1))
    present = _present(dataset, coverage, ends)
    holes, gone = key_holes(dataset, coverage, low, high), known.gone()
    expected = present + _counted(holes, ends)
    if parent is not None and dataset.ids is None:
        holes = without(holes, _nothing_to_derive(holes, parent, step), step)
    lacking, unexplained = _counted(holes, ends), _counted(without(holes, gone, step), ends)
    told, as_published = _as_published(ends, present, known.published)
    expected = np.where(as_published, present, expected)
    lacking, unexplained = (np.where(as_published, 0, count) for count in (lacking, unexplained))
    estimates = known.estimates()
    waiting = _counted(without(estimates, gone, step), ends) > 0
    means = known.fewer()
    fewer = _counted(without(means, gone, step), ends)
    partial = fewer > 0
    states = np.full(len(ends), Presence.COMPLETE, np.uint8)
    states[(lacking > 0) | (_counted(estimates, ends) > 0) | (_counted(means, ends) > 0)] = Presence.ABSENT
    states[(unexplained > 0) | waiting | partial | told] = Presence.PARTIAL
    states[present == 0] = Presence.MISSING
    states[(present == 0) & (_counted([hole for hole in gone if not hole[0]], ends) > 0)] = Presence.ABSENT
    hard, gone_whole = partial | told | waiting, np.zeros(len(ends), bool)
    if parent is not None:
        six, stale = _six(parent.found, ends), _at(ends, _whole_by_now(known.partial, parent.coverage))
        free = ~_at(ends, [(end, "") for end in known.trading])
        _follow(dataset, states, six, stale | ((lacking > 0) & (dataset.ids is None)), free & (present > 0))
        # Where nothing is told of the six, a key that is the mean of six tells that no interval lacks as a whole.
        whole = (dataset.ids is None) & (fewer < present)
        hard = told | stale | six.hard | (partial & ~whole & ~six.at_most_units & ~six.open)
        gone_whole = six.absent
    wait = nanoseconds(now) - length(catalogue.due(dataset) + dataset.cadence)
    states[(states != Presence.COMPLETE) & (ends > wait)] = Presence.NOT_DUE
    soft = (states == Presence.PARTIAL) & ~hard & (dataset.ids is None)
    units = soft | ((states == Presence.ABSENT) & (present > 0) & ~gone_whole & (dataset.ids is None))
    return Completeness(dataset, ends, states, present.astype(np.int32), expected.astype(np.int32), soft, units)


def _follow(dataset: Dataset, states: Codes, six: _Six, own: Mask, rows: Mask) -> None:
    """The states of half hours after those of their six. `own`: these can be made from what the parent has.

    `rows`: they have rows that are means.
    """
    waiting = (states != Presence.COMPLETE) & ~own
    states[(waiting | rows) & ~own & six.absent] = Presence.ABSENT
    if dataset.ids is None:  # means of fewer than six of units that did not report: there is nothing to come
        states[waiting & (states == Presence.PARTIAL) & six.settled] = Presence.COMPLETE
    states[rows & six.open] = Presence.PARTIAL


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


def _nothing_to_derive(holes: Holes, parent: Parent, step: int) -> Holes:
    """(id, first, last) of the half hours in whose six intervals the parent has no row of an id that has holes."""
    ends, five = parent.found.ends, parent.found.dataset.step
    if len(ends) == 0:
        return []
    names = {name for name, _, _ in holes}
    stretches = parent.coverage.stretches
    stretches = stretches.filter(pc.is_in(stretches["id"], pa.array(list(names), pa.string())))
    empty = (hole for name in names for hole in complement(name, stretches, int(ends[0]), int(ends[-1]), five))
    spans = ((name, first + step - five, last) for name, first, last in empty)
    up = ((name, first + (-first) % step, last - last % step) for name, first, last in spans)
    return [(name, first, last) for name, first, last in up if first <= last]


def _six(parent: Completeness, ends: Times) -> _Six:
    """What the six of each half hour are, by the parent's completeness."""
    states, absent = parent.states, parent.states == Presence.ABSENT
    settled = _of_six(parent, np.isin(states, (Presence.COMPLETE, Presence.ABSENT)), ends) == SIX
    open_ = np.isin(states, OPEN)
    return _Six(
        _of_six(parent, open_, ends) > 0,
        _of_six(parent, open_ & ~parent.soft, ends) > 0,
        settled,
        settled & (_of_six(parent, absent, ends) > 0),
        _of_six(parent, parent.at_most_units, ends) == SIX,
    )


def _of_six(parent: Completeness, mask: Mask, ends: Times) -> Times:
    """How many of the six of each half hour are in `mask`, which follows the parent's; 0 where not all six are told."""
    if len(parent.ends) < SIX:
        return np.zeros(len(ends), np.int64)
    sums = np.concatenate([[0], np.cumsum(mask)])
    last = (ends - parent.ends[0]) // parent.dataset.step + 1
    inside = (last >= SIX) & (last <= len(parent.ends))
    last = np.where(inside, last, SIX)
    return np.where(inside, sums[last] - sums[last - SIX], 0)


def _whole_by_now(partial: Keys, coverage: Coverage) -> Keys:
    """Of the means of fewer than six, those whose six are all there: they are to be made again."""
    keys = sorted((name, nanoseconds(end), end) for end, name in partial)
    if not keys:
        return []
    stretches = coverage.stretches
    wanted = pa.array([name for name, _, _ in keys], pa.string())
    own = stretches.filter(pc.is_in(stretches["id"], pc.unique(wanted)))
    names = pc.unique(own["id"].combine_chunks())
    codes = pc.index_in(own["id"].combine_chunks(), names).to_numpy().astype(np.int64)
    asked = pc.index_in(wanted, names).fill_null(-1).to_numpy().astype(np.int64)
    step = coverage.dataset.step
    lasts = np.array([end for _, end, _ in keys], np.int64)
    # A stretch's name and time as one number, so that one search finds the stretch that each half hour begins in.
    starts = (codes << 40) + own["first"].to_numpy() // step
    at = np.searchsorted(starts, (asked << 40) + lasts // step - SIX + 1, side="right") - 1
    inside = (at >= 0) & (asked >= 0)
    at = np.where(inside, at, 0)
    whole = inside & (codes[at] == asked) & (own["last"].to_numpy()[at] >= lasts) if own.num_rows else inside & False
    return [(end, name) for (name, _, end), there in zip(keys, whole.tolist(), strict=True) if there]


def _present(dataset: Dataset, coverage: Coverage, ends: Times) -> Times:
    """How many ids have a row at each end; those that are parts of others do not count."""
    stretches = coverage.stretches
    if dataset.parts:
        parts = pc.is_in(stretches["id"], pa.array(dataset.parts, STRETCHES.field("id").type))
        stretches = stretches.filter(pc.invert(parts))
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


def _at(ends: Times, keys: Keys) -> Mask:
    marked: Mask = np.isin(ends, np.array([nanoseconds(time) for time, _ in keys], np.int64))
    return marked


def _grid(time: datetime, step: int) -> int:
    at = nanoseconds(time)
    return at - at % step
