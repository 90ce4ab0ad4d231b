"""What was there before the demo began: a folder of the app's own, and the pretend iCloud folder of the old collector.

Both come from the market that the replica shows, so that everything in them can be checked against it. Each has holes:
the app was closed for a while, and the old collector lost rows at every restart.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.market.catalogue import DATASETS, due
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import HALF_HOUR, floor
from aemo_ops.replica import Market, Shelf
from aemo_ops.store.lease import adopt

Hole = tuple[timedelta, timedelta]  # from so long before now, for so long
Frames = Mapping[str, pd.DataFrame]
_HOUR = timedelta(hours=1)
_OWN, _OLD = timedelta(days=4), timedelta(days=6)
# Beyond the 48 hours of AEMO's Current directory, which the app reads by itself when it starts.
OWN_HOLES: Sequence[Hole] = ((60 * _HOUR, 5 * _HOUR / 2),)
OLD_HOLES: Sequence[Hole] = ((121 * _HOUR, _HOUR), (80 * _HOUR, 3 * _HOUR / 2), (50 * _HOUR, 2 * _HOUR))


def lay(own: Path, old: Path, now: datetime) -> None:
    """Write both folders as they stand at `now`, NEM time; the own one is adopted."""
    frames = _frames(now - _OLD, now)
    own.mkdir(parents=True, exist_ok=True)
    adopt(own)
    old.mkdir(parents=True, exist_ok=True)
    for dataset in DATASETS:
        rows = frames[dataset.name]
        recent = rows[rows["settlementdate"] > now - _OWN]
        _write(dataset, _without(recent, OWN_HOLES, now), own)
        theirs = _five_of_six(dataset, frames) if dataset.name == "scada30" else rows
        _write(dataset, _without(theirs, OLD_HOLES, now), old)


def _frames(since: datetime, now: datetime) -> Frames:
    """name -> the rows that AEMO had published by `now`, sorted by key; half hours are means of their six."""
    shelf, frames = Shelf(Market()), dict[str, pd.DataFrame]()
    for dataset in DATASETS:
        if dataset.derived_from:
            frame = _means(dataset, frames[dataset.derived_from], floor(now - due(dataset), HALF_HOUR))
        else:
            frame = pd.DataFrame(shelf.ever(dataset.name, since, now - due(dataset)), columns=dataset.schema.names)
            frame["settlementdate"] = frame["settlementdate"].astype("datetime64[ns]")
        frames[dataset.name] = frame.sort_values(list(dataset.key), ignore_index=True)
    return frames


def _means(dataset: Dataset, fives: pd.DataFrame, until: datetime) -> pd.DataFrame:
    halves = fives.assign(settlementdate=fives["settlementdate"].dt.ceil("30min"))
    halves = halves[halves["settlementdate"] <= until]
    means = halves.groupby(list(dataset.key), as_index=False)[list(dataset.values)].mean()
    return pd.DataFrame(means[dataset.schema.names])


def _five_of_six(dataset: Dataset, frames: Frames) -> pd.DataFrame:
    """As the old collector made its half hours: without the first of the six."""
    fives = frames[dataset.derived_from or ""]
    times = fives["settlementdate"]
    late = times.dt.ceil("30min") - times < pd.Timedelta(minutes=25)
    return _means(dataset, fives[late], frames[dataset.name]["settlementdate"].max()).sort_values(
        list(dataset.key), ignore_index=True
    )


def _without(rows: pd.DataFrame, holes: Sequence[Hole], now: datetime) -> pd.DataFrame:
    times = rows["settlementdate"]
    for before, length in holes:
        begin = floor(now, HALF_HOUR) - before
        rows = rows[~((times > begin) & (times <= begin + length)).reindex(rows.index)]
    return rows


def _write(dataset: Dataset, rows: pd.DataFrame, folder: Path) -> None:
    table = pa.Table.from_pandas(rows, dataset.schema, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, folder / dataset.file_name, compression="zstd")


if __name__ == "__main__":  # a process of its own: what it needed of memory must not stay with the app
    lay(Path(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
