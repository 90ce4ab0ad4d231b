"""Half-hour files follow their 5-minute files: derive what a merge touched, and know which means are partial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import pyarrow as pa

from aemo_ops.files import failpoint
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.derive import SIX, half_hours, mean_of_six
from aemo_ops.market.intervals import HALF_HOUR
from aemo_ops.ops.precedence import mark_fewer, settle_means
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.merge import Merge
from aemo_ops.store.parquet import Store


def derive(store: Store, ledger: Ledger, parent: Dataset, child: Dataset, touched: pa.Table) -> Merge:
    """Derive every half hour of `child` that the 5-minute rows `touched` fall in, changed or not, from parent's file.

    A mean of six replaces anything. A mean of fewer replaces only an absent row or one known to be partial, and is known
    as partial from before it is written until the six are there: no crash or power cut leaves one mistaken for whole.
    """
    return sum((_derive_run(store, ledger, parent, child, ends) for ends in _runs(half_hours(touched))), Merge())


def _derive_run(store: Store, ledger: Ledger, parent: Dataset, child: Dataset, ends: Sequence[datetime]) -> Merge:
    since, until = ends[0] - HALF_HOUR, ends[-1]
    rows, present = mean_of_six(child, store.read(parent, since, until))
    keys = child.keys(rows)
    existing = set(child.keys(store.read(child, since, until, child.key)))
    whole = present == SIX
    partial = mark_fewer(ledger, child, keys, present, existing)
    failpoint("derive.marked_partial")
    done = store.merge(child, rows.filter(pa.array(whole | partial)))
    failpoint("derive.merged")
    settle_means(ledger, child, {key for key, is_whole in zip(keys, whole, strict=True) if is_whole}, existing)
    return done


def _runs(ends: Sequence[datetime]) -> Iterator[list[datetime]]:
    """Half hours that follow one another, together: a late file must not make us read all the time in between."""
    run: list[datetime] = []
    for end in ends:
        if run and end - run[-1] != HALF_HOUR:
            yield run
            run = []
        run.append(end)
    if run:
        yield run
