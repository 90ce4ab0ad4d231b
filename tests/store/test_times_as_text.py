"""Times written as text: what is certain becomes NEM time, what is not is counted, and no row goes without a word."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import RowsLeftOut
from aemo_ops.market.catalogue import SCADA5, SCADA30
from aemo_ops.market.dataset import TIME
from aemo_ops.migrate.foreign import Foreign
from aemo_ops.store.contract.conversion import convert
from aemo_ops.store.contract.examination import examine
from aemo_ops.store.contract.normal import normal_path, normalise
from tests.store.legacy import NOW, START, good, minutes, row, write

EIGHT = datetime(2026, 8, 10, 8)
CERTAIN = {
    "2026-08-10 08:00:00": EIGHT,
    "2026-08-10 08:00": EIGHT,
    "2026/08/10 08:00:00": EIGHT,
    " 2026-08-10T08:00:00 ": EIGHT,
    "2026-08-10T08:00:00.000000000": EIGHT,
    "2026-08-10": EIGHT.replace(hour=0),
    "2026-08-10T08:00:00+10:00": EIGHT,
    "2026-08-10T06:00:00+08:00": EIGHT,
    "2026-08-10 08:00:00+1000": EIGHT,
    "2026-08-10 08:00:00 +10:00": EIGHT,
    "2026-08-10 08:00+10": EIGHT,
    "2026/08/10 09:00:00+11:00": EIGHT,
    "2026-08-09T22:00:00Z": EIGHT,
    "2026-08-09t22:00:00.000z": EIGHT,
    "2026-08-09 22:00:00 UTC": EIGHT,
    "2026-08-09T22:00:00-00:00": EIGHT,
    "2026-08-09T18:30:00-03:30": EIGHT,
    "2026-08-10T07:30:00.000+09:30": EIGHT,
    "2026-08-10T08:00:00.5": EIGHT.replace(microsecond=500_000),
    "2026-08-09T22:00:00,25Z": EIGHT.replace(microsecond=250_000),
}
UNCERTAIN = [
    *("", "soon", "10/08/2026 08:00:00", "2026-8-10 08:00:00", "2026-02-30 00:00:00", "2026-08-10 08:60:00"),
    *("2026-08-10 08:00:60", "2026-08-10 08:00:61", "2026-04-31 00:00:00", "2026-13-01", "2026-00-10", "2026-08-00"),
    *("2026-08-10 24:00:00", "2026-08-10T08:00:00+25:00", "2026-08-10T08:00:00+10:75", "2026-08-10+10:00"),
    *("2026-08-10T08:00:00 AEDT", "2026-08-10 08:00:00 2026-08-10 08:00:00", "1600-01-01 00:00:00", "2026/08-10 08:00"),
]


def read(*texts: str | None) -> list[datetime | None]:
    times = convert(pa.chunked_array([list(texts)], pa.string()), TIME)
    assert times.type == TIME
    found: list[datetime | None] = times.cast(pa.timestamp("us")).to_pylist()
    return found


def test_a_mix_of_every_certain_way_to_write_a_time_becomes_nem_time() -> None:
    assert read(*CERTAIN) == list(CERTAIN.values())


def test_what_is_not_certain_is_no_time_and_harms_nothing_beside_it() -> None:
    assert read(*UNCERTAIN) == [None] * len(UNCERTAIN)
    assert read("2026-08-10", None, *UNCERTAIN, "2026-08-10T08:00Z")[-1] == EIGHT + timedelta(hours=10)


@pytest.mark.parametrize("hours", [-12, -3.5, 0, 5.75, 8, 9.5, 10, 10.5, 11, 14])
def test_an_offset_is_understood_as_python_understands_it(hours: float) -> None:
    there = datetime(2026, 4, 5, 2, 55, tzinfo=timezone(timedelta(hours=hours)))
    nem = there.astimezone(timezone(timedelta(hours=10))).replace(tzinfo=None)
    assert read(there.isoformat(), str(there), f"{there:%Y-%m-%dT%H:%M:%S%z}") == [nem] * 3


def offset_file(path: Path, offset: str = "+10:00") -> Path:
    table = good(SCADA5, 28)
    texts = [f"{time}{offset if n < 42 else ''}" for n, time in enumerate(table["settlementdate"].to_pylist())]
    return write(path, table.set_column(0, "settlementdate", pa.array(texts, pa.large_string())))


def test_a_file_in_which_half_of_the_times_have_an_offset_keeps_every_row(tmp_path: Path) -> None:
    path = offset_file(tmp_path / "scada5.parquet")
    assert {str(problem.kind) for problem in examine(path, NOW).problems} == {"wrong_type"}
    done = normalise(path, normal_path(path), SCADA5, NOW)
    assert (done.rows_in, done.rows_out, done.left_out) == (84, 84, 0)
    assert pq.read_table(done.target).equals(good(SCADA5, 28))


def test_a_move_reads_the_rows_of_such_a_file_too(tmp_path: Path) -> None:
    found = Foreign(offset_file(tmp_path / "scada5.parquet"))
    assert found.span() == (minutes(5), minutes(140))
    assert found.read((START, minutes(140))).num_rows == 84


def test_rows_of_no_certain_time_stop_a_repair_until_a_person_accepts_it(tmp_path: Path) -> None:
    path = offset_file(tmp_path / "scada5.parquet", " AEDT")
    with pytest.raises(RowsLeftOut, match=r"42 of its 84 rows .*42 without a whole key, 42 of them .*--accept-loss"):
        normalise(path, normal_path(path), SCADA5, NOW)
    assert not normal_path(path).exists()
    done = normalise(path, normal_path(path), SCADA5, NOW, accept_loss=True)
    assert (done.rows_out, done.left_out, done.null_keys, done.unread_keys) == (42, 42, 42, 42)


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (row(SCADA30, None, "AAA1", 1.0), "1 without a whole key"),
        (row(SCADA30, START, "", 1.0), "1 without a whole key"),
        (row(SCADA30, datetime(1997, 12, 31, 23, 30), "AAA1", 1.0), "1 dated before 1998 or after tomorrow"),
        (row(SCADA30, NOW + timedelta(hours=24, minutes=30), "AAA1", 1.0), "1 dated before 1998 or after tomorrow"),
    ],
)
def test_each_kind_of_row_that_would_go_stops_a_repair(tmp_path: Path, lost: pa.Table, words: str) -> None:
    path = write(tmp_path / "scada30.parquet", pa.concat_tables([good(SCADA30), lost]))
    with pytest.raises(RowsLeftOut, match=words):
        normalise(path, normal_path(path), SCADA30, NOW)
    done = normalise(path, normal_path(path), SCADA30, NOW, accept_loss=True)
    assert (done.left_out, done.rows_out) == (1, 72)


def test_rows_off_the_grid_stop_only_who_asks_for_it_and_duplicates_stop_nobody(tmp_path: Path) -> None:
    fives = good(SCADA5, 12).cast(SCADA30.schema)
    path = write(tmp_path / "scada30.parquet", pa.concat_tables([good(SCADA30), fives, good(SCADA30, 2)]))
    with pytest.raises(RowsLeftOut, match="30 that end no interval of scada30"):
        normalise(path, normal_path(path), SCADA30, NOW, accept_off_grid=False)
    done = normalise(path, normal_path(path), SCADA30, NOW)
    assert (done.left_out, done.off_grid, done.identical + done.differing) == (30, 30, 12)
