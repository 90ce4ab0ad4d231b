"""How an old value came to be wrong: tried one after the other, what older collectors are known to have done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from aemo_ops.market.dataset import Dataset
from aemo_ops.market.derive import SIX, mean_of_six
from aemo_ops.migrate.comparison import Reason
from aemo_ops.migrate.sides import side

_TWO_DECIMALS = 0.0051


def same(one: np.ndarray, other: np.ndarray, tolerance: float) -> np.ndarray:
    """Row by row, whether all columns agree within the tolerance; two values that are not there agree."""
    with np.errstate(invalid="ignore"):
        close = np.abs(one - other) <= tolerance
    return np.asarray((close | (np.isnan(one) & np.isnan(other)) | (one == other)).all(axis=1))


@dataclass(frozen=True)
class Truth:
    """AEMO's rows of a dataset (`frame`, as in Side), those they were made of, and an intervention's other run."""

    dataset: Dataset
    frame: pd.DataFrame
    parts: pd.DataFrame
    part_step: int
    other_run: pd.DataFrame

    @classmethod
    def of(cls, dataset: Dataset, source: Dataset, rows: pa.Table, other: pa.Table) -> Truth:
        """`rows` and `other`: of `source`, which is the dataset or what it derives from; half hours count only with all six."""
        parts, run = side(source, rows).frame, side(source, other).frame
        if source is dataset:
            return cls(dataset, parts, parts, source.step, run)
        return cls(dataset, _half_hours(dataset, rows), parts, source.step, _half_hours(dataset, other))

    def judged(self, keys: pd.Index[Any]) -> np.ndarray:
        """For each key, whether AEMO's file of that interval was read."""
        return np.isin(keys.get_level_values(0), self.frame.index.get_level_values(0))

    def agrees(self, frame: pd.DataFrame) -> np.ndarray:
        aemo = self.frame.reindex(frame.index).to_numpy()
        return same(frame.to_numpy(), aemo, self.dataset.tolerance) & frame.index.isin(self.frame.index)


def _half_hours(dataset: Dataset, rows: pa.Table) -> pd.DataFrame:
    means, present = mean_of_six(dataset, rows)
    return side(dataset, means.filter(pa.array(present == SIX))).frame


def old_was_wrong(truth: Truth, old: pd.DataFrame) -> list[Reason]:
    """For each row of the old file that differs from AEMO's, the first way in which its values come about: all of them, or
    else each for itself.
    """
    values, aemo = old.to_numpy(), truth.frame.reindex(old.index).to_numpy()
    tolerance = truth.dataset.tolerance
    right = np.abs(values - aemo) <= tolerance  # a column that is not wrong needs no explanation
    reasons = np.full(len(old), Reason.OTHER_VALUE, dtype=object)
    open_, known = np.ones(len(old), dtype=bool), right.copy()
    for reason, candidate, within in _candidates(truth, old, aemo):
        with np.errstate(invalid="ignore"):
            fits = (
                (right | (np.abs(values - candidate) <= within)) if candidate is not None else right | np.isnan(values)
            )
        hit = open_ & fits.all(axis=1)
        reasons[hit], open_, known = reason, open_ & ~hit, known | fits
    reasons[open_ & known.all(axis=1)] = Reason.MIXED
    return list(reasons)


def _candidates(truth: Truth, old: pd.DataFrame, aemo: np.ndarray) -> Iterator[tuple[Reason, np.ndarray | None, float]]:
    """(reason, the values that it would give, within which they fit); None for no value at all."""
    tolerance = truth.dataset.tolerance
    yield Reason.NO_VALUE, None, 0.0
    yield Reason.OTHER_RUN, truth.other_run.reindex(old.index).to_numpy(), tolerance
    if truth.part_step != truth.dataset.step:
        yield from _of_six(truth, old)
    if truth.dataset.fallbacks:  # TradingIS, which AEMO rounds
        values = old.to_numpy()
        near = np.abs(values - aemo) <= _TWO_DECIMALS
        yield Reason.ROUNDED, np.where(near, np.round(values, 2), np.nan), tolerance
    for steps in (-1, 1):
        yield Reason.SHIFTED, truth.frame.reindex(_moved(old.index, steps * truth.dataset.step)).to_numpy(), tolerance
    for name in truth.frame.index.get_level_values(1).unique():
        elsewhere = pd.MultiIndex.from_arrays([old.index.get_level_values(0), [name] * len(old)])
        yield Reason.SWAPPED, truth.frame.reindex(elsewhere).to_numpy(), tolerance


def _of_six(truth: Truth, old: pd.DataFrame) -> Iterator[tuple[Reason, np.ndarray, float]]:
    """What becomes of a half hour whose six values were not all taken, or not averaged."""
    tolerance = truth.dataset.tolerance
    six = np.stack(
        [truth.parts.reindex(_moved(old.index, -back * truth.part_step)).to_numpy() for back in range(SIX)[::-1]]
    )
    yield Reason.FIVE_OF_SIX, six[1:].mean(axis=0), tolerance
    yield Reason.HALF_SUM, six[1:].sum(axis=0) / 2.0, tolerance
    for number in range(SIX)[::-1]:
        rounded = _TWO_DECIMALS if truth.dataset.fallbacks else tolerance  # TradingIS prints one of the six so
        yield Reason.ONE_OF_SIX, six[number], max(rounded, tolerance)
    for count in range(2, SIX):
        for chosen in combinations(range(SIX), count):
            yield Reason.FEWER, six[list(chosen)].mean(axis=0), tolerance


def _moved(keys: pd.Index[Any], nanoseconds: int) -> pd.Index[Any]:
    return pd.MultiIndex.from_arrays([keys.get_level_values(0) + nanoseconds, keys.get_level_values(1)])
