"""Whole files of a generated history, made by pandas from the replica's own word: what healing must end up with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Shelf

Frames = dict[str, pd.DataFrame]


def whole(shelf: Shelf, names: Iterable[str], since: datetime, until: datetime) -> Frames:
    """name -> every row of (since, until], sorted by key; half hours are means of the six by pandas' own resampling."""
    frames: Frames = {}
    for dataset in map(catalogue.dataset, names):
        if dataset.derived_from:
            frames[dataset.name] = means(dataset, frames[dataset.derived_from])
        else:
            rows = shelf.ever(dataset.name, since, until)
            frame = pd.DataFrame(rows, columns=dataset.schema.names)
            frame["settlementdate"] = frame["settlementdate"].astype("datetime64[ns]")
            frames[dataset.name] = frame.sort_values(list(dataset.key), ignore_index=True)
    return frames


def means(dataset: Dataset, fives: pd.DataFrame) -> pd.DataFrame:
    """The mean of what there is of each half hour."""
    ends = fives["settlementdate"].dt.ceil("30min")
    grouped = fives.assign(settlementdate=ends).groupby(list(dataset.key), as_index=False)[list(dataset.values)].mean()
    return grouped[dataset.schema.names].sort_values(list(dataset.key), ignore_index=True)


def write(engine: Engine, frames: Frames) -> None:
    """Put frames into the engine's files, as another program would."""
    engine.store.folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        dataset = catalogue.dataset(name)
        table = pa.Table.from_pandas(frame, dataset.schema, preserve_index=False)
        pq.write_table(table.replace_schema_metadata(None), engine.store.path(dataset), row_group_size=50_000)
        engine.gaps().forget(dataset)


def read(engine: Engine, name: str) -> pd.DataFrame:
    """A file as it is now; fails on a key that stands twice or out of order."""
    dataset = catalogue.dataset(name)
    frame = pd.read_parquet(engine.store.path(dataset))
    keys = frame[list(dataset.key)]
    assert not keys.duplicated().any()
    assert keys.equals(keys.sort_values(list(dataset.key), ignore_index=True))
    return frame


def same(found: pd.DataFrame, wanted: pd.DataFrame, tolerance: float = 1e-9) -> None:
    """Row for row: the same keys, values within the tolerance."""
    pd.testing.assert_frame_equal(
        found.reset_index(drop=True), wanted.reset_index(drop=True), check_exact=False, rtol=0, atol=tolerance,
        check_dtype=False,
    )  # fmt: skip
