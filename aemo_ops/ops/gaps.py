"""Gaps: what was expected of each file and is not there; from the cached coverage, never by reading history."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from aemo_ops.clock import Clock
from aemo_ops.errors import StoreError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.derive import first_of_six
from aemo_ops.market.intervals import DAY, EARLIEST, HALF_HOUR, ceil, length, moment, nanoseconds, tomorrow
from aemo_ops.ops.completeness import Completeness, Known, Parent, Presence
from aemo_ops.ops.expected import Holes, NewId, Times, key_holes, new_ids, without
from aemo_ops.ops.judging import judge
from aemo_ops.ops.listing import ESTIMATE, MEAN, Gap, Listing
from aemo_ops.ops.watch import Identity, identity
from aemo_ops.store.absences import Absence, Absences
from aemo_ops.store.coverage import STRETCHES, Coverage, Summaries
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.parquet import Store


@dataclass(frozen=True)
class Keys:
    """One day key by key. `states`: a row for each of `ids`, a column for each of `ends` (NEM time).

    `partial`: what is partial about a key that is, in words.
    """

    ids: tuple[str, ...]
    ends: tuple[datetime, ...]
    states: npt.NDArray[np.uint8]
    partial: str = ""


class Gaps:
    """Answers what is missing. Reads footers and cached summaries; a file that did not change is not read twice."""

    def __init__(
        self,
        datasets: Sequence[Dataset],
        store: Store,
        summaries: Summaries,
        clock: Clock,
        ledger: Ledger | None = None,
        absences: Absences | None = None,
    ) -> None:
        self.datasets = tuple(datasets)
        self._store = store
        self._summaries = summaries
        self._clock = clock
        self._ledger = ledger
        self._absences = absences
        self._lock = threading.Lock()
        self._coverages: dict[str, tuple[Identity | None, Coverage]] = {}
        self._counts: dict[str, tuple[int, Times, Times]] = {}

    @property
    def remembers(self) -> bool:
        """Whether it knows of partial means and absences: only of a folder that is ours."""
        return self._ledger is not None

    def coverage(self, dataset: Dataset) -> Coverage | None:
        """What the file holds; None where there is no file. Raises StoreCorrupt, SchemaMismatch.

        Rows that are dated before the market began or after tomorrow are left out here, once for all that asks: a single
        one would make every answer span centuries.
        """
        path = self._store.path(dataset)
        with self._lock:
            now = identity(path)
            if now is None:
                return None
            known = self._coverages.get(dataset.name)
            if known is None or known[0] != now:
                known = (now, self._summaries.coverage(path, dataset))
                self._coverages[dataset.name] = known
            return known[1].within(EARLIEST, tomorrow(self._clock.now()))

    def forget(self, dataset: Dataset) -> None:
        """Another program rewrote the file: look at all of it again."""
        with self._lock:
            self._summaries.forget(dataset)
            self._coverages.pop(dataset.name, None)

    def held(self, dataset: Dataset) -> Coverage:
        """As `coverage`; an absent file holds nothing."""
        return self.coverage(dataset) or Coverage(dataset, STRETCHES.empty_table(), 0)

    def began(self, dataset: Dataset) -> datetime | None:
        """The end of the first interval that the file holds or, where it was set aside or lost, ever held; None for none."""
        known = self._ledger.began(dataset.name) if self._ledger else None
        return min((first for first in (known, self.held(dataset).first) if first), default=None)

    def new_ids(self, dataset: Dataset) -> list[NewId]:
        """The ids in the file that the market added; none of a file that cannot be read, which its freshness tells."""
        if dataset.ids is None:
            return []
        try:
            return new_ids(self.held(dataset))
        except StoreError:
            return []

    def of(self, dataset: Dataset, since: datetime | None = None, until: datetime | None = None) -> Completeness | None:
        """The completeness of (since, until], by default from where the file began until now; None where it never had a row."""
        began, coverage = self.began(dataset), self.held(dataset)
        if began is None:
            return None
        now = self._clock.now()
        since = max(since or began - dataset.cadence, began - dataset.cadence)
        return self.judged(dataset, coverage, since, min(until or now, now)).settled()

    def judged(self, dataset: Dataset, coverage: Coverage, since: datetime, until: datetime) -> Completeness:
        """As `of`, for any span: one before the file's first row is missing too. DUIDs that AEMO lacks are told as absent."""
        since = max(since, EARLIEST)
        known, parent = self._known(dataset, since, until), self._parent(dataset, since, until)
        return judge(dataset, coverage, since, until, self._clock.now(), known, parent)

    def _known(self, dataset: Dataset, since: datetime, until: datetime) -> Known:
        """What is known of a span beside the file."""
        if self._ledger is None:
            return Known()
        return Known(
            self.absences(dataset),
            self._ledger.partial(dataset.name, since, until),
            self._ledger.provisional(dataset.name, since, until) - self._ledger.blank(dataset.name, since, until),
            self._ledger.fallbacks(dataset.name, since, until) if dataset.fallbacks else (),
            self._published(dataset),
        )

    def _parent(self, dataset: Dataset, since: datetime, until: datetime) -> Parent | None:
        if dataset.derived_from is None:
            return None
        parent = catalogue.dataset(dataset.derived_from)
        try:
            found, coverage = self.of(parent, since - HALF_HOUR, until), self.held(parent)
        except StoreError:  # told of the parent itself; its half hours are judged by what they are
            return None
        if found is None or len(found.ends) == 0:
            return None
        return Parent(found, coverage)

    def _published(self, dataset: Dataset) -> tuple[Times, Times] | None:
        """(interval ends, rows) of the report files of DUIDs that were merged, read from the ledger once."""
        if dataset.ids is not None or dataset.derived_from or self._ledger is None:
            return None
        with self._lock:
            mark, ends, rows = self._counts.get(dataset.name, (0, np.array([], np.int64), np.array([], np.int64)))
            fresh, mark = self._ledger.rows_since(dataset.name, mark)
            if fresh:
                news = np.array([(nanoseconds(end), count) for end, count in fresh], np.int64)
                ends, rows = np.concatenate([ends, news[:, 0]]), np.concatenate([rows, news[:, 1]])
                self._counts[dataset.name] = (mark, ends, rows)
            return ends, rows

    def absences(self, dataset: Dataset) -> list[Absence]:
        return self._absences.known(dataset.name) if self._absences else []

    def explanations(self, dataset: Dataset) -> list[Absence]:
        """The absences of a dataset, and the half hours that are made from intervals absent at AEMO."""
        if dataset.derived_from is None:
            return self.absences(dataset)
        above = self.absences(catalogue.dataset(dataset.derived_from))
        halves = [replace(a, first=ceil(a.first, HALF_HOUR), last=ceil(a.last, HALF_HOUR)) for a in above]
        return [*self.absences(dataset), *halves]

    def wanting(self, dataset: Dataset, low: int, high: int) -> Holes:
        """(id, first, last) of the keys that lack a row, or a measurement, within the interval ends low .. high.

        Means of fewer than six of a time before the 5-minute file begins too: nothing else tells of the six.
        """
        if high < low:
            return []
        known = self._known(dataset, moment(low) - dataset.cadence, moment(high))
        fewer: Holes = []
        if dataset.derived_from:
            began = self.began(catalogue.dataset(dataset.derived_from))
            first = nanoseconds(began) if began else high + 1
            fewer = [hole for hole in known.fewer() if first_of_six(hole[2]) < first]
        return [*key_holes(dataset, self.held(dataset), low, high), *known.estimates(), *fewer]

    def listed(self, dataset: Dataset, found: Completeness) -> list[Gap]:
        """The gaps of a completeness, newest first: missing, partial, and those that are absent at AEMO."""
        if len(found.ends) == 0:
            return []
        coverage = self.held(dataset)
        low, high = int(found.ends[0]), int(found.ends[-1])
        span = moment(low) - dataset.cadence, moment(high)
        parent = self._parent(dataset, *span)
        holes = key_holes(dataset, coverage, low, high)
        known = self._known(dataset, *span)
        return Listing(found, holes, known, parent.found if parent else None, self._clock.now()).gaps()

    def keys(self, dataset: Dataset, day: datetime) -> Keys:
        """The day (00:05 to 24:00, or in half hours) key by key; DUIDs: those with a row in the days around."""
        coverage = self.held(dataset)
        found = self.of(dataset, day, day + DAY)
        if found is None or len(found.ends) == 0:
            return Keys((), (), np.zeros((0, 0), np.uint8))
        ends = found.ends
        since, until = moment(int(ends[0])) - dataset.cadence, moment(int(ends[-1]))
        low, high = int(ends[0]), int(ends[-1])
        wanted = self._ids_around(dataset, coverage, low, high)
        there = coverage.present(wanted, since, until)
        states = np.full(there.shape, Presence.NOT_DUE, np.uint8)  # of a DUID that is not expected: nothing is due
        at = {name: row for row, name in enumerate(wanted)}
        step = dataset.step
        known = self._known(dataset, since, until)
        gone, holes = known.gone(), key_holes(dataset, coverage, low, high)
        for code, several in ((Presence.ABSENT, holes), (Presence.MISSING, without(holes, gone, step))):
            for name, first, last in several:
                states[at[name], (first - low) // step : (last - low) // step + 1] = code
        states[:, found.states == Presence.NOT_DUE] = Presence.NOT_DUE
        states[(found.states == Presence.COMPLETE) & (states == Presence.MISSING)] = Presence.ABSENT  # as AEMO has it
        states[there] = Presence.COMPLETE
        for end, name in (*known.partial, *known.provisional):
            column = (nanoseconds(end) - low) // step
            if name in at and there[at[name], column] and found.states[column] == Presence.PARTIAL:
                states[at[name], column] = Presence.PARTIAL
        partial = MEAN if dataset.derived_from else ESTIMATE
        return Keys(tuple(wanted), tuple(moment(int(end)) for end in ends), states, partial)

    @staticmethod
    def _ids_around(dataset: Dataset, coverage: Coverage, low: int, high: int) -> list[str]:
        stretches = coverage.stretches
        firsts, lasts = stretches["first"].to_numpy(), stretches["last"].to_numpy()
        near = length(3 * DAY)
        around = np.flatnonzero((firsts <= high + near) & (lasts >= low - near))
        names = set(stretches["id"].take(around).to_pylist())
        names |= {name for name, _, _ in key_holes(dataset, coverage, low, high)}
        return sorted(names | set(dataset.ids or ()))
