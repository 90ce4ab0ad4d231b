"""What to say of intervals that no source gave: absent at AEMO, with the reason, and when to ask again."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from aemo_ops.market import mmsdm
from aemo_ops.market.intervals import moment, nanoseconds
from aemo_ops.nemweb.archive import Level, closes, opens
from aemo_ops.ops.expected import Holes
from aemo_ops.ops.wanted import Mask, Times, Wanted, runs
from aemo_ops.store.absences import Absence

# Files come late by hours at times: what is younger is missing, not absent.
TOO_YOUNG = timedelta(hours=3)
# MMSDM's months may be written again later; after so long they are not.
_SETTLED = timedelta(days=100)
_ASK_AGAIN = timedelta(days=30)


def absences(wanted: Wanted, holes: Holes, now: datetime) -> list[Absence]:
    """The absences that explain the holes (id, first, last) of what was asked for in vain; none for what failed or is young."""
    step = wanted.dataset.step
    found = []
    for first, last in _alike(wanted, wanted.ends[final(wanted, now)]):
        reason, again = _verdict(wanted, first, last, now)
        for name, begin, end in holes:
            if begin <= last and end >= first:
                span = moment(max(begin, first)), moment(min(end, last))
                found.append(Absence(wanted.dataset.name, name, *span, reason, now, again))
    return _joined(found, step)


def final(wanted: Wanted, now: datetime) -> Mask:
    """What was asked for in vain of every source, and is old enough to be called absent."""
    mask: Mask = wanted.out & ~wanted.failed & (wanted.ends <= nanoseconds(now - TOO_YOUNG))
    return mask


def _alike(wanted: Wanted, ends: Times) -> list[tuple[int, int]]:
    """Runs of interval ends that have one verdict: cut where the month changes, since MMSDM is by month."""
    parts = []
    for first, last in runs(ends, wanted.dataset):
        while first <= last:
            month_end = nanoseconds(mmsdm.following(mmsdm.month_of(moment(first))))
            parts.append((first, min(last, month_end)))
            first = month_end + wanted.dataset.step
    return parts


def _verdict(wanted: Wanted, first: int, last: int, now: datetime) -> tuple[str, datetime | None]:
    within = wanted.within(first, last)
    if not wanted.sources:
        return "made from 5-minute intervals that no source has", now + _ASK_AGAIN
    words, later = [], []
    for level in Level:
        opening = min(opens(source, level, moment(last)) for source in wanted.sources)
        closing = max(closes(source, level, moment(first)) for source in wanted.sources)
        if bool(np.all(wanted.at(level)[within])):
            words.append(f"{_TITLES[level]} was asked and does not have it")
            if level is Level.MMSDM and now - moment(last) < _SETTLED:
                later.append(now + _ASK_AGAIN)
        elif opening == datetime.max:
            words.append(_never(wanted, level, moment(first)))
        elif opening > now:
            words.append(f"{_TITLES[level]} should have it from {opening:%Y-%m-%d}")
            later.append(opening)
        elif closing <= now:
            words.append(f"{_TITLES[level]} keeps it no longer")
    return "; ".join(word for word in words if word), min(later, default=None)


def _never(wanted: Wanted, level: Level, interval: datetime) -> str:
    if level is Level.MMSDM and mmsdm.month_of(interval) < mmsdm.FIRST_MONTH:
        return "MMSDM has months before 2015 only as one zip of everything, tens of gigabytes, which is not fetched"
    return ""


def _joined(found: list[Absence], step: int) -> list[Absence]:
    """Absences of one id and reason that follow one another, as one."""
    joined: list[Absence] = []
    for absence in sorted(found, key=lambda a: (a.id, a.first)):
        before = joined[-1] if joined else None
        if (
            before
            and (before.id, before.reason, before.again) == (absence.id, absence.reason, absence.again)
            and nanoseconds(absence.first) <= nanoseconds(before.last) + step
        ):
            joined[-1] = Absence(
                before.dataset, before.id, before.first, max(before.last, absence.last), before.reason, before.asked,
                before.again,
            )  # fmt: skip
        else:
            joined.append(absence)
    return joined


_TITLES = {Level.CURRENT: "Current", Level.ARCHIVE: "Archive", Level.MMSDM: "MMSDM"}
