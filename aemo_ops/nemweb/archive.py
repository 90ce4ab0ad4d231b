"""Which files of AEMO's site may hold a span: Current, the bundles of Archive, the monthly tables of MMSDM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from aemo_ops.errors import ListingRejected, NemwebGone
from aemo_ops.market import mmsdm
from aemo_ops.market.dataset import Source
from aemo_ops.market.intervals import DAY, nanoseconds
from aemo_ops.market.report import Report
from aemo_ops.nemweb.client import Client
from aemo_ops.nemweb.listing import Listing, left_alone

Times = npt.NDArray[np.int64]


class Level(StrEnum):
    """The three sources, in the order in which they are asked."""

    CURRENT = "current"
    ARCHIVE = "archive"
    MMSDM = "mmsdm"


@dataclass(frozen=True)
class Offer:
    """Files that belong together (the parts of a table, MEASUREMENT and SATELLITE) and may hold interval ends.

    Those in [first, last] by its name; at most those in [could_first, could_last].
    """

    level: Level
    files: tuple[Listing, ...]
    first: datetime
    last: datetime
    could_first: datetime
    could_last: datetime

    @property
    def name(self) -> str:
        return self.files[0].name

    @property
    def size(self) -> int:
        """Bytes to fetch, as listed."""
        return sum(file.size or 0 for file in self.files)


def levels(sources: Iterable[Source], interval: datetime, now: datetime) -> tuple[Level, ...]:
    """The sources that should hold an interval of these tables at `now`, by what they are known to keep."""
    return tuple(level for level in Level if any(opens(source, level, interval) <= now for source in sources)
                 and any(now < closes(source, level, interval) for source in sources))  # fmt: skip


def opens(source: Source, level: Level, interval: datetime) -> datetime:
    """When a level should begin to have an interval; datetime.max where it never has it."""
    if level is Level.CURRENT:
        return interval + source.report.lag
    if level is Level.ARCHIVE and source.report.bundles:
        bundles = source.report.bundles
        return interval + (bundles.days - 1) * DAY + DAY + bundles.lag
    if level is Level.MMSDM and source.mmsdm and mmsdm.month_of(interval) >= mmsdm.FIRST_MONTH:
        return mmsdm.following(mmsdm.month_of(interval)) + mmsdm.EARLIEST_PUBLICATION
    return datetime.max


def closes(source: Source, level: Level, interval: datetime) -> datetime:
    """When a level should cease to have an interval; datetime.max where it keeps it for good."""
    if level is Level.CURRENT:
        return interval + source.report.lag + source.report.keeps
    if level is Level.ARCHIVE and source.report.bundles:
        return interval + source.report.bundles.keeps
    return datetime.max


class Shelves:
    """The offers of a site. Each directory is listed once; make a new one for each undertaking."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pages: dict[str, tuple[Listing, ...]] = {}

    def offers(self, source: Source, level: Level, since: datetime, until: datetime) -> list[Offer]:
        """The offers of a level that may hold some of the interval ends in [since, until], oldest first.

        One request for a directory that was not listed yet. Raises NemwebUnavailable, NemwebRefused, ListingRejected.
        """
        if level is Level.CURRENT:
            found = self._current(source.report)
        elif level is Level.ARCHIVE:
            found = self._bundles(source.report)
        else:
            found = self._tables(source, since, until)
        return [offer for offer in found if offer.could_first <= until and offer.could_last >= since]

    def _current(self, report: Report) -> list[Offer]:
        offers = []
        for entry in self._listed(report.directory, report):
            interval = report.interval(entry.name)
            offers.append(Offer(Level.CURRENT, (entry,), interval, interval, interval, interval))
        return offers

    def _bundles(self, report: Report) -> list[Offer]:
        if report.bundles is None:
            return []
        together: dict[tuple[datetime, datetime], list[Listing]] = {}
        for entry in self._listed(report.bundles.directory):
            try:
                dates = report.bundle_dates(entry.name)
            except ValueError:  # another file's name, or one whose dates are none
                if report.is_like(entry.name):
                    left_alone(entry.name, f"its name is none that the bundles of {report.title} are known to have")
                continue
            together.setdefault(dates, []).append(entry)
        offers = []
        for (first, last), entries in together.items():
            could_first, could_last = report.bundle_span(entries[0].name)
            files = tuple(sorted(entries, key=lambda entry: entry.name))
            offers.append(Offer(Level.ARCHIVE, files, first + report.cadence, last + DAY, could_first, could_last))
        return sorted(offers, key=lambda offer: offer.first)

    def _tables(self, source: Source, since: datetime, until: datetime) -> list[Offer]:
        month, last = mmsdm.month_of(since - mmsdm.longest_overrun(source.mmsdm or "")), mmsdm.month_of(until)
        month = max(month, mmsdm.FIRST_MONTH)
        offers = []
        while source.mmsdm and month <= last:
            parts = {}
            for entry in self._listed(mmsdm.directory(month)):
                told = mmsdm.table_of(entry.name)
                if told and told[:2] == (source.mmsdm, month):
                    parts[told[2]] = entry
            if parts:
                _check_parts(source.mmsdm, month, parts)
                files = tuple(parts[part] for part in sorted(parts))
                end = mmsdm.following(month)
                begin = month + source.report.cadence
                could_last = end + mmsdm.overrun(source.mmsdm, month)
                offers.append(Offer(Level.MMSDM, files, begin, end, begin, could_last))
            month = mmsdm.following(month)
        return offers

    def _listed(self, directory: str, report: Report | None = None) -> tuple[Listing, ...]:
        if directory not in self._pages:
            try:
                self._pages[directory] = self._client.files(report) if report else self._client.directory(directory)
            except NemwebGone:  # a month that is not published yet, a report that Archive does not have
                self._pages[directory] = ()
        return self._pages[directory]


def _check_parts(table: str, month: datetime, parts: Mapping[int, Listing]) -> None:
    """Raises ListingRejected where one part of a table is not there while a later one is: of what it holds nothing is known."""
    if missing := [part for part in range(1, max(parts)) if part not in parts]:
        raise ListingRejected(
            f"MMSDM lists FILE{max(parts):02d} of {table} for {month:%Y-%m} and not FILE{missing[0]:02d}: the month is not whole. "
            "Nothing of it was read; it is asked for again the next time."
        )


def assigned(
    offers: Sequence[Offer], intervals: Times, passed: Mapping[Offer, Times] | None = None
) -> dict[Offer, Times]:
    """Which offer to ask for which interval ends (nanoseconds): the one that has it by name, else the nearest that could.

    `passed`: interval ends that an offer is known not to reach, so that the next one is asked for them.
    """
    chosen: dict[Offer, Times] = {}
    waiting = [(tuple(offers), intervals)]
    while waiting:
        several, ends = waiting.pop()
        for offer, own in _nearest(several, ends).items():
            beyond = np.isin(own, (passed or {}).get(offer, []))
            if beyond.any():
                waiting.append((tuple(one for one in several if one is not offer), own[beyond]))
            if not beyond.all():
                chosen[offer] = np.union1d(chosen.get(offer, own[:0]), own[~beyond])
    return chosen


def _nearest(offers: Sequence[Offer], intervals: Times) -> dict[Offer, Times]:
    ordered = sorted(offers, key=lambda offer: offer.first)
    if not ordered or len(intervals) == 0:
        return {}
    firsts = np.array([nanoseconds(offer.first) for offer in ordered])
    lasts = np.array([nanoseconds(offer.last) for offer in ordered])
    chosen = np.searchsorted(firsts, intervals, side="right") - 1
    named = (chosen >= 0) & (intervals <= lasts[chosen])
    could_first = np.array([nanoseconds(offer.could_first) for offer in ordered])
    could_last = np.array([nanoseconds(offer.could_last) for offer in ordered])
    for at in np.flatnonzero(~named):
        end = intervals[at]
        could = np.flatnonzero((could_first <= end) & (end <= could_last))
        distance = np.maximum(np.maximum(firsts[could] - end, end - lasts[could]), 0)
        chosen[at] = could[np.argmin(distance)] if len(could) else -1
    return {ordered[at]: intervals[chosen == at] for at in np.unique(chosen[chosen >= 0]).tolist()}
