"""The command line: JSON shapes, exit codes, messages that a person understands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from aemo_ops.clock import Clock
from aemo_ops.replica import Folder, Replica
from aemo_ops.settings import DEFAULT_DATASETS
from tests import warm
from tests.conftest import IN_CURRENT, NOON, SCADA_IN_CURRENT


@dataclass
class Command:
    """Runs aemo-ops in a process of its own, with the settings of one place."""

    place: Path
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        own = {"AEMO_OPS_HOME": str(self.place / "home"), "AEMO_DATA_PATH": str(self.place / "data"), **self.settings}
        return warm.run("aemo_ops.cli", *words, env={**os.environ, **own, **settings})

    def json(self, *words: str, exit_code: int = 0) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == exit_code, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def command(tmp_path: Path, site: Replica, still: Clock) -> Command:
    still.write(tmp_path / "clock.json")
    return Command(
        tmp_path,
        {"NEMWEB_URL": site.url, "AEMO_OPS_CLOCK": str(tmp_path / "clock.json"), "AEMO_REQUEST_GAP_SECONDS": "0.001"},
    )


@pytest.fixture
def real_site(real: Path) -> Iterator[Replica]:
    with Replica(Folder(real / "current"), Clock()) as replica:
        yield replica


@pytest.mark.real
def test_real_files_become_rows_once_and_the_second_time_nothing_is_written(tmp_path: Path, real_site: Replica) -> None:
    command = Command(tmp_path, {"NEMWEB_URL": real_site.url})
    first = command.json("collect", "--once")
    by_name = {entry["dataset"]: entry for entry in first["datasets"]}
    assert set(by_name) == set(DEFAULT_DATASETS)
    assert (by_name["prices5"]["files"], by_name["prices5"]["inserted"]) == (1, 5)
    assert (by_name["transmission5"]["inserted"], by_name["scada5"]["inserted"], by_name["rooftop30"]["inserted"]) == (
        6,
        493,
        10,
    )
    assert set(by_name["prices5"]) == {"dataset", "files", "inserted", "updated", "unchanged", "rejected"}
    assert {"cycle", "seconds", "datasets"} <= set(first)
    before = {path.name: path.stat() for path in (tmp_path / "data").glob("*.parquet")}
    second = command.json("collect", "--once")
    assert second["cycle"] == first["cycle"] + 1
    assert all(entry["inserted"] == entry["updated"] == entry["files"] == 0 for entry in second["datasets"])
    assert before == {path.name: path.stat() for path in (tmp_path / "data").glob("*.parquet")}


def test_a_bad_file_is_in_the_document_with_its_reason_and_the_other_report_goes_on(
    command: Command, site: Replica
) -> None:
    site.faults.add("html", path="*PUBLIC_DISPATCHIS_*", times=1000)
    done = command.json("collect", "--once", exit_code=1)
    by_name = {entry["dataset"]: entry for entry in done["datasets"]}
    assert by_name["scada5"]["files"] > 5
    assert by_name["prices5"]["files"] == 0
    assert all("an HTML page, not the report" in one["reason"] for one in by_name["prices5"]["rejected"])
    assert by_name["prices5"]["rejected"]


def test_status_has_its_shape_and_its_exit_codes(command: Command, site: Replica) -> None:
    empty = command.json("status", exit_code=1)
    assert [entry["state"] for entry in empty["datasets"]] == ["empty"] * 7
    command.json("collect", "--once")
    fresh = command.json("status")
    assert {"dataset", "path", "rows", "latest", "due", "age_minutes", "state"} <= set(fresh["datasets"][0])
    assert {entry["state"] for entry in fresh["datasets"]} == {"fresh"}
    prices = next(entry for entry in fresh["datasets"] if entry["dataset"] == "prices5")
    assert (prices["latest"], prices["due"], prices["age_minutes"]) == (
        "2026-04-20T12:05:00",
        "2026-04-20T12:10:00",
        -4.0,
    )
    assert fresh["now"] == "2026-04-20T12:01:00"
    Clock.starting(NOON + timedelta(minutes=16), 0).write(command.place / "clock.json")
    assert {e["state"] for e in command.json("status", exit_code=1)["datasets"]} == {"fresh", "late"}
    Clock.starting(NOON + timedelta(hours=9), 0).write(command.place / "clock.json")
    assert {e["state"] for e in command.json("status", exit_code=2)["datasets"]} == {"stale"}
    (command.place / "data" / "scada5.parquet").write_bytes(b"rubbish")
    entry = next(e for e in command.json("status", exit_code=2)["datasets"] if e["dataset"] == "scada5")
    assert entry["state"] == "unknown"


def test_a_half_hour_under_way_does_not_make_a_file_look_fresher_than_it_is(command: Command, site: Replica) -> None:
    command.json("collect", "--once")
    entry = next(e for e in command.json("status")["datasets"] if e["dataset"] == "prices30")
    stored = pq.read_table(entry["path"])["settlementdate"].to_pylist()
    assert str(max(stored)) == "2026-04-20 12:30:00"  # the partial mean is there for readers
    assert entry["latest"] == "2026-04-20T12:00:00"  # but the last whole half hour is what counts


def test_a_dry_run_says_what_it_would_read_and_writes_nothing(command: Command) -> None:
    done = command.run("collect", "--dry-run", "--report", "dispatch_scada")
    assert done.returncode == 0
    assert f"would read {SCADA_IN_CURRENT} files" in done.stdout
    assert not list((command.place / "data").glob("*.parquet"))


def test_only_the_named_report_is_read(command: Command, site: Replica) -> None:
    document = command.json("collect", "--once", "--report", "rooftop_pv")
    assert [entry["dataset"] for entry in document["datasets"]] == ["rooftop30"]
    assert {path.split("/")[3] for path in site.requests} == {"ROOFTOP_PV"}
    done = command.run("collect", "--once", "--report", "rooftop")
    assert done.returncode == 2
    assert "no report called 'rooftop'" in done.stderr


def test_a_foreign_folder_is_left_alone_until_adopted(command: Command) -> None:
    data = command.place / "data"
    data.mkdir()
    (data / "notes.parquet").write_bytes(b"somebody's")
    done = command.run("collect", "--once")
    assert "adopt" in done.stderr + done.stdout
    assert done.returncode != 0
    assert [path.name for path in data.iterdir()] == ["notes.parquet"]
    assert command.run("collect", "--once", "--adopt").returncode == 0
    assert (data / "prices5.parquet").exists()
    assert (data / "notes.parquet").read_bytes() == b"somebody's"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"UPDATE_INTERVAL_MINUTES": "soon"}, "UPDATE_INTERVAL_MINUTES='soon' (from environment)"),
        ({"NEMWEB_URL": "nemweb"}, "It should be an address"),
        ({"AEMO_OPS_CLOCK": "/no/such/clock"}, "no clock file"),
        ({"AEMO_DATASETS": "scada7"}, "scada7"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_should_be(
    command: Command, settings: dict[str, str], message: str
) -> None:
    done = command.run("collect", "--once", **settings)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_key_in_a_dotenv_is_an_error_that_names_it(command: Command) -> None:
    (command.place / "home").mkdir()
    (command.place / "home" / ".env").write_text("AEMO_DATA_PAHT=/somewhere\nOTHER_PROGRAM=1\n")
    done = command.run("status")
    assert done.returncode == 2
    assert "AEMO_DATA_PAHT" in done.stderr
    (command.place / "home" / ".env").write_text("OTHER_PROGRAM=1\n")
    done = command.run("status", AEMO_DATA_PAHT="/somewhere")
    assert done.returncode == 1
    assert "AEMO_DATA_PAHT is no setting" in done.stderr


def test_no_network_is_said_and_ends_with_attention(command: Command) -> None:
    done = command.run("collect", "--once", NEMWEB_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_sees_settings_folders_files_and_the_source(command: Command, site: Replica) -> None:
    findings = {f["about"]: f for f in command.json("doctor")["findings"]}
    assert f"{IN_CURRENT} files in Current" in findings["dispatchis"]["finding"]
    assert findings["adoption"]["ok"]
    data = command.place / "data"
    data.mkdir()
    shutil.copy(command.place / "clock.json", data / "prices5.parquet")
    findings = {f["about"]: f for f in command.json("doctor", "--offline", exit_code=1)["findings"]}
    assert not findings["prices5.parquet"]["ok"]
    assert not findings["adoption"]["ok"]
    assert "dispatchis" not in findings


def test_the_doctor_sees_that_the_volume_of_the_data_is_not_there(command: Command) -> None:
    assert command.run("collect", "--once", "--report", "rooftop_pv").returncode == 0
    (command.place / "data").rename(command.place / "away")
    findings = {f["about"]: f for f in command.json("doctor", "--offline", exit_code=1)["findings"]}
    assert not findings["adoption"]["ok"]
    assert "is the volume connected?" in findings["adoption"]["finding"]
    done = command.run("collect", "--once")
    assert done.returncode == 2 and "a volume that is not connected?" in done.stderr
    assert not (command.place / "data").exists()


@pytest.fixture
def secrets() -> dict[str, str]:
    return {"SMTP_PASSWORD": "canary-5f2c", "TWILIO_AUTH_TOKEN": "canary-77aa"}


def test_no_secret_of_the_environment_reaches_output_or_files(command: Command, secrets: dict[str, str]) -> None:
    outputs = [command.run(*words, **secrets) for words in (("collect", "--once"), ("doctor",), ("status", "--json"))]
    written = b"".join(path.read_bytes() for path in command.place.rglob("*") if path.is_file())
    everything = written + "".join(done.stdout + done.stderr for done in outputs).encode()
    assert len(everything) > 1000
    for value in secrets.values():
        assert value.encode() not in everything


def test_the_replica_serves_until_it_is_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "aemo_ops.cli", "replica", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().removeprefix("replica at ").strip()
    command = Command(tmp_path, {"NEMWEB_URL": url, "AEMO_REQUEST_GAP_SECONDS": "0.001"})
    assert command.json("collect", "--once")["datasets"]
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
