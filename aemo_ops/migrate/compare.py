"""Two files of a dataset, key by key; where they differ, AEMO's own file decides, and the difference gets its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import HALF_HOUR, moment
from aemo_ops.migrate.comparison import SAMPLES, Comparison, Difference, Reason
from aemo_ops.migrate.naming import Truth, old_was_wrong, same
from aemo_ops.migrate.sides import departures, side

_APART = 3 * 3_600 * 10**9  # nanoseconds; more than what is asked for around a stretch
LEAST = {timedelta(minutes=5): 6, HALF_HOUR: 2}  # intervals that are enough to judge by


class Judge(Protocol):
    """AEMO's own rows, read from its files and from nowhere else."""

    def rows(self, dataset: Dataset, since: datetime, until: datetime) -> pa.Table:
        """Of a dataset that a report feeds: what counts, of intervals that end in (since, until]; none is known of others."""
        ...

    def other_run(self, dataset: Dataset, since: datetime, until: datetime) -> pa.Table:
        """Of the same intervals, the rows of an intervention's other run."""
        ...


def compare(
    dataset: Dataset, old: pa.Table, new: pa.Table, judge: Judge | None = None, wanted: int | None = None
) -> Comparison:
    """Compare the rows of two files. Without a judge every difference is unexplained.

    `wanted`: how many intervals with rows on both sides make it enough; by default six of five minutes, two half hours.
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
    found.intervals = both.get_level_values(0).nunique()
    _explain(found, dataset, theirs.frame, ours.frame, (only_old, only_new, different), judge)
    return found


def _equal(one: pd.DataFrame, other: pd.DataFrame, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """For each row: whether all values are the same within the tolerance, and whether they are to the last bit."""
    return same(one.to_numpy(), other.to_numpy(), tolerance), same(one.to_numpy(), other.to_numpy(), 0.0)


def _explain(
    found: Comparison,
    dataset: Dataset,
    old: pd.DataFrame,
    new: pd.DataFrame,
    differing: tuple[pd.Index[Any], pd.Index[Any], pd.Index[Any]],
    judge: Judge | None,
) -> None:
    keys = differing[0].append(differing[1:])
    if not len(keys):
        return
    truth = _truth(dataset, keys, judge)
    reasons: list[tuple[tuple[int, str], Reason]] = []
    for index, name in zip(differing, (_only_old, _only_new, _different), strict=True):
        reasons += zip(index, name(truth, old.reindex(index), new.reindex(index)), strict=True)
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
    return [
        Reason.UNJUDGED if not judged else Reason.NEW_LACKS if known else Reason.NOT_AEMOS
        for judged, known in zip(truth.judged(old.index), old.index.isin(truth.frame.index), strict=True)
    ]


def _only_new(truth: Truth, old: pd.DataFrame, new: pd.DataFrame) -> list[Reason]:
    right = truth.agrees(new)
    return [
        Reason.UNJUDGED
        if not judged
        else Reason.NEW_INVENTS
        if not known
        else Reason.MISSED
        if agrees
        else Reason.NEW_DIFFERS
        for judged, known, agrees in zip(truth.judged(new.index), new.index.isin(truth.frame.index), right, strict=True)
    ]


def _different(truth: Truth, old: pd.DataFrame, new: pd.DataFrame) -> list[Reason]:
    judged, known = truth.judged(new.index), new.index.isin(truth.frame.index)
    ours, theirs = truth.agrees(new), truth.agrees(old)
    reasons = np.select(
        [~judged, ~known, theirs, ~ours],
        [Reason.UNJUDGED, Reason.NEW_INVENTS, Reason.NEW_DIFFERS, Reason.NEITHER],
        default="",
    ).astype(object)
    wrong = reasons == ""
    reasons[wrong] = old_was_wrong(truth, old[wrong])
    return [Reason(reason) for reason in reasons]


def _truth(dataset: Dataset, keys: pd.Index[Any], judge: Judge | None) -> Truth:
    """AEMO's rows around these keys: an interval more on each side, for a value that went to its neighbour."""
    source = catalogue.origin(dataset)
    rows, other = [source.schema.empty_table()], [source.schema.empty_table()]
    for first, last in _stretches(np.unique(keys.get_level_values(0))) if judge else ():
        since, until = moment(first) - 2 * dataset.cadence, moment(last) + dataset.cadence
        rows.append(judge.rows(source, since, until))  # type: ignore[union-attr]
        other.append(judge.other_run(source, since, until))  # type: ignore[union-attr]
    return Truth.of(dataset, source, pa.concat_tables(rows), pa.concat_tables(other))


def _stretches(ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, last) of the interval ends that lie close together: what lies between is not asked for."""
    heads = np.flatnonzero(np.diff(ends, prepend=ends[0] - 2 * _APART) > _APART)
    for head, following in zip(heads, [*heads[1:], len(ends)], strict=True):
        yield int(ends[head]), int(ends[following - 1])
