"""Directory pages of NEMWEB, in the form of either host, become Listings."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import unescape
from urllib.parse import unquote, urljoin

from aemo_ops.errors import ListingRejected
from aemo_ops.market.report import Report

log = logging.getLogger(__name__)
# One entry, as seen on both hosts: "Saturday, April 18, 2026  2:41 PM", "4/18/2026  2:41 PM", zero-padded hours, quoted and
# unquoted HREF; "<dir>" in the place of the size.
_ENTRY = re.compile(
    r"(?P<day>[A-Z][a-z]+day, +[A-Z][a-z]+ \d{1,2}, \d{4}|\d{1,2}/\d{1,2}/\d{4})\s+"
    r"(?P<time>\d{1,2}:\d{2} [AP]M)\s+"
    r"(?P<size>\d+|&lt;dir&gt;)\s+"
    r"<A HREF=(?:\"(?P<quoted>[^\"]+)\"|(?P<bare>[^\s>]+))>(?P<text>[^<]*)</A>",
    re.IGNORECASE,
)

_FROM_ROOT = re.compile(r"/(?!/)")  # what every link of NEMWEB is; any other costs a real joining


@dataclass(frozen=True)
class Listing:
    """One entry of a directory page. `size` in bytes, None for a directory; `published` is NEM time, to the minute.

    `order` sorts files from the earliest publication to the latest; see `market.publication`.
    """

    name: str
    url: str
    size: int | None
    published: datetime

    @property
    def order(self) -> tuple[datetime, str]:
        return self.published, self.name


def entries(page: str, url: str) -> Iterator[Listing]:
    """Every entry of a directory page, in its order; the link to the parent is none, nor is a line with a date that is none."""
    origin = urljoin(url, "/")[:-1]
    for match in _ENTRY.finditer(page):
        published = _published(match["day"], match["time"])
        if published is None:
            continue
        href = unescape(match["quoted"] or match["bare"])
        size = match["size"]
        yield Listing(
            name=unquote(href.rstrip("/").rsplit("/", 1)[-1]),
            url=origin + href if _FROM_ROOT.match(href) else urljoin(url, href),
            size=int(size) if size.isdigit() else None,
            published=published,
        )


def files_of(report: Report, page: str, url: str) -> tuple[Listing, ...]:
    """The report's files on its page: each name once, oldest interval first. A name with a stamp that is no time is none.

    Raises ListingRejected when no line of the page names a file of the report: an error page is not "nothing new".
    """
    found: dict[str, tuple[datetime, Listing]] = {}
    for entry in entries(page, url):
        if report.pattern.fullmatch(entry.name):
            try:
                found[entry.name] = report.interval(entry.name), entry
            except ValueError:
                left_alone(entry.name, "the stamp in its name is no time")
        elif report.is_like(entry.name):
            left_alone(entry.name, f"its name is none that {report.title} is known to have")
    if not found:
        title = re.search(r"<title>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
        about = f" (its title: {title[1].strip()[:80]!r})" if title else ""
        raise ListingRejected(
            f"{url} lists no {report.prefixes[0]}_*.zip{about}; NEMWEB may be answering with an error page, or have moved "
            "the report. Nothing was marked as read; the next cycle tries again."
        )
    return tuple(entry for _, entry in sorted(found.values(), key=lambda one: (one[0], one[1].name)))


@lru_cache(maxsize=1024)
def left_alone(name: str, why: str) -> None:
    """Say of a file that is listed beside those that are read why it is not; once, not in every cycle."""
    log.warning("%s is left alone: %s. If it holds what is missing, report it.", name, why)


def every_entry(page: str, url: str) -> tuple[Listing, ...]:
    """The entries of a directory page. Raises ListingRejected for a page that does not look like a listing."""
    found = tuple(entries(page, url))
    if not found and not re.search(r"\[To Parent Directory\]", page, re.IGNORECASE):
        raise ListingRejected(
            f"{url} is no directory page; NEMWEB may be answering with an error page. Nothing was changed by this."
        )
    return found


@lru_cache(maxsize=16_384)  # pages of a cycle have the entries of the cycle before, thousands of them
def _published(day: str, time: str) -> datetime | None:
    form = "%A, %B %d, %Y" if "," in day else "%m/%d/%Y"
    try:
        return datetime.strptime(f"{' '.join(day.split())} {time}", f"{form} %I:%M %p")
    except ValueError:
        log.warning(
            "NEMWEB lists a file of %s %s, which is no date (month first) and time; the line is left out", day, time
        )
        return None
