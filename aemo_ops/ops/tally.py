"""How many gaps there are: counted once, for every place that tells a number. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from aemo_ops.ops.completeness import Completeness, Presence
from aemo_ops.ops.listing import Gap

RULE = (
    "A gap is a stretch of intervals that are missing, or that lack a region, an interconnector or what a half hour is made "
    "from. A stretch in which only single units have no row is counted apart, since units come and go."
)


@dataclass(frozen=True)
class Lot:
    """Some gaps: how many, how many intervals they are, of which datasets, and who is asked for them first."""

    gaps: int = 0
    intervals: int = 0
    datasets: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, gaps: Iterable[Gap]) -> Lot:
        several = list(gaps)
        datasets = dict.fromkeys(sorted(gap.dataset for gap in several))
        sources = dict.fromkeys(sorted(gap.source for gap in several if gap.source))
        return cls(len(several), sum(gap.intervals for gap in several), tuple(datasets), tuple(sources))


@dataclass(frozen=True)
class Tally:
    """Gaps that are missing for certain, of them those that can be filled now, those that a source should have later (the
    first `opens` then), and those that no source has; `units`: stretches in which only single units have no row, and of
    them those that can be asked for; `absent`: what AEMO has none of, which counts as fine.
    """

    certain: Lot
    fillable: Lot
    later: Lot
    lost: Lot
    units: Lot
    units_fillable: Lot
    absent: Lot
    opens: datetime | None = None


def tally(gaps: Iterable[Gap]) -> Tally:
    """Counts gaps, of one file or of all."""
    several = list(gaps)
    absent = [gap for gap in several if gap.state is Presence.ABSENT]
    units = [gap for gap in several if gap.units]
    certain = [gap for gap in several if gap.state is not Presence.ABSENT and not gap.units]
    barred = [gap for gap in certain if not gap.fillable]
    later = [gap for gap in barred if gap.opens]
    return Tally(
        Lot.of(certain),
        Lot.of(gap for gap in certain if gap.fillable),
        Lot.of(later),
        Lot.of(gap for gap in barred if not gap.opens),
        Lot.of(units),
        Lot.of(gap for gap in units if gap.fillable),
        Lot.of(absent),
        min((gap.opens for gap in later if gap.opens), default=None),
    )


@dataclass(frozen=True)
class Share:
    """Intervals that are `due`, those of them that lack something for certain, those in which only `units` have no row,
    and those that are `absent` at AEMO. The rest is complete.
    """

    due: int = 0
    certain: int = 0
    units: int = 0
    absent: int = 0

    @classmethod
    def of(cls, found: Completeness) -> Share:
        soft = int(np.count_nonzero(found.soft & (found.states == Presence.PARTIAL)))
        return cls(found.due, len(found.outstanding) - soft, soft, found.count(Presence.ABSENT))

    def __add__(self, other: Share) -> Share:
        return Share(
            self.due + other.due, self.certain + other.certain, self.units + other.units, self.absent + other.absent
        )


def in_words(told: Tally) -> str:
    """What there is to do, in a sentence or two: gaps that are missing for certain first, then single units."""
    first = [f"{counted(told.fillable.gaps, 'gap')} in {counted(len(told.fillable.datasets), 'file')} can be filled."]
    if not told.fillable.gaps:
        first = ["Nothing can be filled now." if told.certain.gaps else "Nothing is missing for certain."]
    if told.later.gaps:
        have = "gap has left" if told.later.gaps == 1 else "gaps have left"
        first.append(
            f"{told.later.gaps:,} {have} Current; the next source should have the first of them from {told.opens:%d %b}."
        )
    if told.lost.gaps:
        first.append(
            f"{told.lost.gaps:,} {'gap is' if told.lost.gaps == 1 else 'gaps are'} older than every source of AEMO's."
        )
    if told.units.gaps:
        first.append(f"{counted(told.units.gaps, 'stretch', 'stretches')} in which only single units have no row.")
    elif not told.certain.gaps:
        return "Nothing is missing. Nothing to do."
    return " ".join(first)


def counted(count: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
