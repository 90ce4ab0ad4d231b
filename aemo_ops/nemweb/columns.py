"""AEMO's columns as they stand in a file become typed ones in which each value is such as a row may have.

Ids lose the spaces around them. Which columns are never blank, and which words they hold, are facts of AEMO's columns by
their name (`market.dataset`).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from aemo_ops.market.dataset import AEMO_WORDS, NEVER_BLANK, NUMBER, TIME
from aemo_ops.market.intervals import FIVE_MINUTES, length
from aemo_ops.market.values import Doubts, Unfit, as_mask, by_word, number_doubts, time_doubts

TIME_FORMAT = "%Y/%m/%d %H:%M:%S"
WORD = pa.dictionary(pa.int32(), pa.string())  # times and ids repeat by the thousand: each is looked at once
_GRID = length(FIVE_MINUTES)  # the finest that a table has
_NEAR = 9_000_000_000  # seconds before and after 1970 that nanoseconds can surely hold


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
        written = table[field.name] if field.type == NUMBER else _trimmed(table[field.name])
        column = _times(written) if field.type == TIME else written
        for mask, reason in _doubts(field, written, column):
            if mask.any():
                row = int(mask.argmax())
                return Unfit(row, field.name, repr(written[row].as_py()), reason)
        columns.append(column)
    return pa.table(columns, names=schema.names)


def _doubts(field: pa.Field, written: pa.ChunkedArray, column: pa.ChunkedArray) -> Doubts:
    if field.name in NEVER_BLANK:
        yield as_mask(written.is_null()), "stands where each row has a value"
    if field.type == TIME:
        yield as_mask(column.is_null()) & as_mask(written.is_valid()), "is not a time"
        yield from time_doubts(column, _GRID)
    if field.type == NUMBER:
        yield from number_doubts(column)
    if field.name in AEMO_WORDS:
        words = pa.array(AEMO_WORDS[field.name])
        known = (
            as_mask(pc.is_in(column, words))
            if field.type == NUMBER
            else by_word(column, lambda one: pc.is_in(one, words))
        )
        yield ~known & as_mask(written.is_valid()), f"is none of {', '.join(map(str, words.to_pylist()))}"


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Words without the spaces around them; null where there is nothing else."""
    if not by_word(column, lambda words: pc.not_equal(words, pc.utf8_trim_whitespace(words))).any():
        return column
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.equal(text, ""), None, text).dictionary_encode()


def _times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Null where the text is no time: the reader's own parser takes the 30th of February for a day in March."""
    chunks = [_parsed(chunk.dictionary).take(chunk.indices) for chunk in column.chunks]
    return pa.chunked_array(chunks, TIME)


def _parsed(text: pa.Array) -> pa.Array:
    times = pc.strptime(text, format=TIME_FORMAT, unit="s", error_is_null=True)
    seconds = times.cast(pa.int64())
    is_time = pc.and_(pc.equal(pc.strftime(times, format=TIME_FORMAT), text), pc.less(pc.abs(seconds), _NEAR))
    return pc.if_else(is_time, times, None).cast(TIME)
