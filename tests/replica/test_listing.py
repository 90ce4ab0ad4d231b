"""Directory pages have the form of the real ones, of either host."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from aemo_ops.replica.listing import Entry, Style, page

DIRECTORY = "/Reports/CURRENT/Dispatch_SCADA/"
NAME = "PUBLIC_DISPATCHSCADA_202604181445_0000000513537601.zip"
ENTRIES = [
    Entry("DUPLICATE", None, datetime(2025, 8, 12, 11, 10)),
    Entry(NAME, 4049, datetime(2026, 4, 18, 14, 41)),
    Entry("PUBLIC_ARCHIVE#DISPATCHPRICE#FILE01#202408010000.zip", 5_629_750, datetime(2026, 9, 16, 0, 1)),
]


def test_the_old_hosts_lines_are_those_of_the_real_page() -> None:
    html = page(DIRECTORY, ENTRIES)
    head = "<html><head><title>nemweb.com.au - /Reports/CURRENT/Dispatch_SCADA/</title></head><body>"
    assert html.startswith(head)
    assert '<A HREF="/Reports/CURRENT/">[To Parent Directory]</A><br><br>' in html
    assert (
        "<br>     Tuesday, August 12, 2025 11:10 AM        &lt;dir&gt; "
        '<A HREF="/Reports/CURRENT/Dispatch_SCADA/DUPLICATE/">DUPLICATE</A><br>'
    ) in html
    assert (
        "<br>     Saturday, April 18, 2026  2:41 PM         4049 "
        f'<A HREF="/Reports/CURRENT/Dispatch_SCADA/{NAME}">{NAME}</A><br>'
    ) in html
    assert html.endswith("</pre><hr></body></html>")


def test_the_new_host_pads_hours_with_a_zero_and_leaves_the_slash_off() -> None:
    html = page(DIRECTORY, ENTRIES, Style.NEW)
    assert "\n\t\t<script" in html
    assert '<pre><A HREF="/Reports/CURRENT">[To Parent Directory]</A><br><br>\n' in html
    assert '<A HREF="/Reports/CURRENT/Dispatch_SCADA/DUPLICATE">DUPLICATE</A><br>' in html
    assert "     Saturday, April 18, 2026 02:41 PM         4049 <A" in html


@pytest.mark.parametrize("style", Style)
def test_a_hash_is_escaped_in_the_link_and_plain_in_the_text(style: Style) -> None:
    html = page(DIRECTORY, ENTRIES, style)
    assert 'PUBLIC_ARCHIVE%23DISPATCHPRICE%23FILE01%23202408010000.zip">PUBLIC_ARCHIVE#DISPATCHPRICE#' in html


@pytest.mark.parametrize(("hour", "shown"), [(0, "12:05 AM"), (11, "11:05 AM"), (12, "12:05 PM"), (23, "11:05 PM")])
def test_hours_are_those_of_a_twelve_hour_clock(hour: int, shown: str) -> None:
    assert f"April 18, 2026 {shown}" in page("/x/", [Entry("a.zip", 1, datetime(2026, 4, 18, hour, 5))])


def test_the_top_has_no_parent() -> None:
    assert "Parent" not in page("/", [])
    assert '<A HREF="/">[To Parent' in page("/Reports/", [], Style.NEW)


@pytest.mark.real
def test_a_real_page_is_drawn_again_to_the_letter(real: Path) -> None:
    saved = (real / "listings" / "Reports__CURRENT__Dispatch_SCADA.html").read_bytes().decode()
    line = re.compile(r"(\w+day, \w+ \d+, \d+) +(\d+:\d\d [AP]M) +(&lt;dir&gt;|\d+) <A HREF=\"[^\"]+\">([^<]+)</A>")
    entries = [
        Entry(name, None if size.startswith("&") else int(size), _time(f"{day} {hour}"))
        for day, hour, size, name in line.findall(saved)
    ]
    assert len(entries) > 500
    assert page(DIRECTORY, entries).split("<br>") == saved.strip().split("<br>")


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%A, %B %d, %Y %I:%M %p")
