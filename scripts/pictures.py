"""Walks through the demo and takes pictures: `scripts/screenshots [--folder DIR] [--keep]`. Fails where the browser complains."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

ROOT = Path(__file__).parent.parent
KEPT = (
    "live-light-1280",
    "live-dark-1280",
    "gaps-light-1280",
    "move-3-parallel-light-1280",
    "move-3-parallel-dark-1280",
)
LOOKS = [(theme, size) for theme in ("light", "dark") for size in ((1280, 720), (1920, 1080))]
LONG = 240_000  # milliseconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/screenshots")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".screenshots", help="where they go (default .screenshots)"
    )
    parser.add_argument("--keep", action="store_true", help="put the chosen few into assets/screenshots")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, _demo(Path(place) / "demo") as url, sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        camera = Camera(browser, url, chosen.folder)
        _walk(camera)
        browser.close()
    if chosen.keep:
        for name in KEPT:
            shutil.copy(
                chosen.folder / f"{name}.png", ROOT / "assets" / "screenshots" / f"{name.removesuffix('-1280')}.png"
            )
    print(
        "\n".join(camera.complaints) or f"{camera.count} pictures in {chosen.folder}; the browser complained of nothing"
    )
    return 1 if camera.complaints else 0


class Camera:
    """Takes a page four times: two themes, two sizes."""

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        self._browser, self._url, self._folder = browser, url, folder
        self.complaints: list[str] = []
        self.count = 0

    @contextmanager
    def page(
        self, key: str, theme: str = "light", size: tuple[int, int] = (1280, 720), tour: bool = False
    ) -> Iterator[Page]:
        context = self._browser.new_context(viewport={"width": size[0], "height": size[1]})
        cookies = {"aemo_ops_theme": theme} | ({} if tour else {"aemo_ops_tour": "over"})
        context.add_cookies([{"name": name, "value": value, "url": self._url} for name, value in cookies.items()])
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{self._url}?page={key}")
        yield page
        context.close()

    def take(self, name: str, key: str, ready: Callable[[Page], object], tour: bool = False) -> None:
        for theme, size in LOOKS:
            with self.page(key, theme, size, tour) as page:
                try:
                    ready(page)
                except Error:
                    page.screenshot(path=self._folder / "failed.png")  # what stood there instead
                    raise
                page.wait_for_timeout(1500)  # a picture wants the last line drawn; nothing depends on it
                page.screenshot(path=self._folder / f"{name}-{theme}-{size[0]}.png")
                self.count += 1


def _walk(camera: Camera) -> None:
    camera.take("tour", "live", _text("Tour, 1 of"), tour=True)
    camera.take("live", "live", _text("Price by region"))
    camera.take("gaps", "gaps", _text("Completeness by day"))
    camera.take("collectors", "collectors", _text("every file met"))
    camera.take("settings", "settings", _text("AEMO_DATA_PATH"))
    camera.take("move-0-begin", "migration", _button("Look at it"))
    with camera.page("migration") as page:
        _press(page, "Look at it")
        _button("Prepare the new place")(page)
        camera.take("move-1-prepare", "migration", _button("Prepare the new place"))
        _press(page, "Prepare the new place")
        camera.take("move-2-copy", "migration", _text("each hashed while read"))
        _press(page, "Copy & verify")
        _button("Start the parallel run")(page)  # the page follows the move: a tab is chosen once that has gone on
        camera.take("move-2-copied", "migration", _tab("Copy", "Copied & verified"))
        _press(page, "Start the parallel run")
        page.get_by_role("row").filter(has_text="explained").first.wait_for(timeout=LONG)
        camera.take("move-3-parallel", "migration", _text("differences unexplained"))
        _press(page, "Compare, and open the switchover")
        camera.take("move-4-switch", "migration", _text("to go on"))
        page.get_by_label("Type SWITCH").fill("SWITCH")
        _press(page, "Switch over")
        camera.take("move-5-watch", "migration", _text("Before it is finished"))
        camera.take("move-4-switched", "migration", _tab("Switchover", "intervals missing around the switch"))
        camera.take("move-6-rollback", "migration", _rollback)
        _press(page, "Finish, and write the evidence")
        camera.take("move-5-finished", "migration", _text("The move is finished"))
    camera.take("performance", "performance", _text("Measure again"))


def _text(text: str) -> Callable[[Page], object]:
    return lambda page: page.get_by_text(re.compile(re.escape(text))).first.wait_for(timeout=LONG)


def _button(name: str) -> Callable[[Page], object]:
    return lambda page: page.get_by_role("button", name=re.compile(f"^{re.escape(name)}")).first.wait_for(timeout=LONG)


def _tab(name: str, text: str) -> Callable[[Page], object]:
    def ready(page: Page) -> None:
        page.get_by_role("tab", name=name).click()
        _text(text)(page)

    return ready


def _rollback(page: Page) -> None:
    _press(page, "Roll back")
    _text("Roll back: this will be done")(page)


def _press(page: Page, name: str) -> None:
    """Press a button once it can be pressed."""
    button = page.get_by_role("button", name=re.compile(f"^{re.escape(name)}")).first
    page.wait_for_function("button => !button.disabled", arg=button.element_handle(timeout=LONG), timeout=LONG)
    button.click()


@contextmanager
def _demo(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "aemo_ops.cli", "demo", "--no-browser", "--speed", "60"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--folder", str(folder)], cwd=ROOT, start_new_session=True, env=os.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://localhost:{port}/app"
    try:
        while not _answers(url):
            if process.poll() is not None:
                raise SystemExit("the demo did not start; ./scripts/run --demo says why")
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
