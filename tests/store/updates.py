"""Updates by number, and a process that merges one after the other until it is killed: python -m tests.store.updates FOLDER FIRST.

It writes the number of each update to its standard output when the merge has returned, and compacts now and then.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa

from aemo_ops.market.catalogue import SCADA5
from aemo_ops.store.parquet import Store
from aemo_ops.store.splice import compaction, sections

START = np.datetime64("2026-01-01", "ns")
UNITS = [f"UNIT{n:02d}" for n in range(12)]
COMPACTS_EVERY = 5
Key = tuple[int, str]


def update(number: int) -> dict[Key, float]:
    """Two new intervals, a revision of the two before; at times some rows of long ago. No other update has its values."""
    at = [(interval, unit) for interval in range(2 * number - 2, 2 * number + 2) for unit in UNITS]
    if number % 4 == 0:
        generator = np.random.default_rng(number)
        places = generator.integers(-number, 2 * number, 6).tolist()
        at += [(interval, f"OLD{number % 7}") for interval in sorted(set(places))]
    return {key: number + place / 1024 for place, key in enumerate(at)}


def rows(values: dict[Key, float]) -> pa.Table:
    times = START + np.array([interval for interval, _ in values]) * np.timedelta64(5, "m")
    return pa.table([times, [unit for _, unit in values], list(values.values())], schema=SCADA5.schema)


def merge_until_killed(store: Store, first: int) -> None:
    """With groups of a few hundred rows, so that each update has some to leave alone."""
    sections.HOT, sections.SEALED, compaction.SEALED, compaction.MERGED = 64, 256, 256, 1024
    for number in count(first):
        store.merge(SCADA5, rows(update(number)))
        os.write(1, b"%d\n" % number)
        if number % COMPACTS_EVERY == 0:
            store.compact(SCADA5)


if __name__ == "__main__":
    merge_until_killed(Store(Path(sys.argv[1])), int(sys.argv[2]))
