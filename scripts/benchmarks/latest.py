"""The newest interval of every dataset: ours from the footers, against reading the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.measure import Failed, Sample, in_child, repeated
from benchmarks.places import Place
from benchmarks.plan import Plan
from benchmarks.table import Row

LATEST = "latest of every dataset"


def make(base: Path, plan: Plan) -> None:
    """Files of the datasets that are not there yet, as long in time as scada30 and scada5 are."""
    from aemo_ops.market.catalogue import DATASETS, SCADA30
    from benchmarks import data

    for dataset in DATASETS:
        path = base / dataset.file_name
        intervals = (plan.big if dataset.cadence == SCADA30.cadence else plan.small) // data.UNITS
        if not path.exists():
            data.make(dataset, path, intervals * len(data.ids(dataset)))


def run(place: Place, base: Path, plan: Plan) -> Iterator[Row]:
    files = sorted(base.glob("*.parquet"))
    row = partial(Row, LATEST, place.label, f"{len(files)} files")
    for who, work in ROADS.items():
        try:
            yield row(who, in_child(_measured, work, base, files, plan.latest if who == "ours" else 3, plan.patience))
        except Failed as error:
            yield row(who, refused=f"it failed ({error})")


def _measured(
    work: Callable[[Path, list[Path]], object], base: Path, files: list[Path], times: int, patience: float
) -> Sample:
    work(base, files[:1])  # the imports
    return repeated(partial(work, base), [files] * times, patience)


def ours(base: Path, files: list[Path]) -> list[object]:
    from aemo_ops.market.catalogue import DATASETS
    from aemo_ops.store.parquet import Store

    store, names = Store(base), {path.name for path in files}
    return [store.latest(dataset) for dataset in DATASETS if dataset.file_name in names]


def by_pandas(_base: Path, files: list[Path]) -> list[object]:
    import pandas as pd

    return [pd.read_parquet(path)["settlementdate"].max() for path in files]


def by_pandas_column(_base: Path, files: list[Path]) -> list[object]:
    import pandas as pd

    return [pd.read_parquet(path, columns=["settlementdate"])["settlementdate"].max() for path in files]


def by_duckdb(_base: Path, files: list[Path]) -> list[object]:
    import duckdb

    with duckdb.connect() as connection:
        return [
            connection.execute(f"SELECT max(settlementdate) FROM read_parquet('{path}')").fetchone() for path in files
        ]


PANDAS = "pandas, all columns"
ROADS = {"ours": ours, PANDAS: by_pandas, "pandas, the time column": by_pandas_column, "duckdb max()": by_duckdb}
