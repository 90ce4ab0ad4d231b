"""AEMO's columns as they stand in a file become typed ones in which each value is such as a row may have.

Ids lose the spaces around them. Which columns are never blank, and which words they hold, are facts of AEMO's columns by
their name (`market.dataset`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from aemo_ops.market.dataset import AEMO_WORDS, NEVER_BLANK, NUMBER, TIME
from aemo_ops.market.intervals import FIVE_MINUTES, length
from aemo_ops.market.values import Unfit, time_doubts

TIME_FORMAT = "%Y/%m/%d %H:%M:%S"
WORD = pa.dictionary(pa.int32(), pa.string())  # times and ids repeat by the thousand: each is looked at once
_GRID = length(FIVE_MINUTES)  # the finest that a table has
_NEAR = 9_000_000_000  # seconds before and after 1970 that nanoseconds can surely hold
_MOST_KNOWN = 200_000  # words of a column; the times of two years
_KNOWN: dict[str, dict[str, _Seen]] = {}  # column -> word -> what it is


def reading(schema: pa.Schema, *others: str) -> pacsv.ConvertOptions:
    """How the CSV reader is to read these columns for `typed`, and `others` as words. A blank is null."""
    types = {field.name: NUMBER if field.type == NUMBER else WORD for field in schema}
    return pacsv.ConvertOptions(
        include_columns=[*others, *schema.names],
        column_types={name: WORD for name in others} | types,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )


def typed(table: pa.Table, schema: pa.Schema) -> pa.Table | Unfit:
    """The columns of `schema`, ids still as dictionaries; or the first value, column by column, that no row may have."""
    columns = []
    for field in schema:
        column = table[field.name]
        if field.type == NUMBER:
            unfit = _unfit_number(field.name, column)
        else:
            column, unfit = _of_words(field, column)
        if unfit is None and field.name in NEVER_BLANK and column.null_count:
            unfit = _at(field.name, column, column.is_null(), "stands where each row has a value")
        if unfit is not None:
            return unfit
        columns.append(column)
    return pa.table(columns, names=schema.names)


def _unfit_number(name: str, column: pa.ChunkedArray) -> Unfit | None:
    """Nulls are left out of both looks."""
    finite = pc.is_finite(column)
    if pc.all(finite).as_py() is False:
        return _at(name, column, pc.invert(finite), "is no finite number")
    if name in AEMO_WORDS:
        words = AEMO_WORDS[name]
        odd = pc.and_(pc.invert(pc.is_in(column, pa.array(words, NUMBER))), column.is_valid())
        if pc.any(odd).as_py():
            return _at(name, column, odd, _none_of(words))
    return None


def _of_words(field: pa.Field, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Unfit | None]:
    """A column of words as times, or as ids without spaces around them; null where there is nothing else."""
    chunks: list[pa.Array] = []
    same = True
    for chunk in column.chunks:
        words = chunk.dictionary.to_pylist()
        seen = _seen(field, words)
        values, reasons = [seen[word].value for word in words], [seen[word].reason for word in words]
        if any(reasons):
            unfit = pa.array([reason != "" for reason in reasons]).take(chunk.indices).index(True).as_py()
            word, row = chunk[unfit].as_py(), sum(map(len, chunks)) + unfit
            return column, Unfit(row, field.name, repr(word), seen[word].reason)
        same = same and values == words
        chunks.append(chunk if same else pa.array(values, field.type).take(chunk.indices))
    if same:
        return column, None
    found = pa.chunked_array([chunk.cast(field.type) for chunk in chunks], field.type)
    return (found if field.type == TIME else found.dictionary_encode()), None


@dataclass(frozen=True)
class _Seen:
    """What a word means: a time in nanoseconds, or an id; or why it can be neither."""

    value: int | str | None
    reason: str = ""


def _seen(field: pa.Field, words: list[str]) -> dict[str, _Seen]:
    """What each of some words is in a column. Each distinct one is looked at once: the next file has the same ids again."""
    known = _KNOWN.setdefault(field.name, {})
    if len(known) > _MOST_KNOWN:
        known = _KNOWN[field.name] = {}
    fresh = [word for word in words if word not in known]
    if fresh:
        known.update(zip(fresh, _times(fresh) if field.type == TIME else _ids(field.name, fresh), strict=True))
    return known


def _ids(column: str, words: list[str]) -> Iterator[_Seen]:
    for word in pc.utf8_trim_whitespace(pa.array(words, pa.string())).to_pylist():
        name = word or None
        wrong = name is not None and column in AEMO_WORDS and name not in AEMO_WORDS[column]
        yield _Seen(name, _none_of(AEMO_WORDS[column]) if wrong else "")


def _times(words: list[str]) -> Iterator[_Seen]:
    """The reader's own parser takes the 30th of February for a day in March: a time is what is written again as it stood."""
    text = pc.utf8_trim_whitespace(pa.array(words, pa.string()))
    times = pc.strptime(text, format=TIME_FORMAT, unit="s", error_is_null=True)
    written = pc.equal(pc.strftime(times, format=TIME_FORMAT), text)
    is_time = pc.and_(written, pc.less(pc.abs(times.cast(pa.int64())), _NEAR))
    ends = pa.chunked_array([pc.if_else(is_time, times, None).cast(TIME)])
    doubts = list(time_doubts(ends, _GRID))
    for at, (word, end) in enumerate(zip(text.to_pylist(), ends.cast(pa.int64()).to_pylist(), strict=True)):
        if end is None:
            yield _Seen(None, "is not a time" if word else "")
        else:
            yield _Seen(end, next((reason for mask, reason in doubts if mask[at]), ""))


def _none_of(words: tuple[float | str, ...]) -> str:
    return f"is none of {', '.join(map(str, words))}"


def _at(name: str, column: pa.ChunkedArray, found: pa.ChunkedArray, reason: str) -> Unfit:
    """The first row that was found."""
    row = found.index(True).as_py()
    return Unfit(row, name, repr(column[row].as_py()), reason)
