"""Gaps of files on disk: what they cost, what is new in them, and that every number told of them is one number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops import cli
from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import PRICES5, SCADA5, TRANSMISSION5
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.regions import INTERCONNECTORS, REGIONS
from aemo_ops.ops import freshness
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.gaps import Gaps
from aemo_ops.ops.validity import with_new_ids
from aemo_ops.store.coverage import Summaries
from aemo_ops.store.parquet import Store
from aemo_ops.ui import folding, gaplist, survey
from aemo_ops.ui.model import Console
from aemo_ops.ui.survey import Survey
from tests.conftest import NOON

FIVE = timedelta(minutes=5)
MIDNIGHT = NOON.replace(hour=0, minute=0)
Keys = Iterable[tuple[datetime, str]]


def write(folder: Path, dataset: Dataset, keys: Keys) -> None:
    ordered = sorted(keys)
    columns = [pa.array([at for at, _ in ordered], pa.timestamp("ns")), pa.array([name for _, name in ordered])]
    values = [pa.array([1.0] * len(ordered))] * len(dataset.values)
    pq.write_table(pa.table([*columns, *values], schema=dataset.schema), folder / dataset.file_name)


def gaps_of(folder: Path, clock: Clock, *datasets: Dataset) -> Gaps:
    return Gaps(datasets, Store(folder), Summaries(folder / "summaries.sqlite"), clock)


def day(names: Iterable[str]) -> set[tuple[datetime, str]]:
    """Every row from midnight until noon."""
    return {(MIDNIGHT + FIVE * at, name) for at in range(1, 145) for name in names}


@pytest.mark.parametrize("strange", [datetime(1700, 1, 1), datetime(1970, 1, 1), datetime(2099, 1, 1)])
def test_what_gaps_look_at_is_bounded_by_the_market_and_not_by_a_row_of_another_century(
    tmp_path: Path, still: Clock, strange: datetime
) -> None:
    write(tmp_path, PRICES5, {*day(REGIONS), (strange, "SA1")} - {(MIDNIGHT + FIVE * 7, "VIC1")})
    gaps = gaps_of(tmp_path, still, PRICES5)
    found = gaps.of(PRICES5)
    assert found
    assert (gaps.began(PRICES5), len(found.ends)) == (MIDNIGHT + FIVE, (still.now() - MIDNIGHT) // FIVE)
    assert [(gap.first, gap.keys) for gap in gaps.listed(PRICES5, found)] == [(MIDNIGHT + FIVE * 7, ("VIC1",))]
    asked = gaps.judged(PRICES5, gaps.coverage(PRICES5), datetime(1600, 1, 1), datetime(1998, 1, 2))  # type: ignore[arg-type]
    assert len(asked.ends) == 288  # of a span that is named, too


def test_a_file_with_a_row_from_before_the_market_is_suspicious_though_its_newest_is_fresh() -> None:
    judged = freshness.judge(PRICES5, NOON, NOON, freshness.Thresholds())
    assert judged.state is freshness.State.FRESH
    assert freshness.with_oldest(judged, MIDNIGHT) == judged
    told = freshness.with_oldest(judged, datetime(1700, 1, 1))
    assert (told.state, "1700-01-01" in told.reason) == (freshness.State.SUSPICIOUS, True)
    stale = freshness.judge(PRICES5, MIDNIGHT, NOON, freshness.Thresholds())
    assert freshness.with_oldest(stale, datetime(1700, 1, 1)).state is freshness.State.STALE


@pytest.fixture
def new_id(tmp_path: Path) -> Path:
    """A folder with an interconnector that began at 02:00 and has no rows from 04:05 to 05:00."""
    new = {(MIDNIGHT + FIVE * at, "NSW1-SA1") for at in range(24, 145) if not 49 <= at <= 60}
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", TRANSMISSION5, day(INTERCONNECTORS) | new)
    return tmp_path


def test_a_new_id_is_a_finding_and_its_missing_hour_a_gap_that_is_listed(new_id: Path, still: Clock) -> None:
    gaps = gaps_of(new_id / "data", still, TRANSMISSION5)
    (finding,) = with_new_ids([], gaps, (TRANSMISSION5,))
    assert (finding.kind, finding.id, finding.first) == ("new id", "NSW1-SA1", MIDNIGHT + FIVE * 24)
    found = gaps.of(TRANSMISSION5, until=NOON)
    assert found
    (gap,) = gaps.listed(TRANSMISSION5, found)
    assert (gap.first, gap.last, gap.keys) == (MIDNIGHT + FIVE * 49, MIDNIGHT + FIVE * 60, ("NSW1-SA1",))
    assert (gap.state, gap.units, found.count(Presence.PARTIAL)) == (Presence.PARTIAL, False, 12)


def test_status_tells_a_new_id_as_text_and_as_json(
    new_id: Path, still: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    still.write(new_id / "clock.json")
    for name, value in (
        ("AEMO_DATA_PATH", new_id / "data"), ("AEMO_OPS_HOME", new_id / "home"), ("AEMO_DATASETS", "transmission5"),
        ("AEMO_OPS_CLOCK", new_id / "clock.json"),
    ):  # fmt: skip
        monkeypatch.setenv(name, str(value))
    cli.main(["status", "--json"])
    (entry,) = json.loads(capsys.readouterr().out)["datasets"]
    assert entry["new_ids"] == ["NSW1-SA1"]
    cli.main(["status"])
    assert "transmission5 has rows of ids that are new to this program: NSW1-SA1" in capsys.readouterr().out


def surveyed(gaps: Gaps, clock: Clock) -> Survey:
    stub = SimpleNamespace(
        gaps=lambda: gaps, now=clock.now, findings=lambda: with_new_ids([], gaps, gaps.datasets), filled=dict,
        snapshot=lambda: SimpleNamespace(folder=""),
    )  # fmt: skip
    return survey.read(cast(Console, stub))


def test_every_number_of_the_page_is_the_count_by_hand(tmp_path: Path, still: Clock) -> None:
    prices = day(REGIONS) - {(MIDNIGHT + FIVE * at, name) for at in range(10, 16) for name in REGIONS}  # 6, whole
    prices -= {(MIDNIGHT + FIVE * at, "SA1") for at in range(30, 34)}  # 4, of a region
    units = day("ABC") - {(MIDNIGHT + FIVE * at, name) for at, name in ((50, "A"), (51, "A"), (51, "B"), (60, "C"))}
    units -= {(MIDNIGHT + FIVE * at, name) for at in (80, 81, 82) for name in "ABC"}  # 3, whole
    write(tmp_path, PRICES5, prices)
    write(tmp_path, SCADA5, units)
    found = surveyed(gaps_of(tmp_path, still, PRICES5, SCADA5), still)
    told = found.tally
    assert (told.certain.gaps, told.certain.intervals) == (3, 6 + 4 + 3)
    assert told.fillable == told.certain
    assert (told.units.gaps, told.units.intervals) == (3, 3)  # A alone, A and B, C
    assert gaplist.counts(told) == "3 gaps, 3 stretches of single units"
    assert len(found.gaps) == 6
    assert survey.attention(found) == "3 gaps can be filled"
    sentence = survey.sentence(found)
    assert sentence.startswith("3 gaps in 2 files can be filled. 3 stretches in which only single units have no row.")
    due = int(re.search(r"of the ([\d,]+) intervals due", sentence)[1].replace(",", ""))  # type: ignore[index]
    assert due == sum(file.found.due for file in found.files if file.found)
    assert f"{100 * (due - 13) / due:.2f} %" in sentence
    assert "in 3 of them single units have no row" in sentence
    asks = survey.fill_all(found)
    assert asks.startswith("Fill all asks for 3 gaps (13 intervals of prices5, scada5; asked first: Current)")
    assert "for 3 stretches in which only single units have no row (3 intervals of scada5" in asks
    over = [folding.Column(MIDNIGHT.date(), MIDNIGHT.date())]
    cells = {file.dataset.name: folding.counts(file.found, over)[0].tolist() for file in found.files}
    assert (cells["prices5"][Presence.MISSING], cells["prices5"][Presence.PARTIAL], cells["prices5"][-1]) == (6, 4, 0)
    assert (cells["scada5"][Presence.MISSING], cells["scada5"][Presence.PARTIAL], cells["scada5"][-1]) == (3, 3, 3)
    assert "3 missing, in 3 single units have no row" in folding.said(cells["scada5"])


def test_a_page_with_a_new_id_says_so_on_live_too(new_id: Path, still: Clock) -> None:
    found = surveyed(gaps_of(new_id / "data", still, TRANSMISSION5), still)
    assert survey.news(found) == "NSW1-SA1 is new in transmission5: see the Gaps page."
