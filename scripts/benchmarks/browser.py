"""A real browser without a window, and what is measured inside its pages (see watch.js)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.machine import missing
from benchmarks.measure import Failed
from benchmarks.servers import end

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, WebSocket

Thing = tuple[str, str]  # a CSS selector, and a regular expression that the text of what it selects must match
NAMES = ("chromium", "google-chrome", "chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH = Path(__file__).parent / "watch.js"
WINDOW = {"width": 1280, "height": 720}
PATIENCE = 60.0  # seconds for a page to be painted
PAUSE = 0.25  # seconds between two clicks
LOST = 5.0  # seconds after which a click counts as not answered, and as this long
CALM_BYTES = 2_000  # in a second: the ticks of a clock, but no chart


def refused() -> str:
    """Why no browser can be driven here, empty when one can."""
    if why := missing("playwright"):
        return why
    return "" if _executable() else "no Chromium on this machine (AEMO_OPS_CHROMIUM names one)"


def _executable() -> str | None:
    return os.environ.get("AEMO_OPS_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser; it, all its processes and their files are gone at the end, whatever happens."""
    from playwright.sync_api import Error, sync_playwright

    before = set(psutil.Process().children())
    family: list[psutil.Process] = []
    with _temporary_files():
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=_executable(), args=ARGUMENTS)
                family += _descendants(before)
                yield browser
                browser.close()
        except Error as error:
            raise Failed(f"the browser: {' '.join(str(error).split())[:200]}") from error
        finally:
            end(family)


@contextmanager
def _temporary_files() -> Iterator[None]:
    """A folder for the temporary files of whoever is started meanwhile: a browser that is killed cannot remove them.

    Its path is short, since the browser puts a socket into it.
    """
    before = os.environ.get("TMPDIR")
    with TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = folder
        try:
            yield
        finally:
            del os.environ["TMPDIR"]
            os.environ |= {} if before is None else {"TMPDIR": before}


def _descendants(before: set[psutil.Process]) -> list[psutil.Process]:
    """The processes that were started since `before`, and theirs: a browser outlives the driver that started it."""
    fresh = set(psutil.Process().children()) - before
    return [one for driver in fresh for one in (*driver.children(recursive=True), driver)]


@contextmanager
def visitor(browser: Browser, painted: Thing) -> Iterator[BrowserContext]:
    """A browser of one person, with a cache and cookies of its own, that watches for `painted` from the first moment."""
    from playwright.sync_api import Error

    context = browser.new_context(viewport=WINDOW)
    context.add_init_script(f"{WATCH.read_text()}; window.painted = window.seen({json.dumps(painted)})")
    try:
        yield context
    finally:
        with suppress(Error):  # Ctrl-C ends the browser too, and its complaint must not hide that
            context.close()


class Tab:
    """A page in its own tab, on its way as soon as it is made; `bytes` went over its websocket, both ways, uncompressed."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.bytes = 0
        self._url = url
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("websocket", self._watch)
        self.page.goto(url, wait_until="commit")

    def _watch(self, socket: WebSocket) -> None:
        for event in ("framereceived", "framesent"):
            socket.on(event, self._count)

    def _count(self, frame: str | bytes) -> None:
        self.bytes += len(frame.encode() if isinstance(frame, str) else frame)

    def painted(self) -> float:
        """Seconds from the start of the navigation to the useful paint. Raises Failed."""
        return self._told("window.painted", PATIENCE, f"{self._url} was not painted")

    def sees(self, thing: Thing) -> None:
        """Return when `thing` is seen. Raises Failed."""
        self._told("window.seen(thing)", PATIENCE, f"{thing} was not seen on {self._url}", thing)

    def calms(self) -> None:
        """Return when nothing but ticks came for a second, or at the end of patience."""
        for _ in range(int(PATIENCE)):
            before = self.bytes
            self.page.wait_for_timeout(1000)
            if self.bytes - before < CALM_BYTES:
                return

    def click(self, target: str, things: Sequence[Thing]) -> list[float]:
        """Seconds from the pointer going down on `target` to the sight of each thing; LOST for one not seen by then."""
        return self.answered(lambda: self.page.locator(target).click(no_wait_after=True), things)

    def answered(self, press: Callable[[], object], things: Sequence[Thing]) -> list[float]:
        """As `click`, for whatever `press` does with the pointer.

        Before it, a moment goes by as it does for people: what the click before it set off may come to rest.
        """
        self.page.wait_for_timeout(PAUSE * 1000)
        self.page.evaluate("things => { window.coming = things.map(window.seen) }", things)
        press()
        each = [f"window.coming[{number}].then((at) => at - window.pressed)" for number in range(len(things))]
        seen = [self._evaluated(promise, LOST) for promise in each]
        return [LOST if one is None else one / 1000 for one in seen]

    def _told(self, promise: str, seconds: float, otherwise: str, *thing: Thing) -> float:
        found = self._evaluated(promise, seconds, *thing)
        if found is None:
            raise Failed(f"{otherwise} within {seconds:.0f} s")
        return found / 1000

    def _evaluated(self, promise: str, seconds: float, *thing: Thing) -> float | None:
        found: Any = self.page.evaluate(f"(thing) => window.within({seconds}, {promise})", *thing)
        return found

    def close(self) -> None:
        self.page.close()
