"""What was measured, and how it is printed. Ratios are worked out here, from the figures of the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from statistics import mean, median

from benchmarks.measure import Sample

NOT_MEASURED = "not measured here"
STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "median": median,
    "most": max,
    "growth": lambda values: values[1] - values[0],
    "95th percentile": lambda values: sorted(values)[ceil(0.95 * len(values)) - 1],
}


@dataclass(frozen=True)
class Row:
    """One figure, or the reason why there is none (`refused`). Rows of the same `what`, `place` and `data` are compared."""

    what: str
    place: str
    data: str
    who: str
    sample: Sample | None = None
    note: str = ""
    refused: str = ""

    @property
    def contest(self) -> tuple[str, str, str]:
        return self.what, self.place, self.data


@dataclass(frozen=True)
class Tally:
    """What one reader saw: reads, and how many failed in which way; `example` is the first failure."""

    who: str
    reads: int = 0
    failures: tuple[tuple[str, int], ...] = ()
    example: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Watched:
    """Updates of one writer under readers that never pause."""

    place: str
    data: str
    who: str
    updates: int = 0
    seconds: float = 0.0
    tallies: tuple[Tally, ...] = ()
    refused: str = ""

    @property
    def reads(self) -> int:
        return sum(tally.reads for tally in self.tallies)

    @property
    def failed(self) -> int:
        return sum(count for tally in self.tallies for _, count in tally.failures)


@dataclass(frozen=True)
class Figure:
    """Something of a page: `values` of every repetition in `unit` (seconds or bytes), told as their `statistic`.

    Figures of the same `what`, `place` and `data` are compared. `growth` is from the first of two values to the second.
    """

    what: str
    who: str
    unit: str = ""
    statistic: str = ""
    values: tuple[float, ...] = ()
    note: str = ""
    refused: str = ""
    place: str = ""
    data: str = ""

    @property
    def measured(self) -> float | None:
        return STATISTICS[self.statistic](self.values) if self.values else None

    @property
    def contest(self) -> tuple[str, str, str]:
        return self.what, self.place, self.data


@dataclass(frozen=True)
class Results:
    """All that a run found, each kind in the order it was found in."""

    rows: Sequence[Row]
    runs: Sequence[Watched]
    figures: Sequence[Figure]

    @classmethod
    def of(cls, found: Sequence[object]) -> Results:
        return cls(
            [one for one in found if isinstance(one, Row)],
            [one for one in found if isinstance(one, Watched)],
            [one for one in found if isinstance(one, Figure)],
        )


@dataclass(frozen=True)
class Goal:
    """A figure to reach: `measured` is None where it was not measured; `refused` says why."""

    what: str
    against: str
    goal: str
    measured: float | None
    reached: bool | None
    refused: str = ""


def ours_among(rows: Iterable[Row], row: Row) -> Sample | None:
    """Our own figure that `row` is compared with."""
    return next((one.sample for one in rows if one.contest == row.contest and one.who == "ours"), None)


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """How many times ours it is; None where either is missing or ours is nothing."""
    return theirs / ours if theirs is not None and ours else None


def figures(rows: Sequence[Row]) -> str:
    parts = []
    for (what, place, data), contest in groupby(rows, lambda row: row.contest):
        heading = ("who", "median", "x ours", "slowest", "peak", "x ours", "mean written", "x ours", "times", "")
        lines = [_line(rows, row) for row in contest]
        parts.append(f"{what} | {data} | {place}\n{aligned([heading, *lines])}")
    return "\n\n".join(parts)


def _line(rows: Sequence[Row], row: Row) -> tuple[str, ...]:
    if row.sample is None:
        return row.who, f"{NOT_MEASURED}: {row.refused}"
    sample, ours = row.sample, ours_among(rows, row)
    return (
        row.who,
        seconds(sample.median),
        times(ratio(sample.median, ours and ours.median)),
        seconds(max(sample.seconds)),
        megabytes(sample.peak),
        times(ratio(sample.peak, ours and ours.peak)),
        megabytes(written(sample)),
        times(ratio(written(sample), ours and written(ours))),
        str(len(sample.seconds)),
        "; ".join(filter(None, [row.note, sample.problem and f"WRONG RESULT: {sample.problem}"])),
    )


def pages(found: Sequence[Figure]) -> str:
    parts = []
    for (what, place, data), contest in groupby(found, lambda one: one.contest):
        heading = ("who", "figure", "x ours", "least", "most", "times", "")
        parts.append(f"{what} | {data} | {place}\n{aligned([heading, *(_page(found, one) for one in contest)])}")
    return "\n\n".join(parts)


def _page(found: Sequence[Figure], one: Figure) -> tuple[str, ...]:
    if one.measured is None:
        return one.who, f"{NOT_MEASURED}: {one.refused}"
    show = seconds if one.unit == "seconds" else megabytes
    return (
        one.who,
        f"{one.statistic} {show(one.measured)}",
        times(page_ratio(found, one)),
        show(min(one.values)),
        show(max(one.values)),
        str(len(one.values)),
        one.note,
    )


def page_ratio(found: Iterable[Figure], one: Figure) -> float | None:
    """How many times ours it is; None for a growth, since ours may well be nothing, or less."""
    ours = (other for other in found if other.contest == one.contest and other.who == "ours")
    return None if one.statistic == "growth" else ratio(one.measured, next((o.measured for o in ours), None))


def watched(runs: Sequence[Watched]) -> str:
    parts = []
    for run in runs:
        title = f"readers that never pause | {run.data} | {run.place} | written by {run.who}"
        if run.refused:
            parts.append(f"{title}\n  {NOT_MEASURED}: {run.refused}")
            continue
        heading = ("reader", "reads", "failed", "how", "the first")
        lines = [_seen(tally) for tally in run.tallies]
        rate = f"{run.failed} of {run.reads} reads failed during {run.updates} updates in {run.seconds:.0f} s"
        parts.append(f"{title}\n{aligned([heading, *lines])}\n  {rate}")
    return "\n\n".join(parts)


def _seen(tally: Tally) -> tuple[str, ...]:
    if tally.refused:
        return tally.who, f"{NOT_MEASURED}: {tally.refused}"
    failed = sum(count for _, count in tally.failures)
    how = ", ".join(f"{count} {kind}" for kind, count in tally.failures)
    return tally.who, str(tally.reads), str(failed), how, tally.example[:100]


def goals(found: Sequence[Goal], full: bool) -> str:
    lines = [("what", "against", "goal", "measured"), *(_goal(goal, full) for goal in found)]
    told = "" if full else "  (the goals are for the full sizes; this run was smaller and judges nothing)\n"
    return f"figures to reach\n{told}{aligned(lines)}"


def _goal(goal: Goal, full: bool) -> tuple[str, ...]:
    measured = f"{NOT_MEASURED}: {goal.refused}" if goal.measured is None else f"{goal.measured:,.4g}"
    verdict = "" if goal.reached is None or not full else "reached" if goal.reached else "MISSED"
    return goal.what, goal.against, goal.goal, f"{measured}  {verdict}".rstrip()


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their cells, the first left and the rest right; a line of two cells may be as long as it likes."""
    full = [line for line in lines if len(line) > 2]
    widths = [max(len(line[column]) for line in full) for column in range(len(full[0]))]
    first = max(len(line[0]) for line in lines)
    return "\n".join(f"  {line[0]:<{first}}  {_cells(line[1:], widths[1:])}".rstrip() for line in lines)


def _cells(cells: Sequence[str], widths: Sequence[int]) -> str:
    if len(cells) == 1:
        return cells[0]
    return "  ".join(f"{cell:>{width}}" for cell, width in zip(cells[:-1], widths, strict=False)) + f"  {cells[-1]}"


def written(sample: Sample) -> float | None:
    """Bytes of a mean repetition: once in a while ours writes more than in the median one."""
    return mean(sample.written) if sample.written else None


def seconds(value: float) -> str:
    return f"{value:,.2f} s" if value >= 1 else f"{value * 1000:,.1f} ms"


def megabytes(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1e6:,.0f} MB" if value >= 1e7 else f"{value / 1e6:.2f} MB"


def times(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
