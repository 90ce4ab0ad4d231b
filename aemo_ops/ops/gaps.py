"""Gaps: what was expected of each file and is not there; from the cached coverage, never by reading history."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from aemo_ops.clock import Clock
from aemo_ops.errors import StoreError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import DAY, HALF_HOUR, ceil, moment, nanoseconds
from aemo_ops.nemweb.archive import Level, levels, opens
from aemo_ops.ops.completeness import (
    Completeness,
    Holes,
    Known,
    Parent,
    Presence,
    Times,
    judge,
    key_holes,
    runs_of,
    without,
)
from aemo_ops.ops.watch import Identity, identity
from aemo_ops.store.absences import Absence, Absences
from aemo_ops.store.coverage import STRETCHES, Coverage, Summaries
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.parquet import Store

OWN = "own 5-minute file"
NO_SOURCE = "none"
_HALF = int(HALF_HOUR.total_seconds()) * 10**9


@dataclass(frozen=True)
class Gap:
    """Intervals that follow one another and lack the same keys. `keys`: the ids, none for all of them.

    `source`: which source is asked first: current, archive, mmsdm, "own 5-minute file" for a half hour whose six are
    there, "none" where no source can have it now. `reason`: why it is absent, for an absent one. `opens`: from when a
    source should have it, where none has it now.
    """

    dataset: str
    first: datetime
    last: datetime
    intervals: int
    keys: tuple[str, ...]
    state: Presence
    source: str
    reason: str = ""
    opens: datetime | None = None


@dataclass(frozen=True)
class Keys:
    """One day key by key. `states`: a row for each of `ids`, a column for each of `ends` (NEM time)."""

    ids: tuple[str, ...]
    ends: tuple[datetime, ...]
    states: npt.NDArray[np.uint8]


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
        """What the file holds; None where there is no file. Raises StoreCorrupt, SchemaMismatch."""
        path = self._store.path(dataset)
        with self._lock:
            now = identity(path)
            if now is None:
                return None
            known = self._coverages.get(dataset.name)
            if known is None or known[0] != now:
                known = (now, self._summaries.coverage(path, dataset))
                self._coverages[dataset.name] = known
            return known[1]

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
        return min((first for first in (known, self._store.extent(dataset).first) if first), default=None)

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
        partial = self._ledger.partial(dataset.name, since, until) if self._ledger else set()
        known = Known(self.absences(dataset), {end for end, _ in partial}, self._published(dataset))
        return judge(dataset, coverage, since, until, self._clock.now(), known, self._parent(dataset, since, until))

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
        holes = key_holes(parent, coverage, int(found.ends[0]), int(found.ends[-1])) if parent.ids is None else []
        return Parent(found, holes)

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

    def holes(self, dataset: Dataset, found: Completeness) -> Holes:
        """(id, first, last) of every key that is wanting: whole intervals under the id "", single keys elsewhere."""
        if len(found.ends) == 0:
            return []
        coverage = self.held(dataset)
        step = dataset.step
        ends = found.ends
        whole = [("", int(ends[first]), int(ends[last])) for first, last in _empty(found)]
        single = key_holes(dataset, coverage, int(ends[0]), int(ends[-1]))
        return whole + without(single, whole, step)

    def listed(self, dataset: Dataset, found: Completeness) -> list[Gap]:
        """The gaps of a completeness, newest first: missing, partial, and those that are absent at AEMO."""
        parent = self._five(dataset, found)
        spans: dict[tuple[int, int], list[str]] = {}
        for name, first, last in self.holes(dataset, found):
            for span in _in_states(found, first, last):
                spans.setdefault(span, []).append(name)
        absences = self.absences(dataset)
        gaps = [self._gap(found, span, names, absences, parent) for span, names in spans.items()]
        gaps += [self._partial_mean(found, span, parent) for span in _means_of_fewer(found, spans)]
        return sorted(gaps, key=lambda gap: (gap.last, gap.keys), reverse=True)

    def _five(self, dataset: Dataset, found: Completeness) -> Completeness | None:
        """The completeness of what a derived dataset derives from, over the same span."""
        if len(found.ends) == 0:
            return None
        parent = self._parent(dataset, moment(int(found.ends[0])) - dataset.cadence, moment(int(found.ends[-1])))
        return parent.found if parent else None

    def _gap(
        self,
        found: Completeness,
        span: tuple[int, int],
        names: Sequence[str],
        absences: Sequence[Absence],
        parent: Completeness | None,
    ) -> Gap:
        first, last = moment(span[0]), moment(span[1])
        state, reason, source = _state_at(found, span[0]), "", ""
        if state is Presence.ABSENT:
            told = {a.reason for a in absences if a.first <= last and a.last >= first and a.id in ("", *names)}
            reason = "; ".join(sorted(told)) or "made from 5-minute intervals of which some are absent at AEMO"
        else:
            source = self._source(found.dataset, span, parent)
        keys = tuple(sorted(name for name in names if name))
        intervals = (span[1] - span[0]) // found.dataset.step + 1
        later = self._opens(found.dataset, last) if source == NO_SOURCE else None
        return Gap(found.dataset.name, first, last, intervals, keys, state, source, reason, later)

    def _opens(self, dataset: Dataset, last: datetime) -> datetime | None:
        """When the next source should have an interval that none has now."""
        now = self._clock.now()
        coming = [opens(source, level, last) for source in catalogue.origin(dataset).sources for level in Level]
        return min((one for one in coming if now < one < datetime.max), default=None)

    def _partial_mean(self, found: Completeness, span: tuple[int, int], parent: Completeness | None) -> Gap:
        """Half hours that have every key, as means of fewer than six."""
        gap = self._gap(found, span, (), (), parent)
        return replace(gap, reason="the mean of fewer than six 5-minute intervals")

    def _source(self, dataset: Dataset, span: tuple[int, int], parent: Completeness | None) -> str:
        """Who is asked first for a gap, in a word."""
        if dataset.derived_from and parent is not None and _has_all(parent, span[0] - _HALF, span[1]):
            return OWN
        open_levels = levels(catalogue.origin(dataset).sources, moment(span[1]), self._clock.now())
        return str(open_levels[0]) if open_levels else NO_SOURCE

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
        gone = [(a.id, nanoseconds(a.first), nanoseconds(a.last)) for a in self.absences(dataset)]
        holes = key_holes(dataset, coverage, low, high)
        for code, several in ((Presence.ABSENT, holes), (Presence.MISSING, without(holes, gone, step))):
            for name, first, last in several:
                states[at[name], (first - low) // step : (last - low) // step + 1] = code
        states[:, found.states == Presence.NOT_DUE] = Presence.NOT_DUE
        states[(found.states == Presence.COMPLETE) & (states == Presence.MISSING)] = Presence.ABSENT  # as AEMO has it
        states[there] = Presence.COMPLETE
        return Keys(tuple(wanted), tuple(moment(int(end)) for end in ends), states)

    @staticmethod
    def _ids_around(dataset: Dataset, coverage: Coverage, low: int, high: int) -> list[str]:
        stretches = coverage.stretches
        firsts, lasts = stretches["first"].to_numpy(), stretches["last"].to_numpy()
        near = int(timedelta(days=3).total_seconds()) * 10**9
        around = np.flatnonzero((firsts <= high + near) & (lasts >= low - near))
        names = set(stretches["id"].take(around).to_pylist())
        names |= {name for name, _, _ in key_holes(dataset, coverage, low, high)}
        return sorted(names | set(dataset.ids or ()))


def _empty(found: Completeness) -> list[tuple[int, int]]:
    """(first, last) index of each run of intervals without any row that has one state: missing, or absent."""
    empty = found.present == 0
    return sorted(
        run for state in (Presence.MISSING, Presence.ABSENT) for run in runs_of((found.states == state) & empty)
    )


def _in_states(found: Completeness, first: int, last: int) -> list[tuple[int, int]]:
    """A hole without what is not due yet, cut where its state changes."""
    step = found.dataset.step
    begin = (first - int(found.ends[0])) // step
    states = found.states[begin : (last - int(found.ends[0])) // step + 1]
    cuts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    return [
        (first + low * step, first + (high - 1) * step)
        for low, high in itertools.pairwise(cuts)
        if states[low] in (Presence.PARTIAL, Presence.MISSING, Presence.ABSENT)
    ]


def _means_of_fewer(found: Completeness, told: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The partial half hours that no hole tells of."""
    partial = found.states == Presence.PARTIAL
    for first, last in told:
        partial[np.searchsorted(found.ends, first) : np.searchsorted(found.ends, last) + 1] = False
    return [(int(found.ends[first]), int(found.ends[last])) for first, last in runs_of(partial)]


def _has_all(parent: Completeness, since: int, until: int) -> bool:
    """Whether every 5-minute interval in (since, until] is complete."""
    within = (parent.ends > since) & (parent.ends <= until)
    states = parent.states[within]
    return len(states) == (until - since) // parent.dataset.step and not np.any(states)


def _state_at(found: Completeness, end: int) -> Presence:
    return Presence(int(found.states[(end - int(found.ends[0])) // found.dataset.step]))
