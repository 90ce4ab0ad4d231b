"""The pages as a person sees them, in a real browser on a real demo."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from aemo_ops.store.lease import adopted
from aemo_ops.store.ledger import Fate, Ledger, LedgerRow
from aemo_ops.store.state import State
from tests.conftest import NOON, only_soak
from tests.ui.browsing import WINDOWS
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
Open = Callable[..., Page]


def tile(page: Page, name: str) -> Locator:
    return page.get_by_role("article").filter(has=page.get_by_role("heading", name=name, exact=True))


def latest(page: Page, name: str) -> str:
    return re.search(r"(\d\d:\d\d)\s*latest interval", tile(page, name).inner_text()).group(1)  # type: ignore[union-attr]


def row(page: Page, collector: str) -> Locator:
    return page.get_by_role("row").filter(has_text=re.compile(rf"^\s*{collector}"))


def test_tiles_are_fresh_and_advance_without_a_reload(open_page: Open) -> None:
    page = open_page()
    for name in ("prices5", "scada5"):
        expect(tile(page, name)).to_contain_text("Fresh")
    before = {name: latest(page, name) for name in ("prices5", "scada5")}
    for name in before:
        until(lambda name=name: latest(page, name) != before[name], f"{name} advances")  # type: ignore[misc]
        expect(tile(page, name)).to_contain_text("Fresh")
    expect(page).to_have_title("Live - AEMO Ops")
    expect(page.get_by_role("status").first).to_contain_text("fresh")


def test_all_seven_datasets_have_a_tile_and_the_first_sentence_says_whether_there_is_anything_to_do(
    open_page: Open,
) -> None:
    page = open_page()
    for name in ("prices5", "scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30"):
        expect(tile(page, name)).to_contain_text("· due")
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()
    said = re.compile("nothing to do|see the Gaps page|on the Collectors page", re.IGNORECASE)
    expect(page.get_by_role("paragraph").filter(has_text=said).first).to_be_visible()


def test_the_clock_runs_at_the_demo_s_speed(open_page: Open) -> None:
    page = open_page()

    def shown() -> datetime:
        text = page.get_by_text("NEM time (UTC+10)").first.inner_text()
        found = re.search(r"(\d\d:\d\d:\d\d)\s+(\w+ \d+ \w+ \d+)", text)
        assert found
        return datetime.strptime(f"{found[1]} {found[2]}", "%H:%M:%S %a %d %b %Y")

    expect(page.get_by_text("NEM time (UTC+10)").first).to_be_visible()
    first = shown()
    until(lambda: (shown() - first).total_seconds() > 60, "a NEM minute passes in about a second", 20)


def test_one_page_at_a_time_is_in_sight_and_the_same_ones_come_back(open_page: Open) -> None:
    page = open_page()
    for title in ("Live", "Collectors", "Gaps", "Live", "Gaps", "Collectors", "Live"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=title).click()
        expect(page.get_by_role("heading", level=1).filter(visible=True)).to_have_text([title])
    expect(tile(page, "prices5")).to_be_visible()


def test_a_button_under_the_pointer_stays_the_same_while_the_page_moves_on(open_page: Open) -> None:
    page = open_page("?page=collectors")
    button = row(page, "dispatch_scada").get_by_role("button", name="Dry run")
    before = row(page, "dispatch_scada").inner_text()
    held = button.element_handle()
    until(lambda: row(page, "dispatch_scada").inner_text() != before, "the row tells something new")
    assert held.evaluate("button => button.isConnected")


def test_a_link_and_a_reload_stay_on_the_page(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Collectors").click()
    expect(page.get_by_role("heading", name="Collectors", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("page=collectors"))
    page.reload()
    expect(page.get_by_role("heading", name="Collectors", exact=True)).to_be_visible()
    expect(page).to_have_title("Collectors - AEMO Ops")
    page.go_back()
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()


def test_an_unknown_page_is_live(open_page: Open) -> None:
    expect(open_page("?page=<script>").get_by_role("heading", name="Live", exact=True)).to_be_visible()


def test_stop_makes_a_tile_age_and_start_brings_it_back_and_two_browsers_agree(open_page: Open) -> None:
    one, two = open_page("?page=collectors"), open_page("?page=collectors")
    live = open_page()
    expect(tile(live, "scada5")).to_contain_text("Fresh")
    row(one, "dispatch_scada").get_by_role("button", name="Stop").click()
    for page in (one, two):
        expect(row(page, "dispatch_scada")).to_contain_text("Stopped")
    expect(tile(live, "scada5")).to_contain_text("Late", timeout=60_000)
    expect(tile(live, "prices5")).to_contain_text("Fresh")
    expect(live.get_by_role("status").first).to_contain_text("scada5")
    row(two, "dispatch_scada").get_by_role("button", name="Start").click()
    for page in (one, two):
        expect(row(page, "dispatch_scada")).not_to_contain_text("Stopped")
    expect(tile(live, "scada5")).to_contain_text("Fresh", timeout=60_000)


def test_run_now_and_dry_run_say_what_they_did(open_page: Open) -> None:
    page = open_page("?page=collectors")
    answer = page.get_by_role("status").filter(has_text="asked for")
    row(page, "dispatchis").get_by_role("button", name="Dry run").click()
    expect(answer).to_contain_text(re.compile(r"Dry run asked for dispatchis .*would read (nothing|\d+ files?)"))
    row(page, "dispatchis").get_by_role("button", name="Run now").click()
    ran = r"Run now asked for dispatchis at [\d:]+\.\s*dispatchis: (\d+ files? read, [\d,]+ rows new|nothing new)"
    expect(answer).to_contain_text(re.compile(ran))
    page.get_by_role("button", name="Dry run all").click()
    for name in ("dispatchis", "dispatch_scada", "rooftop_pv"):
        expect(answer).to_contain_text(re.compile(rf"Dry run asked for all collectors .*{name} would read"))


def test_the_ledger_is_searched(open_page: Open) -> None:
    page = open_page("?page=collectors")
    expect(page.get_by_text(re.compile(r"PUBLIC_\w+_\d+\.zip")).first).to_be_visible()
    page.get_by_role("textbox", name="Search name or reason").fill("rooftop")
    expect(page.get_by_text(re.compile("PUBLIC_ROOFTOP")).first).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile("PUBLIC_DISPATCH"))).to_have_count(0)
    page.get_by_role("textbox", name="Search name or reason").fill("no such file anywhere")
    expect(page.get_by_role("cell", name=re.compile("PUBLIC_"))).to_have_count(0)


def test_html_in_a_file_name_or_an_event_is_shown_as_text(open_page: Open, demo_folder: Path) -> None:
    text = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
    row = LedgerRow(text, "prices5", "dispatchis", Fate.REJECTED, NOON, NOON, NOON, reason=text)
    Ledger(demo_folder / "home" / "ledger.sqlite", str(adopted(demo_folder / "data"))).record([row])
    page = open_page("?page=collectors")
    page.get_by_role("textbox", name="Search name or reason").fill("onerror")
    expect(page.get_by_role("cell", name=text).first).to_be_visible()
    assert page.title() == "Collectors - AEMO Ops"
    live, state = open_page(), State(demo_folder / "home" / "state.sqlite")
    expect(tile(live, "prices5")).to_contain_text("latest interval")

    def told() -> bool:
        state.add_event(NOON, "rejected", "dispatchis", text)  # again and again: the feed of a fast demo moves on
        live.wait_for_timeout(300)
        return live.get_by_text(text).count() > 0

    until(told, "the event is in the feed, as text")
    assert live.title() == "Live - AEMO Ops"


def cycles(folder: Path) -> dict[str, Any]:
    with sqlite3.connect(f"file:{folder}/home/state.sqlite?mode=ro", uri=True) as state:
        told = state.execute("SELECT fact FROM facts WHERE kind = 'cycle'").fetchone()
    return dict(json.loads(told[0])) if told else {"number": 0}


def test_it_collects_with_no_browser_open(demo: str, demo_folder: Path) -> None:
    before = cycles(demo_folder)["number"]
    until(lambda: cycles(demo_folder)["number"] > before + 1, "two more cycles, and nobody looks")


@only_soak
def test_five_browsers_do_not_make_it_collect_five_times(open_page: Open, demo_folder: Path) -> None:
    pages = [open_page() for _ in range(5)]
    for page in pages:
        expect(tile(page, "prices5")).to_contain_text("latest interval")
    first = cycles(demo_folder)
    until(lambda: cycles(demo_folder)["number"] >= first["number"] + 2, "two more cycles", 60)
    last = cycles(demo_folder)
    passed = datetime.fromisoformat(last["nem"]) - datetime.fromisoformat(first["nem"])
    # Every collector keeps its own beat of 4.5 minutes; run now or start may add one, five browsers would add many.
    assert passed.total_seconds() / 60 >= 4.5 * (last["number"] - first["number"]) / 3 - 4.5


def test_performance_tells_what_the_cycles_cost_and_how_fast_the_files_answer(
    open_page: Open, demo_folder: Path
) -> None:
    page = open_page("?page=performance")
    expect(page.get_by_text(re.compile(r"A cycle takes \d+\.\d s, the longest of"))).to_be_visible()

    def agrees() -> bool:
        """The page's longest cycle is that of the table, read without us."""
        with sqlite3.connect(demo_folder / "home" / "state.sqlite") as state:
            (longest,) = state.execute("SELECT max(seconds) FROM costs").fetchone()
        shown = re.search(r"most (\d+\.\d\d) s", tile(page, "A cycle").inner_text())
        return bool(shown) and abs(float(shown.group(1)) - longest) < 0.0051  # type: ignore[union-attr]

    until(agrees, "the longest cycle is shown")
    expect(page.get_by_role("row").filter(has_text="scada5").first).to_contain_text("MB")
    page.get_by_role("button", name="Measure again").click()
    expect(page.get_by_role("button", name="Measure again")).to_be_enabled()
    expect(page.get_by_text("Measured when a move is finished")).to_be_visible()


def test_settings_tell_every_value_and_where_it_came_from(open_page: Open, demo_folder: Path) -> None:
    page = open_page("?page=settings")
    row_ = page.get_by_role("row").filter(has_text="AEMO_DATA_PATH")
    expect(row_).to_contain_text(str(demo_folder / "data"))
    expect(row_).to_contain_text(str(demo_folder / "home" / ".env"))
    expect(page.get_by_role("row").filter(has_text="UPDATE_INTERVAL_MINUTES")).to_contain_text("default")
    expect(page.get_by_role("row").filter(has_text="Ledger of every file met")).to_contain_text("yes")


def test_the_tour_leads_from_page_to_page_and_once_dismissed_does_not_come_back(open_page: Open) -> None:
    page = open_page()
    tour = page.get_by_role("region", name="Tour of the demo")
    expect(tour).to_contain_text("Tour, 1 of 6.")
    tour.get_by_role("button", name="Next").click()
    expect(tour).to_contain_text("Tour, 2 of 6.")
    expect(page.get_by_role("heading", level=1, name="Gaps")).to_be_visible()
    tour.get_by_role("button", name="Dismiss").click()
    expect(tour).to_be_hidden()
    page.reload()
    expect(page.get_by_role("heading", name="Completeness by day")).to_be_visible()
    expect(tour).to_have_count(0)


@pytest.mark.parametrize(("theme", "width"), WINDOWS)
def test_nothing_is_wider_than_the_window(open_page: Open, demo: str, theme: str, width: int) -> None:
    page = open_page()
    page.context.add_cookies([{"name": "aemo_ops_theme", "value": theme, "url": demo}])
    page.set_viewport_size({"width": width, "height": 720})
    page.reload()
    for title in ("Live", "Collectors", "Migration", "Performance", "Settings"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=title).click()
        heading = "Move the files" if title == "Migration" else title
        expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), title
        for table in page.locator(".scroll.table").filter(visible=True).all():
            assert table.evaluate("box => box.scrollWidth <= box.clientWidth"), f"a table of {title}"
