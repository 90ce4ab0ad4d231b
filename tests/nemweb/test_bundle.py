"""Archive's bundles and MMSDM's monthly tables, compared with what plain zipfile and csv read."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from aemo_ops.errors import ReportRejected
from aemo_ops.market import catalogue, mmsdm
from aemo_ops.market.dataset import Dataset, Source
from aemo_ops.market.rules import physical_run, pricing_run
from aemo_ops.nemweb import bundle
from tests.conftest import REAL
from tests.nemweb.independent import number, rows_of, time

EVER = [pa.scalar(datetime(year, 1, 1), pa.timestamp("ns")) for year in (2000, 2100)]
SCHEMA = pa.schema([("SETTLEMENTDATE", pa.timestamp("ns")), ("DUID", pa.string()), ("SCADAVALUE", pa.float64())])


def zipped(name: str, text: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return sink.getvalue()


def scada(rows: int = 5, end: str = "\n", count: int | None = None, header: str = "") -> bytes:
    lines = ["C,SETP.WORLD,DVD_DISPATCH_UNIT_SCADA,AEMO,PUBLIC,2025/02/20,09:36:25,1,MONTHLY_ARCHIVE,1"]
    lines.append(header or "I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,SCADAVALUE,LASTCHANGED")
    for at in range(rows):
        lines.append(f'D,DISPATCH,UNIT_SCADA,1,"2025/01/01 00:{5 + 5 * (at % 11):02d}:00",UNIT{at % 3},{at - 2.5},')
    lines.append(f'C,"END OF REPORT",{len(lines) + 1 if count is None else count}')
    return ("\n".join(lines) + end).encode()


def read(text: bytes, since: pa.Scalar = EVER[0], until: pa.Scalar = EVER[1]) -> pa.Table:
    parts = bundle.stream("x.zip", zipped("x.CSV", text), "DISPATCH.UNIT_SCADA", SCHEMA, "SETTLEMENTDATE", since, until)
    return pa.concat_tables(parts)


SECOND_TABLE = scada().replace(
    b'D,DISPATCH,UNIT_SCADA,1,"2025/01/01 00:10', b'I,DISPATCH,UNIT_SCADA,1,"2025/01/01 00:10'
)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_monthly_table_is_read_with_or_without_a_last_line_end(end: str) -> None:
    found = read(scada(7, end))
    assert found.num_rows == 7
    assert found["SCADAVALUE"].to_pylist() == [at - 2.5 for at in range(7)]


def test_a_carriage_return_within_a_monthly_header_is_rejected() -> None:
    with pytest.raises(ReportRejected, match=r"x\.zip, line 2: new-line character"):
        read(scada().replace(b"UNIT_SCADA,1,SETTLEMENTDATE", b"UNIT_SCADA,1,SETTLE\rMENTDATE"))


def test_only_the_rows_of_the_span_are_kept() -> None:
    since, until = (pa.scalar(datetime(2025, 1, 1, 0, at), pa.timestamp("ns")) for at in (10, 20))
    times = read(scada(40), since, until)["SETTLEMENTDATE"].cast(pa.timestamp("us")).to_pylist()
    assert set(times) == {datetime(2025, 1, 1, 0, at) for at in (10, 15, 20)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (scada()[:-30], "cut short"),
        (scada(count=99), "counts 99 lines"),
        (
            scada(header="I,DISPATCH,PRICE,1,SETTLEMENTDATE,DUID,SCADAVALUE,LASTCHANGED"),
            "header of DISPATCH.UNIT_SCADA",
        ),
        (scada(header="I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,OTHER,LASTCHANGED"), "no column SCADAVALUE"),
        (scada().replace(b"-1.5,", b"-1.5,,,,"), "fields"),
        (scada().replace(b"-1.5,", b"many,"), "after line"),
        (
            scada().replace(b'00:10:00"', b'25:10:00"'),
            "line 4: table DISPATCH.UNIT_SCADA, column SETTLEMENTDATE: '2025/01/01 25:10:00' is not a time",
        ),
        (
            scada().replace(b'D,DISPATCH,UNIT_SCADA,1,"2025/01/01 00:10', b'I,DISPATCH,UNIT_SCADA,1,"2025/01/01 00:10'),
            "second table",
        ),
        (b"<html>no</html>", "begins"),
        (b"", "begins"),
    ],
    ids=["cut", "count", "table", "column", "fields", "number", "time", "second table", "html", "empty"],
)
def test_a_monthly_table_that_is_not_whole_is_rejected_with_the_reason(text: bytes, reason: str) -> None:
    with pytest.raises(ReportRejected, match=re.escape(reason)):
        read(text)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_monthly_table_is_the_same_wherever_the_blocks_of_the_reader_end(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """At each size the boundary falls elsewhere: within a row, between two rows, before and within the footer."""
    text = scada(9).replace(b"\n", end.encode())
    body = len(text) - len(text[: text.index(b"D,")])
    for block in range(150, body + 40):
        monkeypatch.setattr(bundle, "_BLOCK", block)
        assert read(text)["SCADAVALUE"].to_pylist() == [at - 2.5 for at in range(9)], f"blocks of {block} bytes"


def test_a_footer_alone_in_the_last_block_of_the_real_size_costs_no_row() -> None:
    lines = scada(1).splitlines(keepends=True)
    head, row = b"".join(lines[:2]), lines[2]
    count = 2**20 // len(row)
    padded = row.replace(b"UNIT0", b"UNIT" + b"0" * (1 + 2**20 - count * len(row)))
    text = head + row * (count - 1) + padded + b'C,"END OF REPORT",%d\n' % (count + 3)
    assert len(text) - len(head) - 2**20 == len(b'C,"END OF REPORT",%d\n' % (count + 3))
    assert read(text).num_rows == count


def test_a_line_end_within_quotes_is_rejected_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    text = scada(9, count=13).replace(b"UNIT1", b'"UNIT\n1"', 1)
    for block in range(150, 600, 7):
        monkeypatch.setattr(bundle, "_BLOCK", block)
        with pytest.raises(ReportRejected):
            read(text)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"-1.5,", b"NaN,", "line 4: table DISPATCH.UNIT_SCADA, column SCADAVALUE: nan is no finite number"),
        (b"-1.5,", b"1e400,", "line 4: table DISPATCH.UNIT_SCADA, column SCADAVALUE: inf is no finite number"),
        (b"UNIT1", b"", "line 4: table DISPATCH.UNIT_SCADA, column DUID: None stands where each row has a value"),
        (b"01/01 00:10", b"01/32 00:10", "line 4: table DISPATCH.UNIT_SCADA, column SETTLEMENTDATE: '2025/01/32"),
        (b"00:10:00", b"00:11:00", "ends no interval of 5 minutes"),
        (
            b"SCADAVALUE,LASTCHANGED",
            b"SCADAVALUE,SCADAVALUE",
            "line 2: table DISPATCH.UNIT_SCADA names column SCADAVALUE",
        ),
    ],
)
def test_a_value_that_no_row_may_have_rejects_a_month_with_line_column_and_value(
    monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes, told: str
) -> None:
    for block in (150, 2**20):
        monkeypatch.setattr(bundle, "_BLOCK", block)
        with pytest.raises(ReportRejected, match=re.escape(told)):
            read(scada(9).replace(old, new, 1))


def test_ids_of_a_month_lose_the_spaces_around_them() -> None:
    found = read(scada(9).replace(b"UNIT1", b'" UNIT1 "'))
    assert found["DUID"].cast(pa.string()).to_pylist() == [f"UNIT{at % 3}" for at in range(9)]


def test_rows_of_another_month_than_the_file_are_left_out_and_told_and_the_day_after_it_stays() -> None:
    text = scada(9).replace(b"2025/01/01 00:10", b"1999/01/01 00:10").replace(b"2025/01/01 00:20", b"2025/02/02 00:00")
    strays: list[str] = []
    name = "PUBLIC_ARCHIVE#DISPATCH_UNIT_SCADA#FILE01#202501010000.zip"
    parts = bundle.stream(
        name, zipped("x.CSV", text), "DISPATCH.UNIT_SCADA", SCHEMA, "SETTLEMENTDATE", EVER[0], EVER[1], strays
    )
    kept = pa.concat_tables(parts)["SETTLEMENTDATE"].cast(pa.timestamp("us")).to_pylist()
    assert len(kept) == 8 and datetime(2025, 2, 2) in kept
    assert len(strays) == 1 and strays[0].startswith(
        f"{name}, line 4: table DISPATCH.UNIT_SCADA, column SETTLEMENTDATE: 1999"
    )


def spoilt(how: str) -> bytes:
    """A bundle of three members, the second of which cannot be had."""
    packed = bytearray(bundled([("a.zip", b"first"), ("b.zip", b"second"), ("c.zip", b"third")]))
    if how == "flipped byte":
        packed[packed.index(b"second")] ^= 1
    else:  # of the two places that tell a checksum, the central directory's is the wrong one
        packed[packed.index(b"b.zip", packed.index(b"PK\x01\x02")) - 46 + 16] ^= 1
    return bytes(packed)


@pytest.mark.parametrize("how", ["flipped byte", "wrong central directory"])
def test_a_bad_member_of_a_bundle_is_named_and_costs_no_other(how: str) -> None:
    found = dict(bundle.members("day.zip", spoilt(how)))
    assert (found["a.zip"], found["c.zip"]) == (b"first", b"third")
    assert "day.zip: its member 'b.zip' cannot be unpacked" in str(found["b.zip"])


def test_a_member_too_large_for_a_report_is_named_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_LARGEST_MEMBER", 5)
    found = dict(bundle.members("day.zip", bundled([("a.zip", b"first"), ("b.zip", b"second")])))
    assert found["a.zip"] == b"first" and "larger than any report file" in str(found["b.zip"])


def test_of_a_member_that_stands_twice_the_one_that_is_whole_is_read() -> None:
    packed = bytearray(bundled([("a.zip", b"first"), ("a.zip", b"again")]))
    packed[packed.index(b"again")] ^= 1
    assert dict(bundle.members("day.zip", bytes(packed))) == {"a.zip": b"first"}


def bundled(members: list[tuple[str, bytes]]) -> bytes:
    sink = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(sink, "w") as archive:
        warnings.simplefilter("ignore")  # of a name that stands twice, which is what we want to make
        for name, body in members:
            archive.writestr(name, body)
    return sink.getvalue()


def test_a_member_that_stands_twice_in_a_bundle_is_read_once() -> None:
    members = [("b.zip", b"1"), ("a.zip", b"2"), ("b.zip", b"1")]
    assert [name for name, _ in bundle.members("day.zip", bundled(members))] == ["a.zip", "b.zip"]


def test_names_in_a_bundle_never_lead_out_of_it() -> None:
    assert [name for name, _ in bundle.members("day.zip", bundled([("../../etc/a.zip", b"1")]))] == ["a.zip"]


@pytest.mark.parametrize("packed", [b"", b"<html>", bundled([])])
def test_what_is_no_bundle_is_rejected(packed: bytes) -> None:
    with pytest.raises(ReportRejected):
        list(bundle.members("day.zip", packed))


def test_a_member_of_a_bundle_may_be_a_zip_or_a_bare_csv() -> None:
    text = scada(4)
    wanted = {"DISPATCH.UNIT_SCADA": SCHEMA}
    for inner, body in (("a.zip", zipped("a.csv", text)), ("a.CSV", text)):
        assert bundle.read_member(inner, body, wanted).tables["DISPATCH.UNIT_SCADA"].num_rows == 4


def _cases() -> list[tuple[Path, Dataset, Source]]:
    if not REAL.is_dir():
        return []
    cases = []
    for path in sorted(REAL.glob("mmsdm/*/*.zip")):
        told = mmsdm.table_of(path.name.replace("%23", "#"))
        assert told is not None
        for dataset in catalogue.DATASETS:
            cases += [
                (path, dataset, source) for source in (*dataset.sources, *dataset.fallbacks) if source.mmsdm == told[0]
            ]
    return cases


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "dataset", "source"), _cases(), ids=lambda value: getattr(value, "name", getattr(value, "table", ""))
)
def test_real_monthly_tables_give_the_rows_that_plain_csv_gives(path: Path, dataset: Dataset, source: Source) -> None:
    told = mmsdm.table_of(path.name.replace("%23", "#"))
    assert told and path.parent.name == f"MMSDM_{told[1]:%Y_%m}"
    schema = catalogue.tables([source])[source.table]
    clock = dict(source.columns)["settlementdate"]
    parts = bundle.stream(path.name, path.read_bytes(), source.table, schema, clock, EVER[0], EVER[1])
    found = dataset.rows(source, pa.concat_tables(parts))
    found = found.set_column(0, "settlementdate", found[0].cast(pa.timestamp("us")))
    ours = sorted(zip(*(found[name].to_pylist() for name in found.schema.names), strict=True), key=str)
    assert ours == sorted(_theirs(path, dataset, source, clock), key=str)
    assert len(ours) > 100


def _theirs(path: Path, dataset: Dataset, source: Source, clock: str) -> list[tuple[object, ...]]:
    rows = rows_of(path, source.table)
    intervened = {row[clock] for row in rows if row.get("INTERVENTION") == "1"}
    keep: Callable[[dict[str, str]], bool] = lambda row: True  # noqa: E731
    if source.rule is pricing_run:
        keep = lambda row: row["INTERVENTION"] == "0"  # noqa: E731
    elif source.rule is physical_run:
        keep = lambda row: row["INTERVENTION"] == ("1" if row[clock] in intervened else "0")  # noqa: E731
    elif source.rule_columns == ("TYPE",):
        kind = "MEASUREMENT" if source == dataset.sources[0] else "SATELLITE"
        keep = lambda row: row["TYPE"] == kind  # noqa: E731
    named = dict(source.columns)
    told = []
    for row in filter(keep, rows):
        values = [number(row[named[name]]) if name in named else None for name in dataset.values]
        if any(value is not None for value in values):
            told.append((time(row[clock]), row[named[dataset.key[1]]], *values))
    return told
