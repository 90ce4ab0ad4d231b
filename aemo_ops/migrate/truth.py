"""AEMO's rows as numbers, to hold a file's rows against: made into half hours as our own files are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from aemo_ops.market.dataset import Dataset
from aemo_ops.market.derive import SIX, mean_of_six
from aemo_ops.market.publication import last_of_each, superseded
from aemo_ops.migrate.sides import side
from aemo_ops.migrate.told import Told

Keys: TypeAlias = "pd.Index[Any]"


def same(one: np.ndarray, other: np.ndarray, tolerance: float) -> np.ndarray:
    """Row by row, whether all columns agree within the tolerance; two values that are not there agree."""
    with np.errstate(invalid="ignore"):
        close = np.abs(one - other) <= tolerance
    return np.asarray((close | (np.isnan(one) & np.isnan(other)) | (one == other)).all(axis=1))


@dataclass(frozen=True)
class Truth:
    """AEMO's rows of a dataset (`frame`, as in Side) and those they were made of (`parts`).

    Beside them what a collector may have taken instead: an intervention's other run, the value before the last publication
    (`earlier[0]`, of the parts), before that one (`earlier[1]`) and so on, and estimates of what was measured.
    """

    dataset: Dataset
    frame: pd.DataFrame
    parts: pd.DataFrame
    part_step: int
    other_run: pd.DataFrame
    earlier: tuple[pd.DataFrame, ...]
    estimates: pd.DataFrame

    @classmethod
    def of(cls, dataset: Dataset, source: Dataset, told: Told) -> Truth:
        """`told`: of `source`, which is the dataset or what it derives from."""
        earlier, rest = [], told.earlier
        while rest.num_rows:
            earlier.append(side(source, last_of_each(rest, source)).frame)
            rest = superseded(rest, source)
        parts, estimates = (side(source, rows).frame for rows in (told.rows, told.estimates))
        if source is dataset:
            run = side(source, told.other_run).frame
            return cls(dataset, parts, parts, source.step, run, tuple(earlier), estimates)
        frame = _half_hours(dataset, source, told.rows)
        # Outside the intervention there is one run only, and everybody took it.
        mixed = last_of_each(pa.concat_tables([told.rows, told.other_run]), source)
        run = _half_hours(dataset, source, mixed if told.other_run.num_rows else told.other_run)
        return cls(dataset, frame, parts, source.step, run, tuple(earlier), estimates)

    @property
    def of_six(self) -> bool:
        return self.part_step != self.dataset.step

    def judged(self, keys: Keys) -> np.ndarray:
        """For each key, whether AEMO's files of that interval were read: of a half hour those of all six."""
        return np.isin(keys.get_level_values(0), self.frame.index.get_level_values(0))

    def agrees(self, frame: pd.DataFrame) -> np.ndarray:
        aemo = self.frame.reindex(frame.index).to_numpy()
        return same(frame.to_numpy(), aemo, self.dataset.tolerance) & frame.index.isin(self.frame.index)

    def six(self, keys: Keys, parts: pd.DataFrame | None = None) -> np.ndarray:
        """The six values of each half hour, the earliest first: [of six, row, column]; NaN where there is none."""
        parts = self.parts if parts is None else parts
        steps = [-back * self.part_step for back in range(SIX)[::-1]]
        return np.stack([parts.reindex(moved(keys, step)).to_numpy() for step in steps])


def _half_hours(dataset: Dataset, source: Dataset, rows: pa.Table) -> pd.DataFrame:
    """The means of half hours of which all six intervals are known; a unit that is not in all of them has a mean of fewer."""
    ends = np.unique(rows["settlementdate"].cast(pa.int64()).to_numpy())
    halves, counts = np.unique(ends + (-ends) % dataset.step, return_counts=True)
    means, present = mean_of_six(dataset, rows)
    whole = np.isin(means["settlementdate"].cast(pa.int64()).to_numpy(), halves[counts == SIX])
    return side(dataset, means.filter(pa.array(whole & (present > 0)))).frame


def moved(keys: Keys, nanoseconds: int) -> Keys:
    return pd.MultiIndex.from_arrays([keys.get_level_values(0) + nanoseconds, keys.get_level_values(1)])
