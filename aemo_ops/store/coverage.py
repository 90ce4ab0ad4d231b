"""Coverage: which intervals and keys a file holds, from summaries of its row groups that are made once and kept.

A sealed row group never changes, so its summary (for each key the stretches of intervals without a gap) is kept under the
group's own entry in the footer; after an update only the new groups are read. A cycle's cost does not grow with history.
A summary that a power cut took is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aemo_ops.errors import StoreCorrupt
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import ceil, moment, nanoseconds
from aemo_ops.store.splice.fitness import footer_of_file
from aemo_ops.store.splice.footer import Footer
from aemo_ops.store.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS summaries (
    dataset TEXT NOT NULL, digest BLOB NOT NULL, stretches BLOB NOT NULL, PRIMARY KEY (dataset, digest)
) WITHOUT ROWID;
"""
STRETCHES = pa.schema([("id", pa.string()), ("first", pa.int64()), ("last", pa.int64())])
Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Coverage:
    """What a file holds of a dataset.

    `stretches`: columns id, first, last (nanoseconds since 1970, interval ends): the id has a row at every interval of its
    grid from first to last; sorted by id, then first; stretches of one id never touch. `rows` off the grid: 0 in a file
    that keeps its contract.
    """

    dataset: Dataset
    stretches: pa.Table
    rows: int

    @property
    def ids(self) -> list[str]:
        """Every id that the file ever held, sorted."""
        names: list[str] = sorted(set(self.stretches["id"].to_pylist()))
        return names

    @property
    def first(self) -> datetime | None:
        """The end of the first interval that has a row."""
        return moment(int(pc.min(self.stretches["first"]).as_py())) if self.stretches.num_rows else None

    def within(self, since: datetime, until: datetime) -> Coverage:
        """What it holds of the interval ends since .. until, both included."""
        firsts, lasts = self.stretches["first"].to_numpy(), self.stretches["last"].to_numpy()
        low, high = nanoseconds(ceil(since, self.dataset.cadence)), _floor(nanoseconds(until), self.dataset.step)
        if not self.stretches.num_rows or (firsts.min() >= low and lasts.max() <= high):
            return self
        meets = (firsts <= high) & (lasts >= low)
        ids = self.stretches["id"].filter(pa.array(meets)).combine_chunks()
        cut = [ids, pa.array(np.maximum(firsts[meets], low)), pa.array(np.minimum(lasts[meets], high))]
        return replace(self, stretches=pa.table(cut, schema=STRETCHES))

    def counts(self, since: datetime, until: datetime) -> tuple[Times, Times]:
        """Interval ends in (since, until], and how many ids have a row at each; 0 where none has."""
        step = self.dataset.step
        low, high = _floor(nanoseconds(since), step) + step, _floor(nanoseconds(until), step)
        if high < low:
            return np.array([], np.int64), np.array([], np.int64)
        # Not arange(low, high + 1, step): its length comes from a float, in which a nanosecond of nine years is lost.
        ends = low + step * np.arange((high - low) // step + 1)
        change = np.zeros(len(ends) + 1, np.int64)
        firsts, lasts = self._clipped(low, high)
        np.add.at(change, (firsts - low) // step, 1)
        np.add.at(change, (lasts - low) // step + 1, -1)
        return ends, np.cumsum(change[:-1])

    def present(self, ids: Sequence[str], since: datetime, until: datetime) -> npt.NDArray[np.bool_]:
        """For each id (a row) whether it has a row at each interval end in (since, until] (a column)."""
        step = self.dataset.step
        low, high = _floor(nanoseconds(since), step) + step, _floor(nanoseconds(until), step)
        there = np.zeros((len(ids), max(0, (high - low) // step + 1)), bool)
        wanted = self.stretches.filter(pc.is_in(self.stretches["id"], pa.array(list(ids), pa.string())))
        at = {name: row for row, name in enumerate(ids)}
        for name, first, last in zip(*(wanted[column].to_pylist() for column in STRETCHES.names), strict=True):
            if first <= high and last >= low:
                there[at[name], max(0, (first - low) // step) : (min(last, high) - low) // step + 1] = True
        return there

    def _clipped(self, low: int, high: int) -> tuple[Times, Times]:
        """First and last interval of each stretch that meets [low, high], cut to it."""
        firsts, lasts = self.stretches["first"].to_numpy(), self.stretches["last"].to_numpy()
        meets = (firsts <= high) & (lasts >= low)
        return np.maximum(firsts[meets], low), np.minimum(lasts[meets], high)


class Summaries:
    """Keeps the summaries of row groups, in a database of ours, under the groups' entries in the footer."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def coverage(self, path: Path, dataset: Dataset) -> Coverage:
        """The coverage of a file; reads only row groups that were never summarised. Raises StoreCorrupt, SchemaMismatch."""
        footer = footer_of_file(path)
        digests = [_digest(group.encoded) for group in footer.groups]
        known = self._known(dataset, digests)
        fresh = [at for at, digest in enumerate(digests) if digest not in known]
        for at, stretches in zip(fresh, summarise(path, dataset, footer, fresh), strict=True):
            known[digests[at]] = stretches
        self._keep(dataset, {digests[at]: known[digests[at]] for at in fresh}, digests)
        return Coverage(dataset, _joined([known[digest] for digest in digests], dataset.step), footer.rows)

    def forget(self, dataset: Dataset) -> None:
        """Drop what is known: another program rewrote the file, and its footer may look alike."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM summaries WHERE dataset = ?", (dataset.name,))

    def close(self) -> None:
        self._database.close()

    def _known(self, dataset: Dataset, digests: Iterable[bytes]) -> dict[bytes, pa.Table]:
        wanted = set(digests)
        rows = self._database.read("SELECT digest, stretches FROM summaries WHERE dataset = ?", (dataset.name,))
        return {bytes(d): _unpacked(bytes(s)) for d, s in rows if bytes(d) in wanted}  # type: ignore[call-overload]

    def _keep(self, dataset: Dataset, fresh: dict[bytes, pa.Table], live: Sequence[bytes]) -> None:
        """Add fresh summaries; drop those of groups that are no longer part of the file."""
        if not fresh:
            return
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?)",
                [(dataset.name, digest, _packed(stretches)) for digest, stretches in fresh.items()],
            )
            gone = {
                row[0] for row in connection.execute("SELECT digest FROM summaries WHERE dataset = ?", (dataset.name,))
            }
            connection.executemany(
                "DELETE FROM summaries WHERE dataset = ? AND digest = ?",
                [(dataset.name, digest) for digest in gone - set(live)],
            )


def summarise(path: Path, dataset: Dataset, footer: Footer, groups: Sequence[int]) -> list[pa.Table]:
    """The stretches of some row groups, two groups at a time."""
    if not groups:
        return []
    time, name = dataset.key[0], dataset.key[1]

    def one(at: int) -> pa.Table:
        # A reader of its own: they are cheap to open and not to be shared between threads.
        with pq.ParquetFile(path, read_dictionary=[name]) as parquet:
            rows = parquet.read_row_group(at, columns=[time, name], use_threads=False)
        return _stretches(rows[time], rows[name], dataset.step)

    try:
        with ThreadPoolExecutor(2, thread_name_prefix="coverage") as pool:
            return list(pool.map(one, groups))
    except (pa.ArrowException, OSError) as error:
        raise StoreCorrupt(f"{path}: a part of it cannot be read ({error})") from error


def _stretches(times: pa.ChunkedArray, names: pa.ChunkedArray, step: int) -> pa.Table:
    """The stretches of rows sorted by time; rows off the grid make none."""
    at = times.cast(pa.int64()).to_numpy()
    coded = names.combine_chunks() if names.num_chunks != 1 else names.chunk(0)
    if not pa.types.is_dictionary(coded.type):
        coded = coded.dictionary_encode()
    who, firsts, lasts = _runs(at, coded.indices.to_numpy(zero_copy_only=False), step)
    ids = coded.dictionary.cast(pa.string()).take(pa.array(who))
    return pa.table([ids, pa.array(firsts), pa.array(lasts)], schema=STRETCHES)


def _runs(at: Times, codes: Codes, step: int) -> tuple[Times, Times, Times]:
    """(code, first, last) of each stretch, sorted by code, then first.

    Intervals that follow one another with the same codes are looked at once: as a fleet changes rarely, most are.
    """
    if (at[1:] < at[:-1]).any():  # a file of somebody else's
        order = np.argsort(at, kind="stable")
        at, codes = at[order], codes[order]
    starts = np.flatnonzero(np.append(True, at[1:] != at[:-1])[: len(at)])
    moments, sizes = at[starts], np.diff(starts, append=len(at))
    on_grid = moments % step == 0
    if not on_grid.all():
        kept = np.repeat(on_grid, sizes)
        return _runs(at[kept], codes[kept], step)
    follows = np.diff(moments, prepend=0) == step
    heads = np.flatnonzero(~(follows & _same(codes, sizes)))
    tails = np.append(heads[1:], len(starts))[: len(heads)] - 1
    # One slot for each run of intervals; a slot stays free where time went on without rows.
    slots = np.cumsum(np.where(follows[heads], 1, 2))
    began, ended = np.zeros((2, len(heads) * 2 + 1), np.int64)
    began[slots], ended[slots] = moments[heads], moments[tails]
    who, first, last = _stretched(np.repeat(slots, sizes[heads]), _taken(codes, starts[heads], sizes[heads]))
    return who, began[first], ended[last]


def _same(codes: Codes, sizes: Times) -> npt.NDArray[np.bool_]:
    """For each interval, `sizes` rows of `codes`, whether it has the same codes as the one before it, in the same order."""
    same = np.zeros(len(sizes), bool)
    row = first = 0
    for last in np.append(np.flatnonzero(np.diff(sizes)) + 1, len(sizes)):
        if last > first:
            rows = codes[row : row + (last - first) * sizes[first]].reshape(last - first, sizes[first])
            same[first + 1 : last] = (rows[1:] == rows[:-1]).all(axis=1)
            row, first = row + rows.size, last
    return same


def _taken(codes: Codes, starts: Times, sizes: Times) -> Codes:
    """The codes of the ranges that begin at `starts`, one range after the other."""
    shifts = starts - np.cumsum(sizes) + sizes
    taken: Codes = codes[np.repeat(shifts, sizes) + np.arange(sizes.sum())]
    return taken


def _stretched(slots: Times, codes: Codes) -> tuple[Times, Times, Times]:
    """(code, first slot, last slot) of each stretch, sorted so, of rows in any order."""
    width = int(slots.max(initial=0)) + 2  # the last slot of one code and the first of the next are no neighbours
    marks = np.sort(codes * np.int64(width) + slots)
    begins = np.flatnonzero(np.append(True, np.diff(marks) > 1)[: len(marks)])
    ends = np.append(begins[1:], len(marks))[: len(begins)] - 1
    who, first = np.divmod(marks[begins], width)
    return who, first, marks[ends] % width


def _joined(tables: Sequence[pa.Table], step: int) -> pa.Table:
    """The stretches of all groups, those of one id that touch or overlap made one."""
    if not tables:
        return STRETCHES.empty_table()
    every = pa.concat_tables(tables).sort_by([("id", "ascending"), ("first", "ascending")]).combine_chunks()
    if every.num_rows == 0:
        return every
    # Codes apart further than any time: stretches of two ids never touch.
    apart = every["id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64) << 40
    firsts, lasts = every["first"].to_numpy(), every["last"].to_numpy()
    reached = np.maximum.accumulate(apart + lasts // step)
    begins = np.flatnonzero(np.append(True, (apart + firsts // step)[1:] > reached[:-1] + 1))
    return pa.table(
        [every["id"].take(pa.array(begins)), pa.array(firsts[begins]), pa.array(np.maximum.reduceat(lasts, begins))],
        schema=STRETCHES,
    )


def _digest(encoded: bytes) -> bytes:
    return hashlib.blake2b(encoded, digest_size=16).digest()


def _packed(stretches: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, STRETCHES) as writer:
        writer.write_table(stretches)
    return bytes(sink.getvalue())


def _unpacked(packed: bytes) -> pa.Table:
    with pa.ipc.open_stream(packed) as reader:
        return reader.read_all()


def _floor(time: int, step: int) -> int:
    return time - time % step
