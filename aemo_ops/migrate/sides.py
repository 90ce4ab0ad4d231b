"""The rows of one side of a comparison, as they may stand in any file of a dataset: brought to its columns, one row a key."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.dataset import TIME, Dataset


@dataclass(frozen=True)
class Side:
    """`frame` is indexed by (settlementdate in nanoseconds, id), sorted, with a float column for each value."""

    frame: pd.DataFrame
    off_grid: int
    doubled: int


def side(dataset: Dataset, rows: pa.Table) -> Side:
    """Rows off the dataset's grid, or with an empty key, are left out; of a key's several rows the first counts.

    Column names may be upper-case, times of any unit; a column that is absent is null throughout.
    """
    known = {name.lower(): name for name in rows.column_names}
    arrays = {name: rows[known[name]] for name in dataset.schema.names if name in known}
    table = pa.table(
        [
            arrays[field.name].cast(field.type, safe=False)
            if field.name in arrays
            else pa.nulls(rows.num_rows, field.type)
            for field in dataset.schema
        ],
        schema=dataset.schema,
    )
    time, name = (table[key] for key in dataset.key)
    table = table.filter(pc.and_(pc.is_valid(time), pc.is_valid(name)))
    ends = table[dataset.key[0]].cast(pa.int64()).to_numpy()
    on_grid = ends % dataset.step == 0
    frame = table.select(dataset.values).to_pandas()
    frame.index = pd.MultiIndex.from_arrays([ends, table[dataset.key[1]].to_pandas().astype(object)], names=dataset.key)
    frame = frame[on_grid]
    doubled = frame.index.duplicated(keep="first")
    return Side(frame[~doubled].sort_index(), int((~on_grid).sum()), int(doubled.sum()))


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
