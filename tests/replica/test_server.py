"""Over HTTP the replica keeps the manners of the real site, and a log for tests."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from aemo_ops.clock import Clock
from aemo_ops.errors import SettingsError
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, TRADINGIS, Report
from aemo_ops.replica import Market, Replica, Shelf, Style
from aemo_ops.replica.server import main

from .conftest import NOW, PROJECT, rows_of, still

LINE = re.compile(r"(\d+) <A HREF=\"([^\"]+\.zip)\"")


@pytest.mark.parametrize("report", [DISPATCHIS, DISPATCH_SCADA, ROOFTOP], ids=lambda report: report.name)
@pytest.mark.parametrize("style", Style)
def test_sizes_on_the_page_are_those_of_the_bodies(
    warm: Shelf, served: Callable[..., Replica], visitor: requests.Session, report: Report, style: Style
) -> None:
    site = served(warm, style=style)
    lines = LINE.findall(visitor.get(site.url + report.directory).text)
    assert len(lines) > 500
    for size, href in [lines[0], lines[-1], *lines[::200]]:
        assert len(visitor.get(site.url + href).content) == int(size)


def test_a_cold_page_is_there_within_a_few_seconds(served: Callable[..., Replica], visitor: requests.Session) -> None:
    site = served(Shelf(Market(11)))
    started = time.monotonic()
    visitor.get(site.url + DISPATCHIS.directory)
    cold = time.monotonic() - started
    started = time.monotonic()
    visitor.get(site.url + DISPATCHIS.directory)
    assert cold < 6
    assert time.monotonic() - started < max(cold, 0.5)


def test_the_page_moves_on_with_nem_time(
    warm: Shelf, served: Callable[..., Replica], visitor: requests.Session
) -> None:
    site = served(warm)
    before = {href for _, href in LINE.findall(visitor.get(site.url + DISPATCHIS.directory).text)}
    site.clock = still(NOW + timedelta(minutes=10))
    after = {href for _, href in LINE.findall(visitor.get(site.url + DISPATCHIS.directory).text)}
    assert len(after - before) == len(before - after) == 2
    gone, new = min(before - after), max(after - before)
    assert visitor.get(site.url + gone).status_code == 404
    assert rows_of(visitor.get(site.url + new).content, "DISPATCH.PRICE")


def test_paths_are_case_sensitive(warm: Shelf, served: Callable[..., Replica], visitor: requests.Session) -> None:
    site = served(warm)
    assert visitor.get(f"{site.url}/Reports/CURRENT/").status_code == 200
    assert visitor.get(f"{site.url}/REPORTS/CURRENT/").status_code == 404
    assert visitor.get(f"{site.url}/Reports/Current/Dispatch_SCADA/").status_code == 404


def test_a_404_is_a_page_of_html(warm: Shelf, served: Callable[..., Replica], visitor: requests.Session) -> None:
    answer = visitor.get(f"{served(warm).url}/nothing.zip")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "404 - Not Found" in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "*/*"}, 403),
        ({"User-Agent": "x"}, 406),
        ({"User-Agent": "x", "Accept": "text/html"}, 406),
        ({"User-Agent": "x", "Accept": "*/*"}, 200),
    ],
)
def test_a_visitor_must_name_itself_and_accept_everything(
    warm: Shelf, served: Callable[..., Replica], headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection(urlsplit(served(warm).url).netloc)
    connection.putrequest("GET", "/Reports/CURRENT/")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_a_directory_without_its_slash_is_redirected_by_the_old_host_and_served_by_the_new(
    warm: Shelf, served: Callable[..., Replica], visitor: requests.Session
) -> None:
    path = DISPATCH_SCADA.directory + "DUPLICATE"
    old = visitor.get(served(warm).url + path, allow_redirects=False)
    assert (old.status_code, old.headers["Location"]) == (301, f"{path}/")
    new = visitor.get(served(warm, style=Style.NEW).url + path, allow_redirects=False)
    assert new.status_code == 200
    assert 'HREF="/Reports/CURRENT/Dispatch_SCADA">[To Parent' in new.text


def test_one_connection_serves_many_requests(warm: Shelf, served: Callable[..., Replica]) -> None:
    connection = http.client.HTTPConnection(urlsplit(served(warm).url).netloc)
    sockets = set()
    for path in ("/", "/Reports/", "/nothing"):
        connection.request("GET", path, headers={"User-Agent": "x", "Accept": "*/*"})
        answer = connection.getresponse()
        assert len(answer.read()) == int(answer.headers["Content-Length"])
        sockets.add(connection.sock.getsockname())
    connection.close()
    assert len(sockets) == 1


def test_the_log_counts_by_file_and_by_directory(
    warm: Shelf, served: Callable[..., Replica], visitor: requests.Session
) -> None:
    site = served(warm)
    page = visitor.get(site.url + TRADINGIS.directory.replace("TradingIS", "DispatchIS")).text
    href = LINE.findall(page)[0][1]
    for path in (href, href, "/nothing/"):
        visitor.get(site.url + path)
    assert site.requests == [DISPATCHIS.directory, href, href, "/nothing/"]
    assert site.counts()[href] == 2
    assert site.counts_by_directory()[DISPATCHIS.directory] == 3
    assert [visit.status for visit in site.visits] == [200, 200, 200, 404]
    assert site.most_at_once == 1
    site.forget()
    assert site.requests == []


def test_requests_at_the_same_time_are_counted(served: Callable[..., Replica]) -> None:
    site = served()
    site.faults.add("drip", path="/Reports/", amount=0.05)
    ready = threading.Barrier(2)

    def visit(path: str) -> None:
        ready.wait()
        requests.get(site.url + path, headers={"User-Agent": "x"}, timeout=20)

    visitors = [threading.Thread(target=visit, args=(path,)) for path in ("/Reports/", "/Reports/CURRENT/")]
    site.faults.add("drip", path="/Reports/CURRENT/", amount=0.05)
    for one in visitors:
        one.start()
    for one in visitors:
        one.join()
    assert site.most_at_once == 2


def test_after_the_block_the_port_is_closed(warm: Shelf) -> None:
    with requests.Session() as session, Replica(warm, still(NOW)) as site:
        assert session.get(site.url).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(site.url, timeout=5)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_where_it_is_and_ends_well_on_a_signal(tmp_path: Path, how: signal.Signals) -> None:
    clock = tmp_path / "clock.json"
    Clock.starting(NOW, 0).write(clock)
    program = (
        "import pathlib, sys; from aemo_ops.replica import main; sys.exit(main(clock_path=pathlib.Path(sys.argv[1])))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(clock)], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    ) as running:
        assert running.stdout is not None
        said = re.fullmatch(r"replica at (http://127\.0\.0\.1:\d+)\n", running.stdout.readline())
        assert said is not None
        page = requests.get(f"{said[1]}/Reports/CURRENT/", headers={"User-Agent": "x"}, timeout=20)
        assert "DispatchIS_Reports" in page.text
        running.send_signal(how)
        assert running.wait(20) == 0


def test_main_refuses_a_spec_it_cannot_read() -> None:
    with pytest.raises(SettingsError, match="nonsense"):
        main(faults="nonsense:0.1")
