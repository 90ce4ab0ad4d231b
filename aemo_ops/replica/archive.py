"""Archive: the files that Current had, a day or a week of them in one zip, for a little more than a year."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from aemo_ops.market.intervals import DAY, intervals
from aemo_ops.market.report import REPORTS, Report
from aemo_ops.replica import reports
from aemo_ops.replica.bodies import Bodies
from aemo_ops.replica.damage import damaged
from aemo_ops.replica.faults import NEVER
from aemo_ops.replica.listing import Entry
from aemo_ops.replica.padding import Member, padded

if TYPE_CHECKING:
    from aemo_ops.replica.shelf import Shelf

_BUNDLED = tuple(r for r in REPORTS if r.bundles and reports.PREFIXES.issuperset(r.prefixes))
# Bytes listed for a bundle, a little more than its members can need.
_FILE_BYTES = {"dispatchis": 4_800, "dispatch_scada": 4_200, "tradingis": 1_200, "rooftop_pv": 900}
_REPEATED = 0.004  # the share of members that stand twice, as seen in reality
_SUNDAY, _THURSDAY = 6, 3


class Archive:
    """Reads the shelf it belongs to; see there for `late_edges`."""

    ROOT: ClassVar[str] = "/Reports/ARCHIVE/"

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._bodies = Bodies(128 * 2**20)

    def entries(self, directory: str, now: datetime) -> list[Entry] | None:
        """The lines of a page; a bundle's size is known without making it."""
        below = {r.bundles.directory for r in _BUNDLED if r.bundles and r.bundles.directory.startswith(directory)}
        if not below:
            return None
        report = next((r for r in _BUNDLED if r.bundles and r.bundles.directory == directory), None)
        if report is not None:
            return [Entry(name, _size(report), at) for name, at in self._names(report, now)]
        return [Entry(name, None, now) for name in sorted({path[len(directory) :].split("/")[0] for path in below})]

    def body(self, path: str, now: datetime) -> bytes | None:
        directory, _, name = path.rpartition("/")
        report = next((r for r in _BUNDLED if r.bundles and r.bundles.directory == f"{directory}/"), None)
        if report is None or name not in dict(self._names(report, now)):
            return None
        return self._bodies.get(path, lambda: self._bundle(report, name))

    def _names(self, report: Report, now: datetime) -> Iterator[tuple[str, datetime]]:
        """(name, when it appeared) of the bundles on the site, oldest first."""
        bundles = report.bundles
        assert bundles is not None
        day = (now - bundles.keeps).replace(hour=0, minute=0, second=0, microsecond=0)
        if bundles.days > 1:
            begins = _SUNDAY if bundles.ranged else _THURSDAY
            day += (begins - day.weekday()) % 7 * DAY
        while (appears := day + bundles.days * DAY + bundles.lag) <= now:
            for prefix in report.prefixes:
                name = report.bundle_name(day, prefix)
                faults = self._shelf.faults.publication(bundles.directory + name)
                if not any(fault.kind in NEVER for fault in faults):
                    yield name, appears
            day += bundles.days * DAY

    def _bundle(self, report: Report, name: str) -> bytes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a name that stands twice: so it is in reality too
            return padded(self._members(report, name), _size(report), compress=False)

    def _members(self, report: Report, name: str) -> Iterator[Member]:
        shelf, match = self._shelf, report.bundle_pattern.fullmatch(name)
        assert match is not None
        first, last = report.bundle_dates(name)
        late = report.cadence if shelf.late_edges else timedelta(0)
        since = first - report.cadence + late + report.interval_offset
        for interval in intervals(since, last + DAY - report.cadence + late + report.interval_offset, report.cadence):
            for publication in shelf.publications(report, interval):
                if publication.prefix.upper() != match["prefix"].upper():
                    continue
                body = shelf.file(publication)
                damage = shelf.faults.standing_damage(publication.path)
                member = (publication.name, body if damage is None else damaged(damage.kind, body))
                yield member
                if shelf.market.noise.one("archive.repeated", publication.sequence) < _REPEATED:
                    yield member


def _size(report: Report) -> int:
    assert report.bundles is not None
    files = report.bundles.days * DAY // report.cadence
    return files * _FILE_BYTES[report.name] * 5 // 4 + 100_000
