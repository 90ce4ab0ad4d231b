"""Days folded into the cells of the overview: how many intervals of each state, the worst of them, and words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from aemo_ops.market.intervals import DAY, length
from aemo_ops.ops.completeness import Completeness, Presence
from aemo_ops.ui import words
from aemo_ops.ui.presence import HATCHES, WORST
from aemo_ops.ui.survey import Survey, share

MOST_DAYS, MOST_WEEKS = 400, 400
SHADES = 3  # how much of a cell lacks: a little, some, much
_LITTLE, _SOME = 0.02, 0.2
_DAY = length(DAY)
_EPOCH = date(1970, 1, 1)
_STATES = len(Presence)
_UNITS = _STATES  # of the partial ones, those in which only single units have no row: counted beside the states


@dataclass(frozen=True)
class Column:
    """A day, week or month: from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def title(self) -> str:
        if self.first == self.last:
            return f"{self.first:%a %d %b %Y}"
        return f"{self.first:%d %b} to {self.last:%d %b %Y}"


def day_of(end: datetime) -> date:
    """The day that the interval ending at `end` is part of: midnight ends the day before."""
    return (end - timedelta(microseconds=1)).date()


def columns(survey: Survey, days: int | None) -> list[Column]:
    """The last `days` days; for None all since the first row, in weeks or months where days would be too many."""
    today = day_of(survey.now)
    if days is not None:
        return [Column(d, d) for d in (today - timedelta(days=back) for back in range(days - 1, -1, -1))]
    known = [file.found.ends for file in survey.files if file.found is not None]
    firsts = [_EPOCH + timedelta(days=int((ends[0] - 1) // _DAY)) for ends in known if len(ends)]
    first = min(firsts, default=today)
    total = (today - first).days + 1
    if total <= MOST_DAYS:
        return columns(survey, max(total, 1))
    if total <= 7 * MOST_WEEKS:
        monday = first - timedelta(days=first.weekday())
        starts = [monday + timedelta(days=7 * week) for week in range((today - monday).days // 7 + 1)]
        return [Column(start, min(start + timedelta(days=6), today)) for start in starts]
    months = range(12 * first.year + first.month - 1, 12 * today.year + today.month)
    starts = [date(month // 12, month % 12 + 1, 1) for month in months]
    ends = [*(start - timedelta(days=1) for start in starts[1:]), today]
    return [Column(start, end) for start, end in zip(starts, ends, strict=True)]


def counts(found: Completeness | None, over: list[Column]) -> np.ndarray:
    """For each column how many intervals are in each state; last, how many are partial by single units only."""
    if found is None or len(found.ends) == 0:
        return np.zeros((len(over), _STATES + 1), np.int64)
    days = (found.ends - 1) // _DAY
    starts = np.array([(column.first - _EPOCH).days for column in over])
    at = np.searchsorted(starts, days, side="right") - 1
    inside = at >= 0
    flat = at[inside] * _STATES + found.states[inside]
    states = np.bincount(flat, minlength=len(over) * _STATES).reshape(len(over), _STATES)
    soft = (found.soft & (found.states == Presence.PARTIAL))[inside]
    return np.column_stack([states, np.bincount(at[inside][soft], minlength=len(over))])


def cells(survey: Survey, over: list[Column]) -> dict[str, list[Any]]:
    """A column of values for each thing that a cell shows: x, y, zvalues (see `shade`), hatch, when, file, words."""
    told: dict[str, list[Any]] = {name: [] for name in ("x", "y", "zvalues", "hatch", "when", "file", "words")}
    for row, file in enumerate(survey.files):
        for x, (column, count) in enumerate(zip(over, counts(file.found, over).tolist(), strict=True)):
            if not any(count):
                continue  # before the file's first row: no cell
            state = next(state for state in WORST if count[state])
            told["x"].append(x)
            told["y"].append(row)
            told["zvalues"].append(shade(state, count))
            told["hatch"].append(HATCHES.get(state, " "))
            told["when"].append(column.title)
            told["file"].append(file.dataset.name)
            told["words"].append(said(count))
    return told


def shade(state: Presence, count: list[int]) -> int:
    """The colour of a cell as an index: the states in turn, each in SHADES."""
    due = sum(count[:_STATES]) - count[Presence.NOT_DUE]
    lacking = (count[Presence.MISSING] + count[Presence.PARTIAL]) / due if due else 0.0
    strong = SHADES - 1 if state in (Presence.COMPLETE, Presence.ABSENT, Presence.NOT_DUE) else 0
    return state * SHADES + max(strong, (lacking >= _LITTLE) + (lacking >= _SOME))


def said(count: list[int]) -> str:
    """A cell in words."""
    due, units = sum(count[:_STATES]) - count[Presence.NOT_DUE], count[_UNITS]
    if due == 0:
        return "not due yet"
    fine = count[Presence.COMPLETE] + count[Presence.ABSENT] + units
    told = {**dict(enumerate(count[:_STATES])), Presence.PARTIAL: count[Presence.PARTIAL] - units}
    lacking = [
        f"{told[state]:,} {state.words}"
        for state in (Presence.MISSING, Presence.PARTIAL, Presence.ABSENT, Presence.NOT_DUE)
        if told[state]
    ]
    if units:
        lacking.append(f"in {units:,} single units have no row")
    whole = f"{share(fine, due)} of {words.counted(due, 'interval')} due"
    return f"{whole}; {', '.join(lacking)}" if lacking else f"complete: {words.counted(due, 'interval')}"
