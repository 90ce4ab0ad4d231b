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
    loads: int  # of a page
    browsers: int  # open at the same time
    pages: int  # opened and closed
    clicks: int  # of each kind; even, so that turning pages ends where it began
    page_patience: float  # seconds after which no more pages are opened, no more clicks of a kind are made
    gap_days: int  # of seven datasets, on the Gaps page
    copied: int  # bytes
    units: int  # that report their output in what is fetched
    month_intervals: int  # of the monthly table
    archive_days: tuple[int, int]  # a short span of Archive, and a long one

    @property
    def full(self) -> bool:
        """Whether the sizes are those that the goals are for."""
        return all(
            getattr(self, size) == getattr(FULL, size)
            for size in ("big", "small", "copied", "browsers", "pages", "clicks", "gap_days", "month_intervals")
        )


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
    loads=20,
    browsers=5,
    pages=200,
    clicks=100,
    page_patience=900,
    gap_days=365,
    copied=1_500_000_000,
    units=560,
    month_intervals=31 * 288,
    archive_days=(30, 365),
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
    loads=2,
    browsers=2,
    pages=20,
    clicks=6,
    page_patience=6,
    gap_days=120,
    copied=60_000_000,
    units=560,
    month_intervals=288,
    archive_days=(1, 3),
)
