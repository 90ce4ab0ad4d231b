"""Which values a row may have: one rule for what is read from AEMO's files and for what enters ours.

A time is an interval end of its dataset, from the market's first year until tomorrow. An id is there, and has no spaces
around it. A number is finite, or null where there is none; never NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.dataset import NUMBER, TIME, Dataset
from aemo_ops.market.intervals import EARLIEST, length, nanoseconds, tomorrow

_MINUTE = timedelta(minutes=1)
Mask = npt.NDArray[np.bool_]
Doubts = Iterator[tuple[Mask, str]]  # which values are unfit, and why; those that are not null


@dataclass(frozen=True)
class Unfit:
    """A value that no row may have, as text; in which row (from 0) and column it stands, and why no row may have it."""

    row: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"column {self.column}: {self.value} {self.reason}"


def first_unfit(dataset: Dataset, rows: pa.Table, now: datetime) -> Unfit | None:
    """The first value, column by column, that keeps rows out of the dataset's file at `now`; None where all may enter."""
    for name, mask, reason in _unfit(dataset, rows, now):
        if mask.any():
            row = int(mask.argmax())
            return Unfit(row, name, repr(_plain(rows[name][row])), reason)
    return None


def fit(dataset: Dataset, rows: pa.Table, now: datetime) -> Mask:
    """Which rows may enter the dataset's file at `now`."""
    fits = np.ones(rows.num_rows, bool)
    for _, mask, _ in _unfit(dataset, rows, now):
        fits &= ~mask
    return fits


def _unfit(dataset: Dataset, rows: pa.Table, now: datetime) -> Iterator[tuple[str, Mask, str]]:
    for field in dataset.schema:
        column = rows[field.name]
        if field.name in dataset.key:
            yield field.name, as_mask(column.is_null()), "is in the key, which every row has"
        if field.type == TIME:
            doubts = time_doubts(column, dataset.step, tomorrow(now))
        else:
            doubts = number_doubts(column) if field.type == NUMBER else id_doubts(column)
        yield from ((field.name, mask, reason) for mask, reason in doubts)


def time_doubts(times: pa.ChunkedArray, step: int, latest: datetime | None = None) -> Doubts:
    """`step`: the grid on which the interval ends stand, in nanoseconds."""
    ends = times.cast(pa.int64())
    there = as_mask(times.is_valid()) if times.null_count else np.True_
    ends = (pc.fill_null(ends, 0) if times.null_count else ends).to_numpy()
    yield there & (ends < nanoseconds(EARLIEST)), f"is before {EARLIEST.year}, the market's first year"
    if latest is not None:
        yield there & (ends > nanoseconds(latest)), "is later than tomorrow"
    yield there & (ends % step != 0), f"ends no interval of {step // length(_MINUTE)} minutes"


def number_doubts(numbers: pa.ChunkedArray) -> Doubts:
    yield as_mask(pc.fill_null(pc.invert(pc.is_finite(numbers)), False)), "is no finite number"


def id_doubts(ids: pa.ChunkedArray) -> Doubts:
    yield _by_word(ids.combine_chunks().dictionary_encode(), _odd), "is no id: it is empty, or has spaces around it"


def _odd(names: pa.Array) -> pa.Array:
    return pc.or_(pc.equal(names, ""), pc.not_equal(names, pc.utf8_trim_whitespace(names)))


def _by_word(words: pa.DictionaryArray, judge: Callable[[pa.Array], pa.Array]) -> Mask:
    """What a judge says of each value, each distinct one judged once; False of a null."""
    return as_mask(pc.fill_null(judge(words.dictionary).take(words.indices), False))


def as_mask(found: pa.ChunkedArray | pa.Array) -> Mask:
    mask: Mask = found.to_numpy() if isinstance(found, pa.ChunkedArray) else found.to_numpy(zero_copy_only=False)
    return mask


def _plain(value: pa.Scalar) -> object:
    """A value for a message; a time as text, though it be one for which Python has none."""
    if value.type != TIME or not value.is_valid:
        return value.as_py()
    return str(pc.strftime(value.cast(pa.timestamp("s"), safe=False), format="%Y-%m-%d %H:%M:%S"))
