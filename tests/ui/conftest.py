from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.ui import browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For the tests of a file: its event loop runs as long as it is there, in which no other test could run one."""
    path = browsing.chromium()
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=browsing.ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("demo") / "demo"


@pytest.fixture(scope="module")
def demo(request: pytest.FixtureRequest, demo_folder: Any) -> Iterator[str]:
    """One demo for all tests of a file, sixty times as fast as the real market; none runs beside the tests of other files.

    A file whose tests wait for what is read of the past names a shorter CATCHUP_GAP, in seconds between two files.
    """
    gap = getattr(request.module, "CATCHUP_GAP", 0.2)
    with browsing.demo(demo_folder, 60.0, "--no-old-collector", catchup_gap=gap) as url:
        yield url


@pytest.fixture
def open_page(browser: Browser, demo: str) -> Iterator[Any]:
    """Opens pages of the demo; at the end none of them had an error, or asked anybody but this machine."""
    contexts, complaints = [], []

    def open_(query: str = "", **context: Any) -> Page:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 720}, **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: complaints.append(f"asked {r.url}") if not _ours(r.url, demo) else None)
        page.goto(demo + query)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints


def _ours(url: str, demo: str) -> bool:
    return url.startswith((demo.removesuffix("app"), demo.removesuffix("app").replace("http", "ws"), "data:", "blob:"))
