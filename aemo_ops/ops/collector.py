"""Collector: one report, once. Listing -> files the ledger lacks -> rows -> merged -> derived -> marked, in that order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.errors import (
    AemoOpsError,
    NemwebGone,
    NemwebRefused,
    ReportRejected,
    RowsRefused,
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
from aemo_ops.nemweb.report import Contents
from aemo_ops.ops.collected import Collected, Fetched
from aemo_ops.ops.derivation import derive
from aemo_ops.ops.precedence import merge_source
from aemo_ops.ops.reading import Taken, taken
from aemo_ops.ops.watch import Identity, identity
from aemo_ops.store.ledger import Fate, Ledger, LedgerRow, Publication
from aemo_ops.store.marks import Key
from aemo_ops.store.parquet import Store

log = logging.getLogger(__name__)
TRIES = 5  # after so many rejections a file is quarantined: one poisoned file must not cost a request in every cycle


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
            if lacking := names - settled.get(_publication(entry), set()):
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
        read: dict[Listing, Contents] = {}
        for entry, body in fetched.bodies.items():
            try:
                with nemweb_report.rejecting(entry.name):
                    read[entry] = nemweb_report.read(entry.name, body, self._wanted, self._interval(entry))
            except ReportRejected as error:
                self._reject(entry, error, collected)
        failpoint("collect.parsed")
        for dataset in self.datasets:
            known = self._in_vain(dataset)
            took = self._taken(dataset, read, collected)
            try:
                if took:
                    self._take_whole(dataset, took, collected)
                elif known:
                    collected.failed[dataset.name] = known.reason
            except StoreError as error:
                collected.failed[dataset.name] = str(error)
                log.error("%s: %s", dataset.name, error)
                if isinstance(error, SchemaMismatch | StoreCorrupt | RowsRefused):
                    files = {entry.name for entry in took} | (known.files if known else set())
                    self._vain[dataset.name] = _InVain(self._versions(dataset), frozenset(files), str(error))
        return collected

    def _taken(self, dataset: Dataset, read: Mapping[Listing, Contents], collected: Collected) -> dict[Listing, Taken]:
        """What each file holds for the dataset; a file that cannot be taken is rejected for this dataset alone."""
        sources = [source for source in dataset.sources if source.report == self.report]
        found = {}
        for entry, contents in read.items():
            try:
                found[entry] = taken(entry.name, contents, dataset, sources, self._clock.now())
            except ReportRejected as error:
                self._reject(entry, error, collected, (dataset,))
                continue
            if contents.strays or found[entry].count == 0:
                reason = found[entry].left_out or "it has no row for this dataset"
                collected.left_out[entry.name] = (
                    f"{entry.name} into {dataset.name}: {found[entry].count:,} rows; {reason}"
                )
                log.warning("%s", collected.left_out[entry.name])
        return found

    def _take_whole(self, dataset: Dataset, took: Mapping[Listing, Taken], collected: Collected) -> None:
        """All files together, which is one write; after an error that nobody thought of one by one, so that few wait for it.

        All of them have been read by now: what goes wrong here is no fault of AEMO's, and no file is rejected for it.
        """
        waiting: set[str] = set()
        try:
            with nemweb_report.rejecting(f"{dataset.file_name}, with {len(took)} files of {self.report.name}"):
                self._take_into(dataset, took, collected)
        except ReportRejected:
            for entry in took:
                try:
                    with nemweb_report.rejecting(f"{dataset.file_name}, with the rows of {entry.name}"):
                        self._take_into(dataset, {entry: took[entry]}, collected)
                except ReportRejected as error:
                    waiting.add(entry.name)
                    collected.failed[dataset.name] = f"{error}. AEMO's file was read and is not rejected; it waits."
        self._vain.pop(dataset.name, None)
        if waiting:
            reason = collected.failed[dataset.name]
            self._vain[dataset.name] = _InVain(self._versions(dataset), frozenset(waiting), reason)

    def _take_into(self, dataset: Dataset, took: Mapping[Listing, Taken], collected: Collected) -> None:
        # Measurements first: an estimate that came beside one is not written at all.
        for at, source in enumerate(source for source in dataset.sources if source.report == self.report):
            for mode, entries in self._by_mode(list(took)):
                rows = last_of_each(pa.concat_tables([took[entry].rows[at] for entry in entries]), dataset)
                collected.add(dataset.name, merge_source(self._store, self._ledger, dataset, source, rows, mode))
                failpoint("collect.merged")
        self._ledger.mark_blank(dataset.name, frozenset[Key]().union(*(one.blank for one in took.values())))
        touched = pa.concat_tables([rows for one in took.values() for rows in one.rows])
        for child in self._children[dataset.name]:
            collected.add(child.name, derive(self._store, self._ledger, dataset, child, touched))
        failpoint("collect.before_mark")
        self._ledger.record(
            self._entry(entry, dataset.name, Fate.MERGED, one.left_out, rows=one.count) for entry, one in took.items()
        )
        failpoint("collect.marked")
        collected.files[dataset.name] = collected.files.get(dataset.name, 0) + len(took)

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
        tries = self._ledger.tries(_publication(entry)) + 1
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


def _publication(entry: Listing) -> Publication:
    return entry.name, entry.published, entry.size


def _mode(report: Report, entry: Listing, merged: Sequence[tuple[datetime, str]]) -> Mode:
    """How the rows of a file merge, given (published, name) of the merged files of its interval.

    What was merged of its own name is an older publication of it, or itself.
    """
    own = _prefix(report, entry.name)
    siblings = [one for one in merged if _prefix(report, one[1]) == own and one[1] != entry.name]
    return Mode.INSERT if any(sibling > entry.order for sibling in siblings) else Mode.UPSERT


def _prefix(report: Report, name: str) -> str:
    match = report.pattern.fullmatch(name)
    return match["prefix"].upper() if match else ""
