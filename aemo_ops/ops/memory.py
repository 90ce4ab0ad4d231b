"""Memory: which files were asked for which intervals, and left them wanting, in this undertaking or an earlier one.

It speaks of one file of one source as it was listed then: a source that was never asked is asked, and a file that was
published again is another file. It counts only where our file has at least the rows that it had then: what was lost since
may well be in a file that once had nothing more to give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from aemo_ops.market.intervals import moment, nanoseconds
from aemo_ops.nemweb.archive import Level, Offer
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.targets import Target
from aemo_ops.ops.wanted import Mask, Times
from aemo_ops.store.absences import Absences, Asked

_File = tuple[str, datetime, int | None]


class Memory:
    """What is remembered of a data folder."""

    def __init__(self, absences: Absences) -> None:
        self._absences = absences

    def note(
        self, level: Level, family: str, target: Target, left: Mapping[Listing, tuple[Times, Times]], at: datetime
    ) -> None:
        """Files were read: the interval ends that each left wanting although it reaches there, and those beyond it."""
        step = target.wanted.dataset.step
        asked = [
            Asked(
                target.landing.dataset.name, level, family, file.name, file.published, file.size, moment(first),
                moment(last), rows, beyond, at,
            )
            for file, both in left.items()
            for beyond, ends in zip((False, True), both, strict=True)
            for first, last, rows in _alike(ends, target.landing.rows(ends), step)
        ]  # fmt: skip
        if asked:
            self._absences.add_asked(asked)

    def recall(self, level: Level, family: str, target: Target, ends: Times) -> Recalled:
        """What is remembered of a source for some of a target's interval ends, as its file is now."""
        recalled = Recalled(ends, target.landing.rows(ends))
        for asked in self._absences.asked(target.landing.dataset.name, level, family):
            recalled.known.setdefault((asked.file, asked.published, asked.size), []).append(asked)
        return recalled


@dataclass
class Recalled:
    """What is remembered of the files of one source; `rows` that there are now at each of the `ends`."""

    ends: Times
    rows: Times
    known: dict[_File, list[Asked]] = field(default_factory=dict)

    def left_by(self, offer: Offer, beyond: bool = False) -> Times:
        """The interval ends that every file of an offer, as it is listed now, left wanting, or does not reach."""
        mask = np.ones(len(self.ends), bool)
        for file in offer.files:
            mask &= self._left_by(file, beyond)
        return self.ends[mask]

    def _left_by(self, file: Listing, beyond: bool) -> Mask:
        mask = np.zeros(len(self.ends), bool)
        for asked in self.known.get((file.name, file.published, file.size), ()):
            if asked.beyond is beyond:
                low = np.searchsorted(self.ends, nanoseconds(asked.first))
                high = np.searchsorted(self.ends, nanoseconds(asked.last), side="right")
                mask[low:high] |= self.rows[low:high] >= asked.rows
        return mask


def _alike(ends: Times, rows: Times, step: int) -> Iterator[tuple[int, int, int]]:
    """(first, last, rows) of each run of interval ends that follow one another and have as many rows."""
    if len(ends) == 0:
        return
    begins = np.flatnonzero(np.concatenate([[True], (np.diff(ends) != step) | (np.diff(rows) != 0)]))
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(ends)], strict=True):
        yield int(ends[begin]), int(ends[end - 1]), int(rows[begin])
