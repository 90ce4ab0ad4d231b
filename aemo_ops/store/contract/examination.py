"""Examining a dataset's file: every way in which it breaks the dataset's contract, named and counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from aemo_ops.clock import stamp
from aemo_ops.errors import Encrypted, StoreCorrupt
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import EARLIEST, FIVE_MINUTES
from aemo_ops.store.contract.census import Census, Span, take_census
from aemo_ops.store.contract.conversion import NS_PER_UNIT
from aemo_ops.store.contract.duplicates import Settled, settle
from aemo_ops.store.contract.ends import broken, unreadable
from aemo_ops.store.contract.problem import SPLICE_TOLD, Kind, Problem, Verdict
from aemo_ops.store.contract.recognition import recognise
from aemo_ops.store.contract.slices import slices
from aemo_ops.store.contract.stretches import Stretches
from aemo_ops.store.splice.fitness import obstacles
from aemo_ops.store.splice.footer import read_footer

# What reading raises of bytes that are damaged or need a key. UnicodeDecodeError: a name or an id that is no text any more.
DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError, StoreCorrupt, Encrypted)
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Examination:
    """A verdict with the census it rests on; `census` is None where the rows could not be read as the dataset's."""

    verdict: Verdict
    census: Census | None = None


def examine(path: Path, now: datetime, dataset: Dataset | None = None) -> Verdict:
    """Everything that is wrong with a file. Its dataset is told by its name unless it is given. `now` is NEM time.

    Reads the whole file, in memory that does not grow with it as long as its rows spread over many days. Whatever is wrong
    is in the verdict: nothing is raised for a damaged, absent or foreign file, only NoSpace, when rows in great disorder
    find no room in the system's temporary folder.
    """
    recognition = recognise(path.name)
    if dataset is None and recognition:
        dataset = recognition.dataset
    name = dataset.name if dataset else recognition.name if recognition else None
    problem = broken(path)
    if problem:
        return Verdict(path, name, problems=(problem,))
    if dataset is None:
        return _not_judged(path, name)
    try:
        with path.open("rb") as source:
            examination = examine_opened(Stretches(source, path, dataset), now)
            if examination.census is None:
                return examination.verdict
            return with_duplicates(examination.verdict, _duplicates(examination.census))
    except DAMAGE as error:
        return Verdict(path, name, problems=(damaged(error),))


def examine_opened(stretches: Stretches, now: datetime) -> Examination:
    """As `examine`, of an open file, but without looking for duplicates. Raises DAMAGE for a broken file."""
    layout, rows = stretches.layout, stretches.footer.rows
    name = layout.dataset.name
    if layout.obstacles:
        return Examination(Verdict(stretches.path, name, rows, problems=layout.problems))
    census = take_census(stretches, now)
    problems = (*layout.problems, *_of_groups(census), *_of_rows(census, now))
    problems += tuple(_of_fitness(stretches, problems))
    first, last = _moments(census.times)
    return Examination(Verdict(stretches.path, name, rows, first, last, problems), census)


def with_duplicates(verdict: Verdict, settled: Settled) -> Verdict:
    """The verdict with the duplicates that settling the rows found."""
    return replace(verdict, problems=(*verdict.problems, *_of_duplicates(settled)))


def damaged(error: Exception) -> Problem:
    """The problem that a reader's error stands for."""
    if isinstance(error, OSError) and error.errno:
        return unreadable(error)
    if isinstance(error, Encrypted):
        return Problem(Kind.ENCRYPTED, str(error))
    return Problem(Kind.CORRUPT, f"cannot be read to its end: {' '.join(str(error).split())}")


def describe(key: Iterable[tuple[str, object]]) -> str:
    """A key as a person reads it."""
    return " ".join(str(value) for _, value in key)


def _not_judged(path: Path, name: str | None) -> Verdict:
    if name is None:
        detail = "no dataset has a file of this name; say which one it is with --dataset"
        return Verdict(path, None, problems=(Problem(Kind.UNKNOWN_DATASET, detail),))
    try:
        rows = read_footer(path).rows
    except DAMAGE as error:
        return Verdict(path, name, problems=(damaged(error),))
    detail = (
        f"recognised as {name}, the older wide layout, whose rows are not judged here; it is left as it is. "
        "If it is no such file, say which dataset it is with --dataset"
    )
    return Verdict(path, name, rows, problems=(Problem(Kind.OLDER_LAYOUT, detail),))


def _duplicates(census: Census) -> Settled:
    """Duplicates need the rows in order; a file that is in order and repeats no key has none."""
    settled = Settled()
    if census.misplaced or census.repeated:
        for rows in slices(census):
            settle(rows, census.dataset, settled)
    return settled


def _of_groups(census: Census) -> Iterator[Problem]:
    first, last = census.group_first, census.group_last
    filled = first <= last
    without, wrong = _statistics(census)
    if without:
        detail = f"{without:,} of {len(first):,} row groups do not tell which times they hold"
        yield Problem(Kind.NO_STATISTICS, detail, without)
    if wrong:
        yield Problem(Kind.WRONG_STATISTICS, f"{wrong:,} row groups hold other times than their statistics tell", wrong)
    overlapping = int((first[filled][1:] < np.maximum.accumulate(last[filled])[:-1]).sum())
    if overlapping:
        detail = f"{overlapping:,} row groups begin before an earlier one ends, so no row can be spliced in"
        yield Problem(Kind.OVERLAPPING_GROUPS, detail, overlapping)


def _statistics(census: Census) -> tuple[int, int]:
    """(row groups that have rows but no statistics of the time column, those whose statistics are not true)."""
    source = census.stretches.layout.sources[census.dataset.time_column]
    kind = census.stretches.layout.schema.field(source).type
    without = wrong = 0
    for at in np.flatnonzero(census.group_first <= census.group_last).tolist():
        chunks = census.stretches.footer.groups[at].chunks
        chunk = next((chunk for chunk in chunks if chunk.column == source), None)
        if chunk is None:
            raise StoreCorrupt(f"row group {at} does not say which of its columns is {source}")
        if chunk.low is None or chunk.high is None:
            without += 1
        elif pa.types.is_timestamp(kind) and kind.tz is None:
            told = [
                int.from_bytes(raw, "little", signed=True) * NS_PER_UNIT[kind.unit] for raw in (chunk.low, chunk.high)
            ]
            wrong += told != [census.group_first[at], census.group_last[at]]
    return without, wrong


def _of_fitness(stretches: Stretches, told: Iterable[Problem]) -> Iterator[Problem]:
    """What a splice refuses, asked of itself, where no other problem says it."""
    reasons = obstacles(stretches.footer, stretches.layout.dataset)
    if reasons and not any(problem.kind in SPLICE_TOLD for problem in told):
        yield Problem(Kind.UNFIT, f"no row can be spliced in: {'; '.join(reasons)}", len(reasons))


def _of_rows(census: Census, now: datetime) -> Iterator[Problem]:
    if not census.rows:
        yield Problem(Kind.NO_ROWS, "the file has no row yet", 0)
    if census.misplaced:
        order = ", ".join(census.dataset.key)
        detail = f"{census.misplaced:,} rows stand right after a row with a later key; the order is {order}"
        yield Problem(Kind.UNSORTED, detail, census.misplaced)
    if census.null_keys:
        unread = sum(census.unread[name] for name in census.dataset.key)
        hint = f"; {unread:,} keys are there but say nothing that can be read" if unread else ""
        detail = f"{census.null_keys:,} rows have no {' or no '.join(census.dataset.key)}{hint}"
        yield Problem(Kind.NULL_KEY, detail, census.null_keys)
    if census.padded:
        yield Problem(
            Kind.PADDED_ID, f"{census.padded:,} ids have spaces around them, so each looks like another", census.padded
        )
    if census.off_grid.count:
        yield Problem(Kind.OFF_GRID, _off_grid(census), census.off_grid.count)
    if census.impossible.count:
        first, last = _moments(census.impossible)
        detail = (
            f"{census.impossible.count:,} rows are dated before {EARLIEST.year} or after tomorrow, {first} to {last} "
            f"(it is {stamp(now)}, NEM time)"
        )
        yield Problem(Kind.IMPOSSIBLE_DATE, detail, census.impossible.count)
    if census.future.count:
        first, last = _moments(census.future)
        detail = f"{census.future.count:,} rows lie in the future, {first} to {last} (it is {stamp(now)}, NEM time)"
        yield Problem(Kind.FUTURE, detail, census.future.count)
    yield from _of_values(census)
    yield from _of_ids(census)


def _of_values(census: Census) -> Iterator[Problem]:
    unread = {name: count for name, count in census.unread.items() if name in census.dataset.values}
    if unread:
        detail = ", ".join(f"{count:,} values of {name} are no numbers" for name, count in unread.items())
        yield Problem(Kind.UNREADABLE_VALUE, detail, sum(unread.values()))
    if census.nan:
        yield Problem(Kind.NAN, f"{census.nan:,} values are NaN, where an absent value is null", census.nan)
    if census.infinite:
        yield Problem(Kind.INFINITE, f"{census.infinite:,} values are infinite", census.infinite)
    if census.no_value:
        yield Problem(Kind.NO_VALUE, f"{census.no_value:,} rows have no value at all", census.no_value)


def _of_ids(census: Census) -> Iterator[Problem]:
    unknown = {name: count for name, count in sorted(census.ids.items()) if census.dataset.is_new(name)}
    if unknown:
        shown = ", ".join(list(unknown)[:5]) + (", ..." if len(unknown) > 5 else "")
        yield Problem(Kind.UNKNOWN_ID, f"rows of ids that are new to this program: {shown}", sum(unknown.values()))


def _of_duplicates(settled: Settled) -> Iterator[Problem]:
    if settled.identical:
        detail = f"{settled.identical:,} rows stand in the file once more, with the same values"
        yield Problem(Kind.DUPLICATE_IDENTICAL, detail, settled.identical)
    if settled.differing:
        shown = "; ".join(map(describe, settled.conflicts))
        detail = f"{settled.differing:,} rows share the key of a later row but not its values, the first at {shown}"
        yield Problem(Kind.DUPLICATE_DIFFERING, detail, settled.differing)


def _off_grid(census: Census) -> str:
    span, five = census.off_grid, census.on_five_minutes
    first, last = _moments(span)
    minutes = int(census.dataset.cadence.total_seconds()) // 60
    kinds = []
    if five and census.dataset.cadence != FIVE_MINUTES:
        kinds.append(f"{five:,} are 5-minute rows")
    if span.count > five:
        kinds.append(f"{span.count - five:,} stand between two 5-minute marks")
    return f"{span.count:,} rows end no {minutes}-minute interval ({', '.join(kinds)}), from {first} to {last}"


def _moments(span: Span) -> tuple[datetime | None, datetime | None]:
    if not span.count:
        return None, None
    return _EPOCH + timedelta(microseconds=span.first // 1000), _EPOCH + timedelta(microseconds=span.last // 1000)
