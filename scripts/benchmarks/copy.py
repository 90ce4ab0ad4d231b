"""Copy files and prove that the copies are right: ours, against `cp` and `sha256sum` of both sides, and `rsync -c`.

The files cannot be compressed and lie in the system's cache, for everybody alike (warm): no source is waited for. Everybody's
copies are on the disk at the end. What ours reads back comes from the disk; the commands, as a user would give them, check
what the system's cache holds. Memory of a command is nobody's to tell: what its parent held counts as its own.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks import rivals
from benchmarks.measure import LEAST, Failed, Sample, in_child, repeated, say
from benchmarks.places import Place
from benchmarks.plan import Plan
from benchmarks.table import Row

COPY = "copy & verify"
SHARES = {"scada30": 40, "scada5": 30, "prices5": 15, "transmission5": 10, "rooftop30": 5}  # of a hundred
WIDTH = 1_000  # bytes of a row
AT_ONCE = 50_000  # rows
SEED = 20260421
Work = Callable[[Sequence[Path], Path], object]  # the sources, the folder of the copies


@dataclass(frozen=True)
class Road:
    """`make` imports what `work` needs and returns it; `commands` are those of the system that it gives."""

    make: Callable[[], Work]
    commands: tuple[str, ...] = ()
    note: str = ""

    @property
    def refused(self) -> str:
        return next((f"{name} is not installed" for name in self.commands if shutil.which(name) is None), "")


def run(place: Place, plan: Plan) -> Iterator[Row]:
    sources, target = place.folder / "sources", place.folder / "copies"
    sources.mkdir()
    target.mkdir()
    try:
        say(f"{COPY}: making files of {plan.copied:,} bytes ...")
        in_child(make, sources, plan.copied)
        for who, road in ROADS.items():
            row = partial(Row, COPY, place.label, f"{len(SHARES)} files, {plan.copied:,} bytes", who, note=road.note)
            yield _row(row, who, road, sources, target, plan)
    finally:
        rivals.clear(place.folder)


def _row(row: Callable[..., Row], who: str, road: Road, sources: Path, target: Path, plan: Plan) -> Row:
    if road.refused:
        return row(refused=road.refused)
    say(f"{COPY}: {who} ...")
    try:
        return row(in_child(_measured, who, sources, target, plan.patience))
    except Failed as error:
        return row(refused=f"it failed ({error})")
    finally:
        rivals.clear(target)


def make(folder: Path, size: int) -> None:
    """Parquet files of about `size` bytes in all, on the disk: rows of time and noise."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    generator = np.random.default_rng(SEED)
    schema = pa.schema([("settlementdate", pa.timestamp("ns")), ("noise", pa.binary(WIDTH))])
    for name, share in SHARES.items():
        rows = size * share // 100 // WIDTH
        path = folder / f"{name}.parquet"
        with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for first in range(0, rows, AT_ONCE):
                count = min(AT_ONCE, rows - first)
                noise = pa.py_buffer(generator.bytes(count * WIDTH))
                times = pa.array(np.arange(first, first + count) * 300_000_000_000).cast(schema[0].type)
                column = pa.FixedSizeBinaryArray.from_buffers(schema[1].type, count, [None, noise])
                writer.write_table(pa.table([times, column], schema=schema))
        rivals.settle(path)


def _measured(who: str, folder: Path, target: Path, patience: float) -> Sample:
    road, sources, problems = ROADS[who], sorted(folder.iterdir()), []

    def between() -> None:
        """Compared by somebody else; thereby every source is read again, and warm for the next."""
        wrong = [one.name for one in sources if not filecmp.cmp(one, target / one.name, shallow=False)]
        problems.extend(f"{name} is not what was copied" for name in wrong)
        rivals.clear(target)

    sample = repeated(partial(road.make(), sources), [target] * LEAST, patience, between=between)
    sample = replace(sample, problem="; ".join(problems))
    return replace(sample, peak=None, idle=None) if road.commands else sample


def ours() -> Work:
    from aemo_ops.migrate.batch import copy_all
    from aemo_ops.ops.jobs import Progress

    return lambda sources, target: copy_all([(one, target / one.name) for one in sources], Progress(lambda *_: None))


def by_cp() -> Work:
    def work(sources: Sequence[Path], target: Path) -> None:
        copies = [target / one.name for one in sources]
        _done("cp", *sources, target)
        _done("sync", *copies)
        if _sums(sources) != _sums(copies):
            raise Failed("the sums differ")

    return work


def by_rsync() -> Work:
    def work(sources: Sequence[Path], target: Path) -> None:
        _done("rsync", "-c", *sources, target)
        _done("sync", *(target / one.name for one in sources))
        if differing := _done("rsync", "-c", "--dry-run", "--out-format=%n", *sources, target):
            raise Failed(f"a second pass would copy again: {differing}")

    return work


def _sums(paths: Sequence[Path]) -> list[str]:
    return [line.split()[0] for line in _done("sha256sum", *paths).splitlines()]


def _done(*command: str | Path) -> str:
    """What a command says. Raises CalledProcessError."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


CP = "cp + sha256sum"
ROADS = {
    "ours": Road(ours, note="read back from the disk"),
    CP: Road(by_cp, ("cp", "sync", "sha256sum"), "cp, sync, sha256sum of both sides; read back from the cache"),
    "rsync -c": Road(by_rsync, ("rsync", "sync"), "twice, the second time to verify; read back from the cache"),
}
