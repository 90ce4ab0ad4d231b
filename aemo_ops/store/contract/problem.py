"""What can be wrong with a dataset's file: the kinds of problem, and which of them a rewrite cures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from aemo_ops.store.advice import DECRYPT, RESTORE


class Kind(StrEnum):
    """The names stand in `check --json`; other programs rely on them."""

    # the file as a whole
    ABSENT = "absent"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    NOT_PARQUET = "not_parquet"
    ENCRYPTED = "encrypted"
    TORN = "torn"
    CORRUPT = "corrupt"
    UNKNOWN_DATASET = "unknown_dataset"
    OLDER_LAYOUT = "older_layout"
    # its columns
    MISSING_COLUMN = "missing_column"
    EXTRA_COLUMN = "extra_column"
    COLUMN_TWICE = "column_twice"
    WRONG_TYPE = "wrong_type"
    WRONG_CASE = "wrong_case"
    COLUMN_ORDER = "column_order"
    INDEX_COLUMN = "index_column"
    # its row groups
    NO_STATISTICS = "no_statistics"
    WRONG_STATISTICS = "wrong_statistics"
    OVERLAPPING_GROUPS = "overlapping_groups"
    UNFIT = "unfit"
    # its rows
    UNSORTED = "unsorted"
    DUPLICATE_IDENTICAL = "duplicate_identical"
    DUPLICATE_DIFFERING = "duplicate_differing"
    NULL_KEY = "null_key"
    PADDED_ID = "padded_id"
    OFF_GRID = "off_grid"
    IMPOSSIBLE_DATE = "impossible_date"
    UNREADABLE_VALUE = "unreadable_value"
    NAN = "nan"
    INFINITE = "infinite"
    NO_VALUE = "no_value"
    FUTURE = "future"
    UNKNOWN_ID = "unknown_id"
    NO_ROWS = "no_rows"


# What to do about a file that cannot be read, where its problem does not say it itself.
_TODO = {
    Kind.ABSENT: "name a file that is there",
    Kind.NOT_A_FILE: "name a parquet file",
    Kind.UNREADABLE: "see above, then try again",
    Kind.TORN: f"look again when no program writes it; if it stays so, {RESTORE}",
    Kind.NOT_PARQUET: f"put the parquet file in its place, or {RESTORE}",
    Kind.ENCRYPTED: DECRYPT,
    Kind.UNKNOWN_DATASET: "name its dataset with --dataset",
}
# Kinds that already say why a file's columns or row groups let no row be spliced in.
SPLICE_TOLD = frozenset(
    {
        Kind.MISSING_COLUMN,
        Kind.EXTRA_COLUMN,
        Kind.COLUMN_TWICE,
        Kind.WRONG_TYPE,
        Kind.WRONG_CASE,
        Kind.COLUMN_ORDER,
        Kind.NO_STATISTICS,
        Kind.WRONG_STATISTICS,
        Kind.OVERLAPPING_GROUPS,
        Kind.NULL_KEY,
    }
)
# Nothing can be said about the rows, and nothing can be rewritten.
FATAL = frozenset(
    {
        Kind.ABSENT,
        Kind.NOT_A_FILE,
        Kind.UNREADABLE,
        Kind.EMPTY_FILE,
        Kind.NOT_PARQUET,
        Kind.ENCRYPTED,
        Kind.TORN,
        Kind.CORRUPT,
        Kind.UNKNOWN_DATASET,
    }
)
# Said, but no fault: AEMO adds ids, and a new file starts empty.
NOTES = frozenset({Kind.UNKNOWN_ID, Kind.NO_ROWS})
# Faults of the rows themselves: no rewriting knows the right value, so the normal form keeps and reports them. A row of
# the next 24 hours is one: it may become due.
KEPT = frozenset({Kind.FUTURE, Kind.INFINITE, Kind.NO_VALUE})


@dataclass(frozen=True)
class Problem:
    """One kind of problem in words. `count`: rows, columns or row groups, whichever the kind is about."""

    kind: Kind
    detail: str
    count: int = 1

    @property
    def todo(self) -> str:
        """What to do about a fatal problem."""
        return _TODO.get(self.kind, RESTORE)


@dataclass(frozen=True)
class Verdict:
    """What examining one file found. `dataset` is a name, None when the file belongs to none.

    `rows` is None for a file that cannot be read; `first` and `last` are the earliest and latest interval end in it (NEM
    time), None where no row has one.
    """

    file: Path
    dataset: str | None
    rows: int | None = None
    first: datetime | None = None
    last: datetime | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return all(problem.kind in NOTES for problem in self.problems)

    @property
    def fatal(self) -> Problem | None:
        """Why the file cannot be judged, None when it can."""
        return next((problem for problem in self.problems if problem.kind in FATAL), None)

    @property
    def cured_by_rewriting(self) -> tuple[Problem, ...]:
        """The problems that the normal form does not have any more."""
        lasting = FATAL | NOTES | KEPT | {Kind.OLDER_LAYOUT}
        return tuple(problem for problem in self.problems if problem.kind not in lasting)
