"""`aemo-ops check`: JSON that other programs rely on, exit codes, words that a person understands."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.cli import main
from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import SCADA5, SCADA30
from tests.store.legacy import NOW, good, minutes, row, write


@pytest.fixture(autouse=True)
def _still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock.starting(NOW, 0).write(tmp_path / "clock.json")
    monkeypatch.setenv("AEMO_OPS_CLOCK", str(tmp_path / "clock.json"))
    monkeypatch.setenv("AEMO_OPS_HOME", str(tmp_path / "home"))


def told(capsys: pytest.CaptureFixture[str], *words: object, exit_code: int) -> list[dict[str, Any]]:
    assert main(["check", *map(str, words), "--json"]) == exit_code
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"files"}
    files: list[dict[str, Any]] = printed["files"]
    return files


def doubled(path: Path) -> Path:
    """A file with one differing duplicate, out of order."""
    return write(path, pa.concat_tables([good(SCADA5), row(SCADA5, minutes(5), "BAT1", -5.0)]))


def test_a_good_file_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))
    assert told(capsys, path, exit_code=0) == [
        {
            "file": str(path),
            "dataset": "scada5",
            "ok": True,
            "rows": 72,
            "first": "2026-04-20T00:05:00",
            "last": "2026-04-20T02:00:00",
            "problems": [],
        }
    ]


def test_problems_in_json_have_kind_words_and_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = told(capsys, doubled(tmp_path / "scada5 2.parquet"), exit_code=1)
    assert file["ok"] is False and file["dataset"] == "scada5"
    assert [(problem["kind"], problem["count"]) for problem in file["problems"]] == [
        ("overlapping_groups", 1),
        ("unsorted", 1),
        ("duplicate_differing", 1),
    ]
    assert all(set(problem) == {"kind", "detail", "count"} for problem in file["problems"])


def test_the_worst_of_several_files_is_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fine = write(tmp_path / "scada5.parquet", good(SCADA5))
    bad = doubled(tmp_path / "gen_output.parquet")
    (tmp_path / "prices5.parquet").write_bytes(b"")
    assert len(told(capsys, fine, bad, exit_code=1)) == 2
    files = told(capsys, fine, tmp_path / "prices5.parquet", bad, tmp_path / "gone.parquet", exit_code=2)
    assert [file["ok"] for file in files] == [True, False, False, False]
    assert files[1]["rows"] is None and files[1]["first"] is None
    assert [problem["kind"] for file in files[1::2] for problem in file["problems"]] == ["empty_file", "absent"]


def test_the_dataset_of_a_foreign_name_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "mine.parquet", good(SCADA5))
    assert told(capsys, path, exit_code=2)[0]["dataset"] is None
    assert told(capsys, path, "--dataset", "scada5", exit_code=0)[0]["dataset"] == "scada5"
    assert main(["check", str(path), "--dataset", "scada6"]) == 2
    assert "known: prices5" in capsys.readouterr().err


def test_the_older_wide_file_is_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "rooftop_solar.parquet", pa.table({"settlementdate": [minutes(5)], "NSW1": [1.0]}))
    (file,) = told(capsys, path, "--repair", exit_code=1)
    assert (file["dataset"], file["rows"]) == ("rooftop5", 1)
    assert file["problems"][0]["kind"] == "older_layout" and "repair" not in file


def test_a_repair_is_reported_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = doubled(tmp_path / "scada5.parquet")
    (file,) = told(capsys, path, "--repair", exit_code=0)
    repair = file["repair"]
    assert repair["target"] == str(tmp_path / "scada5.normal.parquet")
    assert (repair["rows_in"], repair["rows_out"], repair["duplicates_differing"]) == (73, 72, 1)
    assert repair["first_differing"] == [{"settlementdate": "2026-04-20T00:05:00", "duid": "BAT1"}]
    assert {problem["kind"] for problem in repair["cured"]} == {"overlapping_groups", "unsorted", "duplicate_differing"}
    assert repair["remaining"] == []
    assert len(repair["source_sha256"]) == len(repair["target_sha256"]) == 64
    assert told(capsys, repair["target"], exit_code=0)[0]["ok"]


def test_a_repair_in_words_says_what_went_and_what_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = row(SCADA5, minutes(60 * 48), "BAT1", 1.0)
    odd = row(SCADA30, minutes(35), "BAT1", float("nan")).cast(SCADA5.schema)
    table = pa.concat_tables([good(SCADA5), row(SCADA5, minutes(5), "BAT1", -5.0), odd, late]).drop_columns(["duid"])
    table = table.append_column("DUID", pa.array([*good(SCADA5)["duid"].to_pylist(), "BAT1", "BAT1", "BAT1"]))
    path = write(tmp_path / "scada30.parquet", table.append_column("note", pa.array(["x"] * table.num_rows)))
    assert main(["check", str(path), "--repair", "--drop-columns", "--accept-loss"]) == 1
    out = capsys.readouterr().out
    for words in (
        "scada30, 75 rows, 2026-04-20T00:05:00 to 2026-04-22T00:00:00: PROBLEMS",
        "DUID for duid",
        "are 5-minute rows",
        "off-grid rows left out",
        "columns left out: note",
        "kept as it is: 1 rows lie in the future",
        "the original was not touched",
    ):
        assert words in out
    assert "Traceback" not in out


def test_a_file_in_normal_form_is_not_rewritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))
    assert main(["check", str(path), "--repair"]) == 0
    assert "it is in normal form" in capsys.readouterr().out
    assert not (tmp_path / "scada5.normal.parquet").exists()


def test_extra_columns_are_refused_and_the_next_file_is_repaired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = good(SCADA30)
    extra = write(tmp_path / "scada30.parquet", table.append_column("note", pa.array(["x"] * table.num_rows)))
    other = doubled(tmp_path / "scada5.parquet")
    first, second = told(capsys, extra, other, "--repair", exit_code=2)
    assert "note" in first["repair"]["refused"] and "--drop-columns" in first["repair"]["refused"]
    assert second["repair"]["rows_out"] == 72
    assert main(["check", str(extra), "--repair"]) == 2
    assert "--drop-columns" in capsys.readouterr().err


def test_our_own_result_is_replaced_and_nobody_else_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = doubled(tmp_path / "scada5.parquet")
    target = tmp_path / "scada5.normal.parquet"
    told(capsys, path, "--repair", exit_code=0)
    told(capsys, path, "--repair", exit_code=0)
    pq.write_table(good(SCADA5, 1), target)
    (file,) = told(capsys, path, "--repair", exit_code=2)
    assert "exists already" in file["repair"]["refused"]
    assert pq.read_metadata(target).num_rows == 3
    told(capsys, path, "--repair", "--force", exit_code=0)
    assert pq.read_metadata(target).num_rows == 72


def test_a_torn_file_is_said_to_be_torn_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))
    path.write_bytes(path.read_bytes()[:-20])
    assert main(["check", str(path), "--repair"]) == 2
    printed = capsys.readouterr()
    assert "cut off, or being written" in printed.out and "restore it" in printed.out
    assert printed.err == ""


def test_a_repair_that_would_leave_rows_out_writes_nothing_until_that_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = [row(SCADA5, when, "BAT1", 1.0) for when in (datetime(1700, 1, 1), datetime(2099, 1, 1), minutes(7), None)]
    path = write(tmp_path / "scada5.parquet", pa.concat_tables([good(SCADA5), *odd]))
    (file,) = told(capsys, path, "--repair", exit_code=2)
    refused = file["repair"]["refused"]
    for words in ("4 of its 76 rows", "1 without a whole key", "2 dated before 1998", "1 that end no", "--accept-loss"):
        assert words in refused
    assert [entry.name for entry in tmp_path.glob("*.parquet")] == ["scada5.parquet"]
    (file,) = told(capsys, path, "--repair", "--accept-loss", exit_code=0)
    repair = file["repair"]
    assert (repair["rows_in"], repair["rows_out"], repair["left_out"]) == (76, 72, 4)
    assert (repair["null_keys"], repair["impossible_dates"], repair["off_grid"]) == (1, 2, 1)
    assert pq.read_table(repair["target"]).equals(good(SCADA5))
    assert told(capsys, repair["target"], exit_code=0)[0]["ok"]


def test_duplicates_alone_need_no_acceptance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "scada5.parquet", pa.concat_tables([good(SCADA5), good(SCADA5).slice(3, 7)]))
    (file,) = told(capsys, path, "--repair", exit_code=0)
    assert (file["repair"]["duplicates_identical"], file["repair"]["left_out"]) == (7, 0)


@pytest.mark.parametrize(
    ("content", "said", "advice"),
    [
        (b"PARE" + bytes(90) + b"PARE", "is encrypted parquet", "write it anew without encryption"),
        (b"PK\x03\x04" + bytes(90), "a zip archive", "put the parquet file in its place"),
        (b"PAR1" + bytes(90), "cut off, or being written", "look again when no program writes it"),
        (b"", "its data are gone", "restore it from a backup"),
    ],
    ids=["encrypted", "zip", "torn", "empty"],
)
def test_a_file_that_cannot_be_read_gets_the_advice_that_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str, advice: str
) -> None:
    path = tmp_path / "scada5.parquet"
    path.write_bytes(content)
    for words in ([], ["--repair"]):
        assert main(["check", str(path), *words]) == 2
        printed = capsys.readouterr().out
        assert said in printed and f"what to do: {advice}" in printed
