"""Columns as others wrote them -> the three types of a dataset: times in ns, ids as text, values in float64."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.clock import NEM_OFFSET
from aemo_ops.market.dataset import NUMBER, TEXT, TIME
from aemo_ops.market.intervals import DAY, length

NS_PER_UNIT = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_NEM_NS = length(NEM_OFFSET)
_LATEST_NS = 2**63 - 1
_DAY_NS = length(DAY)
# The stamps seen in files: ISO and AEMO's, with parts of a second and an offset or without. Day-first ones are not guessed at.
_STAMP = (
    r"^(?P<day>\d{4}-\d{2}-\d{2}|\d{4}/\d{2}/\d{2})"
    r"(?:[Tt ](?P<time>\d{2}:\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r" ?(?P<offset>[Zz]|UTC|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?$"
)
_WRITTEN = "%Y-%m-%d %H:%M:%S"
_A_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_ID = pa.dictionary(pa.int32(), TEXT)
_FEW = 8  # dictionaries to join as they are: the cost of joining grows with the square of their number


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_same(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether parquet stores both alike: Arrow's large and view strings differ from strings in memory only."""
    return bool(found == wanted) or (is_text(found) and is_text(wanted))


def is_convertible(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether `convert` knows the way. A date has lost its intervals; a bare integer's unit and zero nobody knows."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_null(found) or is_text(found):
        return True
    if wanted == TIME:
        return bool(pa.types.is_timestamp(found))
    if wanted == NUMBER:
        return bool(pa.types.is_floating(found) or pa.types.is_integer(found) or pa.types.is_decimal(found))
    return False


def convert(array: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """The array as `wanted`, ids as a dictionary of strings; null where it was, and where a value cannot be read.

    An instant with a time zone, or with an offset in its text, becomes NEM time; an empty id becomes null.
    """
    if wanted == TEXT:
        return _as_id(array)
    if array.type == wanted:
        return array
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_null(array.type):
        return pa.chunked_array([pa.nulls(len(array), wanted)])
    return _as_time(array) if wanted == TIME else _as_number(array)


def _as_id(array: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(array.type):
        array = array.cast(TEXT).dictionary_encode()
    if array.type != _ID or array.num_chunks > _FEW:
        array = array.cast(array.type.value_type).cast(TEXT).combine_chunks().dictionary_encode()
    if isinstance(array, pa.Array):
        array = pa.chunked_array([array])
    for chunk in array.chunks:
        chunk.dictionary.validate(full=True)  # damaged text would fail later, far from where a damage is understood
    if any(pc.any(pc.or_(_padded(chunk.dictionary), pc.equal(chunk.dictionary, ""))).as_py() for chunk in array.chunks):
        text = pc.utf8_trim_whitespace(array.cast(TEXT))
        return pc.if_else(pc.equal(text, ""), None, text).dictionary_encode()
    return array


def _padded(ids: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Which ids have spaces around them, or are nothing but spaces."""
    return pc.not_equal(ids, pc.utf8_trim_whitespace(ids))


def padded(array: pa.ChunkedArray) -> int:
    """How many ids of a column, as somebody wrote it, have spaces around them."""
    if pa.types.is_dictionary(array.type):
        counts = (
            pc.sum(_padded(chunk.dictionary.cast(TEXT)).take(chunk.indices)).as_py() or 0 for chunk in array.chunks
        )
        return int(sum(counts))
    return int(pc.sum(_padded(array.cast(TEXT))).as_py() or 0) if is_text(array.type) else 0


def _as_time(array: pa.ChunkedArray) -> pa.ChunkedArray:
    if is_text(array.type):
        return _stamps(array)
    return _nem_time(array.cast(pa.int64()), NS_PER_UNIT[array.type.unit], _NEM_NS if array.type.tz else 0)


def _nem_time(units: pa.ChunkedArray, factor: int, more: int | pa.Array) -> pa.ChunkedArray:
    """`factor` x units + `more` nanoseconds as times; null beyond what ns hold, 1677 to 2262: it would be another century."""
    furthest = (_LATEST_NS - 2 * _DAY_NS) // factor
    fits = pc.and_(pc.less_equal(units, furthest), pc.greater_equal(units, -furthest))
    return pc.add(pc.multiply(pc.if_else(fits, units, None), factor), more).cast(TIME)


def _stamps(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times written as text. The same stamp stands at every unit of an interval, so each is read once."""
    encoded = array.cast(TEXT).dictionary_encode().unify_dictionaries()
    if encoded.num_chunks == 0:
        return pa.chunked_array([], TIME)
    times = _parsed(pc.utf8_trim_whitespace(encoded.chunk(0).dictionary))
    return pa.chunked_array([times.take(chunk.indices) for chunk in encoded.chunks])


def _parsed(text: pa.Array) -> pa.Array:
    """NEM times, null where the text is none: pyarrow takes the 30th of February for a day in March, :60 for a minute more."""
    day, time, second, part, offset = pc.extract_regex(text, _STAMP).flatten()
    second = pc.if_else(pc.equal(second, ""), "00", second)
    time = pc.if_else(pc.equal(time, ""), "00:00", time)
    whole = pc.binary_join_element_wise(
        pc.replace_substring(day, "/", "-"), pc.binary_join_element_wise(time, second, ":"), " "
    )
    times = pc.strptime(whole, format=_WRITTEN, unit="s", error_is_null=True)
    is_so = pc.and_(
        pc.equal(pc.day(times), pc.utf8_slice_codeunits(day, 8).cast(pa.int64())),
        pc.equal(pc.second(times), second.cast(pa.int64())),
    )
    times = pc.if_else(is_so, times, None)
    nanoseconds = pc.utf8_rpad(part, 9, "0").cast(pa.int64())
    return _nem_time(times.cast(pa.int64()), 10**9, pc.add(nanoseconds, _to_nem_ns(offset)))


def _to_nem_ns(offset: pa.Array) -> pa.Array:
    """What turns a clock that is so far ahead of UTC into NEM time, in nanoseconds; without an offset it is NEM time."""
    digits = pc.utf8_rpad(pc.replace_substring_regex(offset, "[^0-9]", ""), 4, "0")
    minutes = pc.add(
        pc.multiply(pc.utf8_slice_codeunits(digits, 0, 2).cast(pa.int64()), 60),
        pc.utf8_slice_codeunits(digits, 2, 4).cast(pa.int64()),
    )
    minutes = pc.if_else(pc.starts_with(offset, "-"), pc.negate(minutes), minutes)
    ahead = pc.subtract(_NEM_NS, pc.multiply(minutes, 60 * 10**9))
    return pc.if_else(pc.equal(offset, ""), 0, ahead)


def _as_number(array: pa.ChunkedArray) -> pa.ChunkedArray:
    if is_text(array.type):
        text = pc.utf8_trim_whitespace(array.cast(TEXT))
        array = pc.if_else(pc.match_substring_regex(text, _A_NUMBER), text, None)
    return array.cast(NUMBER, safe=False)


def nanoseconds(times: pa.ChunkedArray) -> np.ndarray:
    """Times without nulls as int64 nanoseconds since 1970."""
    numbers: np.ndarray = times.cast(pa.int64()).to_numpy()
    return numbers
