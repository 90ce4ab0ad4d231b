"""What to fill, what it would take, what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from aemo_ops.market.dataset import Dataset
from aemo_ops.nemweb.archive import Level


@dataclass(frozen=True)
class Request:
    """What to fill. Without a span: since each file's first row. `most_files`: a bound for one run, None for none.

    `soft`: also where only the DUIDs of the days around say that one is missing. `replace`: everything of the span, to be
    compared with what is there (see `replacing`). `workers`: processes that parse, or `dask`: a cluster's address.
    """

    datasets: tuple[Dataset, ...]
    since: datetime | None = None
    until: datetime | None = None
    levels: tuple[Level, ...] = tuple(Level)
    most_files: int | None = None
    soft: bool = True
    replace: bool = False
    workers: int = 1
    dask: str = ""


@dataclass
class Filled:
    """What came of one dataset, in intervals. `reasons`: why some failed, in words.

    `absent`: no source has them. `open`: not every source was asked for them, or they are too young to be called absent.
    `units` further intervals were asked for since single DUIDs have no row there; in `units_left` intervals of all
    single DUIDs still have none. In `estimates` intervals a value is still an estimate: no measurement was found.
    `problem`: why nothing was asked for, where a file cannot be read.
    """

    dataset: str
    requested: int = 0
    filled: int = 0
    absent: int = 0
    failed: int = 0
    open: int = 0
    by_source: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    units: int = 0
    units_left: int = 0
    estimates: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Plan:
    """`files` to fetch with `bytes` in all; `intervals` wanted, by dataset and by source (none: no source has them)."""

    files: tuple[tuple[str, str, int], ...]  # (source, name, bytes)
    intervals: dict[str, dict[str, int]]

    disk: int  # bytes that the rows will take, about
    free: int  # bytes free where the files are
    seconds: float  # at least: the pauses between requests

    @property
    def bytes(self) -> int:
        return sum(size for _, _, size in self.files)

    @property
    def words(self) -> str:
        """The plan in a sentence, with what is short said first."""
        nobody = sum(told.get("none", 0) for told in self.intervals.values())
        text = (
            f"{len(self.files):,} files, {self.bytes / 1e6:,.1f} MB to fetch, at least {self.seconds:,.0f} s of pauses"
        )
        text += f"; about {self.disk / 1e6:,.1f} MB more on disk, {self.free / 1e9:,.1f} GB are free"
        if nobody:
            text += f"; {nobody:,} intervals are kept by no source now"
        return f"NOT ENOUGH SPACE: {text}" if self.disk > self.free else text
