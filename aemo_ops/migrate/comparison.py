"""What came of comparing two files of a dataset: counts, the reasons of what differs, and whether the move may go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SAMPLES = 20  # differences that are shown; the counts are of all


class Verdict(StrEnum):
    PASS = "pass"
    BLOCK = "block"
    INSUFFICIENT = "insufficient"


class Reason(StrEnum):
    """Why the two differ at a key, as AEMO's own file decides."""

    MISSED = "old missed it"
    NO_VALUE = "old was wrong: it has no value"
    FIVE_OF_SIX = "old was wrong: the mean of the last five of six"
    HALF_SUM = "old was wrong: half the sum of five"
    ONE_OF_SIX = "old was wrong: one of the six values"
    FEWER = "old was wrong: the mean of fewer than six"
    OTHER_RUN = "old was wrong: the other run of an intervention"
    EARLIER = "old was wrong: AEMO published the interval again later"
    ESTIMATE = "old was wrong: an estimate where AEMO has a measurement"
    SHIFTED = "old was wrong: the value of the interval before or after"
    SWAPPED = "old was wrong: the value of another region, link or unit"
    MIXED = "old was wrong: each column in a known way, not all in the same"
    ROUNDED = "old was rounded to two decimals"
    MEAN_OF_ROUNDED = "old was rounded: the mean of six values of two decimals"
    NOT_AEMOS = "old was wrong: AEMO has no such row"
    OTHER_VALUE = "old was wrong: another value than AEMO's"
    UNSETTLED = "not settled yet: AEMO's files of the interval may still come"
    NEW_LACKS = "new is wrong: it lacks a row that AEMO has"
    NEW_INVENTS = "new is wrong: AEMO has no such row"
    NEW_DIFFERS = "new is wrong: another value than AEMO's"
    NEW_EARLIER = "new is wrong: AEMO published the interval again later"
    NEW_ESTIMATE = "new is wrong: an estimate where AEMO has a measurement"
    NEITHER = "unexplained: AEMO's value is neither"
    UNJUDGED = "unexplained: AEMO's own value was not to be had"

    @property
    def explained(self) -> bool:
        return self not in _BLOCKING

    @property
    def unexplained(self) -> bool:
        return self in (Reason.NEITHER, Reason.UNJUDGED)


_BLOCKING = (
    Reason.NEW_LACKS,
    Reason.NEW_INVENTS,
    Reason.NEW_DIFFERS,
    Reason.NEW_EARLIER,
    Reason.NEW_ESTIMATE,
    Reason.NEITHER,
    Reason.UNJUDGED,
)


@dataclass(frozen=True)
class Difference:
    """One key, for a person to look at: the values of each side and AEMO's, None where there is no row."""

    end: datetime
    id: str
    reason: Reason
    old: Mapping[str, float | None] | None
    new: Mapping[str, float | None] | None
    aemo: Mapping[str, float | None] | None


@dataclass
class Comparison:
    """Keys of one dataset in the intervals that were compared.

    `different` keys have a value that differs by more than the tolerance; the others in both are `equal`, `exact` of them to
    the last bit. `off_grid` and `doubled` rows of the old file are no keys and are only told. `problems`: what is wrong
    with the new file as a whole. `intervals` that are settled were compared, that both have rows of.
    """

    dataset: str
    only_old: int = 0
    only_new: int = 0
    equal: int = 0
    exact: int = 0
    different: int = 0
    reasons: dict[Reason, int] = field(default_factory=dict)
    intervals: int = 0
    wanted: int = 0
    off_grid: int = 0
    doubled: int = 0
    problems: list[str] = field(default_factory=list)
    samples: list[Difference] = field(default_factory=list)

    def add(self, other: Comparison) -> None:
        """What came of further intervals of the same two files."""
        for name in ("only_old", "only_new", "equal", "exact", "different", "intervals", "off_grid", "doubled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, number in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + number
        self.problems += [problem for problem in other.problems if problem not in self.problems]
        self.samples = sorted(self.samples + other.samples, key=lambda one: one.reason.explained)[:SAMPLES]

    @property
    def explained(self) -> dict[Reason, int]:
        return {reason: number for reason, number in self.reasons.items() if reason.explained}

    @property
    def unexplained(self) -> int:
        return sum(number for reason, number in self.reasons.items() if reason.unexplained)

    @property
    def verdict(self) -> Verdict:
        """Wrong is wrong however little was compared; good is good only where there was enough."""
        if self.problems or any(not reason.explained for reason in self.reasons):
            return Verdict.BLOCK
        return Verdict.PASS if self.intervals >= self.wanted else Verdict.INSUFFICIENT


def together(found: Sequence[Comparison]) -> Verdict:
    """The verdict of all: the worst; that of nothing is not enough."""
    verdicts = {one.verdict for one in found}
    if Verdict.BLOCK in verdicts:
        return Verdict.BLOCK
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INSUFFICIENT
