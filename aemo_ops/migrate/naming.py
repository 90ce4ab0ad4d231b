"""How a value came to be other than AEMO's: tried one after the other, what collectors are known to have done."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from aemo_ops.market.derive import SIX
from aemo_ops.migrate.comparison import Reason
from aemo_ops.migrate.truth import Keys, Truth, moved, same

_TWO_DECIMALS = 0.0051
_ROUNDING = 1e-6  # how far a written value of two decimals, or the mean of six, may be from itself
_IN_A_ROW = 3  # intervals: two values that are the same for no reason are met every day, three of them in a row are not


@dataclass(frozen=True)
class _Way:
    """The values that come of a way to go wrong, row for row, and within what they fit; None for no value at all.

    `by_chance`: another interval or unit may have the value for no reason, so one row alone shows nothing.
    """

    reason: Reason
    values: np.ndarray | None
    within: float
    by_chance: bool = False


def old_was_wrong(truth: Truth, old: pd.DataFrame) -> list[Reason]:
    """For each row of the old file that differs from AEMO's, the first way in which its values come about: all of them, or
    else each for itself.
    """
    values, aemo = old.to_numpy(), truth.frame.reindex(old.index).to_numpy()
    tolerance = truth.dataset.tolerance
    # A column that is not wrong needs no explanation.
    right = _fits(values, _Way(Reason.OTHER_VALUE, aemo, tolerance)) | (np.isnan(values) & np.isnan(aemo))
    reasons = np.full(len(old), Reason.OTHER_VALUE, dtype=object)
    open_, known = ~right.all(axis=1), right.copy()
    in_a_row = _InARow(truth, old.index, values)
    for way in _ways(truth, old, aemo):
        fits = right | _fits(values, way)
        if way.by_chance:
            fits = fits & in_a_row.beyond_chance(fits.all(axis=1))[:, None]
        hit = open_ & fits.all(axis=1)
        reasons[hit], open_, known = way.reason, open_ & ~hit, known | fits
    reasons[open_ & known.all(axis=1)] = Reason.MIXED
    return [Reason(reason) for reason in reasons]


def _fits(values: np.ndarray, way: _Way) -> np.ndarray:
    if way.values is None:
        return np.asarray(np.isnan(values))
    with np.errstate(invalid="ignore"):  # of two infinities
        return np.asarray(np.abs(values - way.values) <= way.within)


def of_earlier(truth: Truth, frame: pd.DataFrame) -> np.ndarray:
    """Row by row, whether the values are those of an earlier publication."""
    return _any(frame, _earlier(truth, frame.index))


def of_estimates(truth: Truth, frame: pd.DataFrame) -> np.ndarray:
    """Row by row, whether the values are AEMO's estimates of what it has measured."""
    return _any(frame, _estimates(truth, frame.index))


def _any(frame: pd.DataFrame, ways: Iterable[_Way]) -> np.ndarray:
    found = np.zeros(len(frame), dtype=bool)
    for way in ways:
        if way.values is not None:
            found |= same(frame.to_numpy(), way.values, way.within) & ~np.isnan(way.values).all(axis=1)
    return found


class _InARow:
    """Which rows follow their id's row before, with another value. Worked out once, asked for each other interval and unit."""

    def __init__(self, truth: Truth, keys: Keys, values: np.ndarray) -> None:
        ids, _ = pd.factorize(keys.get_level_values(1))
        ends = keys.get_level_values(0).to_numpy()
        self._order = np.lexsort((ends, ids))
        self._ids, ends, values = ids[self._order], ends[self._order], np.nan_to_num(values[self._order])
        self._follows = np.zeros(len(ids), dtype=bool)
        self._follows[1:] = (np.diff(self._ids) == 0) & (np.diff(ends) == truth.dataset.step)
        self._follows[1:] &= (np.diff(values, axis=0) != 0).any(axis=1)
        self._telling = (values != 0).any(axis=1)

    def beyond_chance(self, fits: np.ndarray) -> np.ndarray:
        """Of the rows that fit those of an id of which some fit one after the other, with values that change and are not 0."""
        telling = fits[self._order] & self._telling
        for _ in range(_IN_A_ROW - 1):
            telling = telling & self._follows & np.append([False], telling[:-1])
        shown = np.zeros(len(fits), dtype=bool)
        shown[self._order] = np.isin(self._ids, self._ids[telling])
        shown &= fits
        return shown


def _ways(truth: Truth, old: pd.DataFrame, aemo: np.ndarray) -> Iterator[_Way]:
    tolerance = truth.dataset.tolerance
    yield _Way(Reason.NO_VALUE, None, 0.0)
    yield _Way(Reason.OTHER_RUN, truth.other_run.reindex(old.index).to_numpy(), tolerance)
    yield from _earlier(truth, old.index)
    yield from _estimates(truth, old.index)
    if truth.of_six:
        yield from _of_six(truth, old.index)
    if truth.dataset.fallbacks:  # TradingIS, which AEMO rounds
        yield from _rounded(truth, old.to_numpy(), aemo)
    for steps in (-1, 1):
        beside = truth.frame.reindex(moved(old.index, steps * truth.dataset.step)).to_numpy()
        yield _Way(Reason.SHIFTED, beside, tolerance, by_chance=True)
    for name in truth.frame.index.get_level_values(1).unique():
        elsewhere = pd.MultiIndex.from_arrays([old.index.get_level_values(0), [name] * len(old)])
        yield _Way(Reason.SWAPPED, truth.frame.reindex(elsewhere).to_numpy(), tolerance, by_chance=True)


def _earlier(truth: Truth, keys: Keys) -> Iterator[_Way]:
    """Of a half hour some or all of the six may be of an earlier publication."""
    for frame in truth.earlier:
        if not truth.of_six:
            yield _Way(Reason.EARLIER, frame.reindex(keys).to_numpy(), truth.dataset.tolerance)
            continue
        six, before = truth.six(keys), truth.six(keys, frame)
        for count in range(1, SIX + 1):
            for chosen in map(list, combinations(range(SIX), count)):
                mixed = six.copy()
                mixed[chosen] = before[chosen]
                means = np.where(np.isnan(before[chosen]).any(axis=0), np.nan, _mean(mixed))
                yield _Way(Reason.EARLIER, means, truth.dataset.tolerance)


def _estimates(truth: Truth, keys: Keys) -> Iterator[_Way]:
    if len(truth.estimates):
        yield _Way(Reason.ESTIMATE, truth.estimates.reindex(keys).to_numpy(), truth.dataset.tolerance)


def _of_six(truth: Truth, keys: Keys) -> Iterator[_Way]:
    """What becomes of a half hour whose six values were not all taken, or not averaged."""
    tolerance = truth.dataset.tolerance
    six = truth.six(keys)
    yield _Way(Reason.FIVE_OF_SIX, six[1:].mean(axis=0), tolerance)
    yield _Way(Reason.HALF_SUM, six[1:].sum(axis=0) / 2.0, tolerance)
    for number in range(SIX)[::-1]:
        rounded = _TWO_DECIMALS if truth.dataset.fallbacks else tolerance  # TradingIS prints one of the six so
        yield _Way(Reason.ONE_OF_SIX, six[number], max(rounded, tolerance))
    for count in range(2, SIX):
        for chosen in combinations(range(SIX), count):
            yield _Way(Reason.FEWER, _mean(six[list(chosen)]), tolerance)


def _rounded(truth: Truth, values: np.ndarray, aemo: np.ndarray) -> Iterator[_Way]:
    """AEMO's own value, rounded; or the mean of six that were, which is a whole number of six-hundredths."""
    near = _fits(values, _Way(Reason.ROUNDED, aemo, _TWO_DECIMALS))
    yield _Way(Reason.ROUNDED, np.where(near, np.round(values, 2), np.nan), _ROUNDING)
    means = np.round(values * 100 * SIX) / (100 * SIX)
    yield _Way(Reason.MEAN_OF_ROUNDED, np.where(near, means, np.nan), _ROUNDING)


def _mean(several: np.ndarray) -> np.ndarray:
    """Of those that are there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of no values the mean is none
        means: np.ndarray = np.nanmean(several, axis=0)
    return means
