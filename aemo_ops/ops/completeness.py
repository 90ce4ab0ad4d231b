"""Completeness: for each interval of a span, what of it is there; and what it is judged by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import nanoseconds
from aemo_ops.ops.expected import Holes, Times, without
from aemo_ops.store.absences import Absence
from aemo_ops.store.coverage import Coverage

Codes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Keys = Collection[tuple[datetime, str]]  # (interval end, id)


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


OPEN = (Presence.PARTIAL, Presence.MISSING)


@dataclass(frozen=True)
class Completeness:
    """One dataset over a span. `ends`: interval ends in nanoseconds since 1970, none left out; the arrays follow them.

    `present`: how many of the `expected` ids have a row. `soft`: partial only by what the DUIDs of the days around suggest.
    `units_only`: rows are there, and only single DUIDs have none, be it that AEMO has none of them.
    """

    dataset: Dataset
    ends: Times
    states: Codes
    present: npt.NDArray[np.int32]
    expected: npt.NDArray[np.int32]
    soft: Mask
    units_only: Mask

    def count(self, state: Presence) -> int:
        return int(np.count_nonzero(self.states == state))

    @property
    def due(self) -> int:
        """Intervals that are due: all but those not due yet."""
        return len(self.states) - self.count(Presence.NOT_DUE)

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
        ends: Times = self.ends[np.isin(self.states, OPEN)]
        return ends

    @property
    def wanting(self) -> Times:
        """The interval ends that are partial, missing or absent at AEMO."""
        ends: Times = self.ends[(self.states != Presence.COMPLETE) & (self.states != Presence.NOT_DUE)]
        return ends


@dataclass(frozen=True)
class Known:
    """What is known of a dataset beside its file.

    `absences` at AEMO; `partial`: means of fewer than six; `provisional`: estimates whose measurement was not read;
    `trading`: half hours that hold AEMO's own trading values; `published`: (interval ends, rows) of the report files that
    were merged: an interval that has all the rows of AEMO's own file is complete, whoever is not in it.
    """

    absences: Sequence[Absence] = ()
    partial: Keys = ()
    provisional: Keys = ()
    trading: Collection[datetime] = ()
    published: tuple[Times, Times] | None = None

    def gone(self) -> Holes:
        return [(a.id, nanoseconds(a.first), nanoseconds(a.last)) for a in self.absences]

    def estimates(self) -> Holes:
        """The keys whose value stands for a measurement that was not read, by id and time."""
        return _each(self.provisional)

    def fewer(self) -> Holes:
        """The keys whose value is the mean of fewer than six, by id and time."""
        return _each(self.partial)

    def explained(self, step: int) -> Holes:
        """Of those, the ones for whose other intervals every source was asked: AEMO has no more."""
        fewer = self.fewer()
        return sorted(set(fewer).difference(without(fewer, self.gone(), step)))


def _each(keys: Keys) -> Holes:
    return sorted((name, nanoseconds(end), nanoseconds(end)) for end, name in keys)


NOTHING = Known()


@dataclass(frozen=True)
class Parent:
    """The 5-minute file that a dataset derives from: its completeness over the span's six each, and what it holds."""

    found: Completeness
    coverage: Coverage
