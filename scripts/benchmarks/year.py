"""The Gaps page over a year of seven datasets, in a real browser: the year drawn, and a click on a day answered in detail.

The page shows 90 days when it is opened; a click on "1 year" draws the year, one on a day shows that day id by id. No other
program shows such a page, so the figures stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import browser, home, rivals, servers
from benchmarks.browser import LOST, Tab, visitor
from benchmarks.measure import Failed, in_child, say
from benchmarks.places import Place
from benchmarks.plan import Plan
from benchmarks.sites import OURS
from benchmarks.table import Figure

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FIRST = "Gaps page: opened, until its picture is drawn"
DRAWN = "Gaps page: a year of seven datasets drawn"
DETAIL = "Gaps page: a click on a day to its detail, id by id"
WHATS = (FIRST, DRAWN, DETAIL)
LEFT, ROW = 110, 24  # pixels: into the picture, past its labels; from one dataset to the next
_PAINTED = ("article.tile p.big time, h1", "Gaps")
# Resolves, with performance.now(), after the frame in which a range of some picture has moved. A plot is painted in the frame
# after its ranges have changed, so two frames are waited for.
_MOVED = """() => {
  const ends = () => Bokeh.documents.flatMap((d) => [...d._all_models.values()])
    .filter((m) => m.type === "Range1d").map((m) => `${m.id} ${m.end}`).join()
  const before = ends()
  window.moved = new Promise((resolve) => {
    const look = () => {
      if (ends() === before) { requestAnimationFrame(look); return }
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))
    }
    look()
  })
}"""


def run(place: Place, base: Path, plan: Plan) -> list[Figure]:
    found: list[Figure] = []
    try:
        for figure in _measured(place.folder, base, plan):
            found.append(figure)
    except Failed as error:
        known = {figure.what for figure in found}
        found += [Figure(what, OURS, refused=f"it failed ({error})") for what in WHATS if what not in known]
    finally:
        rivals.clear(place.folder)
    return [replace(figure, place=place.label, data=f"{plan.gap_days} days of seven datasets") for figure in found]


def _measured(folder: Path, base: Path, plan: Plan) -> Iterator[Figure]:
    with ExitStack() as stack:
        chromium = stack.enter_context(browser.launched())
        say(f"year: making {plan.gap_days} days of seven datasets ...")
        in_child(home.make, folder, base, plan, plan.gap_days)
        app = stack.enter_context(servers.app(folder, folder / home.CLOCK))
        app.wait()
        state = home.state(folder)
        stack.callback(state.close)
        servers.until(lambda: "last" in state.facts("cycle"), "the first cycle ends", 600)
        yield from _looked_at(chromium, app.url, plan)


def _looked_at(chromium: Browser, url: str, plan: Plan) -> Iterator[Figure]:
    with visitor(chromium, _PAINTED) as person:
        opened = []
        for _ in range(plan.loads // 2):
            say(f"{FIRST} ...")
            tab = Tab(person, f"{url}?page=gaps")
            tab.painted()
            tab.sees((".bk-Figure", ""))
            opened.append(float(tab.page.evaluate("performance.now()")) / 1000)
            tab.close()
        yield Figure(FIRST, OURS, "seconds", "median", tuple(opened), "90 days; from the start of the navigation")
        tab = Tab(person, f"{url}?page=gaps")
        tab.sees((".bk-Figure", ""))
        tab.calms()
        say(f"{DRAWN} ...")
        yield Figure(DRAWN, OURS, "seconds", "median", tuple(_drawn(tab) for _ in range(plan.loads // 2)))
        say(f"{DETAIL} ...")
        yield Figure(DETAIL, OURS, "seconds", "median", tuple(_days(tab, plan.clicks)))


def _drawn(tab: Tab) -> float:
    """Seconds from the click on "1 year" to the picture; back to 90 days before it."""
    _choose(tab, "90")
    tab.calms()
    return _choose(tab, "365")


def _choose(tab: Tab, days: str) -> float:
    button = tab.page.locator(f"button[data-verb=range][data-subject='{days}']")
    if button.get_attribute("aria-pressed") == "true":
        return 0.0
    tab.page.evaluate(_MOVED)
    button.click(no_wait_after=True)
    found = tab.page.evaluate(f"() => window.within({LOST}, window.moved.then((at) => at - window.pressed))")
    return LOST if found is None else float(found) / 1000


def _days(tab: Tab, clicks: int) -> Iterator[float]:
    """Seconds from the click on a cell to the day id by id: another day, and another dataset, at each."""
    picture = tab.page.locator(".bk-Figure").first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    if box is None:
        raise Failed("the picture of the year is not in sight")
    before = "nothing"
    for number in range(clicks):
        x = box["x"] + LEFT + (box["width"] - LEFT - 20) * ((number * 37 % 100) / 100)
        y = box["y"] + ROW * (number % 7) + ROW / 2 + 4
        other = rf"^(?!{re.escape(before)}$).*\d{{4}}$"
        (seconds,) = tab.answered(lambda: tab.page.mouse.click(x, y), [(".keys-head h2", other)])  # noqa: B023
        before = tab.page.locator(".keys-head h2").first.inner_text()
        box = picture.bounding_box() or box
        yield seconds
