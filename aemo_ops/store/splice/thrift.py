"""Thrift's compact protocol, as parquet footers use it: bytes to a tree of fields and back, unknown fields kept.

A struct is a dict: field number -> (wire type, value), in the order of the bytes, so that writers newer than this file lose
nothing. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import struct as packing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from aemo_ops.errors import StoreCorrupt

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(1, 14)
_DEEPEST = 24  # parquet's own structs nest 7 deep

Struct: TypeAlias = dict[int, tuple[int, Any]]
Read: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
_NO_READS: Mapping[int, Read] = {}


class Items(NamedTuple):
    """A list or set: the wire type of its elements, and they."""

    kind: int
    values: list[Any]


class Pairs(NamedTuple):
    """A map: the wire types of keys and values, and the pairs."""

    kinds: tuple[int, int]
    values: list[tuple[Any, Any]]


def decode(data: bytes, at: int = 0, elements: Mapping[int, Read] = _NO_READS) -> tuple[Struct, int]:
    """The struct that starts at byte `at`, and the position after it.

    `elements`: for the lists of structs in these fields, what reads one element (from the bytes and a position) instead.
    Raises StoreCorrupt for bytes that are no struct.
    """
    try:
        return _struct(data, at, 0, elements)
    except (IndexError, packing.error) as error:
        raise StoreCorrupt("a structure ends in the middle of a field") from error


def encode(fields: Struct) -> bytes:
    """The bytes of a struct. Where a struct is expected inside it, its bytes may stand already."""
    out = bytearray()
    _put_struct(out, fields)
    return bytes(out)


def _struct(data: bytes, at: int, depth: int, elements: Mapping[int, Read]) -> tuple[Struct, int]:
    if depth > _DEEPEST:
        raise StoreCorrupt(f"structures nested more than {_DEEPEST} deep")
    fields: Struct = {}
    number = 0
    while head := data[at]:
        at += 1
        kind = head & 15
        value: Any
        if head > 15:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        if I16 <= kind <= I64:  # inline: most fields of a footer are integers, and the engine reads footers all day
            value = data[at]
            at += 1
            if value > 127:
                value, at = _varint(data, at - 1)
            fields[number] = (kind, (value >> 1) ^ -(value & 1))
            continue
        if kind == STRUCT:
            value, at = _struct(data, at, depth + 1, _NO_READS)
        elif kind == LIST:
            value, at = _items(data, at, depth, elements.get(number))
        elif kind in (TRUE, FALSE):
            value = kind == TRUE
        else:
            value, at = _value(data, at, kind, depth)
        fields[number] = (kind, value)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (I64, I32, I16):
        return _integer(data, at)
    if kind == BINARY:
        length, at = _varint(data, at)
        if length > len(data) - at:
            raise StoreCorrupt(f"a text of {length} bytes where {len(data) - at} are left")
        return data[at : at + length], at + length
    if kind == STRUCT:
        return _struct(data, at, depth + 1, _NO_READS)
    if kind in (LIST, SET):
        return _items(data, at, depth, None)
    if kind in (TRUE, FALSE, BYTE):  # an element of a list; a field's truth stands in its header
        return data[at], at + 1
    if kind == DOUBLE:
        return packing.unpack_from("<d", data, at)[0], at + 8
    if kind == MAP:
        return _pairs(data, at, depth)
    if kind == UUID:
        return packing.unpack_from("16s", data, at)[0], at + 16
    raise StoreCorrupt(f"a field of unknown type {kind}")


def _items(data: bytes, at: int, depth: int, read: Read | None) -> tuple[Items, int]:
    head = data[at]
    at += 1
    kind, count = head & 15, head >> 4
    if count == 15:
        count, at = _varint(data, at)
    if count > len(data) - at:  # the smallest element is one byte
        raise StoreCorrupt(f"a list of {count} elements where {len(data) - at} bytes are left")
    if depth > _DEEPEST:
        raise StoreCorrupt(f"lists nested more than {_DEEPEST} deep")
    values: list[Any] = []
    for _ in range(count):
        if read and kind == STRUCT:
            value, at = read(data, at)
        elif I16 <= kind <= I64 and (value := data[at]) < 128:
            value, at = (value >> 1) ^ -(value & 1), at + 1
        else:
            value, at = _value(data, at, kind, depth + 1)
        values.append(value)
    return Items(kind, values), at


def _pairs(data: bytes, at: int, depth: int) -> tuple[Pairs, int]:
    count, at = _varint(data, at)
    if count > len(data) - at:
        raise StoreCorrupt(f"a map of {count} pairs where {len(data) - at} bytes are left")
    if not count:
        return Pairs((0, 0), []), at
    kinds = (data[at] >> 4, data[at] & 15)
    at += 1
    if depth > _DEEPEST:
        raise StoreCorrupt(f"maps nested more than {_DEEPEST} deep")
    values = []
    for _ in range(count):
        key, at = _value(data, at, kinds[0], depth + 1)
        value, at = _value(data, at, kinds[1], depth + 1)
        values.append((key, value))
    return Pairs(kinds, values), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    at += 1
    if value < 128:
        return value, at
    value &= 127
    shift = 7
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128 and not value >> 64:
            return value, at
        if shift > 63:
            raise StoreCorrupt("an integer of more than 64 bits")


def _integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _put_struct(out: bytearray, fields: Struct | bytes) -> None:
    if isinstance(fields, bytes):
        out += fields
        return
    last = 0
    for number, (kind, value) in fields.items():
        step = number - last
        if 0 < step < 16:
            out.append(step << 4 | kind)
        else:
            out.append(kind)
            _put_varint(out, number << 1 ^ number >> 63)
        last = number
        if kind not in (TRUE, FALSE):
            _put(out, kind, value)
    out.append(0)


def _put(out: bytearray, kind: int, value: Any) -> None:
    if kind in (I64, I32, I16):
        _put_varint(out, value << 1 ^ value >> 63)
    elif kind == BINARY:
        _put_varint(out, len(value))
        out += value
    elif kind == STRUCT:
        _put_struct(out, value)
    elif kind in (LIST, SET):
        count = len(value.values)
        out.append(min(count, 15) << 4 | value.kind)
        if count > 14:
            _put_varint(out, count)
        for element in value.values:
            _put(out, value.kind, element)
    elif kind == DOUBLE:
        out += packing.pack("<d", value)
    elif kind == MAP:
        _put_varint(out, len(value.values))
        if value.values:
            out.append(value.kinds[0] << 4 | value.kinds[1])
        for key, item in value.values:
            _put(out, value.kinds[0], key)
            _put(out, value.kinds[1], item)
    elif kind == UUID:
        out += value
    else:
        out.append(value)


def _put_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
