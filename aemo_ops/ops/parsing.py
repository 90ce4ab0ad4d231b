"""Parsing as a task that can run anywhere: bytes of large files in, rows of datasets out, in one self-contained call.

Run by spawned processes, by a Dask cluster's workers, or right here: whatever `concurrent.futures` executor has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.errors import ReportRejected
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Source
from aemo_ops.market.intervals import length
from aemo_ops.market.publication import last_of_each
from aemo_ops.market.rules import every_row
from aemo_ops.market.values import time_doubts
from aemo_ops.nemweb import bundle
from aemo_ops.nemweb.archive import Level
from aemo_ops.nemweb.report import rejecting
from aemo_ops.store.marks import Key


@dataclass(frozen=True)
class Feed:
    """A source of a dataset, named so that it travels: its place among the dataset's sources, or its fallbacks."""

    dataset: str
    place: int
    fallback: bool = False

    @property
    def source(self) -> Source:
        dataset = catalogue.dataset(self.dataset)
        return (dataset.fallbacks if self.fallback else dataset.sources)[self.place]


@dataclass(frozen=True)
class Task:
    """Files that belong together, with what to read from them: rows of the feeds with first <= interval end <= last.

    Times in nanoseconds since 1970. `files`: in the order of publication.
    """

    level: Level
    files: tuple[tuple[str, bytes], ...]
    feeds: tuple[Feed, ...]
    first: int
    last: int


@dataclass(frozen=True)
class Parsed:
    """`rows`: a table for each feed, each key once; packed while it travels.

    `first`, `last`: the interval ends that the files really hold.

    (name, reason) of files that did not parse: `rejected`; that did not come, though others of the errand did: `lost`.
    `strays`: of rows that were left out as they are of another interval or month than their file's, the first of each.
    `blank`: dataset -> (interval, id) of measurements without a value, for which an estimate stands.
    """

    rows: tuple[pa.Table, ...] = ()
    first: int | None = None
    last: int | None = None
    rejected: tuple[tuple[str, str], ...] = ()
    members: int = 0
    lost: tuple[tuple[str, str], ...] = ()
    strays: tuple[str, ...] = ()
    blank: dict[str, set[Key]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"rows": tuple(packed(table) for table in self.rows)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state | {"rows": tuple(unpacked(table) for table in state["rows"])})


@dataclass
class _Found:
    """What was read so far."""

    rows: list[list[pa.Table]]
    bounds: list[int] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    members: int = 0
    strays: list[str] = field(default_factory=list)
    blank: dict[str, set[Key]] = field(default_factory=dict)


def parse(task: Task) -> Parsed:
    """Read the task's files. A file or member that does not parse is told in `rejected`; the others count."""
    found = _Found([[] for _ in task.feeds])
    for name, body in task.files:
        read = {Level.MMSDM: _read_table, Level.ARCHIVE: _read_bundle}.get(task.level, _read_report)
        try:
            with rejecting(name):
                read(task, name, body, found)
        except ReportRejected as error:
            found.rejected.append((name, str(error)))
    tables = [_joined(feed, several) for feed, several in zip(task.feeds, found.rows, strict=True)]
    bounds = found.bounds
    return Parsed(
        tuple(tables),
        min(bounds, default=None),
        max(bounds, default=None),
        tuple(found.rejected),
        found.members,
        strays=tuple(found.strays),
        blank=found.blank,
    )


def _read_bundle(task: Task, name: str, body: bytes, found: _Found) -> None:
    for inner, member in bundle.members(name, body):
        try:
            with rejecting(inner):
                _read_report(task, inner, member, found)
        except ReportRejected as error:
            found.rejected.append((inner, str(error)))


def _read_report(task: Task, name: str, body: bytes | ReportRejected, found: _Found) -> None:
    wanted = catalogue.tables(feed.source for feed in task.feeds)
    contents = bundle.read_member(name, body, wanted, _interval(task, name))
    for place, feed in enumerate(task.feeds):
        if feed.source.table in contents.tables:
            _keep(name, feed, contents.tables[feed.source.table], found.rows[place], found)
        else:
            found.rejected.append((name, contents.lacking[feed.source.table]))
    found.members += 1
    found.strays += contents.strays


def _interval(task: Task, name: str) -> datetime | None:
    """The interval that a report file holds, zipped or not; None where its name does not tell."""
    try:
        return task.feeds[0].source.report.interval(f"{name.rsplit('.', 1)[0]}.zip")
    except ValueError:
        return None


def _read_table(task: Task, name: str, body: bytes, found: _Found) -> None:
    """A monthly table, read once for all feeds of it."""
    source = task.feeds[0].source
    schema = catalogue.tables(feed.source for feed in task.feeds)[source.table]
    time = dict(source.columns)["settlementdate"]
    since, until = (pa.scalar(at, pa.timestamp("ns")) for at in (task.first, task.last))
    parts: Iterable[pa.Table] = bundle.stream(name, body, source.table, schema, time, since, until, found.strays)
    if any(feed.source.rule is not every_row for feed in task.feeds):  # a rule judges whole intervals
        parts = [pa.concat_tables(parts)]
    whole = _Found([[] for _ in task.feeds])
    for part in parts:
        for place, feed in enumerate(task.feeds):
            _keep(name, feed, part, whole.rows[place], whole)
    for rows, kept in zip(found.rows, whole.rows, strict=True):
        rows += [pa.concat_tables(kept)] if kept else []
    found.bounds += whole.bounds
    for name, keys in whole.blank.items():
        found.blank.setdefault(name, set()).update(keys)
    found.members += 1


def _keep(name: str, feed: Feed, table: pa.Table, rows: list[pa.Table], found: _Found) -> None:
    dataset = catalogue.dataset(feed.dataset)
    fresh = dataset.rows(feed.source, table)
    if blank := dataset.blank((feed.source,), {feed.source.table: table}):
        found.blank.setdefault(feed.dataset, set()).update(blank)
    if fresh.num_rows:
        for mask, reason in time_doubts(fresh["settlementdate"], length(feed.source.report.cadence)):
            if mask.any():
                raise ReportRejected(
                    f"{name}: table {feed.source.table}: {fresh['settlementdate'][int(mask.argmax())]} {reason}"
                )
        bounds = pc.min_max(fresh["settlementdate"].cast(pa.int64())).as_py()
        found.bounds += [bounds["min"], bounds["max"]]
        rows.append(fresh)


def _joined(feed: Feed, several: list[pa.Table]) -> pa.Table:
    dataset = catalogue.dataset(feed.dataset)
    # In one piece: a bundle's members are a table each, and whoever works on hundreds of pieces is slow.
    return last_of_each(pa.concat_tables([dataset.schema.empty_table(), *several]).combine_chunks(), dataset)


def packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def unpacked(body: bytes) -> pa.Table:
    with pa.ipc.open_stream(body) as reader:
        return reader.read_all()
