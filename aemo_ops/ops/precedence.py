"""Precedence: which value of a key stays, by whatever road and in whatever order they come.

What is provisional gives way to AEMO's own: an estimate (SATELLITE) to the measurement; the mean of fewer than six to the
trading value, and both to the mean of six. A provisional value takes only the place of another one, or an empty one. A value
of which nothing is known, such as an imported one, gives way only to the mean of six rows of ours and to what AEMO publishes
now. What is provisional is known as such before it is written, and until its successor is durable: no crash leaves one
mistaken for final.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.dataset import Dataset, Mode, Source
from aemo_ops.market.derive import SIX
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.marks import Key
from aemo_ops.store.merge import Merge
from aemo_ops.store.parquet import Store

TRADING = "TradingIS"
Counts = npt.NDArray[np.int64]


def merge_source(
    store: Store, ledger: Ledger, dataset: Dataset, source: Source, rows: pa.Table, mode: Mode = Mode.UPSERT
) -> Merge:
    """Merge rows of one of the dataset's sources, each key once: what it publishes now (upsert), or once published (insert)."""
    if rows.num_rows == 0 or all(one.mode is Mode.UPSERT for one in dataset.sources):
        return store.merge(dataset, rows, mode)
    keys = dataset.keys(rows)
    since, until = _span(dataset, keys)
    provisional = ledger.provisional(dataset.name, since, until)
    if source.mode is Mode.UPSERT:
        done = _replacing(store, dataset, rows, mode, keys, provisional)
        ledger.unmark_provisional(dataset.name, provisional.intersection(keys))
        return done
    absent = set(keys).difference(dataset.keys(store.read(dataset, since, until, dataset.key)))
    ledger.mark_provisional(dataset.name, absent)
    if mode is Mode.INSERT:
        return store.merge(dataset, rows, mode)
    may = _among(keys, provisional | absent)
    return store.merge(dataset, rows.filter(may), mode) + store.merge(dataset, rows.filter(pc.invert(may)), Mode.INSERT)


def merge_trading(store: Store, ledger: Ledger, child: Dataset, source: Source, halves: pa.Table) -> Merge:
    """Merge AEMO's trading values into a half-hour file: where there is no row, or the mean of fewer than six.

    Columns that the report does not have (the limits of flows) keep the mean of those that came: AEMO publishes no better.
    A trading row with a blank value takes no mean's place.
    """
    keys = child.keys(halves)
    since, until = _span(child, keys)
    columns = [name for name, _ in source.columns if name in child.values]
    blank = np.any([halves[name].is_null().to_numpy() for name in columns], axis=0)
    filled = {key for key, is_blank in zip(keys, blank, strict=True) if not is_blank}
    replaced = ledger.partial(child.name, since, until) & filled
    absent = set(keys).difference(child.keys(store.read(child, since, until, child.key)))
    ledger.fell_back(child.name, sorted({end for end, _ in replaced | absent}), TRADING)
    may = _among(keys, replaced)
    done = store.merge(child, halves.filter(may), Mode.COLUMNS, columns)
    done += store.merge(child, halves.filter(pc.invert(may)), Mode.INSERT)
    ledger.mark_complete(child.name, replaced)
    return done


def merge_means(store: Store, ledger: Ledger, child: Dataset, means: pa.Table, present: Counts) -> Merge:
    """Merge means that come without their 5-minute rows, of `present` of the six each: all that AEMO has.

    The mean of six takes the place of less; a value that is not known to be less than that stays.
    """
    keys = child.keys(means)
    if not keys:
        return Merge()
    since, until = _span(child, keys)
    there = set(child.keys(store.read(child, since, until, child.key)))
    fallen = ledger.fallbacks(child.name, since, until)
    less = ledger.partial(child.name, since, until) | {key for key in keys if key[0] in fallen}
    free = np.fromiter((key not in there or key in less for key in keys), bool, len(keys))
    whole = present == SIX
    chosen = whole & free | mark_fewer(ledger, child, keys, present, there)
    done = store.merge(child, means.filter(pa.array(chosen)))
    settle_means(ledger, child, set(compress(keys, whole)), there.union(compress(keys, chosen)))
    return done


def mark_fewer(
    ledger: Ledger, child: Dataset, keys: Sequence[Key], present: Counts, there: Collection[Key]
) -> npt.NDArray[np.bool_]:
    """Which means may be written as ones of fewer than six, of `present` each; from now on they are known as such.

    One takes only the place of an absent row, or of another one that is known to be partial. `there`: the file's keys.
    """
    if not keys:
        return np.zeros(0, bool)
    known = ledger.partial(child.name, *_span(child, keys))
    free = np.fromiter((key not in there or key in known for key in keys), bool, len(keys))
    fewer: npt.NDArray[np.bool_] = free & (present > 0) & (present < SIX)
    ledger.mark_partial(
        child.name, [(*key, int(n)) for key, n, chosen in zip(keys, present, fewer, strict=True) if chosen]
    )
    return fewer


def settle_means(ledger: Ledger, child: Dataset, whole: Collection[Key], there: Collection[Key]) -> None:
    """The means of `whole` are of six, and durable: what was known against them is so no more. `there`: the file's keys."""
    if not whole:
        return
    since, until = _span(child, whole)
    if known := ledger.partial(child.name, since, until).intersection(whole):
        ledger.mark_complete(child.name, known)
    if fallen := ledger.fallbacks(child.name, since, until):
        others = {end for end, _ in set(there).difference(whole)}
        ledger.forget_fallbacks(child.name, sorted({end for end, _ in whole if end in fallen} - others))


def _replacing(
    store: Store, dataset: Dataset, rows: pa.Table, mode: Mode, keys: Sequence[Key], provisional: Collection[Key]
) -> Merge:
    """Merge rows, those of provisional keys in the place of what is there, whatever the mode."""
    if mode is Mode.UPSERT:
        return store.merge(dataset, rows, mode)
    over = _among(keys, provisional)
    return store.merge(dataset, rows.filter(over)) + store.merge(dataset, rows.filter(pc.invert(over)), mode)


def _among(keys: Sequence[Key], chosen: Collection[Key]) -> pa.Array:
    return pa.array([key in chosen for key in keys], pa.bool_())


def _span(dataset: Dataset, keys: Collection[Key]) -> tuple[datetime, datetime]:
    """The span (since, until] of some keys."""
    ends = [end for end, _ in keys]
    return min(ends) - dataset.cadence, max(ends)
