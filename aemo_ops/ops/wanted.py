"""What an undertaking wants of one dataset, what of it still stands out, and what each source was asked for in vain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aemo_ops.market.dataset import Dataset, Source
from aemo_ops.market.intervals import DAY, length, moment, nanoseconds
from aemo_ops.nemweb.archive import Level, closes, opens
from aemo_ops.store.absences import Absence

Times = npt.NDArray[np.int64]
_DAY = length(DAY)
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Left:
    """Interval ends that are still outstanding; of these `units` have rows: they lack only single DUIDs, or a measurement."""

    ends: Times
    units: Times = field(default_factory=lambda: np.array([], np.int64))


@dataclass
class Wanted:
    """The interval ends that a dataset should get, in nanoseconds, sorted; the masks follow them.

    `out`: still outstanding. `hard`: and not only for single DUIDs, or for a measurement in the place of an estimate.
    `units`: wanted only for those from the start.
    `failed`: a file that may hold it could not be read this time. `by_source`: intervals filled.
    """

    dataset: Dataset
    sources: tuple[Source, ...]
    ends: Times
    out: Mask
    failed: Mask
    hard: Mask
    units: Mask
    asked: dict[Level, Mask] = field(default_factory=dict)
    by_source: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, sources: tuple[Source, ...], left: Left) -> Wanted:
        ends = np.unique(left.ends)
        units = np.isin(ends, left.units)
        return cls(dataset, sources, ends, np.ones(len(ends), bool), np.zeros(len(ends), bool), ~units, units)

    def at(self, level: Level) -> Mask:
        """Where a level was asked in vain, lists nothing, or gave a file that could not be read."""
        return self.asked.setdefault(level, np.zeros(len(self.ends), bool))

    def within(self, first: int, last: int) -> slice:
        low, high = np.searchsorted(self.ends, first), np.searchsorted(self.ends, last, side="right")
        return slice(int(low), int(high))

    def held(self, level: Level, now: datetime) -> Mask:
        """Where a level should have the interval at `now`, by what it is known to keep."""
        mask = np.zeros(len(self.ends), bool)
        if len(self.ends) == 0:
            return mask
        days = self.ends - self.ends % _DAY
        for day in np.unique(days).tolist():
            # What is kept changes within a day by hours only; a file that is not there is told by its listing.
            first, last = moment(day), moment(day + _DAY)
            mask[days == day] = any(
                opens(source, level, first) <= now and now - timedelta(hours=1) < closes(source, level, last)
                for source in self.sources
            )
        return mask

    def todo(self, level: Level, now: datetime) -> Times:
        """What to ask a level for now."""
        return self.ends[self.out & ~self.at(level) & self.held(level, now)]

    def filled(self, outstanding: Left, within: slice, by: str) -> int:
        """Note that within a slice only `outstanding` is left; how many were filled, by a source.

        What was wanted as a whole is filled with the first rows, be it that AEMO has none of some DUIDs, or estimates alone.
        """
        left = np.isin(self.ends[within], outstanding.ends)
        hard = left & ~np.isin(self.ends[within], outstanding.units)
        units = self.units[within]
        done = int(np.count_nonzero(np.where(units, self.out[within] & ~left, self.hard[within] & ~hard)))
        if done:
            self.by_source[by] = self.by_source.get(by, 0) + done
            self.failed[within] &= left
        self.out[within] &= left
        self.hard[within] &= hard
        return done

    def mark(self, mask: Mask, ends: Times) -> None:
        mask[np.isin(self.ends, ends)] = True

    def fail(self, ends: Times, level: Level, reason: str) -> None:
        """What of these is outstanding could not be had from a level this time, for a reason that is not absence."""
        mask = np.isin(self.ends, ends) & self.out
        self.failed |= mask
        self.at(level)[mask] = True
        if mask.any():
            self.troubles[reason] = reason


def among(times: pa.ChunkedArray, ends: Times) -> Mask:
    """Which of `times` are interval ends of a sorted list: of millions of them in a tenth of what `np.isin` takes."""
    if len(ends) == 0:
        return np.zeros(len(times), bool)
    found = [np.array([], bool)]
    for chunk in times.cast(pa.int64()).chunks:
        values = chunk.to_numpy()
        found.append(ends[np.minimum(np.searchsorted(ends, values), len(ends) - 1)] == values)
    return np.concatenate(found)


def runs(ends: Times, dataset: Dataset) -> list[tuple[int, int]]:
    """(first, last) of each run of interval ends that follow one another."""
    if len(ends) == 0:
        return []
    step = dataset.step
    begin = np.flatnonzero(np.concatenate([[True], np.diff(ends) != step]))
    return list(zip(ends[begin].tolist(), ends[np.append(begin[1:] - 1, len(ends) - 1)].tolist(), strict=True))


def covered(ends: Times, known: Iterable[Absence]) -> Mask:
    """Which of the interval ends, sorted, some absence speaks of."""
    mask = np.zeros(len(ends), bool)
    for absence in known:
        first, last = nanoseconds(absence.first), nanoseconds(absence.last)
        mask[np.searchsorted(ends, first) : np.searchsorted(ends, last, side="right")] = True
    return mask
