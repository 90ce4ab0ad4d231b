"""gaps, heal, backfill, findings from the command line: JSON shapes, exit codes, what is asked of whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aemo_ops.clock import Clock, stamp
from aemo_ops.market import catalogue
from aemo_ops.replica import Replica
from aemo_ops.store.lease import adopt
from tests.cli.test_collect import Command
from tests.conftest import NOON, generated
from tests.ops import history
from tests.ops.test_engine import Make

DAY = timedelta(days=1)
SINCE = NOON.replace(minute=0) - 5 * DAY
HOLE = SINCE + DAY, SINCE + DAY + timedelta(hours=2)
NAMES = ("prices5", "prices30")


@pytest.fixture
def holed(tmp_path: Path, still: Clock, engine_at: Make) -> Iterator[tuple[Command, history.Frames]]:
    """Five days of prices with two hours cut out of both files, and the whole of them."""
    shelf = generated(units=3)
    with Replica(shelf, still) as site:
        whole = history.whole(shelf, NAMES, SINCE, NOON)
        engine = engine_at(site.url, still, datasets=NAMES)
        adopt(engine.store.folder)
        cut = {n: f[(f["settlementdate"] <= HOLE[0]) | (f["settlementdate"] > HOLE[1])] for n, f in whole.items()}
        history.write(engine, cut)
        engine.stop()
        still.write(tmp_path / "clock.json")
        settings = {
            "NEMWEB_URL": site.url, "AEMO_OPS_CLOCK": str(tmp_path / "clock.json"), "AEMO_DATASETS": ",".join(NAMES),
            "AEMO_CATCHUP_GAP_SECONDS": "0.001",
        }  # fmt: skip
        yield Command(tmp_path, settings), whole


def read(command: Command, name: str) -> object:
    import pandas as pd

    return pd.read_parquet(command.place / "data" / catalogue.dataset(name).file_name)


def test_gaps_lists_what_is_missing_heal_fills_it_and_then_there_is_none(
    holed: tuple[Command, history.Frames],
) -> None:
    command, whole = holed
    told = command.json("gaps", exit_code=1)["datasets"]
    assert [entry["dataset"] for entry in told] == list(NAMES)
    five = told[0]
    assert (five["missing"], five["complete"], five["partial"], five["absent"]) == (24, 5 * 288 - 24, 0, 0)
    assert five["gaps"] == [
        {
            "first": stamp(HOLE[0] + timedelta(minutes=5)), "last": stamp(HOLE[1]), "intervals": 24, "keys": [],
            "state": "missing", "source": "archive", "reason": "",
        }
    ]  # fmt: skip
    plan = command.json("heal", "--dry-run")
    assert plan["intervals"]["prices5"] == {"archive": 24, "none": 0}
    assert plan["bytes"] == sum(file["bytes"] for file in plan["files"]) > 0
    filled = {entry["dataset"]: entry for entry in command.json("heal")["datasets"]}
    assert filled["prices5"]["filled"] == filled["prices5"]["requested"] == 24
    assert filled["prices5"]["by_source"] == {"archive": 24}
    for name in NAMES:
        history.same(read(command, name), whole[name], 1e-6)  # type: ignore[arg-type]
    assert [entry["missing"] for entry in command.json("gaps")["datasets"]] == [0, 0]
    assert "no gaps to fill" in command.run("heal").stdout


def test_one_file_that_cannot_be_read_is_told_with_its_reason_and_the_others_are_answered(
    holed: tuple[Command, history.Frames],
) -> None:
    command, _ = holed
    (command.place / "data" / "prices5.parquet").write_bytes(b"PAR1 and nothing else")
    five, half = command.json("gaps", exit_code=1)["datasets"]
    assert "prices5.parquet cannot be read as parquet" in five["problem"]
    assert (five["expected"], five["missing"], five["gaps"]) == (0, 0, [])
    assert (half["problem"], half["missing"], half["complete"]) == ("", 4, 5 * 48 - 4)
    done = command.run("gaps")
    assert done.returncode == 1
    assert done.stderr.startswith("prices5: ") and "restore it from a backup" in done.stderr
    assert command.json("heal", exit_code=1)["datasets"][0]["problem"] == five["problem"]


def test_a_span_before_the_file_s_first_row_is_fetched_by_backfill(holed: tuple[Command, history.Frames]) -> None:
    command, whole = holed
    span = ("--since", stamp(SINCE - 2 * DAY), "--until", stamp(SINCE))
    (entry,) = command.json("backfill", "--dataset", "prices5", *span, "--workers", "1")["datasets"]
    assert (entry["requested"], entry["filled"], entry["by_source"]) == (576, 576, {"archive": 576})
    assert len(read(command, "prices5")) == len(whole["prices5"]) - 24 * 5 + 576 * 5  # type: ignore[arg-type]


def test_replace_shows_what_differs_and_changes_nothing_without_a_yes(holed: tuple[Command, history.Frames]) -> None:
    command, whole = holed
    span = ("--dataset", "prices5", "--since", stamp(HOLE[0] - DAY / 2), "--until", stamp(HOLE[0] + DAY / 2))
    done = command.run("backfill", *span, "--replace")
    assert done.returncode == 1, done.stderr
    assert "nothing was changed" in done.stderr
    assert len(read(command, "prices5")) == len(whole["prices5"]) - 24 * 5  # type: ignore[arg-type]
    assert not spools(command)
    done = command.run("backfill", *span, "--replace", "--yes")
    assert done.returncode == 0, done.stderr
    assert "0 rows replaced, 120 new" in done.stderr
    history.same(read(command, "prices5"), whole["prices5"])  # type: ignore[arg-type]
    done = command.run("backfill", *span, "--replace")
    assert (done.returncode, "nothing was changed" in done.stderr) == (0, False), done.stderr  # nothing differs now
    assert not spools(command)


def spools(command: Command) -> list[Path]:
    """The fetched rows that wait to be put in place."""
    return list((command.place / "home" / "spool").iterdir())


def test_findings_are_looked_for_and_listed(holed: tuple[Command, history.Frames]) -> None:
    command, whole = holed
    frame = whole["prices30"].copy()
    frame.loc[frame.index[40], "rrp"] += 50.0
    (command.place / "data" / "prices30.parquet").unlink()
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, catalogue.PRICES30.schema, preserve_index=False)
    pq.write_table(table, command.place / "data" / "prices30.parquet")
    assert command.json("findings")["findings"] == []
    (finding,) = command.json("findings", "--check", "--dataset", "prices30", exit_code=1)["findings"]
    assert finding["kind"] == "not the mean of its six"
    assert finding["first"] == stamp(frame.loc[frame.index[40], "settlementdate"].to_pydatetime())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("backfill", "--since", "2026-04-02", "--until", "2026-04-01"), "is not after"),
        (("backfill", "--since", "yesterday", "--until", "2026-04-01"), "no time such as"),
        (("backfill", "--since", "2026-04-01T00:00+10:00", "--until", "2026-04-02"), "NEM time has no offset"),
        (("backfill", "--since", "2026-04-01", "--until", "2026-04-02", "--workers", "0"), "at least one process"),
        (("gaps", "--dataset", "prices6"), "prices6"),
        (("backfill", "--since", "2026-04-01", "--until", "2026-04-02", "--dask", "nonsense://x"), "no Dask scheduler"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    holed: tuple[Command, history.Frames], words: tuple[str, ...], said: str
) -> None:
    done = holed[0].run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
