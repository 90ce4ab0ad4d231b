"""The two derivations of the NEM's datasets, each in one function."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import FIVE_MINUTES, HALF_HOUR, ceil, length

SIX = 6
Nanoseconds = TypeVar("Nanoseconds", int, npt.NDArray[np.int64])
# The last half-hour trading interval ended here; the next one, of five minutes, at 00:05.
FIVE_MINUTE_SETTLEMENT = datetime(2021, 10, 1)
_HALF_HOUR_NS = length(HALF_HOUR)
_FIVE_MINUTES_NS = length(FIVE_MINUTES)


def half_hours(rows: pa.Table) -> list[datetime]:
    """The half hours that 5-minute rows belong to, by their end, in order."""
    ends = {ceil(time, HALF_HOUR) for time in pc.unique(rows["settlementdate"].cast(pa.timestamp("us"))).to_pylist()}
    return sorted(ends)


def first_of_six(ends: Nanoseconds) -> Nanoseconds:
    """The end of the first of the six 5-minute intervals of a half hour, or of each of several, by their own ends."""
    return ends - (SIX - 1) * _FIVE_MINUTES_NS


def mean_of_six(dataset: Dataset, rows: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """Half-hour rows of `dataset` from 5-minute rows: the mean of the dispatch intervals in (T-30 min, T].

    `rows`: 5-minute rows, unique by key, of WHOLE half hours (or what there is of them). Returns the half-hour rows,
    sorted by key, and for each how many of the six were there (for a row with several values: of the value with fewest,
    a value that is null in all six not counted). Fewer than six make a partial mean. Never a sum, never every sixth row.
    """
    name = dataset.key[1]
    time = rows["settlementdate"].cast(pa.int64())
    end = pc.multiply(pc.divide(pc.add(time, _HALF_HOUR_NS - 1), _HALF_HOUR_NS), _HALF_HOUR_NS)
    table = pa.table({"settlementdate": end, name: rows[name], **{value: rows[value] for value in dataset.values}})
    grouped = table.group_by(["settlementdate", name], use_threads=False).aggregate(
        [(value, function) for value in dataset.values for function in ("mean", "count")]
    )
    grouped = grouped.sort_by([("settlementdate", "ascending"), (name, "ascending")])
    counts = np.stack([grouped[f"{value}_count"].to_numpy() for value in dataset.values])
    present = np.where(counts == 0, SIX, counts).min(axis=0)
    present = np.where(counts.max(axis=0) == 0, 0, present)
    columns = {"settlementdate": grouped["settlementdate"].cast(pa.timestamp("ns")), name: grouped[name]}
    columns |= {value: grouped[f"{value}_mean"] for value in dataset.values}
    return pa.table([columns[field.name] for field in dataset.schema], schema=dataset.schema), present


def thirty_to_five(rows: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """Rooftop 30 -> 5 minutes: columns settlementdate, regionid, power; input sorted by any order, unique by key.

    Between consecutive half hours `value(t + 5j) = ((6-j) * current + j * next) / 6`, j = 0..5. A half hour without its
    next one (the last, or before a hole) repeats six times and is provisional: True in the returned mask, to be computed
    again when the next one comes.
    """
    rows = rows.filter(pc.is_valid(rows["power"])).sort_by([("regionid", "ascending"), ("settlementdate", "ascending")])
    time = rows["settlementdate"].cast(pa.int64()).to_numpy()
    region = rows["regionid"].combine_chunks() if rows.num_rows else pa.array([], pa.string())
    power = rows["power"].to_numpy()
    follows = np.zeros(len(time), dtype=bool)
    if len(time) > 1:
        same = pc.equal(region[1:], region[:-1]).to_numpy(zero_copy_only=False)
        follows[:-1] = same & (time[1:] - time[:-1] == _HALF_HOUR_NS)
    following = np.where(follows, np.append(power[1:], 0.0), power)
    step = np.arange(SIX)
    values = ((SIX - step) * power[:, None] + step * following[:, None]) / SIX
    values[~follows] = power[~follows, None]  # repeated exactly, not through a rounding sum
    table = pa.table(
        {
            "settlementdate": pa.array((time[:, None] + step * _FIVE_MINUTES_NS).ravel()).cast(pa.timestamp("ns")),
            "regionid": region.take(pa.array(np.repeat(np.arange(len(time)), SIX))),
            "power": values.ravel(),
        }
    )
    return table, np.repeat(~follows, SIX)


def trading_half_hours(dataset: Dataset, rows: pa.Table) -> pa.Table:
    """Half-hour rows from TradingIS, TRADINGPRICE or TRADINGINTERCONNECT: the last fallback of 30-minute files.

    Until 2021-10-01 00:00 a trading interval was the half hour, and its row is the value; since then it has 5 minutes, and
    the value is the mean of its six (none without all six). Values are AEMO's, rounded to two decimals.
    """
    change = pa.scalar(FIVE_MINUTE_SETTLEMENT, pa.timestamp("ns"))
    before = rows.filter(pc.less_equal(rows["settlementdate"], change))
    means, present = mean_of_six(dataset, rows.filter(pc.greater(rows["settlementdate"], change)))
    return pa.concat_tables([before, means.filter(pa.array(present == SIX))])
