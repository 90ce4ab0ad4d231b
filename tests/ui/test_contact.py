"""A page whose app has ended, or hangs, says so by itself, and is whole again by itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui import browsing
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
SOON = 3_000  # milliseconds


class App:
    """`aemo-ops serve` on one port, again and again; NEMWEB is away, which is all the same here."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, browsing.free_port()
        self.url = f"http://localhost:{self._port}/app"

    def start(self) -> None:
        places = {"AEMO_OPS_HOME": str(self._folder / "home"), "AEMO_DATA_PATH": str(self._folder / "data")}
        with (self._folder / "app.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aemo_ops.cli", "serve", "--no-browser", "--port", str(self._port)],
                env={**os.environ, **places, "NEMWEB_URL": "http://127.0.0.1:9"},
                stdout=log,
                stderr=log,
            )
        until(lambda: browsing.answers(self.url), "the app answers", 60)

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(30)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Started once for both tests: that takes longest."""
    made = App(tmp_path_factory.mktemp("app"))
    made.start()
    yield made
    made.process.kill()
    made.process.wait(30)


def clock(page: Page) -> str:
    found = re.search(r"\d\d:\d\d:\d\d", page.get_by_text("NEM time (UTC+10)").first.inner_text())
    assert found
    return found[0]


def ticks(page: Page) -> bool:
    before = clock(page)
    until(lambda: clock(page) != before, "the clock goes on")
    return True


def opacity(page: Page) -> str:
    """Of what the page says, as it is drawn."""
    heading = page.get_by_role("heading", level=1).filter(visible=True)
    return str(
        heading.evaluate(
            """at => {
                for (let node = at; node; node = node.parentNode ?? node.host) {
                    if (node instanceof Element && getComputedStyle(node).filter !== "none") {
                        return getComputedStyle(node).filter
                    }
                }
                return ""
            }"""
        )
    )


def test_a_page_whose_app_hangs_says_since_when_there_is_no_answer_and_goes_on_with_it(
    app: App, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(app.url)
    expect(page.get_by_role("heading", level=1, name="Live")).to_be_visible()
    assert ticks(page)
    app.process.send_signal(signal.SIGSTOP)
    told = page.get_by_role("alert").filter(has_text="No answer from the app since")
    expect(told).to_be_visible(timeout=10_000)
    assert clock(page)[:5] in told.inner_text() and "grayscale" in opacity(page)
    app.process.send_signal(signal.SIGCONT)
    expect(told).to_have_count(0)
    assert ticks(page) and opacity(page) == ""
    page.context.close()


def test_a_page_whose_app_was_killed_says_so_within_seconds_and_is_whole_again_once_it_is_back(
    app: App, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{app.url}?page=collectors")
    heading = page.get_by_role("heading", level=1, name="Collectors")
    expect(heading).to_be_visible()
    assert ticks(page) and opacity(page) == ""
    app.end(signal.SIGKILL)
    told = page.get_by_role("alert").filter(has_text="Disconnected")
    expect(told).to_contain_text(f"Disconnected: what you see is of {clock(page)[:5]}", timeout=SOON)
    expect(page.get_by_role("status").filter(has_text="fresh")).to_have_count(0)
    assert "grayscale" in opacity(page)
    page.get_by_role("link", name="Gaps", exact=True).click()
    expect(page.get_by_text("no page can be opened until the app is back")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^Collectors"))).to_have_attribute("aria-current", "page")
    expect(page).to_have_url(re.compile("page=collectors"))
    app.start()
    expect(told).to_have_count(0, timeout=20_000)
    expect(heading).to_be_visible()
    assert ticks(page) and opacity(page) == ""
    page.get_by_role("link", name="Settings", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Settings")).to_be_visible()
    app.end(signal.SIGINT)  # as a person ends it
    expect(told).to_be_visible(timeout=SOON)
    page.context.close()
