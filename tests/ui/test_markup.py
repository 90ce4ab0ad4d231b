"""What pages say of states that a demo hardly ever reaches."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from aemo_ops.market import catalogue
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.stages import ALL
from aemo_ops.migrate.status import Doing, Look, Status
from aemo_ops.migrate.step import Phase, Standing
from aemo_ops.ops.freshness import Freshness, State
from aemo_ops.ops.snapshot import DatasetState, Event, Role
from aemo_ops.ui import collectors, folding, migration, notice, tiles, words
from aemo_ops.ui.heatmap import HeatMap
from aemo_ops.ui.moving import parallel, pieces, stepper, switch
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


def switching(reason: str, later: bool = False) -> Status:
    names = ("prepare", "copy", "normal", "catch_up", "compare")
    done = tuple(Standing(name, name, Phase.DONE) for name in names)
    look = Look("switch", reason, later, "Ends the old collector.")
    return Status(standings=(*done, Standing("switch", "Switchover")), look=look, back=("all of it",))


def test_the_answer_to_a_word_stands_beside_its_field_and_its_button_is_shut_until_the_browser_sees_the_word() -> None:
    for drawn in (switch.show(switching(""), "that was <refused>"), switch.back(switching(""), "that was <refused>")):
        form, _, after = drawn.partition('data-sends="form"')
        assert after.startswith(" disabled>") and "data-off" not in form
        row, _, _ = after.partition("</div>")
        assert 'role="alert">that was &lt;refused&gt;' in row and "data-hint" in row
    assert 'role="alert"' not in switch.show(switching(""), "")


@pytest.mark.parametrize(("reason", "later", "off"), [("", False, False), ("03:55", True, False), ("no", False, True)])
def test_a_word_may_be_typed_where_only_a_quiet_moment_is_awaited(reason: str, later: bool, off: bool) -> None:
    assert ("data-off" in switch.show(switching(reason, later), "")) == off


@pytest.mark.parametrize("folder", ["/ssd/data", "/old"])
def test_no_person_adopts_a_folder_that_a_move_is_about(folder: str) -> None:
    strange = replace(SNAPSHOT, role=Role.OBSERVING, adopted=False, reason="not adopted", folder=folder)
    move = Move(Path("/old"), Path("/ssd"))
    under_way = Status(move=move, standings=(Standing("prepare", "Prepare", Phase.DONE), Standing("copy", "Copy")))
    rolling = replace(under_way, doing=Doing("Rolling back", ALL))
    for status, snapshot in (
        (under_way, strange),
        (rolling, strange),
        (rolling, replace(strange, folder="/elsewhere")),
    ):
        drawn = notice.markup(snapshot, "", notice.is_moved(status, snapshot))
        assert "<button" not in drawn and "see the Migration page" in drawn
    for status in (Status(), under_way):
        snapshot = replace(strange, folder="/elsewhere")
        assert "Adopt this folder" in notice.markup(snapshot, "", notice.is_moved(status, snapshot))


def test_the_page_says_one_thing_of_a_killed_copy() -> None:
    standings = (
        Standing("prepare", "Prepare", Phase.DONE),
        Standing("copy", "Copy & verify", Phase.BEGUN),
        *(Standing(name, name) for name in ("normal", "catch_up", "compare", "switch", "watch", "finish")),
    )
    killed = Status(move=Move(Path("/old"), Path("/ssd")), standings=standings)
    assert "was interrupted" in migration.sentence(killed)
    assert migration.short(killed) == "move: copy & verify was interrupted"
    assert 'class="stage stopped"' in stepper.stepper(killed, "copy")
    working = replace(killed, doing=Doing("Copy & verify", "copy"))
    elsewhere = replace(killed, elsewhere="process 7")
    for status in (working, elsewhere):
        assert "Copy & verify is going on" in migration.sentence(status)
        assert migration.short(status) == "move: copy & verify is going on"
        drawn = stepper.stepper(status, "copy")
        assert 'class="stage doing"' in drawn and "interrupted" not in drawn


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
