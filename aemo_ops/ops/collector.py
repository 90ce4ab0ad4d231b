"""Collector: one report, once. Listing -> files the ledger lacks -> rows -> merged -> derived -> marked, in that order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.errors import (
    AemoOpsError,
    NemwebGone,
    NemwebRefused,
    ReportRejected,
    SchemaMismatch,
    SourceError,
    StoreCorrupt,
    StoreError,
)
from aemo_ops.files import failpoint
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset, Mode, Source
from aemo_ops.market.publication import last_of_each
from aemo_ops.market.report import Report
from aemo_ops.nemweb import report as nemweb_report
from aemo_ops.nemweb.client import Client
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.derivation import derive
from aemo_ops.ops.precedence import merge_source
from aemo_ops.ops.watch import Identity, identity
from aemo_ops.store.ledger import Fate, Ledger, LedgerRow
from aemo_ops.store.merge import Merge
from aemo_ops.store.parquet import Store

log = logging.getLogger(__name__)
TRIES = 5  # after so many rejections a file is quarantined: one poisoned file must not cost a request in every cycle


@dataclass
class Fetched:
    """Files as received, and why others were not. `refused`: the site asked us to stop, the rest was not asked for."""

    bodies: dict[Listing, bytes] = field(default_factory=dict)
    failures: dict[Listing, SourceError] = field(default_factory=dict)
    refused: NemwebRefused | None = None

    @property
    def size(self) -> int:
        return sum(map(len, self.bodies.values()))


@dataclass
class Collected:
    """What came of some files of one report. `merges`: dataset -> counts, derived datasets too; `files` -> files merged."""

    report: str
    merges: dict[str, Merge] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, dataset: str, merge: Merge) -> None:
        self.merges[dataset] = self.merges.get(dataset, Merge()) + merge

    @property
    def rows(self) -> Merge:
        return sum(self.merges.values(), Merge())

    @property
    def merged_files(self) -> int:
        return max(self.files.values(), default=0)


@dataclass(frozen=True)
class _InVain:
    """Files that were read although their dataset cannot be written; `versions` of its file and of those derived from it."""

    versions: tuple[Identity | None, ...]
    files: frozenset[str]
    reason: str


class Collector:
    """The collector of one report, feeding those of `datasets` that the report feeds and what derives from them."""

    def __init__(
        self, report: Report, datasets: Sequence[Dataset], client: Client, store: Store, ledger: Ledger, clock: Clock
    ) -> None:
        self.report = report
        self.datasets = catalogue.fed_by(report, datasets)
        self._children = {d.name: catalogue.derived_from(d, datasets) for d in self.datasets}
        self._client = client
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._wanted = catalogue.tables(self._sources())
        self._vain: dict[str, _InVain] = {}

    def _sources(self) -> list[Source]:
        return [source for d in self.datasets for source in d.sources if source.report == self.report]

    def feeds(self) -> tuple[str, ...]:
        """The names of all datasets that change when this report is read."""
        direct = [d.name for d in self.datasets]
        return (*direct, *(child.name for name in direct for child in self._children[name]))

    def waiting(self) -> list[Listing]:
        """The files in Current that the ledger does not have, newest interval first. One request."""
        return [entry for entry, _ in self._lacking()]

    def to_read(self) -> list[Listing]:
        """Of those `waiting`, the ones that are of use: not what waits for an unfit file that is as it was at the last try."""
        vain = {d.name: known.files if (known := self._in_vain(d)) else frozenset() for d in self.datasets}
        return [entry for entry, names in self._lacking() if any(entry.name not in vain[name] for name in names)]

    def _lacking(self) -> Iterator[tuple[Listing, set[str]]]:
        """The files in Current with the datasets that lack them, where there are some."""
        listed = self._client.files(self.report)
        settled = self._ledger.settled(self.report.name, self._interval(listed[0]))
        names = {d.name for d in self.datasets}
        for entry in reversed(listed):
            if lacking := names - settled.get(entry.name, set()):
                yield entry, lacking

    def _in_vain(self, dataset: Dataset) -> _InVain | None:
        known = self._vain.get(dataset.name)
        return known if known and known.versions == self._versions(dataset) else None

    def _versions(self, dataset: Dataset) -> tuple[Identity | None, ...]:
        return tuple(identity(self._store.path(d)) for d in (dataset, *self._children[dataset.name]))

    def in_vain(self) -> list[str]:
        """Why files that were read could not be merged, for each dataset whose file is as it was then."""
        return [known.reason for d in self.datasets if (known := self._in_vain(d))]

    def try_again(self) -> None:
        """Read again what was read in vain: somebody says that it is worth it."""
        self._vain.clear()

    def fetch(self, entries: Sequence[Listing], ended: Callable[[], bool] = lambda: False) -> Fetched:
        """Download files, two at a time, in the given order; stops asking at a refusal, or when it has `ended`. One request
        a file.

        Raises FolderRefused, before it asks for anything, where we may not write (any more).
        """
        self._store.permit()
        fetched = Fetched()
        with ThreadPoolExecutor(2, thread_name_prefix="fetch") as pool:
            for entry, answer in zip(
                entries, pool.map(lambda entry: None if ended() else self._fetch(entry, fetched), entries), strict=True
            ):
                if isinstance(answer, bytes):
                    fetched.bodies[entry] = answer
                elif isinstance(answer, NemwebRefused):
                    fetched.refused = fetched.refused or answer
                elif answer is not None:
                    fetched.failures[entry] = answer
        return fetched

    def _fetch(self, entry: Listing, fetched: Fetched) -> bytes | SourceError | None:
        if fetched.refused is not None:
            return None
        try:
            return self._client.fetch(entry)
        except SourceError as error:
            return error

    def take(self, fetched: Fetched) -> Collected:
        """Merge what was fetched into every dataset, derive, mark in the ledger last. A dataset that fails stops no other."""
        collected = Collected(self.report.name)
        failpoint("collect.fetched")
        for entry, error in fetched.failures.items():
            self._reject(entry, error, collected)
        tables: dict[Listing, Mapping[str, pa.Table]] = {}
        for entry, body in fetched.bodies.items():
            try:
                with nemweb_report.rejecting(entry.name):
                    tables[entry] = nemweb_report.read(entry.name, body, self._wanted).tables
            except ReportRejected as error:
                self._reject(entry, error, collected)
        failpoint("collect.parsed")
        for dataset in self.datasets:
            known = self._in_vain(dataset)
            try:
                if tables:
                    self._take_whole(dataset, tables, collected)
                    self._vain.pop(dataset.name, None)
                elif known:
                    collected.failed[dataset.name] = known.reason
            except StoreError as error:
                collected.failed[dataset.name] = str(error)
                log.error("%s: %s", dataset.name, error)
                if isinstance(error, SchemaMismatch | StoreCorrupt):
                    files = {entry.name for entry in tables} | (known.files if known else set())
                    self._vain[dataset.name] = _InVain(self._versions(dataset), frozenset(files), str(error))
        return collected

    def _take_whole(
        self, dataset: Dataset, tables: Mapping[Listing, Mapping[str, pa.Table]], collected: Collected
    ) -> None:
        """All files together, which is one write; after an error that nobody thought of one by one, to reject whose it is."""
        try:
            with nemweb_report.rejecting(f"{len(tables)} of {self.report.name} for {dataset.name}"):
                self._take_into(dataset, tables, collected)
        except ReportRejected:
            for entry in tables:
                try:
                    with nemweb_report.rejecting(entry.name):
                        self._take_into(dataset, {entry: tables[entry]}, collected)
                except ReportRejected as error:
                    self._reject(entry, error, collected, (dataset,))

    def _take_into(
        self, dataset: Dataset, tables: Mapping[Listing, Mapping[str, pa.Table]], collected: Collected
    ) -> None:
        rows_of: dict[Listing, list[pa.Table]] = {entry: [] for entry in tables}
        for source in dataset.sources:  # measurements first: an estimate that came beside one is not written at all
            if source.report == self.report:
                for entry in tables:
                    rows_of[entry].append(dataset.rows(source, tables[entry][source.table]))
                for mode, entries in self._by_mode(list(tables)):
                    rows = last_of_each(pa.concat_tables([rows_of[entry][-1] for entry in entries]), dataset)
                    collected.add(dataset.name, merge_source(self._store, self._ledger, dataset, source, rows, mode))
                    failpoint("collect.merged")
        touched = pa.concat_tables([rows for several in rows_of.values() for rows in several])
        for child in self._children[dataset.name]:
            collected.add(child.name, derive(self._store, self._ledger, dataset, child, touched))
        failpoint("collect.before_mark")
        self._ledger.record(
            self._entry(entry, dataset.name, Fate.MERGED, rows=sum(rows.num_rows for rows in several))
            for entry, several in rows_of.items()
        )
        failpoint("collect.marked")
        collected.files[dataset.name] = collected.files.get(dataset.name, 0) + len(rows_of)

    def _by_mode(self, entries: Sequence[Listing]) -> Iterator[tuple[Mode, list[Listing]]]:
        """The files, in the order of publication, by how their rows merge: a later publication wins in any order of arrival."""
        intervals = [self._interval(entry) for entry in entries]
        merged: dict[datetime, list[tuple[datetime, str]]] = {}
        for interval, published, name in self._ledger.merged_files(self.report.name, min(intervals), max(intervals)):
            merged.setdefault(interval, []).append((published, name))
        groups: dict[Mode, list[Listing]] = {Mode.UPSERT: [], Mode.INSERT: []}
        for entry in sorted(entries, key=lambda entry: entry.order):
            groups[_mode(self.report, entry, merged.get(self._interval(entry), []))].append(entry)
        if groups[Mode.UPSERT]:
            yield Mode.UPSERT, groups[Mode.UPSERT]
        if groups[Mode.INSERT]:
            yield Mode.INSERT, groups[Mode.INSERT]

    def _reject(
        self, entry: Listing, error: AemoOpsError, collected: Collected, datasets: Sequence[Dataset] = ()
    ) -> None:
        """Record a file that could not be read for some datasets, by default for all that it feeds."""
        collected.rejected[entry.name] = str(error)
        log.warning("%s", error)
        if error.transient:
            return
        tries = self._ledger.tries(entry.name) + 1
        fate = Fate.REJECTED
        if tries >= TRIES:
            fate = Fate.GONE if isinstance(error, NemwebGone) else Fate.QUARANTINED
        self._ledger.record(
            self._entry(entry, dataset.name, fate, reason=str(error), tries=tries)
            for dataset in datasets or self.datasets
        )

    def _entry(
        self, entry: Listing, dataset: str, fate: Fate, reason: str = "", tries: int = 0, rows: int = 0
    ) -> LedgerRow:
        return LedgerRow(
            file=entry.name,
            dataset=dataset,
            report=self.report.name,
            fate=fate,
            interval=self._interval(entry),
            published=entry.published,
            at=self._clock.now(),
            size=entry.size,
            reason=reason,
            tries=tries,
            rows=rows,
        )

    def _interval(self, entry: Listing) -> datetime:
        return self.report.interval(entry.name)


def _mode(report: Report, entry: Listing, merged: Sequence[tuple[datetime, str]]) -> Mode:
    """How the rows of a file merge, given (published, name) of the merged files of its interval."""
    own = _prefix(report, entry.name)
    siblings = [one for one in merged if _prefix(report, one[1]) == own and one[1] != entry.name]
    return Mode.INSERT if any(sibling > entry.order for sibling in siblings) else Mode.UPSERT


def _prefix(report: Report, name: str) -> str:
    match = report.pattern.fullmatch(name)
    return match["prefix"].upper() if match else ""
