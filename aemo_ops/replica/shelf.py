"""The generated site: which files lie on it at a NEM time, their bytes, and what a correct reader ends up with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from aemo_ops.market.intervals import FIVE_MINUTES, intervals
from aemo_ops.market.report import DISPATCH_SCADA, REPORTS, ROOFTOP, TRADINGIS, Report
from aemo_ops.replica import reports
from aemo_ops.replica.archive import Archive
from aemo_ops.replica.bodies import Bodies
from aemo_ops.replica.faults import NEVER, Fault, Faults, Kind
from aemo_ops.replica.issue import Issue
from aemo_ops.replica.listing import Entry
from aemo_ops.replica.market import Market
from aemo_ops.replica.mmsdm import Mmsdm
from aemo_ops.replica.truth import Revisions, Row, known

WRITTEN = tuple(report for report in REPORTS if reports.PREFIXES.issuperset(report.prefixes))

# AEMO's running number at a moment of April 2026; since 2021 it has grown by 45 to 110 in a minute
_SEQUENCE, _SEQUENCE_AT = 513_537_596, datetime(2026, 4, 18, 14, 40)
# Minutes after the usual time by which 99 % of the files, and all of them, are there, as measured on saved directory pages
_TAILS = {DISPATCH_SCADA.name: (3.0, 5.0), TRADINGIS.name: (14.0, 23.0), ROOFTOP.name: (15.0, 26.0)}
_NO_TAIL = (1.0, 1.0)
# Current is tidied a little after a file's time is up: hence 577 five-minute files in 48 hours
_TIDY = FIVE_MINUTES
_REMEMBERED = 20_000  # intervals whose files are known: a fortnight of every report, many times over
_DUPLICATES = Entry("DUPLICATE", None, datetime(2025, 8, 12, 11, 10))


@dataclass(frozen=True)
class Publication:
    """One file: what it holds, its name, and when it appears (NEM time)."""

    report: Report
    prefix: str
    interval: datetime
    sequence: int
    published: datetime
    revision: int = 0

    @cached_property
    def name(self) -> str:
        return self.report.file_name(self.interval, self.sequence, self.prefix)

    @cached_property
    def path(self) -> str:
        return self.report.directory + self.name

    def on_site(self, now: datetime) -> bool:
        return self.published <= now < self.published + self.report.keeps + _TIDY


class Shelf:
    """The generated site of a market: Current here, Archive and MMSDM beside it.

    Every answer is a function of the market, the faults and `now`. `late_edges`: Archive's bundles hold a day from 00:05 to
    24:00 by the stamps of the names, instead of from 00:00 to 23:55. `begins`: the first month of MMSDM. `opened`: Current
    never had files of earlier intervals, which makes what a collector reads at its start as little as a test wants.
    """

    def __init__(
        self,
        market: Market | None = None,
        faults: Faults | None = None,
        late_edges: bool = False,
        begins: datetime = datetime(2024, 1, 1),
        opened: datetime = datetime.min,
    ) -> None:
        self.market = market or Market()
        self.faults = faults or Faults(seed=self.market.seed)
        self.late_edges = late_edges
        self.begins = begins
        self.opened = opened
        self._bodies = Bodies()
        self._publications: dict[tuple[str, datetime], tuple[tuple[Fault, ...], tuple[Publication, ...]]] = {}
        self._archive = Archive(self)
        self._mmsdm = Mmsdm(self)

    def with_faults(self, faults: Faults) -> Shelf:
        """The same market under other faults, sharing the files made so far (a name and a revision fix the bytes)."""
        other = Shelf(self.market, faults, self.late_edges, self.begins, self.opened)
        other._bodies = self._bodies
        return other

    def entries(self, directory: str, now: datetime) -> list[Entry] | None:
        """The lines of a directory page, directories first, then by name; None where there is no such directory."""
        for stack in (self._archive, self._mmsdm):
            if directory.startswith(stack.ROOT):
                return stack.entries(directory, now)
        if directory not in _TREE:
            return None
        files = (p for report in WRITTEN if report.directory == directory for p in self.on_site(report, now))
        lines = [Entry(p.name, len(self.file(p)), p.published) for p in files]
        return [*_TREE[directory], *sorted(lines, key=lambda entry: entry.name)]

    def body(self, path: str, now: datetime) -> bytes | None:
        """The zip at a URL path; None where it is not on the site (not yet, or not any more)."""
        for stack in (self._archive, self._mmsdm):
            if path.startswith(stack.ROOT):
                return stack.body(path, now)
        directory, _, name = path.rpartition("/")
        for report in WRITTEN:
            if report.directory == f"{directory}/" and report.pattern.fullmatch(name):
                if (interval := report.interval(name)) < self.opened:
                    return None
                found = self.publications(report, interval)
                return next((self.file(p) for p in found if p.name == name and p.on_site(now)), None)
        return None

    def on_site(self, report: Report, now: datetime) -> Iterator[Publication]:
        """The report's files in Current at `now`, oldest interval first."""
        slowest = timedelta(minutes=_TAILS.get(report.name, _NO_TAIL)[1]) + self.faults.longest_delay()
        first = max(now - report.keeps - _TIDY - report.lag - slowest, self.opened)
        for interval in intervals(first, now - report.lag, report.cadence):
            for publication in self.publications(report, interval):
                if publication.on_site(now):
                    yield publication

    def publications(self, report: Report, interval: datetime) -> tuple[Publication, ...]:
        """Every file of the report that is ever published for the interval, the first issue first."""
        key, faults = (report.name, interval), self.faults.in_force
        told = self._publications.get(key)
        if told is None or told[0] is not faults:
            found = tuple(issue for prefix in report.prefixes for issue in self._issues(report, prefix, interval))
            if len(self._publications) >= _REMEMBERED:
                self._publications.clear()
            self._publications[key] = told = (faults, found)
        return told[1]

    def _issues(self, report: Report, prefix: str, interval: datetime) -> Iterator[Publication]:
        usual = interval + report.lag
        sequence = _sequence(usual) + _place(prefix)
        published = usual + self._delay(report, prefix, interval)
        first = Publication(report, prefix, interval, sequence, published)
        faults = self.faults.publication(first.path)
        if any(fault.kind in NEVER for fault in faults):
            return
        late = sum((fault.delay for fault in faults if fault.kind is Kind.LATE), timedelta(0))
        published += late
        yield Publication(report, prefix, interval, sequence, published) if late else first
        for number, fault in enumerate((f for f in faults if f.kind is not Kind.LATE), start=1):
            again = published + fault.delay
            revision = 1 if fault.kind is Kind.REVISED else 0
            later = max(_sequence(again), sequence) + _place(prefix) + number * len(reports.PREFIXES)
            yield Publication(report, prefix, interval, later, again, revision)

    def _delay(self, report: Report, prefix: str, interval: datetime) -> timedelta:
        """Seconds in most cases, now and then minutes; the same for a file every time."""
        share = self.market.noise.one(prefix, _minute(interval))
        most, all_of_them = _TAILS.get(report.name, _NO_TAIL)
        return timedelta(minutes=float(np.interp(share, (0.0, 0.9, 0.99, 1.0), (0.3, 0.9, most, all_of_them))))

    def file(self, publication: Publication) -> bytes:
        """The zip of a file, as Current serves it while it has it."""
        key = (publication.path, publication.revision)
        return self._bodies.get(key, lambda: self._zip(publication))

    def _zip(self, p: Publication) -> bytes:
        text = reports.text(p.prefix, Issue(self.market, p.interval, p.sequence, p.revision))
        made = reports.made_at(p.prefix, p.interval)
        date = (made.year, made.month, made.day, made.hour, made.minute, made.second)
        return reports.zipped(reports.member_name(p.name), text.encode(), date)

    def expected(self, dataset: str, since: datetime, until: datetime, at: datetime | None = None) -> list[Row]:
        """The rows that every correct reader of Current ends up with for the intervals in (since, until], by key.

        Tuples in the order of the dataset's columns, (settlementdate, id, values...). Counts every readable file that
        was published by `at` (None: ever), the newest issue of an interval winning. Known: prices5, scada5,
        transmission5, rooftop30; KeyError for another.
        """
        truth = known(dataset)
        return [
            row
            for interval in intervals(since, until, truth.report.cadence)
            for row in truth.rows_of(self.market, interval, self._newest(truth.report, interval, at))
        ]

    def ever(self, dataset: str, since: datetime, until: datetime) -> list[Row]:
        """The rows that all sources together have for the intervals in (since, until], once each has published them.

        MMSDM has the newest issue of an interval, also of a file that was missing or could not be read. As `expected`.
        """
        truth = known(dataset)
        return [
            row
            for interval in intervals(since, until, truth.report.cadence)
            for row in truth.rows_of(self.market, interval, self.final(truth.report, interval))
        ]

    def final(self, report: Report, interval: datetime) -> Revisions:
        """prefix -> the newest revision that AEMO ever issued; without those that are nowhere."""
        if not self.faults.in_force:  # each file has one issue: spares drawing its delay
            return dict.fromkeys(report.prefixes, 0)
        newest: Revisions = {}
        for prefix in report.prefixes:
            usual = interval + report.lag
            first = Publication(report, prefix, interval, _sequence(usual) + _place(prefix), usual)
            if not any(fault.kind is Kind.ABSENT for fault in self.faults.publication(first.path)):
                issues = self._issues(report, prefix, interval)
                newest[prefix] = max((issue.revision for issue in issues), default=0)
        return newest

    def _newest(self, report: Report, interval: datetime, at: datetime | None) -> Revisions:
        newest: dict[str, tuple[int, int]] = {}
        for p in self.publications(report, interval):
            if (at is None or p.published <= at) and not self.faults.unreadable(p.path):
                newest[p.prefix] = max(newest.get(p.prefix, (0, 0)), (p.sequence, p.revision))
        return {prefix: revision for prefix, (_, revision) in newest.items()}


def _minute(interval: datetime) -> int:
    return int((interval - _SEQUENCE_AT).total_seconds()) // 60


def _sequence(moment: datetime) -> int:
    return _SEQUENCE + int((moment - _SEQUENCE_AT).total_seconds())


_PREFIXES = tuple(prefix for report in WRITTEN for prefix in report.prefixes)


def _place(prefix: str) -> int:
    """Tells files of one second apart."""
    return _PREFIXES.index(prefix)


def _tree() -> dict[str, list[Entry]]:
    """Every directory of the site -> the directories in it."""
    paths = {report.directory for report in WRITTEN} | {f"{DISPATCH_SCADA.directory}{_DUPLICATES.name}/"}
    tree: dict[str, set[str]] = {path: set() for path in paths}
    for path in paths:
        while path != "/":
            above, _, name = path.rstrip("/").rpartition("/")
            tree.setdefault(f"{above}/", set()).add(name)
            path = f"{above}/"
    return {path: [Entry(name, None, _DUPLICATES.modified) for name in sorted(names)] for path, names in tree.items()}


_TREE = _tree()
