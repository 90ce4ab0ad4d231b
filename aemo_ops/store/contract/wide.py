"""The older wide layout: a row for every interval, a column for every region; of rooftop solar a row for every five minutes.

Rooftop's five-minute values were made from AEMO's half hours, and the value at a half hour's end is the half hour's own (see
`market.derive.thirty_to_five`). So the rows on the half hours are the data, and those between follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aemo_ops.errors import StoreCorrupt
from aemo_ops.files import publish
from aemo_ops.market.dataset import TIME, Dataset
from aemo_ops.market.derive import thirty_to_five
from aemo_ops.market.intervals import HALF_HOUR
from aemo_ops.market.regions import REGIONS, SUB_REGIONS
from aemo_ops.store.contract.conversion import convert

_IDS = (*REGIONS, *SUB_REGIONS)
_FITS = 1e-6  # MW: five-minute values that were computed in another order of operations differ in the last bits
_UNNAMED_INDEX = "__index_level_0__"


@dataclass(frozen=True)
class Unfolded:
    """`rows`: a row for each region and interval, with the dataset's columns, in no order.

    Of rooftop's values `between` half hours, `unlike` are neither on the line between the half hours around them nor a half
    hour's value repeated: nothing here says where those came from.
    """

    rows: pa.Table
    between: int = 0
    unlike: int = 0


def is_wide(dataset: Dataset, schema: pa.Schema) -> bool:
    """Whether a file of this Arrow schema holds the dataset in the wide layout."""
    one_value = dataset.ids == REGIONS and len(dataset.values) == 1
    return one_value and dataset.key[1] not in map(str.lower, schema.names) and bool(_columns(schema))


def time_column(schema: pa.Schema, name: str) -> str | None:
    """The column of times called `name` in whatever case, or an index of times that pandas stored without a name."""
    found = next((one for one in schema.names if one.lower() == name), None)
    if found is None and _UNNAMED_INDEX in schema.names and pa.types.is_timestamp(schema.field(_UNNAMED_INDEX).type):
        return _UNNAMED_INDEX
    return found


def unfolded(dataset: Dataset, rows: pa.Table) -> Unfolded:
    """The dataset's rows in a table of the wide layout; a region without a value in an interval has no row there."""
    time, name, value = dataset.key[0], dataset.key[1], dataset.values[0]
    ends = convert(rows[time_column(rows.schema, time) or time], TIME)
    parts = [dataset.schema.empty_table()]
    for region, column in _columns(rows.schema).items():
        values = convert(rows[column], dataset.schema.field(value).type)
        part = pa.table({time: ends, name: pa.repeat(region, len(ends)), value: values}, schema=dataset.schema)
        parts.append(part.filter(pc.is_valid(part[value])))
    every = pa.concat_tables(parts)
    if dataset.derived_from or dataset.cadence != HALF_HOUR:
        return Unfolded(every)
    # A time that cannot be read stays among the rows: the normal form counts it as a row without a key.
    on_grid = every[time].cast(pa.int64()).fill_null(0).to_numpy() % dataset.step == 0
    halves, between = every.filter(pa.array(on_grid)), every.filter(pa.array(~on_grid))
    return Unfolded(halves, between.num_rows, _unlike(halves, between))


def is_wide_file(dataset: Dataset, path: Path) -> bool:
    """Whether a file holds the dataset in the wide layout. Raises pyarrow's errors and OSError where it is broken."""
    return is_wide(dataset, pq.read_schema(path))


def unfold(source: Path, target: Path, dataset: Dataset) -> Unfolded:
    """Write a file of the wide layout as one with a row for each region and interval. It is held in memory at once: rooftop's
    ten years are some ten million values.

    Raises StoreCorrupt where the source cannot be read, NoSpace, FolderRefused.
    """
    try:
        found = unfolded(dataset, pq.read_table(source))
    except (pa.ArrowException, OSError) as error:
        raise StoreCorrupt(f"{source} cannot be read to its end ({error}); nothing was written.") from error
    publish(target, lambda sink: pq.write_table(found.rows, sink, compression="snappy"))
    return found


def folded(dataset: Dataset, rows: pa.Table) -> pd.DataFrame:
    """Rows of the dataset, each key once, in the wide layout: the index is the time, a column for each region."""
    if dataset.derived_from is None and dataset.cadence == HALF_HOUR:
        rows, _ = thirty_to_five(rows)
    frame: pd.DataFrame = rows.to_pandas().pivot(index=dataset.key[0], columns=dataset.key[1], values=dataset.values[0])
    return frame


def _columns(schema: pa.Schema) -> dict[str, str]:
    """Region -> the file's column with its values."""
    known = {name.upper(): name for name in schema.names}
    return {name: known[name] for name in _IDS if name in known}


def _unlike(halves: pa.Table, between: pa.Table) -> int:
    """How many of the values between half hours neither the line nor a repeated half hour explains."""
    frame, known = between.to_pandas(), halves.to_pandas()
    time, region, power = frame.columns
    key = [time, region]
    known = known.drop_duplicates(key, keep="last")
    line = thirty_to_five(pa.Table.from_pandas(known, preserve_index=False))[0].to_pandas()
    values = frame[power].to_numpy()
    fits = np.zeros(len(frame), bool)
    # Collectors that repeated a half hour put it before its end, or after.
    for ends, made in (
        (frame[time], line),
        (frame[time].dt.ceil("30min"), known),
        (frame[time].dt.floor("30min"), known),
    ):
        wanted = frame[[region]].assign(**{time: ends}).merge(made, on=key, how="left")[power].to_numpy()
        fits |= np.abs(values - wanted) <= _FITS
    return int((~fits).sum())
