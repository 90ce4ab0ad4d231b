"""What pages say of states that a demo hardly ever reaches."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from aemo_ops.market import catalogue
from aemo_ops.migrate.status import Doing, Look, Status
from aemo_ops.migrate.step import Phase, Standing
from aemo_ops.ops.freshness import Freshness, State
from aemo_ops.ops.snapshot import DatasetState, Event, Role
from aemo_ops.ui import collectors, folding, notice, tiles, words
from aemo_ops.ui.heatmap import HeatMap
from aemo_ops.ui.moving import parallel, pieces
from aemo_ops.ui.survey import File, Survey
from tests.ui.made import NOW, SNAPSHOT


def fresh(name: str, **more: object) -> DatasetState:
    state = DatasetState(
        name, "Prices", f"/data/{name}.parquet", 5, Freshness(name, State.FRESH, latest=NOW - timedelta(minutes=2))
    )
    return replace(state, **more)  # type: ignore[arg-type]


def test_everything_fresh_with_a_hole_of_last_week_is_something_to_do() -> None:
    snapshot = replace(SNAPSHOT, datasets=(fresh("prices5"),))
    calm = "Everything that should have arrived by now has."
    assert words.todo(snapshot, NOW) == f"{calm} Nothing to do."
    told = words.todo(snapshot, NOW, "3 gaps can be filled")
    assert told == f"{calm} Of earlier times 3 gaps can be filled: see the Gaps page."


@pytest.mark.parametrize(
    ("kind", "subject", "page", "text"),
    [
        ("collected", "dispatchis", "collectors", "dispatchis"),
        ("healed", "", "gaps", "Gaps"),
        ("failed", "heal", "gaps", "Gaps"),
        ("failed", "scada5", "collectors", "scada5"),
        ("changed", "prices5.parquet", "gaps", "prices5.parquet"),
        ("adopted", "folder", "settings", "folder"),
        ("caught up", "", "collectors", "Collectors"),
    ],
)
def test_an_event_leads_to_the_page_that_tells_more_of_it_by_a_link_with_words(
    kind: str, subject: str, page: str, text: str
) -> None:
    drawn = tiles.events([Event(1, NOW, kind, subject, "what happened")], NOW)
    assert f'<a href="?page={page}" data-go="{page}">{text}</a>' in drawn


def test_a_damaged_file_and_one_that_is_not_there_are_told_apart() -> None:
    damaged = fresh("prices5", freshness=Freshness("prices5", State.UNKNOWN, reason="prices5.parquet cannot be read."))
    assert "its rows are not known" in tiles.tile(damaged, NOW)
    assert "no file yet" in tiles.tile(fresh("prices5", rows=0, size=0), NOW)
    assert "1,234 rows" in tiles.tile(fresh("prices5", rows=1234, size=5000), NOW)
    assert ".." not in words.todo(replace(SNAPSHOT, datasets=(damaged,)), NOW)


def test_nobody_says_that_all_is_well_where_nothing_is_collected() -> None:
    strange = replace(SNAPSHOT, role=Role.OBSERVING, adopted=False, reason="/data holds data files of another program")
    assert "until it is adopted" in collectors._sentence(strange)
    assert "Nothing to do" not in collectors._sentence(SNAPSHOT)
    assert "Adopt this folder" in notice.markup(strange, "")
    assert "Adopt" not in notice.markup(replace(strange, adopted=True), "")
    assert notice.markup(SNAPSHOT, "") == ""


def comparing(reason: str) -> Status:
    done = tuple(Standing(name, name, Phase.DONE) for name in ("prepare", "copy", "normal", "catch_up"))
    look = Look("compare", reason, False, "Compares both files.")
    return Status(standings=(*done, Standing("compare", "Compare", Phase.OPEN)), look=look)


def test_a_comparison_that_cannot_be_had_says_why() -> None:
    drawn = parallel.show(comparing("prices5.parquet of the old folder cannot be read"), "")
    assert "prices5.parquet of the old folder cannot be read" in drawn
    assert "looking" not in drawn
    assert "Compares both files." in parallel.show(comparing(""), "")


def test_values_that_differ_are_shown_as_differing() -> None:
    first, second = (parallel._values({"rrp": value}, "prices5") for value in (101.23, 101.21))
    assert (first, second) == ("rrp 101.23 $/MWh", "rrp 101.21 $/MWh")
    assert parallel._values({"rrp": 15500.25}, "prices5") == "rrp 15,500.25 $/MWh"


def test_the_outline_of_the_open_days_outlives_another_range() -> None:
    files = tuple(File(catalogue.dataset(name)) for name in ("prices5", "scada5"))
    survey = Survey(datetime(2026, 8, 20, 12), files)
    shown = HeatMap(survey, 90, lambda _name, _column: None)
    days = date(2026, 8, 10), date(2026, 8, 16)
    shown.mark("scada5", *days)
    for over in (30, 365):
        shown.show(survey, over)
        columns = folding.columns(survey, over)
        inside = [at for at, one in enumerate(columns) if one.first <= days[1] and one.last >= days[0]]
        marked = shown._mark.data
        assert inside and marked["x"] == [sum(inside) / len(inside)] and marked["y"] == [1]


def test_progress_is_told_in_bytes_only_where_it_is_bytes() -> None:
    assert pieces.counted(Doing("Copy", "copy", 500_000, 2_000_000)) == "500 kB of 2.0 MB"
    assert pieces.counted(Doing("Compare", "parallel", 3, 7)) == "3 of 7"
