"""A file is taken whole or rejected whole, with a reason that a person understands."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aemo_ops.errors import ReportRejected
from aemo_ops.market.dataset import NUMBER, TEXT, TIME
from aemo_ops.nemweb import report
from tests.conftest import SOAK

NAME = "PUBLIC_DISPATCHSCADA_202512270005_0000000495867506.zip"
WANTED = {"DISPATCH.UNIT_SCADA": pa.schema([("SETTLEMENTDATE", TIME), ("DUID", TEXT), ("SCADAVALUE", NUMBER)])}
FIRST = "C,NEMP.WORLD,DISPATCHSCADA,AEMO,PUBLIC,2025/12/27,00:00:23,0000000495867506,DISPATCHSCADA,0000000495867500"
HEAD = "I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,SCADAVALUE,LASTCHANGED"
ROW = 'D,DISPATCH,UNIT_SCADA,1,"2025/12/27 00:05:00",{},{},"2025/12/27 00:00:22"'


def text_of(*middle: str, end: str = "\r\n", count: int | None = None, last: bool = True) -> bytes:
    lines = [FIRST, *middle]
    lines.append(f'C,"END OF REPORT",{len(lines) + 1 if count is None else count}')
    return (end.join(lines) + (end if last else "")).encode()


def zipped(text: bytes, name: str = NAME.replace(".zip", ".CSV")) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def values(text: bytes) -> list[tuple[str | None, float | None]]:
    table = report.read(NAME, zipped(text), WANTED).tables["DISPATCH.UNIT_SCADA"]
    return list(zip(table["DUID"].to_pylist(), table["SCADAVALUE"].to_pylist(), strict=True))


GOOD = text_of(HEAD, ROW.format("BAT1", "-5.5"), ROW.format("COAL1", "660"))


def test_a_whole_file_is_read() -> None:
    contents = report.read(NAME, zipped(GOOD), WANTED)
    assert values(GOOD) == [("BAT1", -5.5), ("COAL1", 660.0)]
    assert contents.created == datetime(2025, 12, 27, 0, 0, 23)
    assert contents.versions == {"DISPATCH.UNIT_SCADA": "1"}
    assert contents.tables["DISPATCH.UNIT_SCADA"].schema == WANTED["DISPATCH.UNIT_SCADA"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_either_kind_with_or_without_the_last(end: str, last: bool) -> None:
    assert values(text_of(HEAD, ROW.format("A", "1"), end=end, last=last)) == [("A", 1.0)]


def test_mixed_line_ends_and_a_byte_order_mark() -> None:
    text = text_of(HEAD, ROW.format("A", "1"), ROW.format("B", "2")).replace(b"\r\n", b"\n", 2)
    assert values(b"\xef\xbb\xbf" + text) == [("A", 1.0), ("B", 2.0)]


def test_a_blank_number_is_null_never_0() -> None:
    assert values(text_of(HEAD, ROW.format("A", ""), ROW.format("B", "0"))) == [("A", None), ("B", 0.0)]


def test_columns_are_found_by_name_in_any_order_and_any_version() -> None:
    head = "I,DISPATCH,UNIT_SCADA,7,EXTRA,SCADAVALUE,DUID,SETTLEMENTDATE"
    row = 'D,DISPATCH,UNIT_SCADA,7,"a, quoted comma",3.25,UNIT1,2025/12/27 00:05:00'
    assert values(text_of(head, row)) == [("UNIT1", 3.25)]


def test_a_header_that_comes_again_with_another_order_is_obeyed() -> None:
    again = "I,DISPATCH,UNIT_SCADA,1,SCADAVALUE,DUID,SETTLEMENTDATE"
    row = "D,DISPATCH,UNIT_SCADA,1,9,LATE1,2025/12/27 00:05:00"
    assert values(text_of(HEAD, ROW.format("A", "1"), again, row)) == [("A", 1.0), ("LATE1", 9.0)]


def test_other_tables_around_are_left_alone_and_strays_find_their_table() -> None:
    other = "I,DISPATCH,CASE_SOLUTION,2,SETTLEMENTDATE,RUNNO"
    text = text_of(
        other,
        "D,DISPATCH,CASE_SOLUTION,2,x,1",
        HEAD,
        ROW.format("A", "1"),
        "D,DISPATCH,CASE_SOLUTION,2,x,2",
        ROW.format("B", "2"),
    )
    assert values(text) == [("A", 1.0), ("B", 2.0)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (text_of(HEAD, ROW.format("A", "1"), count=9), "footer counts 9 lines, the file has 4"),
        (GOOD[:-30], "cut short"),
        (GOOD[GOOD.index(b"I,") :], "begins with a C line"),
        (
            text_of(HEAD.replace("SCADAVALUE", "MW"), ROW.format("A", "1")),
            "line 2: table DISPATCH.UNIT_SCADA .* has no column SCADAVALUE",
        ),
        (
            text_of(HEAD, ROW.format("A", "1"), ROW.format("B", "12 MW")),
            r"line 4: .* column SCADAVALUE: '12 MW' is not a number",
        ),
        (text_of(HEAD, ROW.format("A", "1").replace("00:05:00", "25:05")), r"column SETTLEMENTDATE: .* is not a time"),
        (text_of(HEAD, ROW.format("A", "1") + ",9"), "line 3: .* has 8 columns, this row 9 fields"),
        (text_of(HEAD), "has no rows"),
        (text_of("I,DISPATCH,PRICE,5,RRP", "D,DISPATCH,PRICE,5,1"), "has no table DISPATCH.UNIT_SCADA"),
        (text_of(HEAD, ROW.format("A", "1"), "D,DISPATCH,UNKNOWN,1,2"), "belongs to no table's header"),
        (text_of(HEAD, ROW.format("A", "1"), "rubbish"), "belongs to no table's header"),
        (text_of(), "no I line"),
        (text_of("I,DISPATCH,UNIT_SCADA", "D,DISPATCH,UNIT_SCADA"), "line 2: the header of table .* names no columns"),
        (b"C,x\n", "cut short|footer"),
    ],
)
def test_what_is_not_whole_is_rejected_with_file_line_table_and_column(text: bytes, reason: str) -> None:
    with pytest.raises(ReportRejected, match=reason) as caught:
        report.read(NAME, zipped(text), WANTED)
    assert NAME in str(caught.value)


def bad_crc() -> bytes:
    packed = bytearray(zipped(GOOD))
    packed[packed.index(b".CSV") + 10] ^= 0xFF
    return bytes(packed)


def encrypted() -> bytes:
    packed = bytearray(zipped(GOOD))
    packed[6] |= 1  # the local header's "encrypted" flag
    at = packed.index(b"PK\x01\x02")
    packed[at + 8] |= 1
    return bytes(packed)


def two_members() -> bytes:
    packed = io.BytesIO(zipped(GOOD))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("second.CSV", GOOD)
    return packed.getvalue()


def no_member() -> bytes:
    packed = io.BytesIO()
    zipfile.ZipFile(packed, "w").close()
    return packed.getvalue()


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"", "empty"),
        (b"<html><body>Server Error</body></html>", "an HTML page, not the report"),
        (zipped(GOOD)[:-40], "broken"),
        (bad_crc(), "broken"),
        (encrypted(), "broken"),
        (two_members(), "should hold one CSV"),
        (no_member(), "it holds nothing"),
        (zipped(zipped(GOOD), "inner.zip"), "should hold one CSV"),
    ],
    ids=["empty", "html", "truncated", "crc", "encrypted", "two", "none", "nested"],
)
def test_a_zip_that_is_not_one_whole_csv_is_rejected(packed: bytes, reason: str) -> None:
    with pytest.raises(ReportRejected, match=reason):
        report.read(NAME, packed, WANTED)


def test_a_member_that_names_a_path_outside_is_read_in_memory_only(tmp_path: object) -> None:
    packed = zipped(GOOD, "../../outside.CSV")
    assert report.read(NAME, packed, WANTED).tables["DISPATCH.UNIT_SCADA"].num_rows == 2


def test_a_bomb_is_rejected_before_it_is_unpacked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LARGEST_CSV", 1_000_000)
    with pytest.raises(ReportRejected, match="larger than"):
        report.read(NAME, zipped(b"0" * 50_000_000), WANTED)


@settings(max_examples=5000 if SOAK else 300, deadline=None)
@given(at=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255), cut=st.booleans())
@example(at=110, byte=13, cut=False)  # a carriage return within a header
def test_a_damaged_text_is_read_or_rejected_never_anything_else(at: int, byte: int, cut: bool) -> None:
    damaged = GOOD[:at] if cut else GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    try:
        table = report.read(NAME, zipped(damaged), WANTED).tables["DISPATCH.UNIT_SCADA"]
    except ReportRejected:
        return
    assert table.num_rows == 2  # rows may differ by the flipped byte, but none is lost
