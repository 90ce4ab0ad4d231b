"""What the replica's tests share: a moment, a market, a site on it, and a plain reader that knows no writer of ours."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import requests

from aemo_ops.clock import Clock
from aemo_ops.replica import Faults, Folder, Market, Replica, Shelf, Style

NOW = datetime(2026, 4, 20, 14, 44)
PROJECT = Path(__file__).parents[2]


def still(nem: datetime) -> Clock:
    return Clock.starting(nem, 0)


def rows_of(body: bytes, table: str) -> list[dict[str, str]]:
    """The D rows of `REPORT.TABLE` as column -> text, by csv and zipfile alone; checks the frame of the file."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        (member,) = archive.namelist()
        text = archive.read(member).decode("ascii")
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert lines[0][:2] == ["C", "NEMP.WORLD"]
    assert lines[-1] == ["C", "END OF REPORT", str(len(lines))]
    found: list[dict[str, str]] = []
    header: list[str] = []
    for cells in lines[1:-1]:
        if cells[0] == "I":
            header = cells
        elif f"{cells[1]}.{cells[2]}" == table:
            assert len(cells) == len(header)
            found.append(dict(zip(header[4:], cells[4:], strict=True)))
    return found


@pytest.fixture(scope="session")
def market() -> Market:
    return Market(seed=7)


@pytest.fixture(scope="session")
def warm(market: Market) -> Shelf:
    """A shelf without faults, made once: its files need not be made again for every test."""
    return Shelf(market)


@pytest.fixture
def visitor() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["User-Agent"] = "aemo-ops tests"
        yield session


@pytest.fixture
def served(warm: Shelf) -> Iterator[Callable[..., Replica]]:
    """Starts a site and stops it after the test."""
    running: list[Replica] = []

    def start(site: Shelf | Folder | None = None, now: datetime = NOW, style: Style = Style.OLD) -> Replica:
        replica = Replica(site or warm.with_faults(Faults(seed=7)), still(now), style=style).start()
        running.append(replica)
        return replica

    yield start
    for replica in running:
        replica.stop()
