"""What can be wrong with a dataset's file: the kinds of problem, and which of them a rewrite cures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """The names stand in `check --json`; other programs rely on them."""

    # the file as a whole
    ABSENT = "absent"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    NOT_PARQUET = "not_parquet"
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
    # its rows
    UNSORTED = "unsorted"
    DUPLICATE_IDENTICAL = "duplicate_identical"
    DUPLICATE_DIFFERING = "duplicate_differing"
    NULL_KEY = "null_key"
    OFF_GRID = "off_grid"
    UNREADABLE_VALUE = "unreadable_value"
    NAN = "nan"
    INFINITE = "infinite"
    NO_VALUE = "no_value"
    FUTURE = "future"
    UNKNOWN_ID = "unknown_id"
    NO_ROWS = "no_rows"


# Nothing can be said about the rows, and nothing can be rewritten.
FATAL = frozenset(
    {
        Kind.ABSENT,
        Kind.NOT_A_FILE,
        Kind.UNREADABLE,
        Kind.EMPTY_FILE,
        Kind.NOT_PARQUET,
        Kind.TORN,
        Kind.CORRUPT,
        Kind.UNKNOWN_DATASET,
    }
)
# Said, but no fault: AEMO adds ids, and a new file starts empty.
NOTES = frozenset({Kind.UNKNOWN_ID, Kind.NO_ROWS})
# Faults of the rows themselves: no rewriting knows the right value, so the normal form keeps and reports them.
KEPT = frozenset({Kind.FUTURE, Kind.INFINITE, Kind.NO_VALUE})


@dataclass(frozen=True)
class Problem:
    """One kind of problem in words. `count`: rows, columns or row groups, whichever the kind is about."""

    kind: Kind
    detail: str
    count: int = 1


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
