"""One side of a comparison as numbers, and how a file's columns are not the dataset's own."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from aemo_ops.market.dataset import TIME, Dataset
from aemo_ops.migrate.foreign import fitted


@dataclass(frozen=True)
class Side:
    """`frame` is indexed by (settlementdate in nanoseconds, id), sorted, with a float column for each value."""

    frame: pd.DataFrame
    off_grid: int
    doubled: int


def side(dataset: Dataset, rows: pa.Table) -> Side:
    """Rows of any file of the dataset; see `fitted`."""
    told = fitted(dataset, rows)
    frame = told.table.select(dataset.values).to_pandas()
    ends = told.table[dataset.key[0]].cast(pa.int64()).to_numpy()
    ids = told.table[dataset.key[1]].to_pandas().astype(object)
    frame.index = pd.MultiIndex.from_arrays([ends, ids], names=dataset.key)
    return Side(frame, told.off_grid, told.doubled)


def departures(dataset: Dataset, schema: pa.Schema) -> list[str]:
    """How a file's columns are not the dataset's own, in words."""
    found = []
    if missing := [name for name in dataset.schema.names if name not in schema.names]:
        found.append(f"columns missing: {', '.join(missing)}")
    if extra := [name for name in schema.names if name not in dataset.schema.names]:
        found.append(f"columns that do not belong there: {', '.join(extra)}")
    for field in dataset.schema:
        if field.name in schema.names and schema.field(field.name).type != field.type:
            told = schema.field(field.name).type
            found.append(f"{field.name} is {told}, not {'timestamp[ns]' if field.type == TIME else field.type}")
    if not found and schema.names != dataset.schema.names:
        found.append(f"columns in another order: {', '.join(schema.names)}")
    return found
