"""Splice: merge rows into a parquet file by replacing the few row groups they meet, whatever the file's length.

The new file is a clone of the whole old one, its footer included, plus new row groups, plus a footer that lists kept and
new groups in logical order. Old bytes never move, so a reader that opens the path twice may mix the two files unharmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.errors import SchemaMismatch
from aemo_ops.files import failpoint
from aemo_ops.market.dataset import Dataset, Mode
from aemo_ops.store.merge import Merge, merge_rows
from aemo_ops.store.splice.chunks import Encoded, Reader, check_file, encoded, opened, times
from aemo_ops.store.splice.clone import clone
from aemo_ops.store.splice.fitness import check_sizes, footer_of, refused
from aemo_ops.store.splice.footer import Footer
from aemo_ops.store.splice.rowgroup import Group
from aemo_ops.store.splice.sections import Section, cuts, sections
from aemo_ops.store.splice.successor import Original, original, succeed


@dataclass(frozen=True)
class Change:
    """Row groups first..last-1 of the old file give way to encoded ones."""

    first: int
    last: int
    encoded: Encoded


def splice(
    path: Path,
    rows: pa.Table,
    dataset: Dataset,
    mode: Mode = Mode.UPSERT,
    columns: Sequence[str] = (),
    permit: Callable[[], None] = lambda: None,
) -> Merge:
    """Merge rows that fit the dataset into its existing file; return when they are durable. Nothing changed, nothing written.

    The caller holds the file's lock; `permit` is asked once more before the old file gives way. Raises SchemaMismatch, with
    the reason, for a file that cannot be updated so (unsorted, no statistics, other columns or types, encrypted, a group too
    large); StoreCorrupt; StoreLocked when somebody else writes the file meanwhile; NoSpace; FolderRefused;
    FileNotFoundError; what `permit` raises. The old file stays then.
    """
    started = Clock.monotonic()
    if rows.num_rows == 0:
        return Merge()
    rows = _sorted(rows, dataset)
    with original(path, permit) as old:
        footer = footer_of(old, dataset)
        with refused(path), opened(path, dataset) as reader:
            merged = [
                _merged(reader, footer, section, rows.slice(section.start, section.stop - section.start), mode, columns)
                for section in _planned(footer, rows, dataset)
            ]
        changes = [change for _, change in merged if change]
        written = _publish(old, footer, changes, dataset) if changes else 0
    counts = reduce(add, (counts for counts, _ in merged))
    return replace(counts, seconds=Clock.monotonic() - started, written=written)


def _sorted(rows: pa.Table, dataset: Dataset) -> pa.Table:
    """In order of time, rows of one key in the order they came."""
    if rows.schema.remove_metadata() != dataset.schema:
        raise SchemaMismatch(f"rows for {dataset.name} have columns {rows.schema.names}, not {dataset.schema.names}")
    empty = [name for name in dataset.key if rows[name].null_count]
    if empty:
        raise SchemaMismatch(f"rows for {dataset.name} without {empty[0]}; nothing was written")
    moments = times(rows, dataset)
    rows = rows.replace_schema_metadata(None)
    return rows if (np.diff(moments) >= 0).all() else rows.take(pa.array(np.argsort(moments, kind="stable")))


def _planned(footer: Footer, rows: pa.Table, dataset: Dataset) -> list[Section]:
    sizes = [group.rows for group in footer.groups]
    planned = sections(footer.spans(dataset.key[0]), sizes, times(rows, dataset))
    for section in planned:
        check_sizes(sizes[section.first : section.last])
    return planned


def _merged(
    reader: Reader, footer: Footer, section: Section, new: pa.Table, mode: Mode, columns: Sequence[str]
) -> tuple[Merge, Change | None]:
    """What new rows, sorted by time, make of a section; None when nothing in it changed."""
    dataset = reader.dataset
    old = reader.sound_rows(footer, section.first, section.last)
    old_times, new_times = times(old, dataset), times(new, dataset)
    start = int(np.searchsorted(old_times, new_times[0], "left"))
    stop = int(np.searchsorted(old_times, new_times[-1], "right"))
    met, counts = merge_rows(old.slice(start, stop - start), new, dataset.key, mode, columns)
    if not counts.changed:
        return counts, None
    whole = pa.concat_tables([old.slice(0, start), met, old.slice(stop)]).combine_chunks()
    bounds = cuts(times(whole, dataset), is_end=section.last == len(footer.groups))
    tables = [whole.slice(start, stop - start) for start, stop in bounds]
    return counts, Change(section.first, section.last, encoded(reader.path, tables, footer, dataset))


def _publish(old: Original, footer: Footer, changes: Sequence[Change], dataset: Dataset) -> int:
    """Write, verify and publish the successor; the bytes written."""
    groups, places, parts = _arranged(old.size, footer.groups, changes)
    new = footer.with_groups(groups)

    def make(partial: Path) -> int:
        failpoint("splice.before_clone")
        cloned = clone(old.fd, partial)
        failpoint("splice.after_clone")
        with partial.open("ab") as file:
            file.writelines([*parts, new.encoded])
            size = file.tell()
        return cloned.written + size - old.size

    def verify(partial: Path) -> None:
        check_file(partial, new, zip(places, _tables(old.path, changes, dataset), strict=True), dataset)

    return succeed(old, "splice", make, verify)


def _arranged(
    at: int, old: Sequence[Group], changes: Sequence[Change]
) -> tuple[list[Group], list[int], list[memoryview | bytes]]:
    """All groups in logical order, the positions of the new ones among them, and the bytes of these, to stand at `at`."""
    groups: list[Group] = []
    places: list[int] = []
    parts: list[memoryview | bytes] = []
    done = 0
    for change in changes:
        placed, more = change.encoded.placed(at)
        groups += old[done : change.first]
        places += range(len(groups), len(groups) + len(placed))
        groups += placed
        parts += more
        at += sum(map(len, more))
        done = change.last
    return [*groups, *old[done:]], places, parts


def _tables(path: Path, changes: Sequence[Change], dataset: Dataset) -> Iterator[pa.Table]:
    for change in changes:
        with opened(path, dataset, change.encoded.content) as reader:
            for place in range(len(change.encoded.footer.groups)):
                yield reader.rows(place, place + 1)
