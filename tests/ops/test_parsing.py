"""Rows of large files: the same however the reader cuts them, and after a journey to another process."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from aemo_ops.market.intervals import nanoseconds
from aemo_ops.nemweb import bundle
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.parsing import Feed, Parsed, Task, parse

HEAD = "C,SETP.WORLD,DVD_DISPATCHINTERCONNECTORRES,AEMO,PUBLIC,2025/02/20,09:36:25,1,MONTHLY_ARCHIVE,1"
COLUMNS = "SETTLEMENTDATE,INTERCONNECTORID,INTERVENTION,METEREDMWFLOW,MWFLOW,MWLOSSES,EXPORTLIMIT,IMPORTLIMIT"
HOUR = [f"2025/01/01 00:{minute:02d}:00" for minute in range(5, 60, 5)]


def month(cut: bool = False) -> bytes:
    """An hour of two links; AEMO intervened in every other interval, whose runs stand apart, as they may."""
    lines = [HEAD, f"I,DISPATCH,INTERCONNECTORRES,3,{COLUMNS}"]
    for run in (0, 1):
        for at, end in enumerate(HOUR):
            if run == 0 or at % 2:
                lines += [
                    f'D,DISPATCH,INTERCONNECTORRES,3,"{end}",{name},{run},{at},{at + 100 * run},1,2,-3'
                    for name in ("V-SA", "VIC1-NSW1")
                ]
    lines.append(f'C,"END OF REPORT",{len(lines) + 1 + cut}')
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("PUBLIC_X.CSV", "\n".join(lines))
    return sink.getvalue()


def without_rows() -> bytes:
    lines = [HEAD, f"I,DISPATCH,INTERCONNECTORRES,3,{COLUMNS}", 'C,"END OF REPORT",3']
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("PUBLIC_X.CSV", "\n".join(lines))
    return sink.getvalue()


def task(body: bytes, name: str = "x.zip") -> Task:
    first, last = (nanoseconds(datetime(2025, 1, day)) for day in (1, 2))
    return Task(Level.MMSDM, ((name, body),), (Feed("transmission5", 0),), first, last)


@pytest.mark.parametrize("block", [400, 1_000, 2**20])
def test_an_intervention_is_seen_although_the_reader_cuts_between_its_runs(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "_BLOCK", block)
    parsed = parse(task(month()))
    assert parsed.rejected == ()
    found = parsed.rows[0].sort_by([("settlementdate", "ascending"), ("interconnectorid", "ascending")])
    expected = [at + 100 * (at % 2) for at in range(len(HOUR)) for _ in range(2)]
    assert found["mwflow"].to_pylist() == expected


@pytest.mark.parametrize("block", [400, 2**20])
def test_of_a_table_that_was_cut_short_no_row_counts(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_BLOCK", block)
    parsed = parse(task(month(cut=True)))
    assert parsed.rows[0].num_rows == 0 and "footer counts" in parsed.rejected[0][1]


def test_an_error_that_nobody_thought_of_costs_the_file_that_has_it_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = bundle.stream

    def stumbling(name: str, *rest: Any) -> Iterator[pa.Table]:
        if name == "poison.zip":
            raise KeyError("a stone in the way")
        return stream(name, *rest)

    monkeypatch.setattr(bundle, "stream", stumbling)
    files = (("poison.zip", month()), ("x.zip", month()))
    parsed = parse(replace(task(month()), files=files))
    ((name, reason),) = parsed.rejected
    assert name == "poison.zip" and "a stone in the way" in reason
    assert parsed.rows[0].num_rows == 22


def report_file(end: str, value: str = "1", extra: str = "") -> bytes:
    head = "I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,SCADAVALUE"
    lines = ["C,NEMP,X,AEMO,PUBLIC,2026/04/10,00:00:05,1,X,1", head, f'D,DISPATCH,UNIT_SCADA,1,"{end}",U1,{value}']
    lines += [extra] if extra else []
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("X.CSV", "\n".join(lines))
    return sink.getvalue()


def day(members: dict[str, bytes]) -> Task:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    first, last = (nanoseconds(datetime(2026, 4, at)) for at in (10, 11))
    return Task(Level.ARCHIVE, (("day.zip", sink.getvalue()),), (Feed("scada5", 0),), first, last)


def member(minute: int) -> str:
    return f"PUBLIC_DISPATCHSCADA_2026041000{minute:02d}_0000000000000005.zip"


def test_one_flipped_byte_in_a_days_bundle_costs_the_member_that_has_it_and_no_other() -> None:
    bodies = {member(minute): report_file(f"2026/04/10 00:{minute:02d}:00", str(minute)) for minute in range(5, 60, 5)}
    whole = day(bodies)
    ((name, packed),) = whole.files
    flipped = bytearray(packed)
    flipped[packed.index(bodies[member(30)]) + 60] ^= 1
    parsed = parse(replace(whole, files=((name, bytes(flipped)),)))
    assert [name for name, _ in parsed.rejected] == [member(30)]
    assert sorted(parsed.rows[0]["scadavalue"].to_pylist()) == [minute for minute in range(5, 60, 5) if minute != 30]


def test_a_member_with_a_row_of_nobody_is_refused_and_the_others_count() -> None:
    nobody = 'D,DISPATCH,UNIT_SCADA,1,"2026/04/10 00:05:00",,7'
    bodies = {
        member(5): report_file("2026/04/10 00:05:00", "1", nobody),
        member(10): report_file("2026/04/10 00:10:00", "2"),
    }
    parsed = parse(day(bodies))
    assert parsed.rows[0]["scadavalue"].to_pylist() == [2.0]
    ((refused, reason),) = parsed.rejected
    assert refused == member(5) and "column DUID: a blank stands" in reason


def test_a_row_of_another_interval_in_a_bundles_member_is_left_out_and_told() -> None:
    stray = 'D,DISPATCH,UNIT_SCADA,1,"2026/04/10 00:05:00",U1,-3.5'
    bodies = {member(5): report_file("2026/04/10 00:05:00"), member(10): report_file("2026/04/10 00:10:00", "2", stray)}
    parsed = parse(day(bodies))
    assert sorted(parsed.rows[0]["scadavalue"].to_pylist()) == [1.0, 2.0] and parsed.rejected == ()
    assert len(parsed.strays) == 1 and f"{member(10)}, line 4" in parsed.strays[0]


def test_a_member_with_one_table_of_two_gives_that_one_and_is_told_for_the_other() -> None:
    feeds = (Feed("prices5", 0), Feed("transmission5", 0))
    first, last = (nanoseconds(datetime(2025, 1, at)) for at in (1, 2))
    parsed = parse(Task(Level.CURRENT, (("x.zip", month()),), feeds, first, last))
    assert parsed.rows[0].num_rows == 0 and parsed.rows[1].num_rows == 22
    assert [reason.split(": ")[1] for _, reason in parsed.rejected] == ["has no table DISPATCH.PRICE"]


def test_rows_arrive_from_another_process_as_they_were_sent() -> None:
    parsed = parse(task(month()))
    travelled: Parsed = pickle.loads(pickle.dumps(parsed))
    assert travelled == parsed and travelled.rows[0].num_rows == 22


def test_a_month_without_rows_has_none_and_is_no_error() -> None:
    parsed = parse(task(without_rows()))
    assert parsed.rows[0].num_rows == 0 and parsed.rejected == ()
