"""The roads by which 1,000 rows get into a file: ours and the alternatives, each as its own users would write it.

Every library is imported inside its functions: a process pays for what it uses. Ours is durable when it returns; none
of the others waits for the disk, and their figures are taken as they are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

KEY = ("settlementdate", "duid")
GROUP = 1_000_000


def copied(base: Path, target: Path) -> None:
    """A copy that is on the disk, so that nobody's update waits for it."""
    shutil.copyfile(base, target)
    settle(target)


def settle(path: Path) -> None:
    """Bring what was written to the disk, outside of what is timed."""
    for one in [path] if path.is_file() else [*path.rglob("*")]:
        if one.is_file():
            with one.open("rb+") as file:
                os.fsync(file.fileno())


def clear(folder: Path) -> None:
    """Empty a working folder."""
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def arrow_rows(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(path)


def pandas_rows(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path)


def polars_rows(path: Path) -> Any:
    import polars as pl

    return pl.read_parquet(path)


@dataclass(frozen=True)
class Rival:
    """One road. `module` is what it needs; `prepare(base, target)` makes what it updates, `load` its form of new rows.

    `result` reads (path, since) what it made as an Arrow table, to be checked; None: it cannot be right, `note` says why.
    """

    name: str
    module: str
    update: Callable[[Path, Any], None]
    load: Callable[[Path], Any] = arrow_rows
    prepare: Callable[[Path, Path], None] = copied
    result: Callable[[Path, Any], Any] | None = lambda path, since: _rows_since(path, since)
    note: str = ""


def _rows_since(path: Path, since: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(path, filters=[(KEY[0], ">", since)])


@cache
def _store(folder: Path) -> Any:
    from aemo_ops.store.parquet import Store

    return Store(folder)


def ours(path: Path, rows: Any) -> None:
    from aemo_ops.market.catalogue import dataset_of_file

    _store(path.parent).merge(dataset_of_file(path.name), rows)


def compact(path: Path) -> None:
    """Ours alone: what the splices left behind is removed, in a quiet cycle."""
    from aemo_ops.market.catalogue import dataset_of_file

    _store(path.parent).compact(dataset_of_file(path.name))


def by_pandas(path: Path, rows: Any) -> None:
    import pandas as pd

    both = pd.concat([rows, pd.read_parquet(path)])
    both = both.drop_duplicates(list(KEY), keep="first").sort_values(list(KEY))
    both.to_parquet(path, compression="snappy", index=False)


def by_pyarrow(path: Path, rows: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = pq.read_table(path).join(rows.select(KEY), keys=list(KEY), join_type="left anti")
    both = pa.concat_tables([kept, rows]).sort_by([(name, "ascending") for name in KEY])
    _replaced(path, lambda new: pq.write_table(both, new, compression="snappy", row_group_size=GROUP))


def by_duckdb(path: Path, rows: Any) -> None:
    import duckdb

    query = f"""
        COPY (SELECT * FROM (SELECT * FROM read_parquet('{path}') AS old ANTI JOIN fresh USING ({", ".join(KEY)})
              UNION ALL SELECT * FROM fresh) ORDER BY {", ".join(KEY)})
        TO '{{new}}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {GROUP})"""
    with duckdb.connect(config={"temp_directory": str(path.parent / "duckdb.tmp")}) as connection:
        connection.register("fresh", rows)
        _replaced(path, lambda new: connection.execute(query.format(new=new)))


def by_polars(path: Path, rows: Any) -> None:
    import polars as pl

    both = pl.concat([pl.read_parquet(path, memory_map=False), rows]).unique(KEY, keep="last").sort(KEY)
    _replaced(path, lambda new: both.write_parquet(new, compression="snappy", row_group_size=GROUP))


def by_fastparquet(path: Path, rows: Any) -> None:
    import fastparquet

    fastparquet.write(str(path), rows, append=True, write_index=False, compression="SNAPPY")


def for_fastparquet(base: Path, target: Path) -> None:
    """It appends only to a file whose schema is as it would have written it."""
    import fastparquet
    import pandas as pd

    rows = pd.read_parquet(base)
    fastparquet.write(str(target), rows, row_group_offsets=GROUP, compression="SNAPPY", write_index=False)
    settle(target)


def by_delta(path: Path, rows: Any) -> None:
    from deltalake import DeltaTable

    since = rows[KEY[0]][0].as_py().isoformat()
    same = " AND ".join(f"old.{name} = new.{name}" for name in KEY)
    merge = DeltaTable(path).merge(
        rows,
        f"{same} AND old.{KEY[0]} >= arrow_cast('{since}', 'Timestamp(Microsecond, None)')",
        source_alias="new",
        target_alias="old",
    )
    merge.when_matched_update_all().when_not_matched_insert_all().execute()


def delta_rows(path: Path) -> Any:
    import pyarrow as pa

    rows = arrow_rows(path)
    return rows.set_column(0, KEY[0], rows[KEY[0]].cast(pa.timestamp("us")))


def for_delta(base: Path, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from deltalake import write_deltalake

    with pq.ParquetFile(base) as file:
        schema = file.schema_arrow.set(0, pa.field(KEY[0], pa.timestamp("us")))
        groups = (
            pa.Table.from_batches([batch]).cast(schema).to_batches()[0] for batch in file.iter_batches(batch_size=GROUP)
        )
        write_deltalake(target, pa.RecordBatchReader.from_batches(schema, groups))
    settle(target)


def delta_result(path: Path, since: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc
    from deltalake import DeltaTable

    plain = pa.schema([(KEY[0], pa.timestamp("us")), (KEY[1], pa.string()), ("scadavalue", pa.float64())])
    found = []
    for file in DeltaTable(path).file_uris():
        rows = arrow_rows(Path(file)).cast(plain)  # string views, which Arrow cannot filter
        found.append(rows.filter(pc.greater(rows[KEY[0]], pa.scalar(since, pa.timestamp("us")))))
    return pa.concat_tables(found).sort_by([(name, "ascending") for name in KEY])


def _replaced(path: Path, write: Callable[[str], object]) -> None:
    new = path.with_suffix(".new")
    write(str(new))
    new.replace(path)


OURS = Rival("ours", "aemo_ops", ours, note="durable on return")
LEGACY = Rival("pandas", "pandas", by_pandas, pandas_rows, note="as the legacy collector: over the file itself")
RIVALS = (
    LEGACY,
    Rival("pyarrow", "pyarrow", by_pyarrow, note="whole rewrite"),
    Rival("duckdb", "duckdb", by_duckdb, note="COPY of a merging query"),
    Rival("polars", "polars", by_polars, polars_rows, note="whole rewrite"),
    Rival(
        "fastparquet",
        "fastparquet",
        by_fastparquet,
        pandas_rows,
        for_fastparquet,
        None,
        "append in place: not equivalent, duplicates stay, unsorted",
    ),
    Rival(
        "delta merge",
        "deltalake",
        by_delta,
        delta_rows,
        for_delta,
        delta_result,
        "another format: a folder, us, unsorted",
    ),
)
EVERY = {rival.name: rival for rival in (OURS, *RIVALS)}
