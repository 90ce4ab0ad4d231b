"""A whole move as a person does it: in a real browser, from the demo's pretend iCloud folder and its running old collector."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import filelock
import pandas as pd
import psutil
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from aemo_ops.market.catalogue import DATASETS
from tests.conftest import SOAK, only_soak
from tests.ui import browsing
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200 if SOAK else 420)]
SPEED = 60.0
LONG = 120_000  # milliseconds, for what takes market time
MINUTE = timedelta(minutes=1)
DONE = re.compile(r"(?<!partly )done")


class Demo:
    """A demo's folders, and who collects into the old one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old = folder / "Library" / "Mobile Documents" / "com~apple~CloudDocs" / "AEMO_spot" / "data 2"
        self.base = folder / "Volumes" / "SSD" / "aemo_production"
        self.new = self.base / "data"

    def collectors(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            line = process.info["cmdline"] or []
            if "aemo_ops.replica.legacy" in line and str(self.old) in line:
                found.append(process)
        return [one for one in found if one.info["status"] != psutil.STATUS_ZOMBIE]

    def keys(self, folder: Path, name: str) -> set[object]:
        """A file's keys on the grid, by pandas; of the old one, which is written in place, once it can be read."""
        dataset = next(dataset for dataset in DATASETS if dataset.name == name)
        frames: list[pd.DataFrame] = []

        def whole() -> bool:
            try:
                frames.append(pd.read_parquet(folder / dataset.file_name))
            except (OSError, ValueError):
                return False
            return True

        until(whole, f"{name} can be read")
        times = frames[0]["settlementdate"].astype("datetime64[ns]")
        on_grid = times.dt.minute % int(dataset.cadence / MINUTE) == 0
        return set(zip(times[on_grid], frames[0].loc[on_grid, dataset.key[1]], strict=True))

    def journal(self) -> list[str]:
        lines = (self.folder / "home" / "move" / "journal-1.jsonl").read_text().splitlines()
        return [json.loads(line)["kind"] for line in lines]


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """The Migration page; at the end it had no error."""
    context, complaints = browser.new_context(viewport={"width": 1280, "height": 720}), list[str]()
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{url}?page=migration")
    try:
        yield page
    finally:
        context.close()
    assert not complaints


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def press(page: Page, name: str, timeout: float = 30_000) -> None:
    expect(button(page, name)).to_be_enabled(timeout=timeout)
    button(page, name).click()


def deed(page: Page, verb_text: str, timeout: float = 30_000) -> None:
    """Press a stage's one button, once it can be."""
    found = page.get_by_role("button", name=re.compile(f"^{re.escape(verb_text)}"))
    expect(found).to_be_enabled(timeout=timeout)
    found.click()


def stage(page: Page, name: str) -> Locator:
    return page.get_by_role("tab", name=name)


def typed(page: Page, word: str, text: str) -> None:
    page.get_by_label(f"Type {word} to go on").fill(word)
    press(page, text)


def refused(page: Page, word: str, text: str) -> None:
    """No word and a wrong one do not open the button, and the answer is in sight beside the field."""
    field = page.get_by_label(f"Type {word} to go on")
    for wrong, answer in (
        ("", f"opens when {word} stands in the field"),
        (word.lower(), f"Not {word}: type it in capitals"),
    ):
        field.fill(wrong)
        field.press("Enter")
        expect(page.get_by_text(answer)).to_be_in_viewport()
        expect(button(page, text)).to_be_disabled()
    field.fill("")


def up_to_the_switch(page: Page) -> None:
    press(page, "Look at it")
    deed(page, "Prepare the new place")
    expect(stage(page, "Prepare")).to_contain_text(DONE)
    expect(stage(page, "Copy & verify")).to_contain_text("next")
    deed(page, "Copy & verify")
    expect(stage(page, "Copy & verify")).to_contain_text(DONE)
    to_the_switch(page)


def to_the_switch(page: Page) -> None:
    deed(page, "Start the parallel run")
    deed(page, "Compare, and open the switchover", LONG)
    expect(stage(page, "Parallel run")).to_contain_text(DONE, timeout=LONG)


def switch(page: Page) -> None:
    typed(page, "SWITCH", "Switch over")
    expect(stage(page, "Switchover")).to_contain_text(DONE, timeout=LONG)


def test_there_and_back_and_there_again(browser: Browser, tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    with browsing.demo(demo.folder, SPEED) as url, opened(browser, url) as page, opened(browser, url) as other:
        expect(page.get_by_text("No move was begun.")).to_be_visible()
        until(lambda: (demo.old / "gen_info.pkl").exists(), "the old collector's first cycle is over")
        before = {path.name: path.stat().st_ino for path in demo.old.glob("*")}
        target = page.get_by_label("To: a folder on a local disk")
        for wrong, answer in (("moved/here", "is no whole path"), (str(demo.old), "choose a folder apart from it")):
            target.fill(wrong)
            press(page, "Look at it")
            expect(page.get_by_text(answer)).to_be_visible()
        target.fill(str(demo.base))
        press(page, "Look at it")
        expect(page.get_by_text("nothing stands in the way")).to_be_visible()
        assert page.locator(".files .wide").evaluate("box => box.scrollWidth <= box.clientWidth")  # with its fields
        with opened(browser, url) as closing:  # a browser that is closed once the copy was asked for
            press(closing, "Look at it")
            deed(closing, "Prepare the new place")
            deed(closing, "Copy & verify")
        expect(stage(page, "Copy & verify")).to_contain_text(DONE)
        to_the_switch(page)
        # The other browser was told nothing, and sees the same.
        expect(stage(other, "Parallel run")).to_contain_text(DONE)
        expect(other.get_by_role("status").first).to_contain_text("move: switchover is next")
        stage(page, "Parallel run").click()
        right = re.compile(
            r"[\d,]+ same, [\d,]+ old missed, 0 old wrong, 0 unexplained or new wrong"
        )  # a slow old one misses some
        expect(page.get_by_role("row", name=re.compile("^scada5 ")).get_by_role("img", name=right)).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="scada30").first).to_contain_text("explained")
        page.get_by_role("button", name="Rows scada30").click()
        expect(page.get_by_role("heading", name=re.compile("scada30: rows that differ"))).to_be_visible()
        expect(page.get_by_text("the mean of the last five of six").first).to_be_visible()
        assert {path.name: path.stat().st_ino for path in demo.old.glob("*")} == before  # nothing was replaced there
        # A wrong word changes nothing.
        stage(page, "Switchover").click()
        refused(page, "SWITCH", "Switch over")
        assert "confirmed" not in demo.journal() and len(demo.collectors()) == 1
        switch(page)
        assert demo.collectors() == []
        for dataset in DATASETS:
            assert demo.keys(demo.old, dataset.name) <= demo.keys(demo.new, dataset.name), dataset.name
        stage(page, "Switchover").click()
        expect(page.get_by_text("0 intervals missing around the switch")).to_be_visible()
        expect(other.get_by_text("The new collector is in charge.")).to_be_visible()
        # Back: a wrong word first.
        press(page, "Roll back …")
        refused(page, "ROLLBACK", "Roll back")
        left = max(time for time, _ in demo.keys(demo.old, "prices5"))  # type: ignore[misc]
        collected = {key for key in demo.keys(demo.new, "prices5") if key[0] > left}  # type: ignore[index]
        assert collected
        typed(page, "ROLLBACK", "Roll back")
        expect(page.get_by_text("The move was rolled back: everything is as it was")).to_be_visible(timeout=LONG)
        assert len(demo.collectors()) == 1 and collected <= demo.keys(demo.old, "prices5")
        assert not demo.new.exists()
        _report(page)
        if SOAK:  # and over again, to the end
            up_to_the_switch(page)
            switch(page)
            deed(page, "Finish, and write the evidence", LONG)
            expect(stage(page, "Watch & finish")).to_contain_text(DONE, timeout=LONG)
            expect(page.get_by_text("The move is finished").first).to_be_visible()
            assert json.loads((demo.base / "evidence" / "move.json").read_text())["steps"]
    assert demo.collectors() == []


def _report(page: Page) -> None:
    with page.expect_popup() as popup:
        press(page, "Open the report")
    expect(popup.value.get_by_text("The move was rolled back: everything").first).to_be_visible()
    popup.value.close()
    with page.expect_download() as download:
        press(page, "Download as JSON")
    told = json.loads(download.value.path().read_text())["sentence"]
    assert told == "The move was rolled back: everything is as it was before, with every row collected since."


@only_soak
def test_a_killed_app_comes_back_to_where_the_move_stood(browser: Browser, tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    port = browsing.free_port()
    command = [sys.executable, "-m", "aemo_ops.cli", "demo", "--no-browser", "--port", str(port)]
    command += ["--speed", str(SPEED), "--folder", str(demo.folder)]
    url = f"http://localhost:{port}/app"

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
        until(lambda: browsing.answers(url), "the demo answers", 60)
        return process

    process = start()
    try:
        with opened(browser, url) as page:
            until(lambda: (demo.old / "gen_info.pkl").exists(), "the old collector's first cycle is over")
            press(page, "Look at it")
            deed(page, "Prepare the new place")
            deed(page, "Copy & verify")
            deed(page, "Start the parallel run")
            expect(page.get_by_text("Before the switchover may open")).to_be_visible()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        for one in demo.collectors():
            one.kill()
        until(lambda: not demo.collectors(), "nobody collects")
        process = start()
        with opened(browser, url) as page:
            expect(stage(page, "Copy & verify")).to_contain_text(DONE)
            expect(stage(page, "Parallel run")).to_contain_text("partly done")
            # It collects into the new folder again, without being asked.
            latest = max(time for time, _ in demo.keys(demo.new, "prices5"))  # type: ignore[misc]
            until(lambda: max(t for t, _ in demo.keys(demo.new, "prices5")) > latest, "it collects", 60)  # type: ignore[misc]
            press(page, "Roll back …")
            typed(page, "ROLLBACK", "Roll back")
            expect(page.get_by_text("The move was rolled back: everything is as it was")).to_be_visible(timeout=LONG)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@only_soak
def test_a_wrong_new_file_bars_the_way_and_a_deaf_collector_is_not_killed(browser: Browser, tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    with browsing.demo(demo.folder, SPEED) as url, opened(browser, url) as page:
        until(lambda: (demo.old / "gen_info.pkl").exists(), "the old collector's first cycle is over")
        deaf = _make_deaf(demo)
        press(page, "Look at it")
        deed(page, "Prepare the new place")
        deed(page, "Copy & verify")
        deed(page, "Start the parallel run")
        expect(button(page, "Compare, and open the switchover")).to_be_enabled(timeout=LONG)
        right = _falsified(demo.new / "rooftop30.parquet")
        expect(page.get_by_text("differences unexplained, or ours wrong: rooftop30")).to_be_visible(timeout=LONG)
        deed(page, "Compare, and open the switchover", LONG)
        expect(page.get_by_role("alert")).to_contain_text("new is wrong: another value than AEMO's", timeout=LONG)
        expect(stage(page, "Switchover")).to_contain_text("not yet")
        _put_right(demo.new / "rooftop30.parquet", right)
        expect(page.get_by_text("differences unexplained, or ours wrong: none")).to_be_visible(timeout=LONG)
        deed(page, "Compare, and open the switchover", LONG)
        typed(page, "SWITCH", "Switch over")
        expect(page.get_by_role("alert").first).to_contain_text(
            "it was not killed. Everything is as before", timeout=LONG
        )
        assert len(demo.collectors()) == 1 and deaf.poll() is None
        deaf.kill()
        deaf.wait(10)


@only_soak
def test_a_full_disk_is_said_before_the_copy_and_within_it(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = Demo(tmp_path / "demo")
    monkeypatch.setenv("AEMO_OPS_FAILPOINTS", "move.copy.intended=sleep:8")  # in which the disk is filled
    with _small_disk(tmp_path / "disk") as disk, browsing.demo(demo.folder, SPEED) as url, opened(browser, url) as page:
        until(lambda: (demo.old / "gen_info.pkl").exists(), "the old collector's first cycle is over")
        page.get_by_label("To: a folder on a local disk").fill(str(disk / "moved"))
        press(page, "Look at it")
        expect(page.get_by_text("bytes free, the move needs")).to_be_visible()
        prepare = page.get_by_role("button", name=re.compile("^Prepare the new place"))
        expect(prepare).to_be_disabled()
        _sized(disk, 64)
        expect(prepare).to_be_enabled()  # by itself: the page looks again
        prepare.click()
        deed(page, "Copy & verify")
        expect(page.get_by_role("button", name="Cancel")).to_be_visible()
        with (disk / "holiday.mov").open("wb") as filler, pytest.raises(OSError, match="No space left"):
            while True:
                filler.write(bytes(1 << 16))
                filler.flush()
        os.truncate(disk / "holiday.mov", (disk / "holiday.mov").stat().st_size - (1 << 18))  # less than a file needs
        expect(page.get_by_role("alert")).to_contain_text("are free. Nothing was left of the copy", timeout=LONG)
        expect(stage(page, "Copy & verify")).to_contain_text("failed")
        there = {path.name for path in (disk / "moved" / "data").iterdir()}
        assert "scada5.parquet" not in there and not any("partial" in name for name in there)
        (disk / "holiday.mov").unlink()
        deed(page, "Copy & verify")
        expect(stage(page, "Copy & verify")).to_contain_text(DONE, timeout=LONG)
        assert demo.keys(demo.old, "prices5") >= demo.keys(disk / "moved" / "data", "prices5")


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A filesystem of a megabyte."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def _sized(disk: Path, megabytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", disk], check=True)


def _make_deaf(demo: Demo) -> subprocess.Popen[bytes]:
    """The old collector, started anew as one that does not listen to SIGTERM."""
    (old,) = demo.collectors()
    command, folder = old.cmdline(), old.cwd()
    old.kill()
    until(lambda: not demo.collectors(), "it has ended")
    again = [*command, "--variant", "deaf"]
    return subprocess.Popen(again, cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True)


def _falsified(path: Path) -> pd.DataFrame:
    """Powers of the last day are a megawatt off; what they were."""
    with filelock.FileLock(f"{path}.lock"):
        rows = pd.read_parquet(path)
        recent = rows["settlementdate"] > rows["settlementdate"].max() - timedelta(days=1)
        rows.assign(power=rows["power"] + recent).to_parquet(path, index=False)
    return rows


def _put_right(path: Path, right: pd.DataFrame) -> None:
    with filelock.FileLock(f"{path}.lock"):
        now = pd.read_parquet(path)
        keys = ["settlementdate", "regionid"]
        pd.concat([now, right]).drop_duplicates(keys, keep="last").sort_values(keys).to_parquet(path, index=False)
