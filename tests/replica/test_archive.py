"""Archive and MMSDM of the generated site, read with plain zipfile and csv."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from datetime import datetime, timedelta

import pytest
import requests

from aemo_ops.market import mmsdm
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, TRADINGIS, Report
from aemo_ops.replica import Replica, Shelf
from tests.conftest import generated, only_soak
from tests.replica.conftest import NOW, still

JANUARY = datetime(2026, 1, 1)


def small(**options: object) -> Shelf:
    return generated(units=12, **options)


def bundle(shelf: Shelf, report: Report, first: datetime, prefix: str | None = None) -> list[str]:
    assert report.bundles
    body = shelf.body(report.bundles.directory + report.bundle_name(first, prefix), NOW)
    assert body
    return zipfile.ZipFile(io.BytesIO(body)).namelist()


@pytest.mark.parametrize(("late", "first", "last"), [(False, "0000", "2355"), (True, "0005", "0000")])
def test_a_days_bundle_has_the_files_that_current_had_that_day(late: bool, first: str, last: str) -> None:
    names = bundle(small(late_edges=late), DISPATCHIS, datetime(2026, 3, 3))
    stamps = sorted({name.split("_")[2] for name in names})
    assert len(stamps) == 288
    assert stamps[0] == f"20260303{first}"
    assert stamps[-1] == ("20260304" if late else "20260303") + last


def test_the_members_are_the_very_files_of_current() -> None:
    shelf = small()
    at = datetime(2026, 4, 18, 12, 5)
    (publication,) = shelf.publications(DISPATCH_SCADA, at)
    body = shelf.body(DISPATCH_SCADA.bundles.directory + DISPATCH_SCADA.bundle_name(datetime(2026, 4, 18)), NOW)  # type: ignore[union-attr]
    assert body
    assert zipfile.ZipFile(io.BytesIO(body)).read(publication.name) == shelf.body(publication.path, at)


def test_a_week_of_trading_files_runs_from_sunday_to_saturday_and_rooftop_comes_in_two_bundles() -> None:
    shelf = small()
    page = shelf.entries(TRADINGIS.bundles.directory, NOW)  # type: ignore[union-attr]
    assert page and page[-1].name == "PUBLIC_TRADINGIS_20260412_20260418.zip"
    assert page[-1].modified == datetime(2026, 4, 20, 1, 1)
    week = datetime(2026, 4, 2)
    assert week.strftime("%A") == "Thursday"
    kinds = {prefix: bundle(shelf, ROOFTOP, week, prefix) for prefix in ROOFTOP.prefixes}
    assert all(len(set(names)) == 7 * 48 for names in kinds.values())


def test_a_page_lists_a_year_of_bundles_with_the_size_that_comes(visitor: requests.Session) -> None:
    with Replica(small(), still(NOW)) as site:
        url = site.url + DISPATCHIS.bundles.directory  # type: ignore[union-attr]
        page = visitor.get(url).text
        assert page.count("PUBLIC_DISPATCHIS_20") == 2 * 374
        name = "PUBLIC_DISPATCHIS_20260101.zip"
        size = int(page.split(f"{name}</A>")[0].rsplit("<A", 1)[0].split()[-1])
        assert len(visitor.get(url + name).content) == size


def rows(shelf: Shelf, table: str, month: datetime, part: int = 1) -> list[dict[str, str]]:
    body = shelf.body(mmsdm.directory(month) + mmsdm.file_name(table, month, part), NOW)
    assert body, table
    archive = zipfile.ZipFile(io.BytesIO(body))
    (member,) = archive.namelist()
    lines = list(csv.reader(io.StringIO(archive.read(member).decode())))
    assert lines[0][0] == "C" and lines[-1][:2] == ["C", "END OF REPORT"]
    assert int(lines[-1][2]) == len(lines)
    return [dict(zip(lines[1][4:], line[4:], strict=True)) for line in lines[2:-1]]


def time(text: str) -> datetime:
    return datetime.strptime(text, "%Y/%m/%d %H:%M:%S")


@pytest.mark.parametrize(
    "month",
    [
        pytest.param(datetime(2024, 2, 1), id="old names", marks=only_soak),
        pytest.param(datetime(2025, 2, 1), id="new names"),
    ],
)
def test_a_months_tables_hold_what_every_source_together_has(month: datetime) -> None:
    shelf = small()
    end = mmsdm.following(month)
    prices = {
        (time(row["SETTLEMENTDATE"]), row["REGIONID"]): float(row["RRP"])
        for row in rows(shelf, "DISPATCHPRICE", month)
        if row["INTERVENTION"] == "0"
    }
    since, until = end - timedelta(hours=6), end
    truth = {(row[0], row[1]): row[2] for row in shelf.ever("prices5", since, until)}
    assert {key: value for key, value in prices.items() if key[0] > since} == truth
    assert min(prices)[0] == month + timedelta(minutes=5)
    assert max(prices)[0] == end
    parts = 2 if month >= mmsdm.FIRST_HASHED_MONTH else 1
    units = [row for part in range(1, parts + 1) for row in rows(shelf, "DISPATCH_UNIT_SCADA", month, part)]
    found = {(time(row["SETTLEMENTDATE"]), row["DUID"]): float(row["SCADAVALUE"]) for row in units if row["SCADAVALUE"]}
    truth = {(row[0], row[1]): row[2] for row in shelf.ever("scada5", since, until)}
    assert {key: value for key, value in found.items() if key[0] > since} == truth


def test_trading_tables_have_half_hours_until_october_2021_and_five_minutes_since() -> None:
    shelf = small(begins=datetime(2021, 9, 1))
    ends: dict[datetime, set[int]] = defaultdict(set)
    for month in (datetime(2021, 9, 1), datetime(2021, 10, 1)):
        for row in rows(shelf, "TRADINGPRICE", month):
            ends[month].add(time(row["SETTLEMENTDATE"]).minute)
    assert ends[datetime(2021, 9, 1)] == {0, 30}
    assert ends[datetime(2021, 10, 1)] == set(range(0, 60, 5))


def test_a_month_is_published_after_its_end_and_years_before_2015_hold_one_zip_of_everything_a_month() -> None:
    shelf = small()
    directory = mmsdm.directory(datetime(2026, 3, 1))
    assert shelf.entries(directory, datetime(2026, 4, 6)) is None
    assert shelf.entries(directory, datetime(2026, 4, 25))
    old = shelf.entries("/Data_Archive/Wholesale_Electricity/MMSDM/2012/", NOW)
    assert old and {entry.name for entry in old} == {f"MMSDM_2012_{month:02d}.zip" for month in range(1, 13)}


def test_faults_reach_as_far_as_they_say() -> None:
    shelf = small()
    day, at = datetime(2026, 3, 3), datetime(2026, 3, 3, 12, 5)
    shelf.faults.add("missing", path="*DISPATCHIS_202603031205_*")
    shelf.faults.add("absent", path="*DISPATCHIS_202603031210_*")
    shelf.faults.add("missing", path="*/PUBLIC_DISPATCHSCADA_20260303.zip")
    stamps = {name.split("_")[2] for name in bundle(shelf, DISPATCHIS, day)}
    assert {"202603031205", "202603031210"}.isdisjoint(stamps)
    assert shelf.body(DISPATCH_SCADA.bundles.directory + DISPATCH_SCADA.bundle_name(day), NOW) is None  # type: ignore[union-attr]
    told = {row[0] for row in shelf.ever("prices5", at - timedelta(minutes=10), at + timedelta(minutes=10))}
    assert at in told and at + timedelta(minutes=5) not in told
    table = {time(row["SETTLEMENTDATE"]) for row in rows(shelf, "DISPATCHPRICE", datetime(2026, 3, 1))}
    assert at in table and at + timedelta(minutes=5) not in table
