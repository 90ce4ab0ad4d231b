"""Replacing: what AEMO has now for a span beside what our file has; shown first, and put in its place only when told to.

The fetched rows wait in a folder of `spool` in the program's home, one file for each batch, until they are applied or
refused. What was left by a comparison that was killed, or that nobody answered, goes after a week.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.clock import Clock
from aemo_ops.errors import SettingsError
from aemo_ops.files import explained, make_private_folder, publish
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset, Mode, Source
from aemo_ops.market.intervals import moment
from aemo_ops.market.publication import last_of_each
from aemo_ops.ops.derivation import derive
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.landing import Ground, in_days
from aemo_ops.ops.parsing import packed, unpacked
from aemo_ops.ops.precedence import merge_source
from aemo_ops.ops.wanted import Left, Times
from aemo_ops.store.marks import Key
from aemo_ops.store.merge import merge_rows
from aemo_ops.store.parquet import Store

_SAMPLES = 10
_KEPT = timedelta(days=7)


@dataclass
class Difference:
    """Rows of one dataset that AEMO has: not in our file, other there, the same there. `samples`: key, ours, AEMO's."""

    dataset: str
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    samples: list[tuple[str, str, str]] = field(default_factory=list)


class Compared:
    """Landing of rows that are to be looked at first: compared with the file, and kept in the spool."""

    def __init__(self, store: Store, dataset: Dataset, spool: Path) -> None:
        self._store = store
        self.dataset = dataset
        self._spool = spool
        self._seen = np.array([], np.int64)
        self._measured: set[Key] = set()
        self._estimated: set[Key] = set()
        self._batches = 0
        self.difference = Difference(dataset.name)

    def put(self, rows: pa.Table, source: Source) -> None:
        for batch in in_days(rows):
            batch = last_of_each(batch, self.dataset)
            ends = np.unique(batch["settlementdate"].cast(pa.int64()).to_numpy())
            fresh = batch.filter(self._fresh(batch, source))
            self._seen = np.union1d(self._seen, ends)
            if fresh.num_rows:
                self._compare(fresh, int(ends[0]), int(ends[-1]))
                self._keep(fresh, self.dataset.sources.index(source))

    def _fresh(self, batch: pa.Table, source: Source) -> pa.Array:
        """The rows that did not come before; an estimate counts only where there is no measurement of its region."""
        if all(one.mode is Mode.UPSERT for one in self.dataset.sources):
            return pa.array(~np.isin(batch["settlementdate"].cast(pa.int64()).to_numpy(), self._seen))
        keys = self.dataset.keys(batch)
        estimated = source.mode is Mode.INSERT
        known = self._measured | self._estimated if estimated else self._measured
        fresh = pa.array([key not in known for key in keys], pa.bool_())
        (self._estimated if estimated else self._measured).update(keys)
        return fresh

    def left(self, ends: Times) -> Left:
        return Left(ends[~np.isin(ends, self._seen)])

    def rows(self, ends: Times) -> Times:
        return np.zeros(len(ends), np.int64)  # everything is asked for, whatever there is

    def _compare(self, rows: pa.Table, first: int, last: int) -> None:
        ours = self._store.read(self.dataset, moment(first) - self.dataset.cadence, moment(last))
        _, counts = merge_rows(ours, rows, self.dataset.key)
        told = self.difference
        told.inserted += counts.inserted
        told.updated += counts.updated
        told.unchanged += counts.unchanged
        if counts.updated and len(told.samples) < _SAMPLES:
            told.samples += _differing(self.dataset, ours, rows)[: _SAMPLES - len(told.samples)]

    def _keep(self, rows: pa.Table, place: int) -> None:
        body = packed(rows)
        name = f"{self.dataset.name}.{place}-{self._batches:06d}.rows"
        publish(self._spool / name, lambda sink: sink.write(body), private=True)
        self._batches += 1


def _differing(dataset: Dataset, ours: pa.Table, theirs: pa.Table) -> list[tuple[str, str, str]]:
    """(key, our values, AEMO's values) of keys that both have with other values."""
    both = ours.join(theirs, list(dataset.key), join_type="inner", right_suffix="_theirs").sort_by(
        [(name, "ascending") for name in dataset.key]
    )
    differs = np.zeros(both.num_rows, bool)
    for name in dataset.values:
        same = pc.fill_null(pc.equal(both[name], both[f"{name}_theirs"]), False)
        same = pc.or_(same, pc.and_(pc.is_null(both[name]), pc.is_null(both[f"{name}_theirs"])))
        differs |= ~same.to_numpy()
    rows = both.take(pa.array(np.flatnonzero(differs)[:_SAMPLES])).to_pylist()
    return [
        (
            " ".join(str(row[name]) for name in dataset.key),
            ", ".join(f"{name} {row[name]}" for name in dataset.values),
            ", ".join(f"{name} {row[f'{name}_theirs']}" for name in dataset.values),
        )
        for row in rows
    ]


def new_spool(home: Path) -> Path:
    """An empty folder for the rows of one comparison. Removes those that were left long ago."""
    spools = home / "spool"
    folder = spools / uuid.uuid4().hex[:12]
    with explained(folder):
        make_private_folder(folder)
        for left in filter(Path.is_dir, spools.iterdir()):
            if Clock.utc() - datetime.fromtimestamp(left.stat().st_mtime, UTC) > _KEPT:
                shutil.rmtree(left)
    return folder


def drop_spool(folder: Path) -> None:
    """Forget what a comparison fetched: it is in place, nothing differs, or it is refused."""
    with explained(folder):
        shutil.rmtree(folder)


def close_spool(folder: Path, differences: Sequence[Difference]) -> None:
    """Write down what was found; a spool without this was not finished, and cannot be applied."""
    text = json.dumps([asdict(difference) for difference in differences]).encode()
    publish(folder / "differences.json", lambda sink: sink.write(text), private=True)


def apply(ground: Ground, home: Path, name: str, progress: Progress) -> str:
    """Put what a finished comparison found into the files, in place of what is there. Raises SettingsError, StoreError."""
    folder = home / "spool" / name
    if not name.isalnum() or not (folder / "differences.json").is_file():
        raise SettingsError(f"there is no finished comparison called {name!r} to apply; run the comparison again")
    # Measurements last: one that was found after its estimate takes the estimate's place.
    batches = sorted(sorted(folder.glob("*.rows")), key=lambda path: _source_of(path)[1].mode is Mode.UPSERT)
    updated = inserted = 0
    for done, path in enumerate(batches):
        if progress.cancelled:
            return f"cancelled after {done} of {len(batches)} batches; apply {name} again to go on"
        dataset, source = _source_of(path)
        rows = unpacked(path.read_bytes())
        with ground.turn():
            if source.mode is Mode.INSERT:  # whoever asked for it wants AEMO's estimate in the place of any other value
                ground.ledger.mark_provisional(dataset.name, dataset.keys(rows))
            merge = merge_source(ground.store, ground.ledger, dataset, source, rows)
            for child in catalogue.derived_from(dataset, ground.datasets):
                derive(ground.store, ground.ledger, dataset, child, rows)
                ground.wrote(child)
            ground.wrote(dataset)
        inserted, updated = inserted + merge.inserted, updated + merge.updated
        progress.tell(done + 1, len(batches), path.name)
    drop_spool(folder)
    return f"{updated:,} rows replaced, {inserted:,} new"


def _source_of(batch: Path) -> tuple[Dataset, Source]:
    """Of which dataset, and which of its sources, a batch of the spool is."""
    name, _, place = batch.name.rsplit("-", 1)[0].partition(".")
    dataset = catalogue.dataset(name)
    return dataset, dataset.sources[int(place or 0)]
