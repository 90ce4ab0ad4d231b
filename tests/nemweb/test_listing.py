from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from aemo_ops.errors import ListingRejected
from aemo_ops.market import mmsdm
from aemo_ops.market.catalogue import SCADA5
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, TRADINGIS
from aemo_ops.nemweb.archive import Level, Shelves
from aemo_ops.nemweb.client import Client
from aemo_ops.nemweb.listing import _published, entries, every_entry, files_of, left_alone
from tests.conftest import REAL

BASE = "https://www.nemweb.com.au/Reports/CURRENT/Dispatch_SCADA/"
PAGES = sorted(path.name for path in (REAL / "listings").glob("*"))


class Anchors(HTMLParser):
    """An independent reading of a page: (text before a link, href, link text), by the standard library's HTML parser."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str, str]] = []
        self._before = self._text = self._href = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._inside, self._text, self._href = True, "", dict(attrs)["href"] or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.found.append((self._before.strip(), self._href, self._text))
            self._before, self._inside = "", False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self._text += data
        else:
            self._before += data


@pytest.mark.real
@pytest.mark.parametrize("name", PAGES or ["none"])
def test_every_line_of_every_saved_page_parses(real: Path, name: str) -> None:
    page = (real / "listings" / name).read_text()
    reading = Anchors()
    reading.feed(page)
    expected = []
    for before, href, text in reading.found:
        if text == "[To Parent Directory]":
            continue
        day, clock, size = re.fullmatch(r"(?:.*\n)*\s*(\w+, \w+ \d+, \d+)\s+(\d+:\d+ [AP]M)\s+(\S+)", before).groups()  # type: ignore[union-attr]
        published = datetime.strptime(f"{day} {clock}", "%A, %B %d, %Y %I:%M %p")
        expected.append((text, None if size == "<dir>" else int(size), published, "https://www.nemweb.com.au" + href))
    found = [(entry.name, entry.size, entry.published, entry.url) for entry in entries(page, BASE)]
    assert found == expected
    assert len(found) > 2


@pytest.mark.real
def test_a_current_page_gives_the_reports_files_oldest_first(real: Path) -> None:
    page = (real / "listings" / "Reports__CURRENT__Dispatch_SCADA.html").read_text()
    found = files_of(DISPATCH_SCADA, page, BASE)
    assert len(found) == 577
    assert found[0].name == "PUBLIC_DISPATCHSCADA_202604181445_0000000513537601.zip"
    assert found[0].size == 4049
    assert found[0].published == datetime(2026, 4, 18, 14, 41)
    assert "DUPLICATE" not in {entry.name for entry in found}


@pytest.mark.real
def test_the_new_host_s_page_gives_its_files(real: Path) -> None:
    page = (real / "listings" / "listing_reports_current_unquoted.EXCERPT.html").read_text()
    found = files_of(TRADINGIS, page, "https://www.nemweb.com.au/Reports/CURRENT/TradingIS_Reports/")
    assert [entry.published for entry in found][:2] == [datetime(2026, 6, 27, 22, 33), datetime(2026, 6, 27, 22, 40)]


@pytest.mark.real
def test_both_types_of_rooftop_are_files_of_one_report(real: Path) -> None:
    page = (real / "listings" / "Reports__CURRENT__ROOFTOP_PV__ACTUAL.html").read_text()
    assert len(files_of(ROOFTOP, page, BASE)) == 1344


LINE = "{day}  {time} {size:>12} <A HREF={href}>{name}</A><br>"
NAME = "PUBLIC_DISPATCHSCADA_202604181445_0000000513537601.zip"


@pytest.mark.parametrize(
    ("day", "time", "href"),
    [
        ("Saturday, April 18, 2026", " 2:41 PM", f'"/Reports/CURRENT/Dispatch_SCADA/{NAME}"'),
        ("Saturday, April 18, 2026", "02:41 PM", f"/Reports/CURRENT/Dispatch_SCADA/{NAME}"),
        ("4/18/2026", " 2:41 PM", f'"/Reports/CURRENT/Dispatch_SCADA/{NAME}"'),
    ],
)
def test_every_form_of_a_line_that_was_seen(day: str, time: str, href: str) -> None:
    page = LINE.format(day=day, time=time, size=4049, href=href, name=NAME)
    (entry,) = files_of(DISPATCH_SCADA, page, BASE)
    assert (entry.size, entry.published, entry.url) == (4049, datetime(2026, 4, 18, 14, 41), BASE + NAME)


def test_a_page_in_which_nothing_matches_is_an_error() -> None:
    page = "<html><title>Service unavailable</title><body>try later</body></html>"
    with pytest.raises(ListingRejected, match="Service unavailable"):
        files_of(DISPATCHIS, page, BASE)
    with pytest.raises(ListingRejected):
        files_of(DISPATCHIS, "", BASE)


@pytest.mark.parametrize(
    ("odd", "day", "time"),
    [
        ("PUBLIC_DISPATCHSCADA_202604181465_0000000513537602.zip", "4/18/2026", "2:41 PM"),
        ("PUBLIC_DISPATCHSCADA_202613181445_0000000513537602.zip", "Saturday, April 18, 2026", "2:41 PM"),
        ("PUBLIC_DISPATCHSCADA_202604181450_0000000513537602.zip", "18/04/2026", "2:41 PM"),
        ("PUBLIC_DISPATCHSCADA_202604181450_0000000513537602.zip", "4/18/2026", "14:41 PM"),
    ],
    ids=["stamp", "month", "day first", "time"],
)
def test_a_line_with_a_time_that_is_none_is_left_out_and_said(
    odd: str, day: str, time: str, caplog: pytest.LogCaptureFixture
) -> None:
    _published.cache_clear()
    left_alone.cache_clear()
    good = LINE.format(day="4/18/2026", time=" 2:41 PM", size=4049, href=f'"/x/{NAME}"', name=NAME)
    bad = LINE.format(day=day, time=time, size=4049, href=f'"/x/{odd}"', name=odd)
    assert [entry.name for entry in files_of(DISPATCH_SCADA, good + bad, BASE)] == [NAME]
    assert odd in caplog.text or day in caplog.text
    with pytest.raises(ListingRejected):
        files_of(DISPATCH_SCADA, bad, BASE)


def test_a_bundle_or_month_whose_name_has_no_date_is_no_offer() -> None:
    names = [f"PUBLIC_DISPATCHSCADA_{day}.zip" for day in ("20260418", "20261399", "20260419")]
    page = "".join(
        LINE.format(day="4/21/2026", time="1:01 AM", size=1, href=f'"/x/{name}"', name=name) for name in names
    )
    client = cast(Client, SimpleNamespace(directory=lambda path: every_entry(page, BASE)))
    offers = Shelves(client).offers(SCADA5.sources[0], Level.ARCHIVE, datetime(2026, 4, 1), datetime(2026, 4, 30))
    assert [[file.name for file in offer.files] for offer in offers] == [[names[0]], [names[2]]]
    assert mmsdm.table_of("PUBLIC_DVD_DISPATCHPRICE_202613010000.zip") is None


@pytest.mark.parametrize(
    "odd", ["PUBLIC_DISPATCHSCADA_202604181450_LEGACY.zip", "PUBLIC_DISPATCHSCADA_202604181450.zip.tmp"]
)
def test_a_name_that_only_begins_as_the_report_s_is_left_alone_and_said_once(
    odd: str, caplog: pytest.LogCaptureFixture
) -> None:
    left_alone.cache_clear()
    page = "".join(
        LINE.format(day="4/18/2026", time=" 2:41 PM", size=4049, href=f'"/x/{name}"', name=name) for name in (NAME, odd)
    )
    for _ in range(2):
        assert [entry.name for entry in files_of(DISPATCH_SCADA, page, BASE)] == [NAME]
    assert caplog.text.count(odd) == 1


def test_a_monthly_table_of_which_a_part_is_not_there_is_not_read_in_part() -> None:
    def shelves(*parts: int) -> Shelves:
        names = [f"PUBLIC_ARCHIVE%23DISPATCH_UNIT_SCADA%23FILE{part:02d}%23202501010000.zip" for part in parts]
        page = "".join(LINE.format(day="2/9/2025", time="1:01 AM", size=1, href=f'"/x/{n}"', name=n) for n in names)
        return Shelves(cast(Client, SimpleNamespace(directory=lambda path: every_entry(page, BASE))))

    span = SCADA5.sources[0], Level.MMSDM, datetime(2025, 1, 5), datetime(2025, 1, 6)
    assert [len(offer.files) for offer in shelves(2, 1).offers(*span)] == [2]
    for parts in ((2,), (1, 3)):
        with pytest.raises(ListingRejected, match="of DISPATCH_UNIT_SCADA for 2025-01 and not FILE0"):
            shelves(*parts).offers(*span)


def test_a_file_listed_twice_counts_once_and_ten_thousand_are_read() -> None:
    lines = [
        LINE.format(day="Saturday, April 18, 2026", time=" 2:41 PM", size=1, href=f'"/x/{name}"', name=name)
        for name in (
            f"PUBLIC_DISPATCHSCADA_2026041{at // 1440 % 9}{at // 60 % 24:02}{at % 60:02}_{at:016}.zip"
            for at in range(10_000)
        )
    ]
    assert len(files_of(DISPATCH_SCADA, "\n".join(lines + lines[::-1]), BASE)) == 10_000
