"""The same rows as files of every kind that other programs write; each name says what is special about the file."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.market.catalogue import SCADA30

IDS = [f"UNIT{n:02d}" for n in range(20)]
START = np.datetime64("2024-01-01T00:30", "ns")
HALF_HOUR = np.timedelta64(30, "m")


def rows_at(*halves: int, ids: list[str] = IDS, seed: int = 1) -> pa.Table:
    """A row of each id at each of these half hours after START, values rounded, some zero, some null."""
    generator = np.random.default_rng(seed)
    count = len(halves) * len(ids)
    values = np.where(generator.random(count) < 0.3, 0.0, np.round(generator.random(count) * 500, 3))
    return pa.table(
        {
            "settlementdate": pa.array(np.repeat(START + np.array(halves, dtype=int) * HALF_HOUR, len(ids))),
            "duid": ids * len(halves),
            "scadavalue": pa.array(values, mask=generator.random(count) < 0.02),
        },
        schema=SCADA30.schema,
    )


ROWS = rows_at(*range(100))
FRAME = ROWS.to_pandas()
GROUPS = {"row_group_size": 300}

Write = Callable[[Path], Any]


def _text(kind: pa.DataType) -> pa.Table:
    return ROWS.set_column(1, "duid", ROWS["duid"].cast(kind))


def _time(kind: pa.DataType) -> pa.Table:
    return ROWS.set_column(0, "settlementdate", ROWS["settlementdate"].cast(kind))


def _views(path: Path) -> None:
    try:
        pq.write_table(_text(pa.string_view()), path)
    except pa.ArrowNotImplementedError as error:
        pytest.skip(f"pyarrow {pa.__version__}: {error}")


def with_bloom_filters(rows: pa.Table, path: Path, group: int | None) -> None:
    """Skips where pyarrow writes no bloom filters."""
    if "bloom_filter_options" not in signature(pq.write_table).parameters:
        pytest.skip(f"pyarrow {pa.__version__} writes no bloom filters")
    pq.write_table(rows, path, row_group_size=group, bloom_filter_options={"duid": True})


def pandas_style(rows: pa.Table, version: str) -> pa.Table:
    """Rows as that pandas, 2 or 3, hands them to pyarrow: the type of its texts, and what it tells of itself."""
    kind, said, numpy_type = (
        (pa.string(), "unicode", "object") if version < "3" else (pa.large_string(), "object", "str")
    )
    known = {"settlementdate": ("datetime", "datetime64[ns]"), "duid": (said, numpy_type)}
    told = {
        "index_columns": [{"kind": "range", "name": None, "start": 0, "stop": rows.num_rows, "step": 1}],
        "column_indexes": [_told(None, "unicode", numpy_type, {"encoding": "UTF-8"})],
        "columns": [_told(name, *known.get(name, ("float64", "float64"))) for name in rows.schema.names],
        "attributes": {},
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": version,
    }
    text = rows.schema.get_field_index("duid")
    rows = rows.set_column(text, "duid", rows["duid"].cast(kind))
    return rows.replace_schema_metadata({"pandas": json.dumps(told)})


def _told(name: str | None, said: str, numpy_type: str, metadata: dict[str, str] | None = None) -> dict[str, Any]:
    return {"name": name, "field_name": name, "pandas_type": said, "numpy_type": numpy_type, "metadata": metadata}


def _duckdb(columns: str, options: str = "") -> Write:
    def write(path: Path) -> None:
        with duckdb.connect() as connection:
            connection.register("given", FRAME)
            connection.execute(f"COPY (SELECT {columns} FROM given) TO '{path}' (FORMAT parquet {options})")

    return write


def _polars(**options: Any) -> Write:
    def write(path: Path) -> None:
        optional("polars").from_arrow(ROWS).write_parquet(path, **options)

    return write


def _fastparquet(frame: pd.DataFrame, **options: Any) -> Write:
    return lambda path: optional("fastparquet").write(str(path), frame, **options)


def optional(name: str) -> Any:
    """A reader or writer that only the benchmarks install."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return importlib.import_module(name)


SPLICEABLE: dict[str, Write] = {
    "pandas": lambda path: FRAME.to_parquet(path),
    "pandas, many groups": lambda path: FRAME.to_parquet(path, row_group_size=300),
    "pandas, zstd": lambda path: FRAME.to_parquet(path, compression="zstd"),
    "pandas 2": lambda path: pq.write_table(pandas_style(ROWS, "2.3.3"), path, **GROUPS),
    "pandas 3": lambda path: pq.write_table(pandas_style(ROWS, "3.0.0"), path, **GROUPS),
    "pandas, categories": lambda path: FRAME.astype({"duid": "category"}).to_parquet(path),
    "pyarrow": lambda path: pq.write_table(ROWS, path),
    "pyarrow, data page v2": lambda path: pq.write_table(ROWS, path, data_page_version="2.0", **GROUPS),
    "pyarrow, page index": lambda path: pq.write_table(
        ROWS, path, write_page_index=True, data_page_size=500, write_batch_size=50, **GROUPS
    ),
    "pyarrow, bloom filters": lambda path: with_bloom_filters(ROWS, path, GROUPS["row_group_size"]),
    "pyarrow, tiny groups": lambda path: pq.write_table(ROWS, path, row_group_size=7),
    "pyarrow, large strings": lambda path: pq.write_table(_text(pa.large_string()), path),
    "pyarrow, string views": lambda path: _views(path),
    "pyarrow, dictionary": lambda path: pq.write_table(_text(pa.dictionary(pa.int32(), pa.string())), path, **GROUPS),
    "pyarrow, required columns": lambda path: pq.write_table(
        ROWS.cast(pa.schema([field.with_nullable(field.name == "scadavalue") for field in ROWS.schema])),
        path,
    ),
    "pyarrow, delta encodings": lambda path: pq.write_table(
        ROWS,
        path,
        use_dictionary=False,
        column_encoding={
            "settlementdate": "DELTA_BINARY_PACKED",
            "duid": "DELTA_BYTE_ARRAY",
            "scadavalue": "BYTE_STREAM_SPLIT",
        },
    ),
    "duckdb": _duckdb("*"),
    "duckdb, v2": _duckdb("*", ", PARQUET_VERSION v2, ROW_GROUP_SIZE 2048"),
    "polars": _polars(),
    "polars, many groups": _polars(row_group_size=300),
    "fastparquet": _fastparquet(FRAME),
    "fastparquet, many groups": _fastparquet(FRAME, row_group_offsets=300, compression="SNAPPY"),
    "fastparquet, categories": _fastparquet(FRAME.astype({"duid": "category"})),
}

REFUSED: dict[str, tuple[Write, str]] = {
    "microseconds": (
        lambda path: FRAME.to_parquet(path, coerce_timestamps="us"),
        r"settlementdate is timestamp\[us\], not timestamp\[ns\]",
    ),
    "duckdb, microseconds": (
        _duckdb("settlementdate::timestamp AS settlementdate, duid, scadavalue"),
        r"settlementdate is timestamp\[us\]",
    ),
    "int96": (lambda path: pq.write_table(ROWS, path, use_deprecated_int96_timestamps=True), "is int96"),
    "a time zone": (lambda path: pq.write_table(_time(pa.timestamp("ns", "UTC")), path), "tz=UTC"),
    "time as text": (lambda path: pq.write_table(_time(pa.string()), path), "settlementdate is string"),
    "no statistics": (
        lambda path: pq.write_table(ROWS, path, write_statistics=False),
        "no statistics of settlementdate",
    ),
    "polars, no statistics": (_polars(statistics=False), "no statistics of settlementdate"),
    "an index": (lambda path: FRAME.set_index("settlementdate").to_parquet(path), "another order"),
    "shuffled": (
        lambda path: FRAME.sample(frac=1, random_state=1).to_parquet(path),
        "an extra column __index_level_0__",
    ),
    "groups out of order": (
        lambda path: pq.write_table(pa.concat_tables([ROWS.slice(1000), ROWS.slice(0, 1000)]), path, **GROUPS),
        "row group 3: its settlementdate starts before",
    ),
    "unsorted in a group": (
        lambda path: pq.write_table(ROWS.take(np.r_[0:1980, 1999:1979:-1]), path, **GROUPS),
        "not sorted by key",
    ),
    "a key twice": (
        lambda path: pq.write_table(pa.concat_tables([ROWS, ROWS.slice(1999)]), path, **GROUPS),
        "1 keys stand twice, the first .*UNIT19",
    ),
    "a list": (
        lambda path: pq.write_table(ROWS.append_column("more", pa.array([[1]] * 2000)), path),
        "an extra column more",
    ),
    "an empty time": (
        lambda path: pq.write_table(
            pa.concat_tables([ROWS, ROWS.slice(1999).set_column(0, "settlementdate", pa.nulls(1, pa.timestamp("ns")))]),
            path,
        ),
        "1 rows have no settlementdate",
    ),
    "upper case": (
        lambda path: pq.write_table(ROWS.rename_columns([name.upper() for name in ROWS.schema.names]), path),
        "no column settlementdate",
    ),
    "fastparquet, int96": (_fastparquet(FRAME, times="int96"), "is int96"),
}

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "pyarrow": lambda path: pq.read_table(path, page_checksum_verification=True).to_pandas(),
    "pandas": pd.read_parquet,
    "duckdb": lambda path: _queried(f"SELECT * FROM '{path}'"),
    "polars": lambda path: optional("polars").read_parquet(path).to_pandas(),
    "fastparquet": lambda path: _fast(path),
}


def _fast(path: Path) -> pd.DataFrame:
    """By an open file: given a path, fastparquet leaves its own open."""
    with path.open("rb") as file:
        return optional("fastparquet").ParquetFile(file).to_pandas()


def _queried(query: str) -> pd.DataFrame:
    with duckdb.connect() as connection:
        return connection.execute(query).df()
