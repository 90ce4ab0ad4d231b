"""Which intervals are missing: ours from the store's coverage, against counting the rows of every interval.

Ours also tells the gaps of every unit; where the others do not say so, they only count. Cold starts without any summary (the
file itself may be in the system's cache, for everybody alike); after an update the summaries of groups that it left are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import rivals
from benchmarks.machine import missing
from benchmarks.measure import LEAST, Failed, Sample, in_child, repeated, say
from benchmarks.places import Place
from benchmarks.plan import Plan
from benchmarks.store import described
from benchmarks.table import Row

COVERAGE = "aemo_ops.store.coverage"
DATASET = "scada30"
COLD, AFTER = "gap scan, cold", "gap scan, after an update"
Answer = tuple[int, int]  # missing intervals, rows
Scan = Callable[[Path], Answer]


def refused() -> str:
    """Why gaps are not measured at all, empty when they are."""
    return "" if find_spec(COVERAGE) else "no coverage yet"


def run(place: Place, base: Path, plan: Plan) -> Iterator[Row]:
    path = place.folder / f"{DATASET}.parquet"
    for what in (COLD, AFTER):
        for who, (module, scan) in SCANS.items():
            row = partial(Row, what, place.label, described(DATASET, plan), who)
            if why := missing(module):
                yield row(refused=why)
                continue
            say(f"{what}: {who} ...")
            try:
                rivals.copied(base / path.name, path)
                yield row(in_child(_measured, scan, path, base, what == AFTER, plan))
            except Failed as error:
                yield row(refused=f"it failed ({error})")
            finally:
                rivals.clear(place.folder)


def _measured(make: Callable[[Path, bool], Scan], path: Path, base: Path, after: bool, plan: Plan) -> Sample:
    updates = iter([rivals.arrow_rows(rows) for rows in sorted(base.glob(f"{DATASET}-update-*"))])
    scan, answers = make(path.parent, after), []

    def update() -> None:
        if after and (rows := next(updates, None)) is not None:
            rivals.ours(path, rows)

    if after:
        scan(path)
        update()
    times = plan.updates if after and make is ours else LEAST
    sample = repeated(lambda one: answers.append(one(path)), [scan] * times, plan.patience, between=update)
    return replace(sample, problem=_problem(answers[0], path, base, after, plan))


def _problem(found: Answer, path: Path, base: Path, after: bool, plan: Plan) -> str:
    """What is wrong with the first answer, empty when nothing is."""
    import pyarrow.parquet as pq

    from aemo_ops.market.catalogue import dataset
    from benchmarks import data

    fresh = data.STEP * len(data.ids(dataset(DATASET))) if after else 0
    wanted = data.STEP * plan.middle, pq.read_metadata(base / path.name).num_rows + fresh
    return "" if found == wanted else f"it found {found}, not {wanted} (missing intervals, rows)"


def ours(folder: Path, keep: bool) -> Scan:
    from aemo_ops.market.catalogue import dataset
    from aemo_ops.store.coverage import Summaries
    from aemo_ops.store.parquet import Store

    one, store, number, kept = dataset(DATASET), Store(folder), count(), Summaries(folder / "kept.sqlite")

    def scan(path: Path) -> Answer:
        summaries = kept if keep else Summaries(folder / f"{next(number)}.sqlite")
        extent = store.extent(one)
        _, counts = summaries.coverage(path, one).counts(extent.first - one.cadence, extent.latest)
        return int((counts == 0).sum()), int(counts.sum())

    return scan


def by_pandas(_folder: Path, _keep: bool) -> Scan:
    import pandas as pd

    def scan(path: Path) -> Answer:
        counts = pd.read_parquet(path, columns=list(rivals.KEY)).groupby(rivals.KEY[0])[rivals.KEY[1]].count()
        counts = counts.reindex(pd.date_range(counts.index[0], counts.index[-1], freq="30min"), fill_value=0)
        return int((counts == 0).sum()), int(counts.sum())

    return scan


def by_pandas_units(_folder: Path, _keep: bool) -> Scan:
    """As much as ours tells: the gaps of every unit too."""
    import pandas as pd

    def scan(path: Path) -> Answer:
        frame = pd.read_parquet(path, columns=list(rivals.KEY))
        wide = frame.groupby(rivals.KEY[1])[rivals.KEY[0]].diff() > pd.Timedelta(minutes=30)
        frame.loc[wide]  # after which rows of a unit something is missing
        counts = frame.groupby(rivals.KEY[0])[rivals.KEY[1]].count()
        counts = counts.reindex(pd.date_range(counts.index[0], counts.index[-1], freq="30min"), fill_value=0)
        return int((counts == 0).sum()), int(counts.sum())

    return scan


def by_duckdb(_folder: Path, _keep: bool) -> Scan:
    import duckdb

    def scan(path: Path) -> Answer:
        query = f"""
            SELECT CAST(epoch(max(ends) - min(ends)) / 1800 AS BIGINT) + 1 - count(*), CAST(sum(n) AS BIGINT)
            FROM (SELECT CAST(settlementdate AS TIMESTAMP) AS ends, count(duid) AS n FROM read_parquet('{path}') GROUP BY 1)"""
        with duckdb.connect() as connection:
            return connection.execute(query).fetchone()

    return scan


def by_polars(_folder: Path, _keep: bool) -> Scan:
    import polars as pl

    def scan(path: Path) -> Answer:
        counts = pl.scan_parquet(path).group_by("settlementdate").agg(pl.col("duid").count().cast(pl.Int64)).collect()
        span = counts["settlementdate"].max() - counts["settlementdate"].min()
        return int(span.total_seconds()) // 1800 + 1 - counts.height, int(counts["duid"].sum())

    return scan


PANDAS = "pandas groupby"
SCANS: dict[str, tuple[str, Callable[[Path, bool], Any]]] = {
    "ours": ("aemo_ops", ours),
    PANDAS: ("pandas", by_pandas),
    "pandas, every unit": ("pandas", by_pandas_units),
    "duckdb group by": ("duckdb", by_duckdb),
    "polars group_by": ("polars", by_polars),
}
