"""Validity beside completeness: values that are there and look wrong. Findings to be judged by a person, never altered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market import catalogue
from aemo_ops.market.bounds import FLOOR, cap
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.derive import SIX, mean_of_six
from aemo_ops.market.intervals import DAY, EARLIEST, moment, nanoseconds
from aemo_ops.ops.expected import NewId
from aemo_ops.ops.gaps import Gaps
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.findings import Finding, Findings
from aemo_ops.store.parquet import Store

FROZEN = timedelta(hours=6)
FROZEN_KIND, BOUNDS_KIND, MEAN_KIND, NEW_KIND = "frozen", "out of bounds", "not the mean of its six", "new id"
_CHUNK = 7 * DAY
_LOOK_BACK = 7 * DAY  # a unit that did not move in the days before is steady, not frozen
_FALLBACK_TOLERANCE = 0.0051  # TradingIS rounds to two decimals


@dataclass
class _Run:
    """A unit's value that has not changed since `first`; `moved`: whether it ever did before."""

    value: float
    first: int
    last: int
    moved: bool


def check(
    store: Store,
    findings: Findings,
    datasets: tuple[Dataset, ...],
    since: datetime | None,
    until: datetime,
    fallbacks: Callable[[str], Mapping[datetime, str]],
    progress: Progress,
) -> str:
    """Look through (since, until] of every dataset (None: from its first row), chunk by chunk; what was found, in words."""
    total, count = len(datasets), 0
    for done, dataset in enumerate(datasets):
        progress.tell(done, total, dataset.name)
        begin = since or store.extent(dataset).first
        if begin is None:
            continue
        begin = max(begin - dataset.cadence if since is None else begin, EARLIEST)
        found = list(_looked_through(store, dataset, begin, until, fallbacks(dataset.name), progress))
        if progress.cancelled:
            return "cancelled; what was known before stands"
        findings.replace(dataset.name, begin, until, found)
        count += len(found)
    return f"{count:,} finding{'s' * (count != 1)} in {total} files"


def with_new_ids(stored: list[Finding], gaps: Gaps, datasets: tuple[Dataset, ...]) -> list[Finding]:
    """The ids that the market added, told by the files as they are now, then what was found in the values."""
    found = []
    for dataset in datasets:
        for one in gaps.new_ids(dataset):
            found.append(Finding(dataset.name, NEW_KIND, one.id, one.first, one.last, described(one)))
    return [*found, *stored]


def described(one: NewId) -> str:
    """What a new id means for its file, in words."""
    expected = (
        "a missing row of it is a gap, as of the others"
        if one.settled
        else "once it has a day of rows, a missing row of it is a gap, as of the others"
    )
    return f"new to this program; its rows are kept, and {expected}"


def _looked_through(
    store: Store,
    dataset: Dataset,
    since: datetime,
    until: datetime,
    fallbacks: Mapping[datetime, str],
    progress: Progress,
) -> Iterator[Finding]:
    if "scadavalue" in dataset.values and not dataset.derived_from:
        yield from frozen(dataset, _chunks(store, dataset, since - _LOOK_BACK, until, progress), since)
    if "rrp" in dataset.values:
        for rows in _chunks(store, dataset, since, until, progress):
            yield from out_of_bounds(dataset, rows)
    if dataset.derived_from:
        parent = catalogue.dataset(dataset.derived_from)
        for rows in _chunks(store, dataset, since, until, progress):
            first, last = _span(rows)
            fives = store.read(parent, first - dataset.cadence, last)
            yield from not_the_mean(dataset, rows, fives, fallbacks)


def _chunks(store: Store, dataset: Dataset, since: datetime, until: datetime, progress: Progress) -> Iterator[pa.Table]:
    """The rows of (since, until], a week at a time."""
    while since < until and not progress.cancelled:
        end = min(since + _CHUNK, until)
        rows = store.read(dataset, since, end)
        if rows.num_rows:
            yield rows
        since = end


def _span(rows: pa.Table) -> tuple[datetime, datetime]:
    bounds = pc.min_max(rows["settlementdate"].cast(pa.int64())).as_py()
    return moment(bounds["min"]), moment(bounds["max"])


def frozen(dataset: Dataset, chunks: Iterator[pa.Table], since: datetime) -> Iterator[Finding]:
    """Units that moved before and then keep one value that is not zero for FROZEN or longer, ending after `since`."""
    step = dataset.step
    runs: dict[str, _Run] = {}
    for rows in chunks:
        rows = rows.sort_by([("duid", "ascending"), ("settlementdate", "ascending")])
        names = rows["duid"].combine_chunks().dictionary_encode()
        codes, words = names.indices.to_numpy(), names.dictionary.to_pylist()
        times, values = rows["settlementdate"].cast(pa.int64()).to_numpy(), rows["scadavalue"].to_numpy()
        new = np.ones(len(codes), bool)
        new[1:] = (codes[1:] != codes[:-1]) | (values[1:] != values[:-1]) | (times[1:] - times[:-1] != step)
        begin = np.flatnonzero(new)
        end = np.append(begin[1:], len(codes)) - 1
        for code, value, first, last in zip(
            codes[begin].tolist(), values[begin].tolist(), times[begin].tolist(), times[end].tolist(), strict=True
        ):
            before = runs.get(words[code])
            if before is not None and before.value == value and before.last + step == first:
                before.last = last
                continue
            if before is not None:
                yield from _told(dataset, words[code], before, since)
            moved = before is not None and (before.moved or before.value != value)
            runs[words[code]] = _Run(value, first, last, moved)
    for name, run in runs.items():
        yield from _told(dataset, name, run, since)


def _told(dataset: Dataset, name: str, run: _Run, since: datetime) -> Iterator[Finding]:
    hours = (run.last - run.first) / 3.6e12 + dataset.cadence.total_seconds() / 3600
    long_enough = hours >= FROZEN.total_seconds() / 3600 and run.last > nanoseconds(since)
    if long_enough and run.moved and run.value != 0 and not np.isnan(run.value):
        detail = f"{run.value:g} MW for {hours:.1f} hours without a change; its telemetry may be stuck"
        yield Finding(dataset.name, FROZEN_KIND, name, moment(run.first), moment(run.last), detail)


def out_of_bounds(dataset: Dataset, rows: pa.Table) -> Iterator[Finding]:
    """Prices below the floor, or above the cap of their year where it is known."""
    suspect = rows.filter(pc.or_(pc.less(rows["rrp"], FLOOR), pc.greater(rows["rrp"], 0.0)))
    lowest = min((limit for limit in map(cap, _years(suspect)) if limit is not None), default=np.inf)
    suspect = suspect.filter(pc.or_(pc.less(suspect["rrp"], FLOOR), pc.greater(suspect["rrp"], float(lowest))))
    for row in suspect.to_pylist():
        end = row["settlementdate"].to_pydatetime()
        limit = cap(end)
        if row["rrp"] < FLOOR:
            yield Finding(
                dataset.name, BOUNDS_KIND, row["regionid"], end, end, f"{row['rrp']:,.2f} $/MWh, below the floor"
            )
        elif limit is not None and row["rrp"] > limit + dataset.tolerance:
            detail = f"{row['rrp']:,.2f} $/MWh, above the cap of {limit:,.0f}"
            yield Finding(dataset.name, BOUNDS_KIND, row["regionid"], end, end, detail)


def _years(rows: pa.Table) -> tuple[datetime, ...]:
    return _span(rows) if rows.num_rows else ()


def not_the_mean(
    dataset: Dataset, rows: pa.Table, fives: pa.Table, fallbacks: Mapping[datetime, str]
) -> Iterator[Finding]:
    """Half-hour rows that differ from the mean of their six 5-minute rows, where all six are there."""
    means, present = mean_of_six(dataset, fives)
    means = means.filter(pa.array(present == SIX))
    both = rows.join(means, list(dataset.key), join_type="inner", right_suffix="_mean")
    differs = np.zeros(both.num_rows, bool)
    for name in dataset.values:
        gap = np.abs(both[name].to_numpy() - both[f"{name}_mean"].to_numpy())
        differs |= np.nan_to_num(gap) > dataset.tolerance
    for row in both.take(pa.array(np.flatnonzero(differs))).to_pylist():
        end = row["settlementdate"].to_pydatetime()
        gaps = {name: abs((row[name] or 0.0) - (row[f"{name}_mean"] or 0.0)) for name in dataset.values}
        worst = max(gaps, key=lambda name: gaps[name])
        if end in fallbacks and gaps[worst] <= _FALLBACK_TOLERANCE:
            continue
        detail = f"{worst} {row[worst]:g}, the mean of its six is {row[f'{worst}_mean']:g}"
        yield Finding(dataset.name, MEAN_KIND, row[dataset.key[1]], end, end, detail)
