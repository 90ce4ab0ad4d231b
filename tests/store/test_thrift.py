from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aemo_ops.errors import StoreCorrupt
from aemo_ops.store.splice.thrift import (
    BINARY,
    DOUBLE,
    I32,
    I64,
    LIST,
    MAP,
    STRUCT,
    TRUE,
    UUID,
    Items,
    Pairs,
    decode,
    encode,
)
from tests.store.foreign import SPLICEABLE


@pytest.mark.parametrize("kind", SPLICEABLE)
def test_every_writer_s_footer_comes_back_byte_for_byte(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file.parquet"
    SPLICEABLE[kind](path)
    content = path.read_bytes()
    footer = content[-8 - int.from_bytes(content[-8:-4], "little") : -8]
    fields, end = decode(footer)
    assert end == len(footer)
    assert encode(fields) == footer


def test_fields_nobody_knows_are_kept() -> None:
    fields = {
        3: (TRUE, True),
        40: (UUID, b"0123456789abcdef"),
        41: (MAP, Pairs((BINARY, I64), [(b"a", -1), (b"b", 1 << 62)])),
        42: (MAP, Pairs((0, 0), [])),
        43: (LIST, Items(DOUBLE, [0.5, float("inf")])),
        900: (LIST, Items(I32, list(range(-20, 20)))),
        7: (STRUCT, {1: (LIST, Items(STRUCT, [{}, {1: (I64, -(1 << 63))}]))}),
    }
    assert decode(encode(fields)) == (fields, len(encode(fields)))


def test_a_struct_may_stand_as_its_bytes() -> None:
    inner = {1: (I32, 5), 2: (BINARY, b"x")}
    assert encode({1: (LIST, Items(STRUCT, [encode(inner)]))}) == encode({1: (LIST, Items(STRUCT, [inner]))})


@given(st.binary(max_size=200))
def test_rubbish_is_corrupt_and_never_anything_else(data: bytes) -> None:
    try:
        fields, end = decode(data)
    except StoreCorrupt:
        return
    assert end <= len(data)
    assert decode(encode(fields))[0].keys() == fields.keys()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "in the middle"),
        (b"\x18\xff\xff\xff\xff\x0fabc", "a text of"),
        (b"\x19\xfc\xff\xff\xff\xff\x0f", "a list of"),
        (b"\x16" + b"\xff" * 10 + b"\x01", "more than 64 bits"),
        (b"\x1c" * 100, "nested"),
        (b"\x19" + b"\x19" * 100, "nested"),
        (b"\x1e", "unknown type"),
        (b"\x1b\xff\xff\xff\xff\x0f\x55", "a map of"),
        (b"\x17abc", "in the middle"),
    ],
)
def test_sizes_and_depth_are_bounded(data: bytes, reason: str) -> None:
    with pytest.raises(StoreCorrupt, match=reason):
        decode(data)
