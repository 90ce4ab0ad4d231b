"""Our page in a real browser, beside a bare Panel page: paint, bytes, the server's memory, and clicks while it collects.

No other program shows such a page. The bare one is the least that Panel can serve, measured in the same run, so that a
figure also tells how many times the unavoidable it is. The clock runs at its true speed: a cycle every 4.5 minutes,
nothing of older days is read; except during the clicks, when cycles follow each other and the catch-up reads all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import browser, home, rivals, servers, sites
from benchmarks.browser import Tab, visitor
from benchmarks.measure import Failed, in_child, say
from benchmarks.places import Place
from benchmarks.plan import Plan
from benchmarks.servers import Server
from benchmarks.sites import OURS, Press, Site
from benchmarks.table import Figure

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

PAINT = "useful paint, warm"
BYTES = "over the websocket, first load"
MEMORY = "server's memory, with browsers open"
GROWTH = "server's memory, growth over opened and closed pages"
TURN = "a page of the side bar shown, while it collects"
PRESS = "a button looks pressed, while it collects"
ANSWER = "a button's first words of an answer, while it collects"
WHATS = (PAINT, BYTES, MEMORY, GROWTH, TURN, PRESS, ANSWER)
CYCLE_SECONDS = 600.0  # for the first one


def refused() -> str:
    """Why the page is not measured, empty when it is."""
    return browser.refused()


def run(place: Place, base: Path, plan: Plan) -> list[Figure]:
    found: list[Figure] = []
    try:
        for figure in _measured(place.folder, base, plan):
            found.append(figure)
    except Failed as error:
        known = {figure.what for figure in found if figure.who == OURS}
        found += [Figure(what, OURS, refused=f"it failed ({error})") for what in WHATS if what not in known]
    finally:
        rivals.clear(place.folder)
    found.sort(key=lambda figure: WHATS.index(figure.what))
    return [replace(figure, place=place.label, data=f"scada30 {plan.big:,} rows") for figure in found]


def _measured(folder: Path, base: Path, plan: Plan) -> Iterator[Figure]:
    with ExitStack() as stack:
        bare = stack.enter_context(servers.bare(folder))
        chromium = stack.enter_context(browser.launched())
        say("ui: making the files and the state of a day ...")
        in_child(home.make, folder, base, plan)
        app = stack.enter_context(servers.app(folder, folder / home.CLOCK))
        say("ui: waiting for the servers and the first cycle ...")
        app.wait()
        bare.wait()
        state = home.state(folder)
        stack.callback(state.close)
        servers.until(lambda: "last" in state.facts("cycle"), "the first cycle ends", CYCLE_SECONDS)
        here = [sites.ours(app, list(state.facts("collector"))), sites.bare(bare)]
        yield from _at_ease(chromium, here, plan)
        with home.collecting(state) as cycles:
            for site in here:
                yield from _clicks(chromium, site, plan, cycles)


def _at_ease(chromium: Browser, here: list[Site], plan: Plan) -> Iterator[Figure]:
    left = {}
    for site in here:
        yield _paint(chromium, site, plan)
        yield from _first_loads(chromium, site, plan)
        left[site.who] = time.monotonic()
    for site in here if plan.rivals_everywhere else here[:1]:
        yield _growth(chromium, site, plan, left[site.who])


def _paint(chromium: Browser, site: Site, plan: Plan) -> Figure:
    say(f"ui: {PAINT}: {site.who} ...")
    with visitor(chromium, site.painted) as person:
        first, *seconds = [_visit(person, site) for _ in range(plan.loads + 1)]
    note = f"the first visit, with nothing in the browser's cache: {first:.2f} s"
    return Figure(PAINT, site.who, "seconds", "median", tuple(seconds), note)


def _visit(person: BrowserContext, site: Site) -> float:
    tab = Tab(person, site.server.url)
    seconds = tab.painted()
    tab.close()
    return seconds


def _first_loads(chromium: Browser, site: Site, plan: Plan) -> Iterator[Figure]:
    say(f"ui: {plan.browsers} browsers: {site.who} ...")
    with ExitStack() as stack:
        people = [stack.enter_context(visitor(chromium, site.painted)) for _ in range(plan.browsers)]
        tabs = [Tab(person, site.server.url) for person in people]
        for tab in tabs:
            tab.sees(site.whole)
            tab.calms()
        sizes = tuple(float(tab.bytes) for tab in tabs)
        held = _looks(site.server)
    yield Figure(BYTES, site.who, "bytes", "median", sizes, "both ways, before compression")
    yield Figure(
        MEMORY,
        site.who,
        "bytes",
        "most",
        held,
        f"{plan.browsers} open; resident, of the server's process and its children",
    )


def _looks(server: Server) -> tuple[float, ...]:
    """Bytes of memory, looked at five times within a second."""
    found = []
    for _ in range(5):
        found.append(float(server.resident()))
        time.sleep(0.2)
    return tuple(found)


def _growth(chromium: Browser, site: Site, plan: Plan, left: float) -> Figure:
    """`left`: when the last of the tabs that were open before, all of them a warm-up for this, was closed."""
    say(f"ui: {GROWTH}: {site.who} ...")
    before, opened = _at_rest(site.server, left), 0
    ends = time.monotonic() + plan.page_patience
    with visitor(chromium, site.painted) as person:
        while opened < plan.pages and time.monotonic() < ends:
            tabs = [Tab(person, site.server.url) for _ in range(plan.browsers)]
            opened += len(tabs)
            for tab in tabs:
                tab.sees(site.whole)
                tab.close()
    after = _at_rest(site.server, time.monotonic())
    note = f"{opened} pages, {plan.browsers} at a time; resident, once the server has forgotten them"
    return Figure(GROWTH, site.who, "bytes", "growth", (before, after), note)


def _at_rest(server: Server, left: float) -> float:
    time.sleep(max(0.0, left + servers.FORGOTTEN_SECONDS - time.monotonic()))
    return median(_looks(server))


def _clicks(chromium: Browser, site: Site, plan: Plan, cycles: Callable[[], int]) -> Iterator[Figure]:
    with visitor(chromium, site.painted) as person:
        tab = Tab(person, site.server.url + site.query)
        for whats, presses in (((TURN,), site.turns), ((PRESS, ANSWER), site.presses)):
            say(f"ui: {whats[-1]}: {site.who} ...")
            before = cycles()
            clicked = _clicked(tab, islice(presses, plan.clicks), plan.page_patience)
            for what, seconds in zip(whats, zip(*clicked, strict=True), strict=False):
                note = "; ".join([f"{cycles() - before} cycles meanwhile", *_lost(seconds)])
                yield Figure(what, site.who, "seconds", "95th percentile", seconds, note)


def _lost(seconds: Sequence[float]) -> Iterator[str]:
    if lost := sum(one >= browser.LOST for one in seconds):
        yield f"{lost} clicks not answered within {browser.LOST:.0f} s"


def _clicked(tab: Tab, presses: Iterator[Press], patience: float) -> list[list[float]]:
    """What `Tab.click` tells of each; at the end of patience none of a pair is left out."""
    found: list[list[float]] = []
    ends = time.monotonic() + patience
    for target, things in presses:
        if len(found) % 2 == 0 and time.monotonic() > ends:
            break
        tab.sees((target, ""))
        found.append(tab.click(target, things))
    return found
