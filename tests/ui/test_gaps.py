"""The Gaps page as a person uses it: a hole is cut into a file, seen, filled, and seen gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import filelock
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Locator, Page, expect

from aemo_ops.clock import Clock
from aemo_ops.store.lease import adopted
from aemo_ops.store.ledger import Fate, Ledger
from tests.ui.browsing import WINDOWS
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CATCHUP_GAP = 0.01
Open = Callable[..., Page]


def cut(path: Path, since: datetime, until_: datetime, regions: tuple[str, ...] = ()) -> pd.DataFrame:
    """Take the rows of (since, until], of some regions or of all, out of a file, as another program would; the rows."""
    with filelock.FileLock(f"{path}.lock"):
        rows = pq.read_table(path)
        times = rows["settlementdate"]
        low, high = (pa.scalar(at, pa.timestamp("ns")) for at in (since, until_))
        gone = pc.and_(pc.greater(times, low), pc.less_equal(times, high))
        if regions:
            gone = pc.and_(gone, pc.is_in(rows["regionid"], pa.array(regions)))
        other = path.with_name("written.by.another.program")
        pq.write_table(rows.filter(pc.invert(gone)), other)
        other.replace(path)
    return rows.filter(gone).to_pandas()


def found(path: Path, wanted: pd.DataFrame) -> bool:
    """Whether the file has these rows, with their values."""
    rows = pd.read_parquet(path).merge(wanted, how="inner")
    return len(rows) == len(wanted)


def gap(page: Page, dataset: str, first: datetime) -> Locator:
    return page.get_by_role("row").filter(has_text=f"{first:%Y-%m-%d %H:%M}").filter(has_text=dataset)


def quiet(page: Page) -> None:
    """Gaps are not filled by itself while a person looks at them."""
    switch = page.get_by_role("switch", name=re.compile("Fill gaps by itself"))
    if switch.get_attribute("aria-checked") == "true":
        switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")


@pytest.fixture
def prices(demo: str, demo_folder: Path) -> Path:
    """prices5.parquet of the demo, when the catch-up has read the hours that are cut: it would bring their rows back."""
    file = f"PUBLIC_DISPATCHIS_{a_while_ago(demo_folder, 6):%Y%m%d%H%M}"

    def read() -> bool:
        identity = adopted(demo_folder / "data")
        if identity is None:
            return False
        return bool(Ledger(demo_folder / "home" / "ledger.sqlite", identity).search(file, "dispatchis", Fate.MERGED, 1))

    until(read, "the newest six hours of prices are read", 120)
    return demo_folder / "data" / "prices5.parquet"


def a_while_ago(demo_folder: Path, hours: float) -> datetime:
    """A half hour of the demo's past."""
    now = Clock.from_file(demo_folder / "clock.json").now()
    return (now - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)


def test_a_hole_is_seen_filled_and_seen_gone(open_page: Open, demo_folder: Path, prices: Path) -> None:
    page = open_page("?page=gaps")
    expect(page.get_by_role("heading", name="Gaps", level=1)).to_be_visible()
    quiet(page)
    since = a_while_ago(demo_folder, 5)
    lost = cut(prices, since, since + timedelta(hours=1))
    assert len(lost) == 60
    row = gap(page, "prices5", since + timedelta(minutes=5))
    expect(row).to_contain_text("missing", timeout=60_000)
    expect(row.get_by_role("cell", name="12", exact=True)).to_be_visible()
    expect(row).to_contain_text("Current")
    expect(page.get_by_text(re.compile(r"gaps? in \d files? can be filled|1 gap"))).to_be_visible()
    row.get_by_role("button", name=re.compile("^Show")).click()
    detail = page.get_by_role("region", name="One day, id by id")
    expect(detail.get_by_role("row").filter(has_text="NSW1")).to_contain_text("missing")
    row.get_by_role("button", name=re.compile("^Fill")).click(timeout=90_000)  # once a filling by itself has ended
    expect(row).to_have_count(0, timeout=60_000)
    expect(detail.get_by_role("row").filter(has_text="NSW1")).not_to_contain_text("missing")
    expect(page.get_by_text(re.compile("12 of 12 intervals filled")).first).to_be_visible()
    assert found(prices, lost)
    expect(page).to_have_title("Gaps - AEMO Ops")


def test_the_days_of_one_file_are_filled_and_it_is_told_there(open_page: Open, demo_folder: Path, prices: Path) -> None:
    page = open_page("?page=gaps")
    quiet(page)
    since = a_while_ago(demo_folder, 4)
    lost = cut(prices, since, since + timedelta(minutes=20))
    row = gap(page, "prices5", since + timedelta(minutes=5))
    expect(row).to_contain_text("missing", timeout=60_000)
    row.get_by_role("button", name=re.compile("^Show")).click()
    page.get_by_role("button", name="Fill these days prices5").click(timeout=90_000)
    expect(row).to_have_count(0, timeout=60_000)
    # The days before may lack intervals too, which Archive has, a bundle for each: what was cut is what Current had.
    told = page.get_by_text(re.compile(r"prices5 \d+ of \d+ intervals filled \(4 from current")).first
    expect(told).to_be_visible(timeout=120_000)
    assert found(prices, lost)


def test_fill_all_fills_a_missing_region_too_and_two_browsers_see_it(
    open_page: Open, demo_folder: Path, prices: Path
) -> None:
    one, two = open_page("?page=gaps"), open_page("?page=gaps")
    quiet(one)
    since = a_while_ago(demo_folder, 3)
    lost = cut(prices, since, since + timedelta(minutes=30), ("SA1", "TAS1"))
    for page in (one, two):
        row = gap(page, "prices5", since + timedelta(minutes=5))
        expect(row).to_contain_text("SA1, TAS1", timeout=60_000)
        expect(row).to_contain_text("partial")
    one.get_by_role("button", name=re.compile("^Fill all")).click()
    for page in (one, two):
        expect(gap(page, "prices5", since + timedelta(minutes=5))).to_have_count(0, timeout=90_000)
    assert found(prices, lost)


def test_the_switch_is_kept_and_what_is_missing_is_then_filled_by_itself_no_more(open_page: Open) -> None:
    page = open_page("?page=gaps")
    quiet(page)
    page.reload()
    switch = page.get_by_role("switch", name=re.compile("Fill gaps by itself"))
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")


def test_the_list_is_filtered(open_page: Open, demo_folder: Path, prices: Path) -> None:
    page = open_page("?page=gaps")
    quiet(page)
    since = a_while_ago(demo_folder, 2)
    cut(prices, since, since + timedelta(minutes=15))
    row = gap(page, "prices5", since + timedelta(minutes=5))
    expect(row).to_be_visible(timeout=60_000)
    page.get_by_role("textbox", name="Search id or date").fill("no such day")
    expect(page.get_by_text("No gap matches: clear the search or choose any.")).to_be_visible()
    page.get_by_role("textbox", name="Search id or date").fill(f"{since:%Y-%m-%d %H}:05")
    expect(row).to_be_visible()
    row.get_by_role("button", name=re.compile("^Fill")).click()
    expect(row).to_have_count(0, timeout=60_000)


@pytest.mark.parametrize(("theme", "width"), WINDOWS)
def test_nothing_is_wider_than_the_window(open_page: Open, demo: str, theme: str, width: int) -> None:
    page = open_page("?page=gaps")
    page.context.add_cookies([{"name": "aemo_ops_theme", "value": theme, "url": demo}])
    page.set_viewport_size({"width": width, "height": 720})
    page.reload()
    expect(page.get_by_text("Completeness by day")).to_be_visible()
    expect(page.get_by_text(re.compile("of the .* intervals due are there"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_year_is_drawn_with_few_patterns_of_hatching_and_a_range_can_be_pressed_again_at_once(
    open_page: Open, demo_folder: Path, prices: Path
) -> None:
    page = open_page("?page=gaps")
    quiet(page)
    since = a_while_ago(demo_folder, 1)  # a cell that is hatched: the tests before may have filled all that was missing
    cut(prices, since, since + timedelta(minutes=15))
    expect(gap(page, "prices5", since + timedelta(minutes=5))).to_be_visible(timeout=60_000)
    page.evaluate(
        """() => { const make = CanvasRenderingContext2D.prototype.createPattern; let frame = 0; window.patterns = 0
          const next = () => { frame = 0; requestAnimationFrame(next) }; next()
          CanvasRenderingContext2D.prototype.createPattern = function (...all) {
            frame += 1; window.patterns = Math.max(window.patterns, frame); return make.apply(this, all) } }"""
    )
    drawn = "(end) => Bokeh.documents.some((d) => [...d._all_models.values()].some((m) => m.end === end))"
    for name, columns in (("1 year", 365), ("30 days", 30), ("1 year", 365)):
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_function(drawn, arg=columns - 0.5)
        expect(page.get_by_role("button", name=name, exact=True)).to_have_attribute("aria-pressed", "true")
    # A pattern of every cell's own took a browser seconds. The most of one frame: how often it is redrawn is the market's doing.
    page.wait_for_function("window.patterns > 0")
    assert page.evaluate("window.patterns") < 100
