"""Of the rows of a key the last counts, wherever they stand; what it takes the place of is known."""

from __future__ import annotations

import random
from datetime import datetime

import pyarrow as pa
import pytest

from aemo_ops.market.catalogue import PRICES5, TRANSMISSION5
from aemo_ops.market.publication import last_of_each, superseded


def prices(*rows: tuple[int, str, float]) -> pa.Table:
    columns = [
        [datetime(2026, 4, 20, 10, minute) for minute, *_ in rows],
        *([row[at] for row in rows] for at in (1, 2)),
    ]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, PRICES5.schema, strict=True)], PRICES5.schema
    )


def test_the_last_of_a_key_counts_and_the_rows_stay_in_their_order() -> None:
    rows = prices((10, "VIC1", 1), (5, "VIC1", 2), (10, "NSW1", 3), (10, "VIC1", 4), (5, "QLD1", 5), (10, "VIC1", 6))
    assert last_of_each(rows, PRICES5)["rrp"].to_pylist() == [2, 3, 5, 6]
    assert superseded(rows, PRICES5)["rrp"].to_pylist() == [1, 4]


@pytest.mark.parametrize("seed", range(20))
def test_any_heap_of_rows_gives_what_a_dictionary_keeps(seed: int) -> None:
    rng = random.Random(seed)
    rows = [(5 * rng.randrange(4), rng.choice(["NSW1", "VIC1", "SA1"]), float(at)) for at in range(rng.randrange(30))]
    expected = {(minute, name): value for minute, name, value in rows}
    heap = pa.concat_tables([prices(*rows[at : at + 7]) for at in range(0, len(rows) + 1, 7)])
    assert sorted(last_of_each(heap, PRICES5)["rrp"].to_pylist()) == sorted(expected.values())
    assert superseded(heap, PRICES5).num_rows == len(rows) - len(expected)


def test_no_rows_and_rows_without_repetition_are_as_they_were() -> None:
    assert last_of_each(TRANSMISSION5.schema.empty_table(), TRANSMISSION5).num_rows == 0
    rows = prices((5, "NSW1", 1), (5, "VIC1", 2), (10, "NSW1", 3))
    assert last_of_each(rows, PRICES5).equals(rows) and superseded(rows, PRICES5).num_rows == 0
