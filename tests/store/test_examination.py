"""What `check` finds: each defect by itself, in files that are whole but for it; and files that cannot be read."""

from __future__ import annotations

import errno
import os
import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import SchemaMismatch, StoreCorrupt, UnreadableNow
from aemo_ops.market.catalogue import DATASETS, PRICES5, PRICES30, ROOFTOP30, SCADA5, SCADA30, TRANSMISSION30
from aemo_ops.market.dataset import Dataset, Mode
from aemo_ops.migrate.source import rows_and_times
from aemo_ops.store.contract.census import take_census
from aemo_ops.store.contract.examination import examine
from aemo_ops.store.contract.problem import Kind, Verdict
from aemo_ops.store.contract.recognition import recognise
from aemo_ops.store.contract.slices import slices
from aemo_ops.store.contract.stretches import Stretches
from aemo_ops.store.parquet import Store
from aemo_ops.store.splice.footer import read_footer
from aemo_ops.store.splice.thrift import STRUCT
from tests.store.legacy import NOW, START, good, minutes, row, write


def found(path: Path, dataset: Dataset | None = None) -> dict[str, int]:
    return counts(examine(path, NOW, dataset))


def counts(verdict: Verdict) -> dict[str, int]:
    return {str(problem.kind): problem.count for problem in verdict.problems}


def detail(path: Path, kind: Kind) -> str:
    return next(problem.detail for problem in examine(path, NOW).problems if problem.kind is kind)


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_a_file_as_the_store_writes_it_is_good(tmp_path: Path, dataset: Dataset) -> None:
    store = Store(tmp_path)
    store.merge(dataset, good(dataset))
    store.merge(dataset, good(dataset, 2, START + timedelta(hours=20)), Mode.INSERT)
    verdict = examine(store.path(dataset), NOW)
    assert verdict.ok and verdict.problems == ()
    assert (verdict.dataset, verdict.rows) == (dataset.name, 78)
    assert verdict.first == START + dataset.cadence
    assert verdict.last == START + timedelta(hours=20) + 2 * dataset.cadence


def test_a_file_as_pandas_writes_it_without_an_index_is_good(tmp_path: Path) -> None:
    path = tmp_path / "prices5.parquet"
    good(PRICES5).to_pandas().to_parquet(path, index=False)
    assert found(path) == {}


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("scada5.parquet", "scada5"),
        ("scada5 2.parquet", "scada5"),
        ("prices30 (conflicted copy 2026-04-20).parquet", "prices30"),
        ("rooftop30 copy.parquet", "rooftop30"),
        ("scada30.normal.parquet", "scada30"),
        ("gen_output 2.normal.parquet", "scada5"),
        ("SCADA5.PARQUET", "scada5"),
        ("gen_output.parquet", "scada5"),
        ("spot_hist.parquet", "prices5"),
        ("transmission_flows.parquet", "transmission5"),
        ("rooftop_solar.parquet", "rooftop5"),
        ("scada5.csv", None),
        ("scada55.parquet", None),
        ("scada5", None),
        (" 2.parquet", None),
    ],
)
def test_a_file_is_known_by_its_name_an_older_one_or_that_of_a_copy(name: str, dataset: str | None) -> None:
    recognition = recognise(name)
    assert (recognition.name if recognition else None) == dataset


def test_a_foreign_name_is_unknown_until_the_dataset_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.parquet", good(SCADA5))
    assert found(path) == {"unknown_dataset": 1}
    assert found(path, SCADA5) == {}


def test_the_wide_rooftop_file_is_recognised_and_not_judged(tmp_path: Path) -> None:
    wide = pa.table({"settlementdate": pa.array([START], pa.timestamp("ns")), "NSW1": [1.0], "QLD1": [2.0]})
    verdict = examine(write(tmp_path / "rooftop_solar.parquet", wide), NOW)
    assert (verdict.dataset, verdict.rows, verdict.ok, verdict.fatal) == ("rooftop5", 1, False, None)
    assert counts(verdict) == {"older_layout": 1}
    assert verdict.cured_by_rewriting == ()


def test_missing_and_extra_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "transmission30.parquet"
    table = good(TRANSMISSION30).drop_columns(["mwflow", "mwlosses"])
    write(path, table.append_column("quality", pa.array(["x"] * table.num_rows)))
    assert found(path) == {"missing_column": 2, "extra_column": 1}
    assert "mwflow, mwlosses" in detail(path, Kind.MISSING_COLUMN)
    assert "quality" in detail(path, Kind.EXTRA_COLUMN)


def test_without_a_key_column_only_the_schema_is_judged(tmp_path: Path) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5).drop_columns(["duid"]))
    assert found(path) == {"missing_column": 1}
    assert examine(path, NOW).rows == 72


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_another_unit_of_time_is_a_wrong_type(tmp_path: Path, unit: str) -> None:
    table = good(SCADA5)
    table = table.set_column(0, "settlementdate", table[0].cast(pa.timestamp(unit)))
    path = write(tmp_path / "scada5.parquet", table)
    assert found(path) == {"wrong_type": 1}
    stored = "ms" if unit == "s" else unit  # parquet has no seconds
    assert detail(path, Kind.WRONG_TYPE) == f"settlementdate is timestamp[{stored}], not timestamp[ns]"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("settlementdate", pa.array(["2026/04/20 00:05:00", "2026-04-20T00:10:00", "2026-04-20 00:15"])),
        ("settlementdate", pa.array([START + timedelta(minutes=5 * n) for n in (1, 2, 3)], pa.timestamp("ns", "UTC"))),
        ("scadavalue", pa.array([1, 2, 3])),
        ("scadavalue", pa.array([1, 2, 3], pa.float32())),
        ("scadavalue", pa.array(["1.5", " -2e3", ".5"])),
        ("duid", pa.array(["A", "A", "A"]).dictionary_encode()),
    ],
    ids=["text-times", "aware", "integers", "float32", "text-numbers", "category"],
)
def test_another_type_of_a_column_is_said_and_its_rows_are_read(tmp_path: Path, column: str, values: pa.Array) -> None:
    table = pa.concat_tables([row(SCADA5, minutes(5 * n), "A", 1.0) for n in (1, 2, 3)])
    table = table.set_column(table.schema.names.index(column), column, values)
    path = write(tmp_path / "scada5.parquet", table)
    assert found(path) == {"wrong_type": 1}
    assert examine(path, NOW).rows == 3


def test_an_aware_time_is_read_as_nem_time(tmp_path: Path) -> None:
    utc = pa.array([datetime(2026, 4, 20, 14, 5)], pa.timestamp("us", "UTC"))
    table = row(SCADA5, START, "A", 1.0).set_column(0, "settlementdate", utc)
    assert examine(write(tmp_path / "scada5.parquet", table), NOW).first == datetime(2026, 4, 21, 0, 5)


@pytest.mark.parametrize("large", [pa.large_string(), pa.string_view()])
def test_arrow_s_other_strings_are_strings(tmp_path: Path, large: pa.DataType) -> None:
    table = good(SCADA5)
    path = write(tmp_path / "scada5.parquet", table.set_column(1, "duid", table["duid"].cast(large)))
    assert found(path) == {}


def test_upper_case_and_another_order_are_said(tmp_path: Path) -> None:
    table = good(SCADA5).select(["duid", "scadavalue", "settlementdate"])
    path = write(tmp_path / "scada5.parquet", table.rename_columns([name.upper() for name in table.schema.names]))
    assert found(path) == {"wrong_case": 3, "column_order": 1}
    assert "DUID for duid" in detail(path, Kind.WRONG_CASE)


@pytest.mark.parametrize("name", ["SETTLEMENTDATE", None])
def test_a_time_stored_as_pandas_index_is_said(tmp_path: Path, name: str | None) -> None:
    frame = good(PRICES5).to_pandas().set_index("settlementdate").rename_axis(name)
    path = tmp_path / "spot_hist.parquet"
    frame.rename(columns=str.upper).to_parquet(path)
    problems = found(path)
    assert problems["index_column"] == 1
    assert "extra_column" not in problems and "missing_column" not in problems
    assert examine(path, NOW).first == START + timedelta(minutes=5)


def test_a_row_number_stored_as_pandas_index_is_an_extra_column(tmp_path: Path) -> None:
    path = tmp_path / "scada5.parquet"
    good(SCADA5).to_pandas().iloc[::-1].iloc[::-1].iloc[1:].to_parquet(path, index=True)
    assert found(path) == {"index_column": 1, "extra_column": 1}


def test_a_column_that_stands_twice_is_said(tmp_path: Path) -> None:
    table = good(SCADA5)
    twice = pa.Table.from_arrays([*table.columns, table["duid"]], names=[*table.schema.names, "duid"])
    assert found(write(tmp_path / "scada5.parquet", twice)) == {"column_twice": 1}


def test_rows_out_of_order_are_counted_and_so_are_groups_that_overlap(tmp_path: Path) -> None:
    table = good(SCADA5)
    path = write(tmp_path / "scada5.parquet", pa.concat_tables([table.slice(40), table.slice(0, 40)]))
    assert found(path) == {"unsorted": 1, "overlapping_groups": 3}


def test_a_file_sorted_by_time_only_is_unsorted_but_no_group_overlaps(tmp_path: Path) -> None:
    frame = good(SCADA5).to_pandas().sort_values(["settlementdate", "duid"], ascending=[True, False])
    path = write(tmp_path / "scada5.parquet", pa.Table.from_pandas(frame, SCADA5.schema, preserve_index=False))
    assert found(path) == {"unsorted": 48}


@pytest.mark.parametrize("apart", [True, False])
def test_duplicates_with_the_same_and_with_other_values_are_told_apart(tmp_path: Path, apart: bool) -> None:
    table = good(SCADA5)
    same, other = table.slice(3, 2), row(SCADA5, minutes(5), "AAA1", -1.0)
    doubled = pa.concat_tables([table, same, other])
    path = tmp_path / "scada5.parquet"
    write(path, doubled if apart else doubled.sort_by([(name, "ascending") for name in SCADA5.key]))
    problems = found(path)
    assert (problems["duplicate_identical"], problems["duplicate_differing"]) == (2, 1)
    assert ("unsorted" in problems) is apart
    assert "2026-04-20 00:05:00 AAA1" in detail(path, Kind.DUPLICATE_DIFFERING)


def test_rows_without_a_whole_key_are_counted(tmp_path: Path) -> None:
    nothing = [row(SCADA5, None, "A", 1.0), row(SCADA5, START, None, 1.0), row(SCADA5, START, "", 1.0)]
    path = write(tmp_path / "scada5.parquet", pa.concat_tables([*nothing, good(SCADA5)]))
    assert found(path) == {"null_key": 3}


def test_times_that_say_nothing_are_keys_that_are_absent(tmp_path: Path) -> None:
    table = good(SCADA5, 2)
    stamps = ["2026-04-20 00:05:00", "31/12/2025 00:05", "soon", "", "2026-04-20 00:10:00.000", "2026-02-30 00:05:00"]
    path = write(tmp_path / "scada5.parquet", table.set_column(0, "settlementdate", pa.array(stamps)))
    assert found(path)["null_key"] == 4
    assert "4 keys are there but say nothing" in detail(path, Kind.NULL_KEY)


def test_a_time_that_nanoseconds_cannot_hold_does_not_become_another_century(tmp_path: Path) -> None:
    times = pa.array([datetime(9999, 12, 31), datetime(1, 1, 1), START], pa.timestamp("us"))
    table = pa.concat_tables([row(SCADA5, START, "A", 1.0)] * 3).set_column(0, "settlementdate", times)
    verdict = examine(write(tmp_path / "scada5.parquet", table), NOW)
    assert counts(verdict)["null_key"] == 2
    assert (verdict.first, verdict.last) == (START, START)


def test_five_minute_rows_in_a_half_hour_file_and_odd_seconds_are_told_apart(tmp_path: Path) -> None:
    table = pa.concat_tables(
        [
            good(SCADA5, 12, START - timedelta(hours=1)).cast(SCADA30.schema),
            row(SCADA30, START + timedelta(seconds=1), "A", 1.0),
            good(SCADA30),
        ]
    )
    path = write(tmp_path / "scada30.parquet", table)
    assert found(path) == {"off_grid": 31}
    told = detail(path, Kind.OFF_GRID)
    assert "30 are 5-minute rows" in told and "1 stand between" in told


def test_a_row_is_in_the_future_after_ten_minutes(tmp_path: Path) -> None:
    near, far = NOW + timedelta(minutes=10), NOW + timedelta(minutes=15)
    path = write(tmp_path / "scada5.parquet", pa.concat_tables([row(SCADA5, near, "A", 1.0), row(SCADA5, far, "A", 1)]))
    assert found(path) == {"future": 1}


def test_a_half_hour_under_way_is_no_future(tmp_path: Path) -> None:
    """Its partial mean stands in the file of a collector at work; the half hour after it does not."""
    under_way = NOW.replace(minute=30, second=0) if NOW.minute < 30 else NOW.replace(minute=0) + timedelta(hours=1)
    path = write(tmp_path / "scada30.parquet", row(SCADA30, under_way, "A", 1.0))
    assert found(path) == {}
    beyond = under_way + timedelta(minutes=30)
    write(path, pa.concat_tables([row(SCADA30, under_way, "A", 1.0), row(SCADA30, beyond, "A", 1.0)]))
    assert found(path) == {"future": 1}


def test_rows_of_impossible_dates_are_counted_with_the_first_and_the_last_of_them(tmp_path: Path) -> None:
    odd = [
        datetime(1700, 1, 1),
        datetime(1970, 1, 1),
        datetime(1998, 1, 1) - timedelta(minutes=5),
        datetime(2099, 1, 1),
    ]
    edges = [datetime(1998, 1, 1), NOW + timedelta(days=1)]
    rows = [row(SCADA5, time, "A", 1.0) for time in sorted([*odd, *edges])]
    path = write(tmp_path / "scada5.parquet", pa.concat_tables(rows))
    assert found(path) == {"impossible_date": 4, "future": 1}
    told = detail(path, Kind.IMPOSSIBLE_DATE)
    assert "4 rows are dated before 1998 or after tomorrow, 1700-01-01 00:00:00 to 2099-01-01 00:00:00" in told


def test_rows_centuries_apart_cost_a_repair_no_more_than_rows_side_by_side(tmp_path: Path) -> None:
    far = [row(SCADA5, datetime(year, 1, 1), "A", 1.0) for year in (1700, 1970, 2099, 2200)]
    path = write(tmp_path / "scada5.parquet", pa.concat_tables([good(SCADA5), *far]))
    with path.open("rb") as source:
        census = take_census(Stretches(source, path, SCADA5), NOW)
        given = list(slices(census, tmp_path))
    assert sum(len(days) for days in census.days) == 1  # the day of the rows that stay
    assert [one.num_rows for one in given] == [72]


def test_groups_without_statistics_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5), write_statistics=["duid"])
    assert found(path) == {"no_statistics": 4}


def test_values_that_are_none_are_counted(tmp_path: Path) -> None:
    odd = [float("nan"), float("inf"), float("-inf"), None]
    rows = [row(PRICES30, START + timedelta(minutes=30 * n), "NSW1", value) for n, value in enumerate(odd)]
    path = write(tmp_path / "prices30.parquet", pa.concat_tables(rows))
    assert found(path) == {"nan": 1, "infinite": 2, "no_value": 2}


def test_text_that_is_no_number_is_counted(tmp_path: Path) -> None:
    text = pa.array(["1", "", "n/a", None, "-3.5", "1e400"])
    table = good(SCADA5, 2).set_column(2, "scadavalue", text)
    problems = found(write(tmp_path / "scada5.parquet", table))
    assert problems["unreadable_value"] == 2
    assert (problems["infinite"], problems["no_value"]) == (1, 3)


def test_an_id_that_is_new_is_noted_and_is_no_fault(tmp_path: Path) -> None:
    table = pa.concat_tables([row(PRICES5, START, "NSW1", 1.0), row(PRICES5, START, "WA1", 1.0)])
    path = write(tmp_path / "prices5.parquet", table)
    verdict = examine(path, NOW)
    assert verdict.ok and counts(verdict) == {"unknown_id": 1}
    assert "WA1" in detail(path, Kind.UNKNOWN_ID)


def test_rooftop_s_sub_regions_are_known(tmp_path: Path) -> None:
    table = pa.concat_tables([row(ROOFTOP30, START, "QLDC", 1.0), row(ROOFTOP30, START, "TASS", 1.0)])
    assert found(write(tmp_path / "rooftop30.parquet", table)) == {}


def test_a_file_without_rows_is_good_and_says_so(tmp_path: Path) -> None:
    verdict = examine(write(tmp_path / "scada5.parquet", SCADA5.schema.empty_table()), NOW)
    assert verdict.ok and (verdict.rows, verdict.first) == (0, None)
    assert counts(verdict) == {"no_rows": 0}


def test_everything_at_once_is_found(tmp_path: Path) -> None:
    frame = pd.concat([good(SCADA30).to_pandas(), good(SCADA5, 3, START + timedelta(hours=3)).to_pandas()])
    frame = pd.concat([frame, frame.tail(4), frame.head(2).assign(scadavalue=-1.0)])
    frame.loc[len(frame)] = [NOW + timedelta(hours=5), "LATE1", None]
    frame["settlementdate"] = frame["settlementdate"].astype("datetime64[us]")
    frame["extra"] = "x"
    frame = frame.set_index("settlementdate").rename(columns=str.upper)
    path = tmp_path / "scada30 2.parquet"
    frame.to_parquet(path)
    assert set(found(path)) == {
        "index_column",
        "extra_column",
        "wrong_case",
        "wrong_type",
        "column_order",
        "unsorted",
        "duplicate_differing",
        "off_grid",
        "no_value",
        "future",
    }


WHOLE = 64 * 3  # intervals


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "scada5.parquet"
    table = good(SCADA5, WHOLE, NOW - timedelta(days=2))
    return write(path, table, rows=WHOLE, write_page_checksum=True).read_bytes()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty_file"),
        (b"PAR1", "torn"),
        (b"PAR1" + b"x" * 500, "torn"),
        (b"PAR1PAR1", "torn"),
        (b"PAR1" + b"x" * 100 + b"\x10\0\0\0PAR1", "corrupt"),
        (b"PAR1" + b"x" * 100 + b"\xff\xff\0\0PAR1", "corrupt"),
        (b"<html>" + b"x" * 100, "not_parquet"),
        (b"PK\x03\x04", "not_parquet"),
        (b"x", "not_parquet"),
    ],
)
def test_a_file_that_is_not_parquet_is_classified_by_its_ends(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "scada5.parquet"
    path.write_bytes(content)
    verdict = examine(path, NOW)
    assert counts(verdict) == {kind: 1}
    assert (verdict.dataset, verdict.rows, verdict.ok) == ("scada5", None, False)
    assert verdict.fatal is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + bytes(30), "a zip archive"),
        (b"\x1f\x8b\x08" + bytes(30), "a gzip file"),
        (b"ARROW1\0\0" + bytes(30), "Feather"),
        (b"SQLite format 3\0" + bytes(30), "a SQLite database"),
        (b"\xde\xad\xbe\xef\xde\xad\xbe\xefDUCK" + bytes(30), "a DuckDB database"),
        (b"\x80\x04\x95" + bytes(30), "a Python pickle"),
        (b"bplist00" + bytes(30), "as iCloud leaves"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"\n<!DOCTYPE HTML><title>403 Forbidden</title>", "a web page"),
        (b"\xef\xbb\xbfsettlementdate,duid,scadavalue\r\n2026/04/20 00:05:00,A,1\r\n", "CSV"),
        (b'{"message": "Forbidden"}', "JSON"),
        (bytes(5000), "nothing but zero bytes"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_file_of_another_format_is_named_as_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "scada5.parquet"
    path.write_bytes(content)
    assert found(path) == {"not_parquet": 1}
    assert words in detail(path, Kind.NOT_PARQUET)


def test_a_file_that_icloud_took_away_is_said_to_be_there(tmp_path: Path) -> None:
    (tmp_path / ".scada5.parquet.icloud").write_bytes(b"bplist00")
    assert "is in iCloud" in detail(tmp_path / "scada5.parquet", Kind.ABSENT)
    assert found(tmp_path / "scada5.parquet") == {"absent": 1}


def encrypted(path: Path, footer: bool) -> Path:
    """As far as a reader without the key sees it: all of the file, or one whose footer alone can be read."""
    if footer:
        path.write_bytes(b"PARE" + random.Random(1).randbytes(500) + (80).to_bytes(4, "little") + b"PARE")
        return path
    told = read_footer(write(path, good(SCADA5)))
    algorithm = {1: (STRUCT, {})}  # AES_GCM_V1, which the footer names where columns are encrypted
    signed = replace(told, fields={**told.fields, 8: (STRUCT, algorithm)}).with_groups(told.groups)
    path.write_bytes(path.read_bytes()[: -len(told.encoded)] + signed.encoded)
    return path


@pytest.mark.parametrize("footer", [True, False], ids=["whole", "columns"])
def test_an_encrypted_file_is_said_to_be_encrypted_by_all_who_meet_it(tmp_path: Path, footer: bool) -> None:
    path = encrypted(tmp_path / "scada5.parquet", footer)
    before = path.read_bytes()
    (problem,) = examine(path, NOW).problems
    assert problem.kind is Kind.ENCRYPTED and "encrypted" in problem.detail
    assert "key" in problem.todo and "backup" not in problem.todo
    store = Store(tmp_path)
    for deed in (store.extent, store.burden, store.compact, lambda dataset: store.merge(dataset, good(dataset))):
        with pytest.raises(SchemaMismatch, match=r"scada5.parquet.*encrypted.*a program that has its key") as refusal:
            deed(SCADA5)
        assert "backup" not in str(refusal.value) and "--repair" not in str(refusal.value)
    with (
        path.open("rb") as file,
        pytest.raises(UnreadableNow, match=r"encrypted.*no damage.*a program that has its key"),
    ):
        rows_and_times(file.fileno(), path)
    assert path.read_bytes() == before


def test_an_encrypted_file_that_was_cut_off_is_torn(tmp_path: Path) -> None:
    path = encrypted(tmp_path / "scada5.parquet", True)
    path.write_bytes(path.read_bytes()[:-9])
    assert found(path) == {"torn": 1}


def test_what_a_broken_file_needs_is_said_in_one_sentence_by_all(tmp_path: Path) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))
    path.write_bytes(path.read_bytes()[:-4] + b"JUNK")
    told = examine(path, NOW).problems[0].todo
    with pytest.raises(StoreCorrupt) as refusal:
        Store(tmp_path).merge(SCADA5, good(SCADA5))
    with pytest.raises(StoreCorrupt) as other:
        Store(tmp_path).extent(SCADA5)
    assert str(refusal.value) == str(other.value)
    sentence = (
        "restore it from a backup; without one, move it away: AEMO Ops then fills it from AEMO's site as far back as"
    )
    assert sentence in told and sentence in str(other.value)


def test_a_file_that_may_not_be_read_is_not_said_to_need_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "scada5.parquet", good(SCADA5))

    def refuse(_source: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("aemo_ops.store.splice.fitness.read_footer", refuse)
    with pytest.raises(StoreCorrupt, match="give this user the right to read it") as refusal:
        Store(tmp_path).extent(SCADA5)
    assert "backup" not in str(refusal.value)


def test_a_file_cut_off_anywhere_is_torn(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "scada5.parquet"
    for length in range(4, len(whole), len(whole) // 60):
        path.write_bytes(whole[:length])
        assert found(path) == {"torn": 1}


@pytest.mark.parametrize("length", [0, 1, 100, 10**6, 2**31 - 1, 2**32 - 1])
def test_a_wrong_length_of_the_footer_is_corrupt(tmp_path: Path, whole: bytes, length: int) -> None:
    path = tmp_path / "scada5.parquet"
    path.write_bytes(whole[:-8] + length.to_bytes(4, "little") + whole[-4:])
    assert found(path) == {"corrupt": 1}


def test_a_flipped_bit_in_the_rows_is_noticed_or_changes_none(tmp_path: Path, whole: bytes) -> None:
    path, chance = tmp_path / "scada5.parquet", random.Random(5)
    path.write_bytes(whole)
    rows, noticed = pq.read_table(path), 0
    footer = int.from_bytes(whole[-8:-4], "little")
    for _ in range(100):
        content = bytearray(whole)
        content[chance.randrange(4, len(whole) - footer - 8)] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        if examine(path, NOW).ok:  # it hit what no reader looks at
            assert pq.read_table(path) == rows
        else:
            noticed += 1
    assert noticed > 85


def test_flipped_bytes_in_the_footer_never_end_in_a_traceback(tmp_path: Path, whole: bytes) -> None:
    path, chance = tmp_path / "scada5.parquet", random.Random(6)
    footer = int.from_bytes(whole[-8:-4], "little")
    seen = set()
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3))):
            content[chance.randrange(len(whole) - footer - 8, len(whole))] = chance.randrange(256)
        path.write_bytes(content)
        seen.update(found(path))
    assert "corrupt" in seen


def test_a_footer_on_which_pyarrow_would_abort_is_survived(tmp_path: Path, whole: bytes) -> None:
    """The type that a row group gives its column is not that of the schema: reading statistics then ends the process."""
    path = tmp_path / "scada5.parquet"
    # In thrift's compact protocol: field 1 of the last row group's first column, its type, is int64.
    at = whole.rindex(b"\x15\x04", 0, whole.rindex(b"settlementdate"))
    path.write_bytes(whole[: at + 1] + b"\x0e" + whole[at + 2 :])
    examine(path, NOW)


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scada5.parquet")
    (tmp_path / "prices5.parquet").mkdir()
    (tmp_path / "scada30.parquet").symlink_to(tmp_path / "gone.parquet")
    assert found(tmp_path / "scada5.parquet") == {"not_a_file": 1}
    assert found(tmp_path / "prices5.parquet") == {"not_a_file": 1}
    assert found(tmp_path / "scada30.parquet") == {"absent": 1}
    assert found(tmp_path / "rooftop30.parquet") == {"absent": 1}


@pytest.mark.parametrize("error", [PermissionError(13, ""), PermissionError(1, ""), OSError(5, "")])
def test_a_refusal_of_the_system_is_not_called_corrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert found(path) == {"unreadable": 1}


def test_statistics_that_are_not_true_are_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5), rows=100, write_page_checksum=True)
    statistics = pq.read_metadata(path).row_group(0).column(0).statistics
    content = path.read_bytes()
    newest = statistics.max_raw.to_bytes(8, "little")
    footer = int.from_bytes(content[-8:-4], "little") + 8
    later = (statistics.max_raw + 10**12).to_bytes(8, "little")
    path.write_bytes(content[:-footer] + content[-footer:].replace(newest, later))
    assert found(path) == {"wrong_statistics": 1}


def test_tiny_row_groups_are_judged_as_large_ones(tmp_path: Path) -> None:
    table = pa.concat_tables([good(SCADA5).slice(30), good(SCADA5)])
    tiny = found(write(tmp_path / "scada5.parquet", table, rows=1))
    large = found(write(tmp_path / "scada5 2.parquet", table, rows=1000))
    assert tiny.pop("overlapping_groups") > 1
    assert tiny == large == {"unsorted": 1, "duplicate_identical": 42}
