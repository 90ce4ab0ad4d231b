"""Files appear when they are published, stay as long as Current keeps them, and hold what is expected of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from aemo_ops.market.intervals import DAY, FIVE_MINUTES, HALF_HOUR, intervals
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, TRADINGIS, Report
from aemo_ops.replica import Faults, Market, Shelf
from aemo_ops.replica.shelf import WRITTEN

from .conftest import NOW, rows_of

COUNTS = {DISPATCHIS: 577, DISPATCH_SCADA: 577, TRADINGIS: 4033, ROOFTOP: 1344}


@pytest.mark.parametrize(("report", "count"), COUNTS.items(), ids=lambda value: getattr(value, "name", None))
def test_current_holds_about_as_many_files_as_the_real_one(warm: Shelf, report: Report, count: int) -> None:
    names = [p.name for p in warm.on_site(report, NOW)]
    assert len(set(names)) == len(names)
    assert abs(len(names) - count) <= 6
    assert all(report.pattern.fullmatch(name) for name in names)


@pytest.mark.parametrize("report", WRITTEN, ids=lambda report: report.name)
def test_a_file_is_there_from_its_publication_until_its_time_is_up(warm: Shelf, report: Report) -> None:
    for p in warm.publications(report, NOW.replace(minute=0)):
        second = timedelta(seconds=1)
        for moment, there in (
            (p.published - second, False),
            (p.published, True),
            (p.published + report.keeps, True),
            (p.published + report.keeps + FIVE_MINUTES, False),
        ):
            assert (warm.body(p.path, moment) is not None) is there
            assert (p.name in {one.name for one in warm.on_site(report, moment)}) is there


@pytest.mark.parametrize(
    ("report", "median", "latest"),
    [(DISPATCHIS, -5, -4), (DISPATCH_SCADA, -4, 1), (TRADINGIS, -4, 19), (ROOFTOP, 32, 58)],
    ids=lambda value: getattr(value, "name", None),
)
def test_lags_are_those_measured_on_the_real_site(warm: Shelf, report: Report, median: int, latest: int) -> None:
    month = intervals(NOW - 14 * DAY, NOW, report.cadence)
    lags = sorted((p.published - t) / timedelta(minutes=1) for t in month for p in warm.publications(report, t))
    assert int(lags[len(lags) // 2] // 1) == median
    assert lags[0] >= median
    assert latest - 6 <= lags[-1] <= latest


@pytest.mark.parametrize("report", WRITTEN, ids=lambda report: report.name)
def test_running_numbers_have_16_digits_and_grow(warm: Shelf, report: Report) -> None:
    for prefix in report.prefixes:
        published = [p for p in warm.on_site(report, NOW) if p.prefix == prefix]
        numbers = [p.sequence for p in published]
        assert numbers == sorted(set(numbers))
        assert all(len(p.name.removesuffix(".zip").rpartition("_")[2]) == 16 for p in published)


def test_two_shelves_of_one_seed_agree_to_the_byte(warm: Shelf) -> None:
    other = Shelf(Market(7))
    for report in WRITTEN:
        for p in list(other.on_site(report, NOW))[::150]:
            assert warm.body(p.path, NOW) == other.body(p.path, NOW)


def test_a_listing_gives_the_exact_size_of_each_file(warm: Shelf) -> None:
    entries = warm.entries(DISPATCH_SCADA.directory, NOW) or []
    for entry in entries[1::40]:
        assert len(warm.body(DISPATCH_SCADA.directory + entry.name, NOW) or b"") == entry.size


def test_a_name_that_was_never_published_is_not_there(warm: Shelf) -> None:
    (p,) = warm.publications(DISPATCHIS, NOW.replace(minute=0))
    assert warm.body(p.path.replace("_0000", "_0001"), NOW) is None
    assert warm.body(p.path.lower(), NOW) is None
    assert warm.body(p.path.replace("DispatchIS_Reports", "Dispatch_SCADA"), NOW) is None


def test_the_ground_truth_is_what_the_files_hold(warm: Shelf) -> None:
    since, until = NOW.replace(hour=9, minute=0), NOW.replace(hour=10, minute=0)
    read: list[tuple[datetime, str, float]] = []
    for t in intervals(since, until, FIVE_MINUTES):
        (p,) = warm.publications(DISPATCH_SCADA, t)
        for row in rows_of(warm.body(p.path, NOW) or b"", "DISPATCH.UNIT_SCADA"):
            if row["SCADAVALUE"]:
                end = datetime.strptime(row["SETTLEMENTDATE"], "%Y/%m/%d %H:%M:%S")
                read.append((end, row["DUID"], float(row["SCADAVALUE"])))
    assert sorted(read) == warm.expected("scada5", since, until)


@pytest.mark.parametrize(
    ("name", "width", "per_interval"), [("prices5", 3, 5), ("transmission5", 7, 6), ("rooftop30", 3, 5)]
)
def test_the_ground_truth_has_the_columns_of_the_dataset(warm: Shelf, name: str, width: int, per_interval: int) -> None:
    rows = warm.expected(name, NOW - timedelta(hours=3), NOW - timedelta(hours=2))
    assert {len(row) for row in rows} == {width}
    ends = {row[0] for row in rows}
    assert len(rows) == per_interval * len(ends)
    assert rows == sorted(rows)


def test_nothing_is_expected_before_it_is_published(warm: Shelf) -> None:
    assert warm.expected("prices5", NOW - HALF_HOUR, NOW, at=NOW - timedelta(hours=2)) == []
    rows = warm.expected("rooftop30", NOW - timedelta(hours=3), NOW, at=NOW)
    assert max(row[0] for row in rows) <= NOW - HALF_HOUR  # type: ignore[type-var, operator]


def test_no_ground_truth_is_made_up_for_an_unknown_dataset(warm: Shelf) -> None:
    with pytest.raises(KeyError, match="prices5"):
        warm.expected("prices7", NOW, NOW)


def shelf(spec: str) -> Shelf:
    return Shelf(Market(7), Faults.from_spec(spec, seed=7))


def test_a_late_file_comes_later(warm: Shelf) -> None:
    (usual,) = warm.publications(DISPATCH_SCADA, NOW.replace(minute=0))
    (late,) = shelf("late=30").publications(DISPATCH_SCADA, NOW.replace(minute=0))
    assert late.name == usual.name
    assert late.published - usual.published == timedelta(minutes=30)
    assert shelf("late=30").body(late.path, usual.published) is None


def test_a_missing_file_never_comes_and_nothing_is_expected_of_it() -> None:
    without = shelf("dispatch_scada/missing:0.3")
    day = list(intervals(NOW - DAY, NOW - timedelta(hours=1), FIVE_MINUTES))
    missing = [t for t in day if not list(without.publications(DISPATCH_SCADA, t))]
    assert 0.15 < len(missing) / len(day) < 0.45
    expected = {row[0] for row in without.expected("scada5", day[0] - FIVE_MINUTES, day[-1])}
    assert expected == set(day) - set(missing)
    assert all(list(without.publications(DISPATCHIS, t)) for t in missing)


def test_a_duplicate_has_another_number_and_the_same_rows() -> None:
    doubled = shelf("duplicate")
    first, second = doubled.publications(DISPATCH_SCADA, NOW.replace(minute=0))
    assert second.sequence > first.sequence
    bodies = [doubled.body(p.path, NOW + timedelta(hours=1)) or b"" for p in (first, second)]
    assert bodies[0] != bodies[1]
    read = [rows_of(body, "DISPATCH.UNIT_SCADA") for body in bodies]
    assert read[0] == read[1]


def test_a_revision_comes_later_and_its_values_are_then_expected() -> None:
    revised = shelf("revised=20")
    t = NOW.replace(minute=0)
    first, second = revised.publications(DISPATCHIS, t)
    assert second.published - first.published == timedelta(minutes=20)
    assert second.sequence > first.sequence
    before = revised.expected("prices5", t - FIVE_MINUTES, t, at=first.published)
    after = revised.expected("prices5", t - FIVE_MINUTES, t, at=second.published)
    assert [row[1:] for row in before] == sorted(revised.market.prices(t).items())
    assert [row[1:] for row in after] == sorted(revised.market.prices(t, revision=1).items())


@pytest.mark.parametrize("kind", ["empty", "column", "403x*", "htmlx*", "footerx*"])
def test_nothing_is_expected_of_a_file_that_no_reader_can_read(kind: str) -> None:
    assert shelf(f"dispatchis/{kind}").expected("prices5", NOW - HALF_HOUR, NOW) == []


def test_rooftop_falls_back_to_satellite_where_the_measurement_is_unreadable() -> None:
    broken = Shelf(Market(7))
    broken.faults.add("empty", path="*_MEASUREMENT_*")
    t = datetime(2026, 4, 20, 12)
    rows = broken.expected("rooftop30", t - HALF_HOUR, t)
    assert dict(row[1:] for row in rows) == broken.market.satellite(t)  # type: ignore[misc]
