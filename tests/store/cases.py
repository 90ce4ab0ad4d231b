"""Generated files, as every writer writes them, and the rows that come for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from aemo_ops.errors import SchemaMismatch
from aemo_ops.market.catalogue import SCADA30
from aemo_ops.market.dataset import Column, Dataset, Mode
from aemo_ops.store.contract.normal import normalise
from aemo_ops.store.splice.update import splice
from tests.store.foreign import HALF_HOUR, READERS, START, optional, pandas_style, with_bloom_filters

PAIR = Dataset(
    name="pair",
    title="Two values",
    columns=(*SCADA30.columns, Column("second", pa.float64())),
    key=SCADA30.key,
    cadence=timedelta(minutes=30),
    due_minutes=0,
    tolerance=0,
)
IDS = {"A": "A", "B": "B", "C": "C", "D": "D" * 3000, "Ĉ": "Ĉ" * 40}
HOLE = range(18, 23)
OLD = [half for half in range(10, 36) if half not in HOLE]
PLACES = {
    "front": range(-3, 10),
    "middle": HOLE,
    "tail": range(36, 46),
    "overlap": range(30, 41),
    "everywhere": range(-3, 46),
}
KINDS = {
    *Mode,
    *("front", "middle", "tail", "overlap", "revision", "nothing new"),
    *("duplicates", "empty", "single row", "many rows", "null", "NaN", "long string"),
    *("no rows before", "one group", "many groups", "tiny groups"),
}
Row = tuple[int, str, float | None, float | None]


@dataclass(frozen=True)
class Update:
    """Rows that come, and who reads the file after them."""

    rows: tuple[Row, ...]
    mode: Mode
    reader: str


@dataclass(frozen=True)
class Case:
    """Rows of a file, by key, in groups of `group` rows (one where the writer cannot), and what comes for it, in order."""

    old: tuple[Row, ...]
    group: int
    updates: tuple[Update, ...]


def _rows(keys: Iterable[tuple[int, str]]) -> st.SearchStrategy[Row]:
    values = st.sampled_from([None, float("nan"), -0.0, 0.0, 1.5, -2.5, 1e300])
    drawn = st.tuples(st.sampled_from(list(keys)), values, st.sampled_from([None, 1.0, 2.0]))
    return drawn.map(lambda row: (*row[0], *row[1:]))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    least, most = draw(st.sampled_from([(0, 0), (1, 9), (10, 40), (10, 40)]))
    rows = _rows(product(OLD, IDS))
    old = sorted(
        draw(st.lists(rows, unique_by=lambda row: row[:2], min_size=least, max_size=most)), key=lambda row: row[:2]
    )
    keys = {place: list(product(halves, IDS)) for place, halves in PLACES.items()}
    if old:
        keys["revision"] = [row[:2] for row in old]
    updates = []
    for _ in range(draw(st.integers(1, 3))):
        row = _rows(draw(st.sampled_from(list(keys.values()))))
        least, most = draw(st.sampled_from([(0, 0), (1, 1), (2, 8), (9, 25), (9, 25)]))
        rows = draw(st.lists(row, min_size=least, max_size=most))
        updates.append(Update(tuple(rows), draw(st.sampled_from(list(Mode))), draw(st.sampled_from(list(READERS)))))
    return Case(tuple(old), draw(st.sampled_from([1, 2, 7, 15, 60])), tuple(updates))


def kinds(case: Case) -> Iterator[str]:
    """What there is to a case, in the words of KINDS."""
    there = {row[:2] for row in case.old}
    groups = -(-len(case.old) // case.group)
    yield from _true(
        {
            "no rows before": not groups,
            "one group": groups == 1,
            "many groups": groups > 9,
            "tiny groups": case.group < 3 < groups,
        }
    )
    for update in case.updates:
        yield update.mode
        yield from _true(_kinds(there, update.rows))
        there |= {row[:2] for row in update.rows}


def _true(words: dict[str, bool]) -> list[str]:
    return [word for word, is_so in words.items() if is_so]


def _kinds(there: set[tuple[int, str]], rows: tuple[Row, ...]) -> dict[str, bool]:
    keys, before, halves = {row[:2] for row in rows}, {half for half, _ in there}, [row[0] for row in rows]
    inside = bool(before and rows) and min(before) < min(halves) and max(halves) < max(before)
    return {
        "empty": not rows,
        "single row": len(rows) == 1,
        "many rows": len(rows) > 8,
        "duplicates": len(keys) < len(rows),
        "revision": bool(keys & there),
        "nothing new": bool(rows) and keys <= there,
        "front": bool(before and rows) and max(halves) < min(before),
        "tail": bool(before and rows) and min(halves) > max(before),
        "middle": inside and not before & set(halves),
        "overlap": bool(before & set(halves)) and max(halves) > max(before),
        "null": any(row[2] is None for row in rows),
        "NaN": any(row[2] != row[2] for row in rows),
        "long string": any(row[1] == "D" for row in rows),
    }


def table(rows: tuple[Row, ...]) -> pa.Table:
    halves, ids, *values = list(zip(*rows, strict=True)) or [()] * 4
    times = pa.array(START + np.array(halves, dtype=int) * HALF_HOUR)
    return pa.table([times, [IDS[name] for name in ids], *map(list, values)], schema=PAIR.schema)


Write = Callable[[pa.Table, Path, int], object]


def _arrow(**options: Any) -> Write:
    return lambda rows, path, group: pq.write_table(rows, path, row_group_size=group, **options)


def _duckdb(options: str = "") -> Write:
    def write(rows: pa.Table, path: Path, _group: int) -> None:
        with duckdb.connect() as connection:
            connection.register("given", rows)
            connection.execute(f"COPY given TO '{path}' (FORMAT parquet {options})")

    return write


def _polars(rows: pa.Table, path: Path, group: int) -> None:
    optional("polars").from_arrow(rows).write_parquet(path, row_group_size=group)


def _fastparquet(rows: pa.Table, path: Path, group: int) -> None:
    optional("fastparquet").write(str(path), rows.to_pandas(), row_group_offsets=group)


def _repaired(rows: pa.Table, path: Path, group: int) -> None:
    """In microseconds no file is spliced; its normal form is."""
    source = path.with_name("microseconds.parquet")
    pq.write_table(rows, source, row_group_size=group, coerce_timestamps="us")
    before = source.read_bytes()
    with pytest.raises(SchemaMismatch, match=r"settlementdate is timestamp\[us\]"):
        splice(source, table(((0, "A", 1.0, 1.0),)), PAIR)
    assert source.read_bytes() == before
    path.unlink(missing_ok=True)
    normalise(source, path, PAIR, datetime(2024, 2, 1))


BASES: dict[str, Write] = {
    "pandas": lambda rows, path, group: rows.to_pandas().to_parquet(path, row_group_size=group),
    "pandas 2": lambda rows, path, group: _arrow()(pandas_style(rows, "2.3.3"), path, group),
    "pandas 3": lambda rows, path, group: _arrow()(pandas_style(rows, "3.0.0"), path, group),
    "pyarrow": _arrow(),
    "pyarrow, page index": _arrow(write_page_index=True, data_page_size=100, write_batch_size=5),
    "pyarrow, bloom filters": with_bloom_filters,
    "pyarrow, data page v2": _arrow(data_page_version="2.0", compression="zstd"),
    "pyarrow, checksums": _arrow(write_page_checksum=True, use_dictionary=False),
    "microseconds, repaired": _repaired,
    "duckdb": _duckdb(),
    "duckdb, v2": _duckdb(", PARQUET_VERSION v2"),
    "polars": _polars,
    "fastparquet": _fastparquet,
}
