"""The figures to reach, each worked out from the rows of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import backfill, copy, gaps, ui
from benchmarks import year as a_year
from benchmarks.latest import LATEST, PANDAS
from benchmarks.rivals import LEGACY
from benchmarks.store import UPDATE
from benchmarks.table import Goal, Results, Row, Watched, written

NOTHING = "no such figure in this run"
PAGE = (  # what, the most it may be, in which unit
    (ui.PAINT, 1.5, "s", 1.0),
    (ui.BYTES, 500, "kB", 1e3),
    (ui.MEMORY, 300, "MB", 1e6),
    (ui.GROWTH, 10, "MB", 1e6),
    (ui.TURN, 150, "ms", 1e-3),
    (ui.PRESS, 150, "ms", 1e-3),
    (ui.ANSWER, 150, "ms", 1e-3),
)


YEAR = ((a_year.DRAWN, 1.5, "s", 1.0), (a_year.DETAIL, 300, "ms", 1e-3))


def store(results: Results) -> Iterator[Goal]:
    rows = results.rows
    yield from _update(rows, "reflink", 400)
    yield from _update(rows, "ordinary", 20)
    for place in ("reflink", "ordinary"):
        yield _history(rows, place)
    ours, pandas = _found(rows, LATEST, "", "", "ours"), _found(rows, LATEST, "", "", PANDAS)
    yield _at_least(LATEST, PANDAS, 1000, _over(pandas, ours, "median"), pandas or ours)
    yield from _readers(results.runs)


def gap_scans(results: Results) -> Iterator[Goal]:
    for what, faster in ((gaps.COLD, 10), (gaps.AFTER, 200)):
        yield _faster(results.rows, what, gaps.PANDAS, faster)


def copies(results: Results) -> Iterator[Goal]:
    yield _faster(results.rows, copy.COPY, copy.CP, 3)


def backfills(results: Results) -> Iterator[Goal]:
    rows = results.rows
    yield _faster(rows, backfill.MONTH, backfill.NEMOSIS, 4)
    ours, theirs = (_found(rows, backfill.MONTH, "", "", who) for who in ("ours", backfill.NEMOSIS))
    peaks = f"{backfill.MONTH}: peak memory"
    yield _at_least(peaks, backfill.NEMOSIS, 4, _over(theirs, ours, "peak"), theirs or ours)
    spans = [row for row in rows if row.what == backfill.SPAN]
    short, long = (spans[0], spans[-1]) if spans else (None, None)
    what = f"{backfill.SPAN}: peak memory of the long span / of the short one"
    yield _at_most(what, "itself", 1.3, _over(long, short, "peak"), long)


def pages(results: Results) -> Iterator[Goal]:
    return _of_pages(results, PAGE)


def year(results: Results) -> Iterator[Goal]:
    return _of_pages(results, YEAR)


def _of_pages(results: Results, told: Sequence[tuple[str, float, str, float]]) -> Iterator[Goal]:
    ours = {figure.what: figure for figure in results.figures if figure.who == ui.OURS}
    for what, most, unit, size in told:
        figure = ours[what]
        measured = None if figure.measured is None else figure.measured / size
        reached = None if measured is None else measured <= most
        yield Goal(f"{what}: {unit}", "itself", f"<= {most:g}", measured, reached, figure.refused)


def _faster(rows: Sequence[Row], what: str, against: str, goal: float) -> Goal:
    """How many times as long as ours an alternative takes, where both were measured once."""
    ours, theirs = _found(rows, what, "", "", "ours"), _found(rows, what, "", "", against)
    why = next((row for row in (ours, theirs) if row is None or row.sample is None), None)
    return _at_least(what, against, goal, _over(theirs, ours, "median"), why)


def _update(rows: Sequence[Row], place: str, faster: float) -> Iterator[Goal]:
    what = f"{UPDATE}, scada30, {place}"
    ours = _found(rows, UPDATE, place, "scada30", "ours")
    legacy = _found(rows, UPDATE, place, "scada30", LEGACY.name)
    why = next((row for row in (ours, legacy) if row is None or row.sample is None), None)
    yield _at_least(what, "pandas", faster, _over(legacy, ours, "median"), why)
    yield _at_least(f"{what}: peak memory", "pandas", 20, _over(legacy, ours, "peak"), why)
    if place == "reflink":
        bytes_written = written(ours.sample) if ours and ours.sample else None
        megabytes = None if bytes_written is None else bytes_written / 1e6
        yield _at_most(f"{what}: MB written", "itself", 1.0, megabytes, ours)


def _history(rows: Sequence[Row], place: str) -> Goal:
    big, small = (_found(rows, UPDATE, place, name, "ours") for name in ("scada30", "scada5"))
    what = f"{UPDATE}, {place}: cost of scada30 / of scada5"
    return _at_most(what, "itself", 1.3 if place == "reflink" else None, _over(big, small, "median"), big or small)


def _readers(runs: Sequence[Watched]) -> Iterator[Goal]:
    for run in runs:
        if run.who == "ours":
            rate = None if run.refused else float(run.failed)
            what = f"failed reads of {run.reads:,} during {run.updates:,} updates, {run.place}"
            yield Goal(what, "a whole rewrite", "0", rate, None if rate is None else rate == 0, run.refused)


def _found(rows: Sequence[Row], what: str, place: str, data: str, who: str) -> Row | None:
    """The row of a contest; a place that refused stands for everyone in it."""
    for row in rows:
        same = row.what == what and row.place.startswith(place) and row.data.startswith(data)
        if same and row.who in (who, "everyone"):
            return row
    return None


def _over(above: Row | None, below: Row | None, figure: str) -> float | None:
    if not (above and above.sample and below and below.sample):
        return None
    return getattr(above.sample, figure) / getattr(below.sample, figure)


def _at_least(what: str, against: str, goal: float, measured: float | None, row: Row | None) -> Goal:
    reached = None if measured is None else measured >= goal
    return Goal(what, against, f">= {goal:g} x", measured, reached, _why(measured, row))


def _at_most(what: str, against: str, goal: float | None, measured: float | None, row: Row | None) -> Goal:
    reached = None if measured is None or goal is None else measured <= goal
    return Goal(what, against, "" if goal is None else f"<= {goal:g}", measured, reached, _why(measured, row))


def _why(measured: float | None, row: Row | None) -> str:
    if measured is not None:
        return ""
    return row.refused if row and row.refused else NOTHING
