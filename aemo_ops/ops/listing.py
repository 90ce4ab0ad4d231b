"""The gaps of a file, one by one: every interval that is due and not complete stands in exactly one of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import HALF_HOUR, length, moment, nanoseconds
from aemo_ops.nemweb.archive import Level, levels, opens
from aemo_ops.ops.completeness import Completeness, Known, Presence
from aemo_ops.ops.expected import Holes, without
from aemo_ops.store.absences import Absence

OWN = "own 5-minute file"
NO_SOURCE = "none"
ESTIMATE = "a satellite estimate; the measurement has not been read"
MEAN = "the mean of fewer than six 5-minute intervals"
_FEWER = "fewer rows than AEMO's own file of the interval"
_MADE = "made from 5-minute intervals of which some are absent at AEMO"
_HALF = length(HALF_HOUR)
_WANTING = (Presence.PARTIAL, Presence.MISSING, Presence.ABSENT)
_Piece = tuple[int, int, tuple[str, ...]]  # indices of the first and the last interval, the keys that they lack


@dataclass(frozen=True)
class Gap:
    """Intervals that follow one another and lack the same keys. `keys`: the ids, none for all of them.

    `source`: which source is asked first: current, archive, mmsdm, "own 5-minute file" for a half hour whose six are
    there, "none" where no source can have it now. `reason`: why it is absent, for an absent one, or what is partial about
    it. `opens`: from when a source should have it, where none has it now. `units`: only single units have no row, which
    come and go; any other gap is missing for certain.
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
    units: bool = False

    @property
    def fillable(self) -> bool:
        """Whether a source can be asked for it now."""
        return self.state is not Presence.ABSENT and self.source != NO_SOURCE


@dataclass(frozen=True)
class Listing:
    """Lists the gaps of a completeness. `holes`: where keys have no row; `parent`: of what a dataset derives from."""

    found: Completeness
    holes: Holes
    known: Known
    parent: Completeness | None
    now: datetime
    _absences: dict[str, list[Absence]] = field(default_factory=dict)

    def gaps(self) -> list[Gap]:
        """Newest first."""
        for absence in self.known.absences:
            self._absences.setdefault(absence.id, []).append(absence)
        estimates = self.known.estimates()
        step = self.found.dataset.step
        every = [*self.holes, *estimates, *self.known.explained(step)]
        still = without(every, self.known.gone(), step)
        ids = {(name, first) for name, first, _ in estimates}
        gaps = [self._gap(piece, ids) for piece in _pieces(self.found, every, still)]
        return sorted(gaps, key=lambda gap: (gap.last, gap.keys), reverse=True)

    def _gap(self, piece: _Piece, estimates: set[tuple[str, int]]) -> Gap:
        low, high, keys = piece
        found = self.found
        span = int(found.ends[low]), int(found.ends[high])
        state, whole = Presence(int(found.states[low])), bool(found.present[low] == 0)
        reason, source = "", ""
        if state is Presence.ABSENT:
            reason = self._why_absent(keys, span)
        else:
            source = self._source(found.dataset, span)
            if any((name, span[0]) in estimates for name in keys):
                reason = ESTIMATE
            elif not keys and not whole:
                reason = MEAN if found.dataset.derived_from else _FEWER
        first, last = moment(span[0]), moment(span[1])
        later = self._opens(found.dataset, last) if source == NO_SOURCE else None
        units = state is Presence.PARTIAL and bool(found.soft[low])
        return Gap(found.dataset.name, first, last, high - low + 1, keys, state, source, reason, later, units)

    def _why_absent(self, keys: tuple[str, ...], span: tuple[int, int]) -> str:
        told = {
            absence.reason
            for name in ("", *keys)
            for absence in self._absences.get(name, ())
            if nanoseconds(absence.first) <= span[1] and nanoseconds(absence.last) >= span[0]
        }
        return "; ".join(sorted(told)) or _MADE

    def _source(self, dataset: Dataset, span: tuple[int, int]) -> str:
        """Who is asked first for a gap, in a word."""
        if dataset.derived_from and self.parent is not None and _has_all(self.parent, span[0] - _HALF, span[1]):
            return OWN
        open_levels = levels(catalogue.origin(dataset).sources, moment(span[1]), self.now)
        return str(open_levels[0]) if open_levels else NO_SOURCE

    def _opens(self, dataset: Dataset, last: datetime) -> datetime | None:
        """When the next source should have an interval that none has now."""
        coming = [opens(source, level, last) for source in catalogue.origin(dataset).sources for level in Level]
        return min((one for one in coming if self.now < one < datetime.max), default=None)


def _pieces(found: Completeness, every: Holes, still: Holes) -> Iterator[_Piece]:
    """The runs of intervals that lack the same keys for the same cause. `still`: what of `every` hole is not explained."""
    if (size := len(found.ends)) == 0:
        return
    base, step = int(found.ends[0]), found.dataset.step
    kinds = (found.states.astype(np.int64) << 2) + ((found.present == 0) << 1) + found.soft
    wanting = np.isin(found.states, _WANTING)
    changes: dict[int, list[tuple[bool, bool, str]]] = {}  # index -> (begins, of `still`, id)
    for of_still, holes in ((False, every), (True, still)):
        for name, first, last in holes:
            low, high = max(0, (first - base) // step), min(size, (last - base) // step + 1)
            if low < high:
                changes.setdefault(low, []).append((True, of_still, name))
                changes.setdefault(high, []).append((False, of_still, name))
    cuts = np.union1d(
        np.flatnonzero(np.diff(kinds, prepend=-1)), np.array([at for at in changes if at < size], np.int64)
    )
    lacking: dict[bool, set[str]] = {True: set(), False: set()}
    before: _Piece | None = None
    for low, end in zip(cuts.tolist(), [*cuts.tolist()[1:], size], strict=True):
        for begins, of_still, name in sorted(changes.get(low, ())):  # what ends goes before what begins
            (lacking[of_still].add if begins else lacking[of_still].discard)(name)
        if not wanting[low]:
            continue
        absent = bool(found.states[low] == Presence.ABSENT)
        keys = () if found.present[low] == 0 else tuple(sorted(lacking[not absent]))
        if before and before[1] == low - 1 and before[2] == keys and kinds[before[0]] == kinds[low]:
            before = (before[0], end - 1, keys)
            continue
        if before:
            yield before
        before = (low, end - 1, keys)
    if before:
        yield before


def _has_all(parent: Completeness, since: int, until: int) -> bool:
    """Whether every 5-minute interval in (since, until] is complete."""
    low, high = np.searchsorted(parent.ends, (since, until), side="right")
    return bool(high - low == (until - since) // parent.dataset.step and not np.any(parent.states[low:high]))
