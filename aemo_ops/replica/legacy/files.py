"""How it wrote: the whole file read, rows put in, everything sorted, and written over the final name in place."""

from __future__ import annotations

import io
import time
from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.replica.legacy.variants import Variant

_PIECES = 20
_PIECE_SECONDS = 0.05


class Files:
    """The data folder."""

    def __init__(self, folder: Path, variants: Collection[Variant]) -> None:
        self.folder = folder
        self._variants = variants

    def read(self, name: str) -> pd.DataFrame:
        """Everything there is. Raises whatever pandas raises; no file is no row."""
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            return pd.DataFrame()
        frame = pd.read_parquet(path)
        frame["settlementdate"] = frame["settlementdate"].astype("datetime64[ns]")
        return frame

    def put(self, name: str, rows: pd.DataFrame, keys: list[str]) -> int:
        """Add rows: an existing row of the same key stays. How many the file has more."""
        before = self.read(name)
        whole = pd.concat([before, rows], ignore_index=True) if len(before) else rows
        whole = whole.drop_duplicates(keys, keep="first").sort_values(keys, ignore_index=True)
        self._write(self.folder / f"{name}.parquet", whole)
        return len(whole) - len(before)

    def _write(self, path: Path, frame: pd.DataFrame) -> None:
        if Variant.MICROSECONDS in self._variants:
            frame = frame.assign(settlementdate=frame["settlementdate"].astype("datetime64[us]"))
        sink = io.BytesIO()
        table = pa.Table.from_pandas(frame, preserve_index=False)
        pq.write_table(table, sink, compression="snappy", coerce_timestamps=None, version="2.6")
        body = sink.getvalue()
        if Variant.SLOW_WRITE not in self._variants:
            path.write_bytes(body)
            return
        step = len(body) // _PIECES + 1
        with path.open("wb") as file:
            for begin in range(0, len(body), step):
                file.write(body[begin : begin + step])
                file.flush()
                time.sleep(_PIECE_SECONDS)
