"""How much is measured: rows, repetitions, patience. The code path is the same for every plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Rows of scada30 (`big`) and scada5 (`small`); how often each road is walked; seconds after which it stops early.

    A road that uses up its `patience` stops, but not before its third repetition. The table tells how many there were.
    250 updates take ours once through everything it does: the hot group grows, is sealed, and begins anew.
    """

    big: int
    small: int
    updates: int  # ours
    heavy: int  # the alternatives that rewrite everything
    middle: int  # fillings of a hole in the middle
    latest: int
    patience: float
    rivals_everywhere: bool  # every alternative, and the readers, for both sizes on both filesystems
    readers_rows: int
    reader_updates: int
    readers_patience: float


FULL = Plan(
    big=38_000_000,
    small=6_000_000,
    updates=250,
    heavy=3,
    middle=5,
    latest=20,
    patience=90,
    rivals_everywhere=True,
    readers_rows=500_000,
    reader_updates=1_000,
    readers_patience=300,
)
QUICK = Plan(
    big=2_000_000,
    small=500_000,
    updates=20,
    heavy=3,
    middle=3,
    latest=5,
    patience=2,
    rivals_everywhere=False,
    readers_rows=50_000,
    reader_updates=50,
    readers_patience=3,
)
