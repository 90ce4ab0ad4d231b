"""Two files of a dataset, key by key; where they differ, AEMO's own file decides, and the difference gets its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import HALF_HOUR, length, moment, nanoseconds
from aemo_ops.migrate.comparison import SAMPLES, Comparison, Difference, Reason
from aemo_ops.migrate.naming import of_earlier, of_estimates, old_was_wrong
from aemo_ops.migrate.sides import departures, side
from aemo_ops.migrate.told import Judge, Told
from aemo_ops.migrate.truth import Keys, Truth, same

_NEVER = np.iinfo(np.int64).max
_APART = length(timedelta(hours=3))  # nanoseconds; more than what is asked for around a stretch
LEAST = {timedelta(minutes=5): 6, HALF_HOUR: 2}  # intervals that are enough to judge by


def compare(
    dataset: Dataset,
    old: pa.Table,
    new: pa.Table,
    judge: Judge | None = None,
    wanted: int | None = None,
    now: datetime | None = None,
) -> Comparison:
    """Compare the rows of two files. Without a judge every difference is unexplained.

    `wanted`: how many settled intervals with rows on both sides make it enough; by default six of five minutes, two half
    hours. `now`: what is not settled yet then is judged by nobody; without it everything is settled.
    """
    found = Comparison(dataset.name, wanted=LEAST[dataset.cadence] if wanted is None else wanted)
    found.problems += [f"the new file: {words}" for words in departures(dataset, new.schema)]
    theirs, ours = side(dataset, old), side(dataset, new)
    found.off_grid, found.doubled = theirs.off_grid, theirs.doubled
    for number, what in ((ours.off_grid, "off the dataset's grid"), (ours.doubled, "whose key another row has too")):
        if number:
            found.problems.append(f"the new file: {number:,} rows {what}")
    both = theirs.frame.index.intersection(ours.frame.index)
    only_old, only_new = (one.frame.index.difference(both) for one in (theirs, ours))
    equal, exact = _equal(theirs.frame.loc[both], ours.frame.loc[both], dataset.tolerance)
    different = both[~equal]
    found.only_old, found.only_new, found.different = len(only_old), len(only_new), len(different)
    found.equal, found.exact = int(equal.sum()), int(exact.sum())
    calendar = _Calendar.of(dataset, now)
    found.intervals = both[calendar.settled(both)].get_level_values(0).nunique()
    _explain(found, dataset, theirs.frame, ours.frame, (only_old, only_new, different), judge, calendar)
    return found


@dataclass(frozen=True)
class _Calendar:
    """The last interval end that is settled, and the last that can be: a row of a later one is no publication of AEMO's."""

    last_settled: int
    last_possible: int

    @classmethod
    def of(cls, dataset: Dataset, now: datetime | None) -> _Calendar:
        if now is None:
            return cls(_NEVER, _NEVER)
        return cls(*(nanoseconds(at(dataset, now)) for at in (catalogue.settled, catalogue.latest_possible)))

    def settled(self, keys: Keys) -> np.ndarray:
        return np.asarray(keys.get_level_values(0) <= self.last_settled)

    def possible(self, keys: Keys) -> np.ndarray:
        return np.asarray(keys.get_level_values(0) <= self.last_possible)


def _equal(one: pd.DataFrame, other: pd.DataFrame, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """For each row: whether all values are the same within the tolerance, and whether they are to the last bit."""
    return same(one.to_numpy(), other.to_numpy(), tolerance), same(one.to_numpy(), other.to_numpy(), 0.0)


def _explain(
    found: Comparison,
    dataset: Dataset,
    old: pd.DataFrame,
    new: pd.DataFrame,
    differing: tuple[Keys, Keys, Keys],
    judge: Judge | None,
    calendar: _Calendar,
) -> None:
    keys = differing[0].append(differing[1:])
    if not len(keys):
        return
    truth = _truth(dataset, keys[calendar.settled(keys)], judge)
    reasons: list[tuple[tuple[int, str], Reason]] = []
    names = (_only_old, _only_new, _different)
    for index, name, beyond in zip(differing, names, (Reason.NOT_AEMOS, Reason.NEW_INVENTS, None), strict=True):
        settled, possible = calendar.settled(index), calendar.possible(index)
        told = index[settled]
        reasons += zip(told, name(truth, old.reindex(told), new.reindex(told)), strict=True)
        reasons += [(key, Reason.UNSETTLED) for key in index[~settled & possible]]
        reasons += [(key, beyond or Reason.NEW_INVENTS) for key in index[~possible]]
    found.reasons = dict(Counter(reason for _, reason in reasons).most_common())
    for worst in (True, False):  # what blocks is shown first
        for key, reason in reasons:
            if reason.explained is not worst and len(found.samples) < SAMPLES:
                sides = (_values(frame, key) for frame in (old, new, truth.frame))
                found.samples.append(Difference(moment(key[0]), key[1], reason, *sides))


def _values(frame: pd.DataFrame, key: tuple[int, str]) -> Mapping[str, float | None] | None:
    if key not in frame.index:
        return None
    values = frame.loc[[key]].to_numpy()[0].tolist()
    return {name: None if np.isnan(value) else value for name, value in zip(frame.columns, values, strict=True)}


def _only_old(truth: Truth, old: pd.DataFrame, new: pd.DataFrame) -> list[Reason]:
    return _first(
        (~truth.judged(old.index), Reason.UNJUDGED),
        (old.index.isin(truth.frame.index), Reason.NEW_LACKS),
        otherwise=[Reason.NOT_AEMOS] * len(old),
    )


def _only_new(truth: Truth, old: pd.DataFrame, new: pd.DataFrame) -> list[Reason]:
    return _first(
        (~truth.judged(new.index), Reason.UNJUDGED),
        (~new.index.isin(truth.frame.index), Reason.NEW_INVENTS),
        (truth.agrees(new), Reason.MISSED),
        (of_earlier(truth, new), Reason.NEW_EARLIER),
        (of_estimates(truth, new), Reason.NEW_ESTIMATE),
        otherwise=[Reason.NEW_DIFFERS] * len(new),
    )


def _different(truth: Truth, old: pd.DataFrame, new: pd.DataFrame) -> list[Reason]:
    right = truth.agrees(new)
    return _first(
        (~truth.judged(new.index), Reason.UNJUDGED),
        (~new.index.isin(truth.frame.index), Reason.NEW_INVENTS),
        (~right & of_earlier(truth, new), Reason.NEW_EARLIER),
        (~right & of_estimates(truth, new), Reason.NEW_ESTIMATE),
        (~right & truth.agrees(old), Reason.NEW_DIFFERS),
        (~right, Reason.NEITHER),
        otherwise=old_was_wrong(truth, old),
    )


def _first(*cases: tuple[np.ndarray, Reason], otherwise: Sequence[Reason]) -> list[Reason]:
    """Row by row, the reason of the first case that holds."""
    reasons = np.array(otherwise, dtype=object)
    for holds, reason in reversed(cases):
        reasons[holds] = reason
    return [Reason(reason) for reason in reasons]


def _truth(dataset: Dataset, keys: Keys, judge: Judge | None) -> Truth:
    """AEMO's rows around these keys: an interval more on each side, for a value that went to its neighbour."""
    source = catalogue.origin(dataset)
    told = Told.nothing(source)
    for first, last in _stretches(np.unique(keys.get_level_values(0))) if judge and len(keys) else ():
        since, until = moment(first) - 2 * dataset.cadence, moment(last) + dataset.cadence
        told = told.and_then(judge.told(source, since, until))  # type: ignore[union-attr]
    return Truth.of(dataset, source, told)


def _stretches(ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, last) of the interval ends that lie close together: what lies between is not asked for."""
    heads = np.flatnonzero(np.diff(ends, prepend=ends[0] - 2 * _APART) > _APART)
    for head, following in zip(heads, [*heads[1:], len(ends)], strict=True):
        yield int(ends[head]), int(ends[following - 1])
