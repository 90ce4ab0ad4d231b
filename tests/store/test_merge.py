"""Merging compared with a row-by-row merge into a dict: another way to the same end."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aemo_ops.errors import SchemaMismatch
from aemo_ops.market.catalogue import SCADA5
from aemo_ops.market.dataset import Mode
from aemo_ops.store.merge import Merge, merge_rows
from tests.conftest import SOAK

START = datetime(2026, 4, 20)
SCHEMA = pa.schema([*SCADA5.schema, pa.field("second", pa.float64())])
Row = tuple[int, str, float | None, float | None]


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"settlementdate": START + timedelta(minutes=5 * at), "duid": duid, "scadavalue": a, "second": b}
            for at, duid, a, b in rows
        ],
        schema=SCHEMA,
    )


def alike(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return a == b


def one_by_one(old: list[Row], new: list[Row], mode: Mode) -> tuple[list[Row], Merge]:
    """The merge, row after row, into a dict."""
    rows = {row[:2]: row for row in old}
    for at, duid, a, b in new:
        key = (at, duid)
        if key not in rows:
            rows[key] = (at, duid, a, None if mode is Mode.COLUMNS else b)
        elif mode is Mode.UPSERT:
            rows[key] = (at, duid, a, b)
        elif mode is Mode.COLUMNS:
            rows[key] = (at, duid, a, rows[key][3])
    before = {row[:2]: row for row in old}
    touched = {row[:2] for row in new} & before.keys()
    updated = sum(not all(map(alike, before[key], rows[key])) for key in touched)
    return [rows[key] for key in sorted(rows)], Merge(len(rows) - len(before), updated, len(touched) - updated)


values = st.one_of(st.none(), st.just(float("nan")), st.sampled_from([-1.0, 0.0, 1.5, 2.5]))
row = st.tuples(st.integers(0, 5), st.sampled_from(["A", "B", "Ĉ" * 40]), values, values)


@settings(max_examples=2500 if SOAK else 200, deadline=None)
@given(
    old=st.lists(row, unique_by=lambda r: r[:2], max_size=12),
    new=st.lists(row, max_size=12),
    mode=st.sampled_from(list(Mode)),
)
def test_a_merge_equals_the_merge_row_after_row(old: list[Row], new: list[Row], mode: Mode) -> None:
    merged, counts = merge_rows(table(sorted(old, key=lambda r: r[:2])), table(new), SCADA5.key, mode, ("scadavalue",))
    expected, expected_counts = one_by_one(old, new, mode)
    found = merged.to_pylist()
    wanted = table(expected).to_pylist()
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert all(alike(a[name], b[name]) for name in SCHEMA.names), (a, b)
    assert counts == expected_counts


def test_a_key_that_stands_twice_in_the_file_is_refused_by_name() -> None:
    with pytest.raises(SchemaMismatch, match="TWICE1"):
        merge_rows(table([(0, "TWICE1", 1.0, None)] * 2), table([(1, "A", 1.0, None)]), SCADA5.key)
