from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import filelock
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import FolderRefused, NoSpace, RowsRefused, SchemaMismatch, StoreCorrupt, StoreLocked
from aemo_ops.market.catalogue import PRICES5, SCADA5
from aemo_ops.market.dataset import Mode
from aemo_ops.store.parquet import Store

START = datetime(2026, 4, 20)


def rows(*at: int, value: float = 1.0, duid: str = "BAT1") -> pa.Table:
    times = [START + timedelta(minutes=5 * n) for n in at]
    return pa.table(
        {
            "settlementdate": pa.array(times, pa.timestamp("ns")),
            "duid": [duid] * len(at),
            "scadavalue": [value] * len(at),
        },
        schema=SCADA5.schema,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_an_absent_file_has_no_rows(store: Store) -> None:
    assert store.latest(SCADA5) is None
    assert store.read(SCADA5).schema == SCADA5.schema
    assert store.extent(SCADA5).rows == 0


def test_merged_rows_are_read_back_by_us_pandas_and_duckdb(store: Store) -> None:
    merge = store.merge(SCADA5, rows(3, 1, 2))
    assert (merge.inserted, merge.updated, merge.unchanged) == (3, 0, 0)
    assert store.latest(SCADA5) == START + timedelta(minutes=15)
    frame = pd.read_parquet(store.path(SCADA5))
    assert list(frame.columns) == SCADA5.schema.names
    assert str(frame["settlementdate"].dtype) == "datetime64[ns]"
    assert frame["settlementdate"].is_monotonic_increasing
    assert isinstance(frame.index, pd.RangeIndex)
    described = duckdb.sql(f"describe select * from '{store.path(SCADA5)}'").fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [
        ("settlementdate", "TIMESTAMP_NS"),
        ("duid", "VARCHAR"),
        ("scadavalue", "DOUBLE"),
    ]


@pytest.mark.parametrize("is_new", [True, False], ids=["a new file", "a file with rows"])
@pytest.mark.parametrize(
    ("end", "duid", "value", "told"),
    [
        (START, "U1", float("nan"), "column scadavalue: nan is no finite number"),
        (START, "U1", float("-inf"), "column scadavalue: -inf is no finite number"),
        (START, "U1 ", 1.0, "column duid: 'U1 ' is no id: it is empty, or has spaces around it"),
        (START, "", 1.0, "column duid: '' is no id"),
        (START, None, 1.0, "column duid: None is in the key, which every row has"),
        (None, "U1", 1.0, "column settlementdate: None is in the key, which every row has"),
        (
            START + timedelta(minutes=3),
            "U1",
            1.0,
            "column settlementdate: '2026-04-20 00:03:00' ends no interval of 5 minutes",
        ),
        (datetime(1997, 12, 31, 23, 55), "U1", 1.0, "column settlementdate: '1997-12-31 23:55:00' is before 1998"),
        (
            START + timedelta(days=1, minutes=5),
            "U1",
            1.0,
            "column settlementdate: '2026-04-21 00:05:00' is later than tomorrow",
        ),
    ],
)
def test_a_row_that_no_file_may_hold_does_not_pass_the_door_and_nothing_is_written(
    tmp_path: Path, is_new: bool, end: datetime | None, duid: str | None, value: float, told: str
) -> None:
    store = Store(tmp_path, clock=Clock.starting(START, 0))
    if not is_new:
        store.merge(SCADA5, rows(0, 1))
    before = store.path(SCADA5).read_bytes() if store.path(SCADA5).exists() else None
    columns = [[START, end], ["BAT1", duid], [1.0, value]]
    both = pa.table([pa.array(c, f.type) for c, f in zip(columns, SCADA5.schema, strict=True)], schema=SCADA5.schema)
    with pytest.raises(RowsRefused, match=re.escape(told)):
        store.merge(SCADA5, both)
    assert (store.path(SCADA5).read_bytes() if store.path(SCADA5).exists() else None) == before


def test_the_earliest_and_the_latest_row_that_a_file_may_hold_pass_the_door(tmp_path: Path) -> None:
    store = Store(tmp_path, clock=Clock.starting(START, 0))
    columns = [[datetime(1998, 1, 1), START + timedelta(days=1)], ["BAT1", "BAT1"], [None, 1e300]]
    both = pa.table([pa.array(c, f.type) for c, f in zip(columns, SCADA5.schema, strict=True)], schema=SCADA5.schema)
    assert store.merge(SCADA5, both).inserted == 2


def test_a_merge_that_changes_nothing_writes_nothing(store: Store) -> None:
    store.merge(SCADA5, rows(1, 2))
    before = store.path(SCADA5).stat()
    merge = store.merge(SCADA5, rows(1, 2))
    assert (merge.unchanged, merge.written) == (2, 0)
    assert store.path(SCADA5).stat() == before


def test_reading_a_span_is_open_at_its_start_and_closed_at_its_end(store: Store) -> None:
    store.merge(SCADA5, rows(*range(10)))
    span = store.read(SCADA5, START + timedelta(minutes=5), START + timedelta(minutes=15), ("settlementdate",))
    assert span["settlementdate"].cast(pa.timestamp("us")).to_pylist() == [
        START + timedelta(minutes=m) for m in (10, 15)
    ]


@pytest.mark.parametrize("kind", ["large_string", "us", "extra", "order", "upper"])
def test_a_foreign_schema_is_refused_unless_it_only_differs_in_arrow_s_names(store: Store, kind: str) -> None:
    foreign = rows(1)
    if kind == "large_string":
        foreign = foreign.set_column(1, "duid", foreign["duid"].cast(pa.large_string()))
    elif kind == "us":
        foreign = foreign.set_column(0, "settlementdate", foreign["settlementdate"].cast(pa.timestamp("us")))
    elif kind == "extra":
        foreign = foreign.append_column("quality", pa.array([1]))
    elif kind == "order":
        foreign = foreign.select(["duid", "settlementdate", "scadavalue"])
    else:
        foreign = foreign.rename_columns([name.upper() for name in foreign.schema.names])
    pq.write_table(foreign, store.path(SCADA5))
    before = store.path(SCADA5).read_bytes()
    if kind == "large_string":
        assert store.merge(SCADA5, rows(2)).inserted == 1
        return
    with pytest.raises(SchemaMismatch, match="not a scada5 file"):
        store.merge(SCADA5, rows(2))
    with pytest.raises(SchemaMismatch):
        store.latest(SCADA5)
    assert store.path(SCADA5).read_bytes() == before


def test_rows_of_another_dataset_are_refused(store: Store) -> None:
    with pytest.raises(SchemaMismatch, match="rows for prices5"):
        store.merge(PRICES5, rows(1))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", b"not parquet at all"])
def test_a_file_that_is_no_parquet_is_corrupt_not_empty(store: Store, content: bytes) -> None:
    store.path(SCADA5).write_bytes(content)
    for attempt in (lambda: store.latest(SCADA5), lambda: store.read(SCADA5), lambda: store.merge(SCADA5, rows(1))):
        with pytest.raises(StoreCorrupt, match=r"scada5\.parquet"):
            attempt()
    assert store.path(SCADA5).read_bytes() == content


def test_a_flipped_bit_in_the_data_is_noticed(store: Store) -> None:
    store.merge(SCADA5, rows(*range(2000)))
    content = bytearray(store.path(SCADA5).read_bytes())
    content[200] ^= 4
    store.path(SCADA5).write_bytes(content)
    with pytest.raises(StoreCorrupt):
        store.read(SCADA5)


def test_another_program_s_lock_is_waited_for_then_said(tmp_path: Path) -> None:
    store = Store(tmp_path, lock_seconds=0.05)
    with filelock.FileLock(f"{store.path(SCADA5)}.lock"), pytest.raises(StoreLocked, match="another program"):
        store.merge(SCADA5, rows(1))
    assert store.merge(SCADA5, rows(1)).inserted == 1


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    def write(odd: int) -> None:
        own = Store(tmp_path)
        for at in range(odd, 40, 2):
            own.merge(SCADA5, rows(at))

    threads = [threading.Thread(target=write, args=(odd,)) for odd in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Store(tmp_path).extent(SCADA5).rows == 40


def test_modes_reach_the_file(store: Store) -> None:
    store.merge(SCADA5, rows(1, value=1.0))
    assert store.merge(SCADA5, rows(1, value=2.0), Mode.INSERT).unchanged == 1
    assert store.read(SCADA5)["scadavalue"].to_pylist() == [1.0]
    assert store.merge(SCADA5, rows(1, value=2.0)).updated == 1
    assert store.read(SCADA5)["scadavalue"].to_pylist() == [2.0]


def test_a_guard_that_refuses_keeps_the_file(tmp_path: Path) -> None:
    def refuse() -> None:
        raise FolderRefused("the lease was lost")

    Store(tmp_path).merge(SCADA5, rows(1))
    with pytest.raises(FolderRefused):
        Store(tmp_path, refuse).merge(SCADA5, rows(2))
    assert Store(tmp_path).extent(SCADA5).rows == 1


WRITER = """
import sys, resource, signal
from datetime import datetime, timedelta
from pathlib import Path
import pyarrow as pa
from aemo_ops.errors import AemoOpsError
from aemo_ops.market.catalogue import SCADA5
from aemo_ops.store.parquet import Store
limit, folder = int(sys.argv[1]), Path(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
times = [datetime(2026, 4, 21) + timedelta(minutes=5 * n) for n in range(5000)]
rows = pa.table({"settlementdate": pa.array(times, pa.timestamp("ns")), "duid": ["BAT1"] * 5000,
                 "scadavalue": [float(n % 977) for n in range(5000)]}, schema=SCADA5.schema)
try:
    Store(folder).merge(SCADA5, rows)
except AemoOpsError as error:
    print(type(error).__name__, error)
"""


def test_a_file_size_limit_in_the_middle_of_a_write_leaves_the_old_file(tmp_path: Path, store: Store) -> None:
    store.merge(SCADA5, rows(1))
    before = store.path(SCADA5).read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", WRITER, "20000", str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "untouched" in done.stdout
    assert store.path(SCADA5).read_bytes() == before
    assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob(".*.partial"))


def test_a_full_disk_is_said_so_and_leaves_the_old_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.merge(SCADA5, rows(1))
    before = store.path(SCADA5).read_bytes()

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aemo_ops.files.os.fsync", full)
    with pytest.raises(NoSpace, match="Free some space"):
        store.merge(SCADA5, rows(2))
    monkeypatch.undo()
    assert store.path(SCADA5).read_bytes() == before
    assert store.merge(SCADA5, rows(2)).inserted == 1


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_an_unwritable_folder_is_said_so(store: Store, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    store.merge(SCADA5, rows(1))

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(FolderRefused, match="right to write"):
        store.merge(SCADA5, rows(2))
    assert store.extent(SCADA5).rows == 1
    assert not list(store.folder.glob(".*.partial"))


POINTS = ["merge.before_publish"]
POINTS += [
    f"{deed}.{point}" for deed in ("publish", "splice") for point in ("before_flush", "before_replace", "after_replace")
]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_each_point_of_a_merge_leaves_a_whole_file(tmp_path: Path, store: Store, point: str) -> None:
    """Into an absent file, and (splice) into one that is there."""
    before = store.merge(SCADA5, rows(1)).inserted if point.startswith("splice") else 0
    done = subprocess.run(
        [sys.executable, "-c", WRITER, "0", str(tmp_path)],
        env={**os.environ, "AEMO_OPS_FAILPOINTS": f"{point}=kill"},
        check=False,
    )
    assert done.returncode == -9
    after = before + 5000 if point.endswith("after_replace") else before
    assert store.read(SCADA5).num_rows == store.extent(SCADA5).rows == after
    assert store.merge(SCADA5, rows(2)).inserted == 1


def test_the_rows_after_a_time_pass_in_parts_through_little_memory(store: Store) -> None:
    """A million rows, most of them wanted: counted by pandas, and never a third of them in memory at once."""
    store.clock = Clock.starting(datetime(2100, 1, 1), 0)  # its made-up rows reach far into the years to come
    units, each = 10, 100_000
    times = np.repeat(np.datetime64(START, "ns") + np.arange(each) * np.timedelta64(5, "m"), units)
    columns = {
        "settlementdate": times,
        "duid": np.tile(list("ABCDEFGHIJ"), each),
        "scadavalue": np.arange(units * each) % 500 / 8,
    }
    store.merge(SCADA5, pa.table(columns, schema=SCADA5.schema))
    since = START + timedelta(minutes=5 * 10_000)
    wanted = int((pd.read_parquet(store.path(SCADA5))["settlementdate"] > since).sum())
    before, most, counted = pa.total_allocated_bytes(), 0, 0
    for part in store.parts(SCADA5, since):
        counted += part.num_rows
        most = max(most, pa.total_allocated_bytes() - before)
    assert counted == wanted == 899_990
    assert most < store.read(SCADA5, since).nbytes / 3


def test_parts_of_a_damaged_file_are_refused(store: Store) -> None:
    store.merge(SCADA5, rows(*range(1000)))
    path = store.path(SCADA5)
    body = bytearray(path.read_bytes())
    body[8:200] = bytes(192)
    path.write_bytes(body)
    with pytest.raises(StoreCorrupt, match="cannot be read"):
        list(store.parts(SCADA5, START))
