"""NEMWEB as the judge of a comparison: AEMO's own files, read afresh, whatever our files say."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.errors import ReportRejected, SourceError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset, Source
from aemo_ops.market.intervals import intervals, nanoseconds
from aemo_ops.market.rules import every_row
from aemo_ops.nemweb import bundle
from aemo_ops.nemweb.archive import Level, Offer, Shelves, Times, assigned
from aemo_ops.nemweb.client import Client
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.landing import first_of_each
from aemo_ops.ops.wanted import among

log = logging.getLogger(__name__)
_RUN = "INTERVENTION"
_KEPT = 600  # files of Current, some ten kB each: two days of one report


class Nemweb:
    """Asks Current, then Archive, then MMSDM; what none of them has is not told. What was read is kept for the next question.

    `kept`: the last files of Current by their URL, under which AEMO never publishes another; given to one judge after the
    other, so that who compares again and again asks for each of them once.
    """

    def __init__(self, client: Client, kept: dict[str, bytes] | None = None) -> None:
        self._client = client
        self._kept = {} if kept is None else kept
        self._shelves = Shelves(client)
        self._last: tuple[str, bytes] | None = None
        self._read: dict[tuple[str, datetime, datetime], tuple[pa.Table, pa.Table]] = {}

    def rows(self, dataset: Dataset, since: datetime, until: datetime) -> pa.Table:
        """See `Judge`. A file that cannot be had or read is logged: its intervals are then not told."""
        return self._both(dataset, since, until)[0]

    def other_run(self, dataset: Dataset, since: datetime, until: datetime) -> pa.Table:
        return self._both(dataset, since, until)[1]

    def _both(self, dataset: Dataset, since: datetime, until: datetime) -> tuple[pa.Table, pa.Table]:
        asked = dataset.name, since, until
        if asked not in self._read:
            self._read = {asked: self._fetched(dataset, since, until)}
        return self._read[asked]

    def _fetched(self, dataset: Dataset, since: datetime, until: datetime) -> tuple[pa.Table, pa.Table]:
        left = np.array([nanoseconds(end) for end in intervals(since, until, dataset.cadence)], np.int64)
        counted, other = [dataset.schema.empty_table()], [dataset.schema.empty_table()]
        for level in Level:
            if len(left) == 0:
                break
            raw = list(self._tables(dataset, level, left, since, until))
            for table in raw:
                ours = _counted(dataset, table, left)
                counted.append(ours)
                other.append(_within(_other(dataset, table), left))
            if raw:
                left = left[~np.isin(left, pa.concat_tables(counted)["settlementdate"].cast(pa.int64()).to_numpy())]
        return pa.concat_tables(counted), pa.concat_tables(other)

    def _tables(
        self, dataset: Dataset, level: Level, ends: Times, since: datetime, until: datetime
    ) -> Iterable[dict[str, pa.Table]]:
        """AEMO's tables of the files of a level that hold some of the interval ends, one after the other."""
        try:
            offers = self._shelves.offers(dataset.sources[0], level, since, until)
        except SourceError as error:
            log.warning("%s of %s cannot be asked: %s", level, dataset.name, error)
            return
        wanted = catalogue.tables(dataset.sources)
        if level is Level.CURRENT:
            chosen: Sequence[Offer] = [offer for offer in offers if nanoseconds(offer.first) in ends]
            files = sorted((file for offer in chosen for file in offer.files), key=lambda file: file.published)
            yield from self._together([files[::-1]], level, dataset, wanted, ends)  # a later publication first: it wins
        else:
            yield from self._together([offer.files for offer in assigned(offers, ends)], level, dataset, wanted, ends)

    def _together(
        self,
        groups: Iterable[Sequence[Listing]],
        level: Level,
        dataset: Dataset,
        wanted: dict[str, pa.Schema],
        ends: Times,
    ) -> Iterable[dict[str, pa.Table]]:
        for files in groups:
            found: dict[str, list[pa.Table]] = {table: [] for table in wanted}
            for file in files:
                try:
                    body = self._small(file) if level is Level.CURRENT else self._body(file)
                    for table, rows in _contents(level, file.name, body, dataset, wanted, ends):
                        found[table].append(rows)
                except SourceError as error:
                    log.warning("%s is no judge: %s", file.name, error)
            if all(found.values()):
                yield {table: pa.concat_tables(parts) for table, parts in found.items()}

    def _small(self, file: Listing) -> bytes:
        if file.url not in self._kept:
            self._kept[file.url] = self._client.fetch(file, bundle.LARGEST_PACKED)
            while len(self._kept) > _KEPT:
                self._kept.pop(next(iter(self._kept)))
        return self._kept[file.url]

    def _body(self, file: Listing) -> bytes:
        """The file's bytes; those of the last one are kept, since the next question is often about the same bundle."""
        if self._last is None or self._last[0] != file.url:
            self._last = file.url, self._client.fetch(file, bundle.LARGEST_PACKED)
        return self._last[1]


def _contents(
    level: Level, name: str, body: bytes, dataset: Dataset, wanted: dict[str, pa.Schema], ends: Times
) -> Iterable[tuple[str, pa.Table]]:
    """(table, rows) of a file. Raises ReportRejected."""
    if level is Level.MMSDM:
        for table, schema in wanted.items():
            time = dict(dataset.sources[0].columns)["settlementdate"]
            low, high = (pa.scalar(int(end), pa.int64()).cast(pa.timestamp("ns")) for end in (ends[0], ends[-1]))
            yield table, pa.concat_tables(bundle.stream(name, body, table, schema, time, low, high)).cast(schema)
        return
    members = bundle.members(name, body) if level is Level.ARCHIVE else [(name, body)]
    for inner, packed in members:
        try:
            interval = dataset.sources[0].report.interval(inner)
            if level is Level.ARCHIVE and nanoseconds(interval) not in ends:
                continue
            yield from bundle.read_member(inner, packed, wanted, interval).tables.items()
        except (ValueError, ReportRejected) as error:
            log.warning("%s is no judge: %s", inner, error)


def _counted(dataset: Dataset, tables: dict[str, pa.Table], ends: Times) -> pa.Table:
    """The rows that count, one of each key: the first source's, then what only the next one has."""
    rows = pa.concat_tables([dataset.rows(source, tables[source.table]) for source in dataset.sources])
    return first_of_each(_within(rows, ends), dataset)


def _other(dataset: Dataset, tables: dict[str, pa.Table]) -> pa.Table:
    """The rows of an intervention's run that does not count."""
    found = [dataset.schema.empty_table()]
    for source in dataset.sources:
        table = tables[source.table]
        if _RUN in table.column_names:
            found.append(dataset.rows(replace(source, rule=every_row), _left_out(source, table)))
    return pa.concat_tables(found)


def _left_out(source: Source, table: pa.Table) -> pa.Table:
    numbered = table.append_column("_at", pa.array(np.arange(table.num_rows)))
    counts = pc.is_in(numbered["_at"], value_set=source.rule(numbered)["_at"].combine_chunks())
    return table.filter(pc.invert(counts))


def _within(rows: pa.Table, ends: Times) -> pa.Table:
    return rows.filter(pa.array(among(rows["settlementdate"], ends)))
