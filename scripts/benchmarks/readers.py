"""Updates under readers that never pause, each in its own process: how many of their reads fail, and how.

A read fails with an error, torn (half an update, or values of different updates), changed (history is not what it was),
unsorted, or behind (fewer rows than were acknowledged before it opened the file).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import rivals
from benchmarks.machine import missing
from benchmarks.measure import SPAWN, Failed, in_child, say
from benchmarks.places import Place
from benchmarks.plan import Plan
from benchmarks.table import Tally, Watched

DATASET = "scada5"
FILE = "readers.base"
START_SECONDS = 120.0


@dataclass(frozen=True)
class Board:
    """What writer and readers share: updates acknowledged, when to begin, when to end."""

    acknowledged: Any
    begin: Any
    end: Any


def make(base: Path, plan: Plan) -> None:
    """The file before the first update."""
    from aemo_ops.market.catalogue import dataset
    from benchmarks import data

    data.make(dataset(DATASET), base / FILE, plan.readers_rows)


def run(place: Place, base: Path, plan: Plan) -> Iterator[Watched]:
    for who, writer in WRITERS.items():
        watched = partial(Watched, place.label, f"{DATASET} {plan.readers_rows:,} rows", who)
        if place.refused:
            yield watched(refused=place.refused)
            continue
        try:
            say(f"readers: written by {who}, {place.label} ...")
            rivals.copied(base / FILE, place.folder / f"{DATASET}.parquet")
            yield watched(*_contest(place.folder / f"{DATASET}.parquet", base / FILE, writer, plan))
        except Failed as error:
            yield watched(refused=f"it failed ({error})")
        finally:
            rivals.clear(place.folder)


def _contest(path: Path, base: Path, writer: Callable[..., Any], plan: Plan) -> tuple[int, float, tuple[Tally, ...]]:
    """Updates done, seconds, what each reader saw."""
    able = {name: why for name in READERS if not (why := missing(name.partition(" ")[0]))}
    board = Board(SPAWN.RawValue("q", 0), SPAWN.Barrier(len(able) + 1), SPAWN.Event())
    started = {name: _started(name, path, base, board) for name in able}
    try:
        updates, seconds = in_child(_write, writer, path, board, plan.reader_updates, plan.readers_patience)
    finally:
        board.end.set()
        tallies = tuple(_ended(name, *started[name]) if name in started else _absent(name) for name in READERS)
    return updates, seconds, tallies


def _started(name: str, path: Path, base: Path, board: Board) -> tuple[Any, Connection]:
    ours, theirs = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_read, args=(name, path, base, board, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _ended(name: str, process: Any, connection: Connection) -> Tally:
    try:
        if not connection.poll(START_SECONDS):
            return Tally(name, failures=(("hung", 1),), example="it never ended its last read")
        return connection.recv()
    except EOFError:
        process.join()
        return Tally(name, failures=(("crash", 1),), example=f"its process ended with {process.exitcode}")
    finally:
        process.kill()


def _absent(name: str) -> Tally:
    return Tally(name, refused=missing(name.partition(" ")[0]))


def _read(name: str, path: Path, base: Path, board: Board, connection: Connection) -> None:
    """Read again and again until told to end, then tell what was seen."""
    reads, failures, example = 0, Counter[str](), ""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a panic tells pages; the tally tells its first line
    start = _start(base)
    _problem(READERS[name], path, start, 0)  # its imports
    board.begin.wait(START_SECONDS)
    while not board.end.is_set():
        reads += 1
        if problem := _problem(READERS[name], path, start, board.acknowledged.value):
            failures[problem.partition(":")[0]] += 1
            example = example or problem
    connection.send(Tally(name, reads, tuple(sorted(failures.items())), example))


def _start(base: Path) -> tuple[int, int]:
    """Rows before the first update, and the fingerprint of their history."""
    from aemo_ops.market.catalogue import dataset
    from benchmarks import data

    rows = rivals.arrow_rows(base)
    return rows.num_rows, data.fingerprint(rows, rows.num_rows, dataset(DATASET))


def _problem(read: Callable[[Path], Any], path: Path, start: tuple[int, int], acknowledged: int) -> str:
    from aemo_ops.market.catalogue import dataset
    from benchmarks import data

    one, (rows, history) = dataset(DATASET), start
    try:
        found = read(path)
        problem = data.check(found, rows, one)
        if not problem and data.fingerprint(found, rows, one) != history:
            problem = "changed: history is not what it was"
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  whatever a reader meets is a failed read; polars' panics are no Exception
        return f"error: {type(error).__name__}: {' '.join(str(error).split())}"
    wanted = rows + acknowledged * data.STEP * len(data.ids(one))
    return problem or ("" if found.num_rows >= wanted else f"behind: {found.num_rows} rows, {wanted} acknowledged")


def _write(writer: Callable[..., Any], path: Path, board: Board, updates: int, patience: float) -> tuple[int, float]:
    from aemo_ops.market.catalogue import dataset
    from benchmarks import data

    write = writer(path, updates)
    board.begin.wait(START_SECONDS)
    started = time.perf_counter()
    for number in range(1, updates + 1):
        write(data.update(dataset(DATASET), number))
        board.acknowledged.value = number
        if time.perf_counter() - started > patience:
            break
    return number, time.perf_counter() - started


def ours(path: Path, _updates: int) -> Callable[[Any], object]:
    return partial(rivals.ours, path)


def compacting(path: Path, updates: int) -> Callable[[Any], object]:
    """Ours, and a compaction after every quarter: the moment at which bytes move."""
    done = count(1)

    def write(rows: Any) -> None:
        rivals.ours(path, rows)
        if next(done) % max(1, updates // 4) == 0:
            rivals.compact(path)

    return write


def rewrite(path: Path, _updates: int) -> Callable[[Any], object]:
    """The whole file anew beside it and os.replace: the usual advice. The rows are kept in memory, so it is quick."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = [rivals.arrow_rows(path)]

    def write(rows: Any) -> None:
        half = rows.num_rows // 2
        kept[0] = pa.concat_tables([kept[0][: kept[0].num_rows - half], rows])
        new = path.with_suffix(".new")
        pq.write_table(kept[0], new, compression="snappy", row_group_size=rivals.GROUP)
        new.replace(path)

    return write


def by_pandas(path: Path) -> Any:
    import pandas as pd
    import pyarrow as pa

    return pa.Table.from_pandas(pd.read_parquet(path), preserve_index=False)


def by_duckdb(path: Path) -> Any:
    import duckdb

    with duckdb.connect() as connection:
        return connection.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table()


def by_polars(path: Path) -> Any:
    import polars as pl

    return pl.scan_parquet(path).collect().to_arrow()


def by_dataset(path: Path) -> Any:
    import pyarrow.dataset as ds

    return ds.dataset(path).to_table()


READERS = {"pandas": by_pandas, "duckdb": by_duckdb, "polars": by_polars, "pyarrow dataset": by_dataset}
WRITERS = {"ours": ours, "ours, compacting four times": compacting, "a whole rewrite and os.replace": rewrite}
