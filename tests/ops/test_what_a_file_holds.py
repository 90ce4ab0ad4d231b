"""From a small file of AEMO's to the rows in ours: each row is taken, left out by a stated rule that is told, or its file
is rejected with line, column and value."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import StoreError
from aemo_ops.market.catalogue import DATASETS, PRICES5, ROOFTOP30, SCADA5, TRANSMISSION5, report
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops import collector as collecting
from aemo_ops.ops.collected import Collected
from aemo_ops.ops.collector import TRIES, Collector
from aemo_ops.store.ledger import Fate, Ledger
from aemo_ops.store.parquet import Store

NOW = datetime(2026, 4, 20, 14, 47)
END = datetime(2026, 4, 20, 14, 45)
SCADA = ("DISPATCH,UNIT_SCADA,1", "SETTLEMENTDATE,DUID,SCADAVALUE")
PRICE = ("DISPATCH,PRICE,5", "SETTLEMENTDATE,REGIONID,INTERVENTION,RRP")
FLOW = (
    "DISPATCH,INTERCONNECTORRES,3",
    "SETTLEMENTDATE,INTERCONNECTORID,INTERVENTION,METEREDMWFLOW,MWFLOW,MWLOSSES,EXPORTLIMIT,IMPORTLIMIT",
)
ROOF = ("ROOFTOP,ACTUAL,2", "INTERVAL_DATETIME,REGIONID,POWER,TYPE")
Table = tuple[tuple[str, str], list[str]]


def packed(*tables: Table) -> bytes:
    lines = ["C,NEMP.WORLD,X,AEMO,PUBLIC,2026/04/20,14:40:05,1,X,1"]
    for (name, columns), rows in tables:
        lines += [f"I,{name},{columns}", *(f"D,{name},{row}" for row in rows)]
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("X.CSV", "\n".join(lines) + "\n")
    return sink.getvalue()


def at(row: str, end: datetime = END) -> str:
    return f'"{end:%Y/%m/%d %H:%M:%S}",{row}'


@dataclass
class Site:
    """What Current holds, as a client gives it."""

    bodies: dict[Listing, bytes] = field(default_factory=dict)

    def files(self, _: object) -> tuple[Listing, ...]:
        return tuple(sorted(self.bodies, key=lambda entry: entry.name))

    def fetch(self, entry: Listing) -> bytes:
        return self.bodies[entry]

    def put(self, name: str, body: bytes, minute: int = 40) -> Listing:
        """Publish under a name, in the place of what is there under it."""
        for entry in [entry for entry in self.bodies if entry.name == name]:
            del self.bodies[entry]
        entry = Listing(name, f"http://site/{name}", len(body), END.replace(minute=minute))
        self.bodies[entry] = body
        return entry


@dataclass
class Desk:
    site: Site
    own: Collector
    store: Store
    ledger: Ledger

    def collect(self) -> Collected:
        return self.own.take(self.own.fetch(self.own.to_read()))

    def rows(self, dataset: object = SCADA5) -> list[tuple[object, ...]]:
        table = self.store.read(dataset)  # type: ignore[arg-type]
        table = table.set_column(0, "settlementdate", table[0].cast(pa.timestamp("us")))
        return list(zip(*table.to_pydict().values(), strict=True))


Make = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Make]:
    made = itertools.count()

    def make(name: str = "dispatch_scada") -> Desk:
        folder = tmp_path / f"data{next(made)}"
        folder.mkdir()
        site, clock = Site(), Clock.starting(NOW, 0)
        store, ledger = Store(folder, clock=clock), Ledger(folder / "ledger.sqlite", "folder")
        return Desk(site, Collector(report(name), DATASETS, site, store, ledger, clock), store, ledger)  # type: ignore[arg-type]

    yield make


def scada(end: datetime = END) -> str:
    return f"PUBLIC_DISPATCHSCADA_{end:%Y%m%d%H%M}_0000000000000005.zip"


DISPATCH = "PUBLIC_DISPATCHIS_202604201445_0000000000000005.zip"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (at("U1,NaN"), "column SCADAVALUE: 'NaN' is no finite number"),
        (at("U1,Infinity"), "column SCADAVALUE: 'Infinity' is no finite number"),
        (at("U1,-inf"), "column SCADAVALUE: '-inf' is no finite number"),
        (at("U1,1e400"), "column SCADAVALUE: '1e400' is no finite number"),
        (at("U1,NULL"), "column SCADAVALUE: 'NULL' is not a number"),
        (at(",1"), "column DUID: a blank stands where each row has a value"),
        (at('"  ",1'), "column DUID: '  ' stands where each row has a value"),
        (",U1,1", "column SETTLEMENTDATE: a blank stands where each row has a value"),
        ('"1970/01/01 00:05:00",U1,1', "column SETTLEMENTDATE: '1970/01/01 00:05:00' is before 1998"),
        ('"1700/01/01 00:05:00",U1,1', "column SETTLEMENTDATE: '1700/01/01 00:05:00' is before 1998"),
        ('"9999/01/01 00:05:00",U1,1', "column SETTLEMENTDATE: '9999/01/01 00:05:00' is not a time"),
        ('"2026/02/30 00:05:00",U1,1', "column SETTLEMENTDATE: '2026/02/30 00:05:00' is not a time"),
        ('"2026/04/20 14:43:00",U1,1', "column SETTLEMENTDATE: '2026/04/20 14:43:00' ends no interval of 5 minutes"),
    ],
)
def test_a_value_that_no_row_may_have_rejects_its_file_with_line_column_and_value(
    desk: Make, row: str, told: str
) -> None:
    own = desk()
    own.site.put(scada(), packed((SCADA, [at("BW01,405"), row])))
    own.site.put(scada(END - timedelta(minutes=5)), packed((SCADA, [at("BW01,400", END - timedelta(minutes=5))])))
    done = own.collect()
    assert list(done.rejected) == [scada()]
    assert f"{scada()}, line 4: table DISPATCH.UNIT_SCADA, {told}" in done.rejected[scada()]
    assert own.rows() == [(END - timedelta(minutes=5), "BW01", 400.0)]


@pytest.mark.parametrize("blank", ["", "2", "0.5"])
@pytest.mark.parametrize("name", [PRICE, FLOW])
def test_an_intervention_that_is_neither_0_nor_1_rejects_the_file_and_no_row_vanishes(
    desk: Make, blank: str, name: tuple[str, str]
) -> None:
    own = desk("dispatchis")
    runs = {PRICE: "0", FLOW: "0"} | {name: blank}
    prices, flows = (PRICE, [at(f"NSW1,{runs[PRICE]},50")]), (FLOW, [at(f"V-SA,{runs[FLOW]},1,2,3,4,5")])
    own.site.put(DISPATCH, packed(prices, flows))
    told = own.collect().rejected[DISPATCH]
    line, table = (3, "DISPATCH.PRICE") if name == PRICE else (5, "DISPATCH.INTERCONNECTORRES")
    why = f"'{blank}' is none of 0.0, 1.0" if blank else "a blank stands where each row has a value"
    assert told == f"{DISPATCH}, line {line}: table {table}, column INTERVENTION: {why}"
    assert own.rows(PRICES5) == [] and [row.fate for row in own.ledger.search()] == [Fate.REJECTED] * 2


@pytest.mark.parametrize("kind", ["", "measurement", "ESTIMATE"])
def test_a_rooftop_type_that_nobody_knows_rejects_the_file(desk: Make, kind: str) -> None:
    own, name = desk("rooftop_pv"), "PUBLIC_ROOFTOP_PV_ACTUAL_MEASUREMENT_20260420143000_0000000000000005.zip"
    end = datetime(2026, 4, 20, 14)
    own.site.put(name, packed((ROOF, [at("NSW1,100,MEASUREMENT", end), at(f"VIC1,200,{kind}", end)])))
    assert f"{name}, line 4: table ROOFTOP.ACTUAL, column TYPE: " in own.collect().rejected[name]


def test_spaces_around_a_rooftop_type_are_none_and_daily_rows_are_left_out_and_counted(desk: Make) -> None:
    own, name = desk("rooftop_pv"), "PUBLIC_ROOFTOP_PV_ACTUAL_MEASUREMENT_20260420143000_0000000000000005.zip"
    end = datetime(2026, 4, 20, 14)
    rows = ["NSW1,100, MEASUREMENT ", "VIC1,,MEASUREMENT", "QLD1,300,DAILY", "SA1,400,DAILY"]
    own.site.put(name, packed((ROOF, [at(row, end) for row in rows])))
    own.collect()
    assert own.rows(ROOFTOP30) == [(end, "NSW1", 100.0)]
    (row,) = own.ledger.search()
    assert (row.fate, row.rows) == (Fate.MERGED, 1)
    assert row.reason == "2 rows of type DAILY left out; 1 row without a value left out"


def test_the_other_run_of_an_intervention_is_left_out_by_its_rule_and_counted(desk: Make) -> None:
    own = desk("dispatchis")
    prices = (PRICE, [at("NSW1,0,50"), at("VIC1,0,51"), at("NSW1,1,60"), at("VIC1,1,61")])
    flows = (FLOW, [at("V-SA,0,1,2,3,4,5"), at("V-SA,1,6,7,8,9,10")])
    own.site.put(DISPATCH, packed(prices, flows))
    own.collect()
    assert [row[1:] for row in own.rows(PRICES5)] == [("NSW1", 50.0), ("VIC1", 51.0)]
    assert [row[1:3] for row in own.rows(TRANSMISSION5)] == [("V-SA", 6.0)]
    assert {row.dataset: row.reason for row in own.ledger.search()} == {
        "prices5": "2 rows of the physical run of an intervention left out",
        "transmission5": "1 row of the pricing run of an intervention left out",
    }


def test_a_file_none_of_whose_rows_has_a_value_is_told(desk: Make) -> None:
    own = desk()
    own.site.put(scada(), packed((SCADA, [at("BW01,"), at("ER01,")])))
    done = own.collect()
    assert done.left_out == {scada(): f"{scada()} into scada5: 0 rows; 2 rows without a value left out"}


def test_an_id_written_with_spaces_around_it_is_the_same_unit(desk: Make) -> None:
    own, before = desk(), END - timedelta(minutes=5)
    own.site.put(scada(before), packed((SCADA, [at("BW01,400", before), at("ER01,3", before)])))
    own.site.put(scada(), packed((SCADA, [at("BW01 ,405"), at('" ER01",4')])))
    own.collect()
    assert own.rows() == [(before, "BW01", 400.0), (before, "ER01", 3.0), (END, "BW01", 405.0), (END, "ER01", 4.0)]


@pytest.mark.parametrize("order", [*itertools.permutations(range(2)), ()])
def test_a_row_of_another_interval_changes_nothing_in_any_order_of_arrival(desk: Make, order: tuple[int, ...]) -> None:
    own, before = desk(), END - timedelta(minutes=5)
    files = [
        (scada(before), packed((SCADA, [at("BW01,400", before), at("RAMP1,10", before)]))),
        (scada(), packed((SCADA, [at("BW01,405"), at("RAMP1,-3.5", before)]))),
    ]
    told: dict[str, str] = {}
    for batch in [[files[at]] for at in order] or [files]:
        for name, body in batch:
            own.site.put(name, body)
        told |= own.collect().left_out
    assert own.rows() == [(before, "BW01", 400.0), (before, "RAMP1", 10.0), (END, "BW01", 405.0)]
    assert list(told) == [scada()]
    assert (
        "line 4: table DISPATCH.UNIT_SCADA, column SETTLEMENTDATE: '2026/04/20 14:40:00' is of another" in told[scada()]
    )
    assert "1 of 2 rows left out" in next(row.reason for row in own.ledger.search(scada()))


def test_a_file_all_of_whose_rows_are_of_another_interval_than_its_name_is_rejected(desk: Make) -> None:
    own = desk()
    own.site.put(scada(), packed((SCADA, [at("BW01,400", END - timedelta(days=1))])))
    assert (
        "line 3: table DISPATCH.UNIT_SCADA, column SETTLEMENTDATE: '2026/04/19 14:45:00'"
        in own.collect().rejected[scada()]
    )
    assert own.rows() == []


def test_a_file_of_a_year_to_come_is_rejected_and_the_others_count(desk: Make) -> None:
    own, ahead = desk(), datetime(2099, 1, 1, 0, 5)
    own.site.put(scada(ahead), packed((SCADA, [at("BW01,1", ahead)])))
    own.site.put(scada(), packed((SCADA, [at("BW01,2")])))
    assert "column settlementdate: '2099-01-01 00:05:00' is later than tomorrow" in own.collect().rejected[scada(ahead)]
    assert own.rows() == [(END, "BW01", 2.0)]


def test_a_wanted_column_that_stands_twice_in_a_header_rejects_the_file(desk: Make) -> None:
    own = desk()
    own.site.put(scada(), packed(((SCADA[0], "SETTLEMENTDATE,DUID,SCADAVALUE,SCADAVALUE"), [at("BW01,1,2")])))
    assert "line 2: table DISPATCH.UNIT_SCADA names column SCADAVALUE more than once" in own.collect().rejected[scada()]


@pytest.mark.parametrize("tables", [[(PRICE, [])], []], ids=["header only", "no table"])
def test_a_table_without_rows_costs_its_own_dataset_and_not_the_others_of_the_file(
    desk: Make, tables: list[Table]
) -> None:
    own = desk("dispatchis")
    own.site.put(DISPATCH, packed(*tables, (FLOW, [at("V-SA,0,1,2,3,4,5")])))
    done = own.collect()
    assert [row[1:] for row in own.rows(TRANSMISSION5)] == [("V-SA", 1.0, 2.0, 4.0, 5.0, 3.0)]
    what = "table DISPATCH.PRICE has no rows" if tables else "has no table DISPATCH.PRICE"
    assert done.rejected == {DISPATCH: f"{DISPATCH}: {what}; prices5 has nothing of this file"}
    assert {row.dataset: row.fate for row in own.ledger.search()} == {
        "prices5": Fate.REJECTED, "transmission5": Fate.MERGED,
    }  # fmt: skip
    own.site.put(DISPATCH, packed((PRICE, [at("NSW1,0,50")]), (FLOW, [at("V-SA,0,1,2,3,4,5")])))
    own.collect()
    assert [row[1:] for row in own.rows(PRICES5)] == [("NSW1", 50.0)]


def test_a_quarantined_file_that_is_published_again_whole_is_read_again(desk: Make) -> None:
    own = desk()
    own.site.put(scada(), packed((SCADA, [at("BW01,NaN")])))
    for _ in range(TRIES):
        own.collect()
    assert own.own.to_read() == [] and own.ledger.search()[0].fate == Fate.QUARANTINED
    own.site.put(scada(), packed((SCADA, [at("BW01,405.5")])))
    own.collect()
    assert own.rows() == [(END, "BW01", 405.5)] and own.own.to_read() == []


def test_another_publication_under_a_name_has_all_its_tries(desk: Make) -> None:
    own = desk()
    for minute in (40, 41):
        own.site.put(scada(), packed((SCADA, [at("BW01,NaN")])), minute)
        for tried in range(TRIES):
            assert len(own.own.to_read()) == 1, f"given up after {tried} tries"
            own.collect()
        assert own.own.to_read() == []


@pytest.mark.parametrize(("value", "minute"), [("4000", 40), ("401", 41)], ids=["another size", "another time"])
def test_a_merged_file_that_is_published_again_under_its_name_wins(desk: Make, value: str, minute: int) -> None:
    own = desk()
    own.site.put(scada(), packed((SCADA, [at("BW01,400")])))
    own.collect()
    assert own.own.to_read() == []
    own.site.put(scada(), packed((SCADA, [at(f"BW01,{value}")])), minute)
    own.collect()
    assert own.rows() == [(END, "BW01", float(value))] and own.own.to_read() == []


def test_an_estimate_that_is_published_again_under_its_name_takes_the_place_of_the_first(desk: Make) -> None:
    own, name = desk("rooftop_pv"), "PUBLIC_ROOFTOP_PV_ACTUAL_SATELLITE_20260420143000_0000000000000005.zip"
    end = datetime(2026, 4, 20, 14)
    for minute, power in ((40, 100), (41, 120)):
        own.site.put(name, packed((ROOF, [at(f"NSW1,{power},SATELLITE", end)])), minute)
        own.collect()
    assert own.rows(ROOFTOP30) == [(end, "NSW1", 120.0)]


@pytest.mark.parametrize("error", [IndexError("row group 1 of 1"), StoreError("our file")])
def test_a_fault_of_our_own_file_is_never_charged_to_those_of_aemo(
    desk: Make, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    own = desk()
    ends = [END - timedelta(minutes=5 * back) for back in range(6)]
    for end in ends:
        own.site.put(scada(end), packed((SCADA, [at("BW01,1", end)])))

    def broken(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(own.store, "merge", broken)
        for _ in range(TRIES + 1):
            own.own.try_again()
            done = own.collect()
            assert done.rejected == {} and str(error) in done.failed["scada5"]
        assert own.ledger.search() == []
    own.own.try_again()
    own.collect()
    assert [row[0] for row in own.rows()] == ends[::-1]


def test_what_stumbled_is_not_asked_for_again_until_our_file_has_changed(
    desk: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = desk()
    own.site.put(scada(), packed((SCADA, [at("BW01,1")])))

    def broken(*_: object) -> None:
        raise IndexError("row group 1 of 1")

    monkeypatch.setattr(collecting, "derive", broken)
    own.collect()
    assert own.own.to_read() == [] and [entry.name for entry in own.own.waiting()] == [scada()]
    own.store.merge(SCADA5, own.store.read(SCADA5).set_column(2, "scadavalue", pa.array([9.0])))
    assert [entry.name for entry in own.own.to_read()] == [scada()]
