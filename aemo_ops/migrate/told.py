"""What AEMO's own files say of some intervals of a dataset, and who is asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from aemo_ops.market.dataset import Dataset


@dataclass(frozen=True)
class Told:
    """Tables with the dataset's columns. `rows`: what counts, each key once; nothing is known of intervals without any.

    What does not count: `other_run` of an intervention; `earlier` publications, in their order; `estimates` of what was
    measured.
    """

    rows: pa.Table
    other_run: pa.Table
    earlier: pa.Table
    estimates: pa.Table

    @classmethod
    def nothing(cls, dataset: Dataset) -> Told:
        return cls(*[dataset.schema.empty_table()] * 4)

    def and_then(self, other: Told) -> Told:
        """Of further intervals."""
        return Told(*(pa.concat_tables(pair) for pair in zip(vars(self).values(), vars(other).values(), strict=True)))


class Judge(Protocol):
    """AEMO's own rows, read from its files and from nowhere else."""

    def told(self, dataset: Dataset, since: datetime, until: datetime) -> Told:
        """Of a dataset that a report feeds, and of intervals that end in (since, until]."""
        ...
