"""NEMWEB as the judge of a comparison: AEMO's own files, read afresh, whatever our files say."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.errors import ReportRejected, SourceError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset, Source
from aemo_ops.market.intervals import intervals, nanoseconds
from aemo_ops.market.publication import last_of_each, superseded
from aemo_ops.market.rules import every_row
from aemo_ops.migrate.told import Told
from aemo_ops.nemweb import bundle
from aemo_ops.nemweb.archive import Level, Offer, Shelves, Times, assigned
from aemo_ops.nemweb.client import Client
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.wanted import among

log = logging.getLogger(__name__)
_RUN = "INTERVENTION"
_KEPT = 600  # files of Current, some ten kB each: two days of one report
Tables = dict[str, pa.Table]


@dataclass
class _Read:
    """What one level has: AEMO's tables, one publication after the other, and the interval ends of files that nobody could
    read. What else is known of those is not all there is, so it does not count."""

    publications: list[Tables] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)


class Nemweb:
    """Asks Current, then Archive, then MMSDM; what none of them has is not told. What was read is kept for the next question.

    `kept`: the last files of Current as they were listed; given to one judge after the other, so that who compares again
    and again asks for each of them once, and for one that AEMO published again once more.
    """

    def __init__(self, client: Client, kept: dict[Listing, bytes] | None = None) -> None:
        self._client = client
        self._kept = {} if kept is None else kept
        self._shelves = Shelves(client)
        self._last: tuple[Listing, bytes] | None = None

    def told(self, dataset: Dataset, since: datetime, until: datetime) -> Told:
        """See `Judge`. A file that cannot be had or read is logged: its intervals are then not told by its level."""
        left = np.array([nanoseconds(end) for end in intervals(since, until, dataset.cadence)], np.int64)
        found: list[list[pa.Table]] = [[] for _ in dataset.sources]
        other = [dataset.schema.empty_table()]
        for level in Level:
            if len(left) == 0:
                break
            read = self._asked(dataset, level, left, since, until)
            ends = left[~np.isin(left, read.unread)]
            for source, several in zip(dataset.sources, found, strict=True):
                rows = [_within(dataset.rows(source, tables[source.table]), ends) for tables in read.publications]
                several[:0] = rows  # a level that is asked earlier counts like a later publication
            other += [_within(_other(dataset, tables), ends) for tables in read.publications]
            if found[0]:
                left = left[~np.isin(left, pa.concat_tables(found[0])["settlementdate"].cast(pa.int64()).to_numpy())]
        return _weighed(dataset, found, last_of_each(pa.concat_tables(other), dataset))

    def _asked(self, dataset: Dataset, level: Level, ends: Times, since: datetime, until: datetime) -> _Read:
        """What the files of a level that hold some of the interval ends say."""
        read = _Read()
        try:
            offers = self._shelves.offers(dataset.sources[0], level, since, until)
        except SourceError as error:
            log.warning("%s of %s cannot be asked: %s", level, dataset.name, error)
            return read
        if level is Level.CURRENT:
            chosen: Sequence[Offer] = [offer for offer in offers if nanoseconds(offer.first) in ends]
            files = sorted((file for offer in chosen for file in offer.files), key=lambda file: file.order)
        else:
            files = [file for offer in assigned(offers, ends) for file in offer.files]
        for file in files:
            try:
                body = self._small(file) if level is Level.CURRENT else self._body(file)
                read.publications += list(_publications(level, file.name, body, dataset, ends, read.unread))
            except SourceError as error:
                log.warning("%s is no judge: %s", file.name, error)
                if level is Level.CURRENT:
                    read.unread.append(nanoseconds(dataset.sources[0].report.interval(file.name)))
        return read

    def _small(self, file: Listing) -> bytes:
        if file not in self._kept:
            self._kept[file] = self._client.fetch(file, bundle.LARGEST_PACKED)
            while len(self._kept) > _KEPT:
                self._kept.pop(next(iter(self._kept)))
        return self._kept[file]

    def _body(self, file: Listing) -> bytes:
        """The file's bytes; those of the last one are kept, since the next question is often about the same bundle."""
        if self._last is None or self._last[0] != file:
            self._last = file, self._client.fetch(file, bundle.LARGEST_PACKED)
        return self._last[1]


def _publications(
    level: Level, name: str, body: bytes, dataset: Dataset, ends: Times, unread: list[int]
) -> Iterator[Tables]:
    """The tables of a file, of a bundle those of each member; where one cannot be read, its interval end is added to `unread`.

    Raises ReportRejected.
    """
    wanted, report = catalogue.tables(dataset.sources), dataset.sources[0].report
    if level is Level.CURRENT:
        yield dict(bundle.read_member(name, body, wanted, report.interval(name)).tables)
    elif level is Level.MMSDM:
        time = dict(dataset.sources[0].columns)["settlementdate"]
        low, high = (pa.scalar(int(end), pa.int64()).cast(pa.timestamp("ns")) for end in (ends[0], ends[-1]))
        yield {
            table: pa.concat_tables(bundle.stream(name, body, table, schema, time, low, high)).cast(schema)
            for table, schema in wanted.items()
        }
    else:
        for inner, packed in bundle.members(name, body):
            end: int | None = None
            try:
                interval = report.interval(inner)
                end = nanoseconds(interval)
                if end in ends:
                    yield dict(bundle.read_member(inner, packed, wanted, interval).tables)
            except (ValueError, ReportRejected) as error:
                log.warning("%s is no judge: %s", inner, error)
                unread += [] if end is None else [end]


def _weighed(dataset: Dataset, found: Sequence[Sequence[pa.Table]], other_run: pa.Table) -> Told:
    """Of the rows of each source, in the order of publication, what counts and what it takes the place of."""
    by_source = [pa.concat_tables([dataset.schema.empty_table(), *several]) for several in found]
    counted = pa.concat_tables([last_of_each(rows, dataset) for rows in reversed(by_source)])
    earlier = pa.concat_tables([superseded(rows, dataset) for rows in by_source])
    return Told(last_of_each(counted, dataset), other_run, earlier, superseded(counted, dataset))


def _other(dataset: Dataset, tables: Tables) -> pa.Table:
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
