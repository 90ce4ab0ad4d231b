"""The program that reads the files: a real page with a real websocket, started again with the settings of the new place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import psutil
import pytest
import requests

from aemo_ops.errors import StepRefused, VerificationFailed
from aemo_ops.host import processes
from aemo_ops.migrate.dashboard import Dashboard
from tests.conftest import only_soak
from tests.migrate.switching import Switching
from tests.ui.browsing import free_port
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)
_PAGE = """
from bokeh.models import Div
from bokeh.plotting import curdoc
from dotenv import dotenv_values
curdoc().add_root(Div(text=dotenv_values(".env")["DATA_DIR"]))
"""
# What a dashboard that shows no socket looks like from outside.
_PLAIN = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(open(".env", "rb").read())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Shown:
    """A dashboard in a folder of its own."""

    def __init__(self, place: Path) -> None:
        self.place, self.port = place, free_port()
        place.mkdir()
        (place / ".env").write_text("DATA_DIR=/somewhere/old\n")

    def start(self, kind: str) -> None:
        name = self.place / f"run_{kind}.py"
        name.write_text(_PAGE if kind == "bokeh" else _PLAIN)
        command = [sys.executable, str(name), str(self.port)]
        if kind == "bokeh":
            command = [sys.executable, "-m", "bokeh", "serve", str(name), "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=self.place, stderr=subprocess.DEVNULL)
        self.told = Dashboard(str(name), f"http://localhost:{self.port}" + ("/run_bokeh" if kind == "bokeh" else "/"))
        until(lambda: _answers(self.told.url), "the dashboard answers")

    def end(self) -> None:
        for process in psutil.process_iter(["cmdline"]):
            if str(self.place) in " ".join(process.info["cmdline"] or []):
                process.kill()
        self.process.wait(10)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    made = Shown(tmp_path / "dashboard")
    yield made
    made.end()


def test_what_a_visitor_meets_is_measured(shown: Shown) -> None:
    shown.start("bokeh")
    met = shown.told.measure()
    assert met["answers"] and met["websocket"] and 0 < met["seconds"] < 60
    assert 20e6 < met["memory_bytes"] < 2e9


def test_one_without_a_websocket_and_none_at_all_are_told(shown: Shown) -> None:
    shown.start("plain")
    met = shown.told.measure()
    assert met["answers"] and not met["websocket"]
    one = shown.told.end()
    assert one and shown.told.running() is None and shown.told.end() is None
    met = shown.told.measure()
    assert not met["answers"] and not met["websocket"] and met["memory_bytes"] is None
    # Started again as it was, in the background and not as our child.
    assert shown.told.begin(one, shown.place / "log")["answers"]
    again = shown.told.running()
    assert again and again.command == one.command and again.identity != one.identity
    assert psutil.Process(again.identity.pid).ppid() != psutil.Process().pid


def test_a_dashboard_that_does_not_come_up_is_said(shown: Shown) -> None:
    shown.start("plain")
    one = shown.told.end()
    assert one
    broken = replace(one, command=(*one.command[:-1], "no port"))
    with pytest.raises(VerificationFailed, match="does not answer"):
        shown.told.begin(broken, shown.place / "log")
    assert "ValueError" in (shown.place / "log").read_text()


def test_one_that_has_ended_before_it_could_be_looked_at_is_said_in_the_same_words(shown: Shown) -> None:
    shown.start("plain")
    one = shown.told.end()
    assert one
    with (
        mock.patch.object(processes, "identify", side_effect=processes.EndedAtOnce("process 1 ended at once")),
        pytest.raises(VerificationFailed, match=r"does not answer; .* has what it said"),
    ):
        shown.told.begin(one, shown.place / "log")


def test_two_that_match_are_not_guessed_between(shown: Shown) -> None:
    shown.start("plain")
    other = subprocess.Popen([sys.executable, "-c", "input()", str(shown.place)], stdin=subprocess.PIPE)
    with pytest.raises(StepRefused, match=r"2 programs have .* Say more"):
        replace(shown.told, pattern=str(shown.place)).running()
    other.communicate(b"\n")


@only_soak
def test_it_shows_the_new_place_after_the_switch_and_the_old_one_after_the_way_back(
    shown: Shown, here: Switching
) -> None:
    shown.start("plain")
    here.move = replace(here.move, dashboard=shown.told, env_file=shown.place / ".env")
    here.old()
    told = here.switch()
    assert [one["answers"] for one in told["dashboard"]] == [True, True]
    assert f"DATA_DIR={here.move.data}\n" in requests.get(shown.told.url, timeout=10).text
    here.rollback()
    assert requests.get(shown.told.url, timeout=10).text == "DATA_DIR=/somewhere/old\n"
