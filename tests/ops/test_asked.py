"""What is remembered of having asked: one source, one file as it was published then; nothing else passes for AEMO's answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow as pa

from aemo_ops.market import catalogue
from aemo_ops.nemweb.archive import Level
from aemo_ops.store.absences import Absences
from tests.ops.small import PRICE, SCADA, TRADING_PRICE, Small, report

T = datetime(2025, 1, 5)
FIVE = timedelta(minutes=5)
SPAN = {"since": T, "until": T + timedelta(hours=4)}
MMSDM = {"levels": (Level.MMSDM,)}
JANUARY = datetime(2025, 1, 1)
TABLE = "PUBLIC_ARCHIVE#DISPATCH_UNIT_SCADA#FILE01#202501010000.zip"
ALL = {(T + at * FIVE, "BW01"): (float(at),) for at in range(1, 49)}
HOLE = range(25, 37)  # 02:05 .. 03:00


def rows(numbers: object, unit: str = "BW01") -> list[tuple[object, ...]]:
    return [(T + at * FIVE, unit, at) for at in numbers]  # type: ignore[attr-defined]


def scada(*several: list[tuple[object, ...]]) -> bytes:
    return report((SCADA, sorted(row for rows in several for row in rows)))  # type: ignore[type-var]


def without_hole() -> bytes:
    return scada(rows(at for at in range(1, 49) if at not in HOLE))


def test_a_table_that_was_published_again_is_asked_again(small: Callable[..., Small]) -> None:
    here = small("scada5")
    here.month("DISPATCH_UNIT_SCADA", JANUARY, without_hole())
    assert here.fill("scada5", **SPAN, **MMSDM)["scada5"].filled == 36
    assert here.fetched() == [TABLE]
    here.month("DISPATCH_UNIT_SCADA", JANUARY, scada(rows(range(1, 49))))
    again = here.fill("scada5", **SPAN, **MMSDM)["scada5"]
    assert (again.requested, again.filled, again.by_source) == (12, 12, {"mmsdm": 12})
    assert here.fetched() == [TABLE]
    assert here.rows("scada5") == ALL
    assert here.fill("scada5", **SPAN)["scada5"].absent == 0
    assert not here.engine.gaps().absences(catalogue.SCADA5)


def test_a_table_of_the_same_size_but_another_time_is_asked_again(small: Callable[..., Small]) -> None:
    here = small("scada5")
    here.month("DISPATCH_UNIT_SCADA", JANUARY, without_hole())
    here.fill("scada5", **SPAN, **MMSDM)
    here.fetched()
    here.month("DISPATCH_UNIT_SCADA", JANUARY, without_hole(), datetime(2025, 6, 1, 0, 1))
    here.fill("scada5", **SPAN, **MMSDM)
    assert here.fetched() == [TABLE]


def test_a_table_that_is_as_it_was_is_not_fetched_for_what_it_did_not_have(small: Callable[..., Small]) -> None:
    here = small("scada5")
    here.month("DISPATCH_UNIT_SCADA", JANUARY, without_hole())
    here.fill("scada5", **SPAN, **MMSDM)
    here.fetched()
    for levels in (MMSDM, {}):
        left = here.fill("scada5", **SPAN, **levels)["scada5"]
        assert (left.requested, left.filled) == (12, 0)
        assert here.fetched() == []
    assert left.absent == 12  # asked by now: MMSDM before, Current and Archive list nothing of it
    (absence,) = here.engine.gaps().absences(catalogue.SCADA5)
    assert (absence.first, absence.last) == (T + 25 * FIVE, T + 36 * FIVE)
    assert "MMSDM was asked and does not have it" in absence.reason


def test_asking_one_source_says_nothing_of_the_others(small: Callable[..., Small]) -> None:
    at = datetime(2026, 4, 10)
    here = small("prices5")
    here.month("DISPATCHPRICE", datetime(2026, 4, 1), report((PRICE, [(at + FIVE, "NSW1", 0, 1)])))
    members = {
        f"PUBLIC_DISPATCHIS_{at + n * FIVE:%Y%m%d%H%M}_{n:016d}.zip": report(
            (PRICE, [(at + n * FIVE, region, 0, n) for region in catalogue.PRICES5.ids or ()])
        )
        for n in range(1, 7)
    }
    here.bundle(f"DispatchIS_Reports/PUBLIC_DISPATCHIS_{at:%Y%m%d}.zip", members)
    span = {"since": at, "until": at + timedelta(minutes=30)}
    for level in (Level.MMSDM, Level.CURRENT):
        here.fill("prices5", **span, levels=(level,))
        assert not here.engine.gaps().absences(catalogue.PRICES5)
    filled = here.fill("prices5", **span)["prices5"]
    assert (filled.by_source, filled.absent) == ({"archive": 6}, 0)


def test_rows_that_were_lost_are_fetched_from_a_file_that_once_had_nothing_more(small: Callable[..., Small]) -> None:
    """One unit has no row in the hole: the table was asked for it in vain; then all rows of the hole are lost."""
    here = small("scada5")
    more = [(end, "ER01", value) for end, _, value in rows(at for at in range(1, 49) if at not in HOLE)]
    here.month("DISPATCH_UNIT_SCADA", JANUARY, scada(rows(range(1, 49)), more))
    for _ in range(2):
        here.fill("scada5", **SPAN, **MMSDM)
    assert here.fetched() == [TABLE]  # the second time for nothing
    whole = here.rows("scada5")
    kept = here.engine.store.read(catalogue.SCADA5)
    lost = pa.array([not T + 25 * FIVE <= end.to_pydatetime() <= T + 36 * FIVE for end in kept[0].to_pylist()])
    here.engine.store.path(catalogue.SCADA5).unlink()
    here.engine.store.merge(catalogue.SCADA5, kept.filter(lost))
    here.fill("scada5", **SPAN, **MMSDM)
    assert here.fetched() == [TABLE]
    assert here.rows("scada5") == whole


def test_a_half_hour_whose_bundle_could_not_be_read_is_not_called_absent(small: Callable[..., Small]) -> None:
    at = datetime(2026, 1, 10)
    here = small("prices5", "prices30")
    here.publish(f"Reports/ARCHIVE/DispatchIS_Reports/PUBLIC_DISPATCHIS_{at:%Y%m%d}.zip", b"no zip at all" * 99)
    told = here.fill("prices30", since=at, until=at + timedelta(hours=1))["prices30"]
    assert (told.requested, told.failed, told.absent) == (2, 2, 0)
    assert any("PUBLIC_DISPATCHIS" in reason for reason in told.reasons)
    assert not here.engine.gaps().absences(catalogue.PRICES30)


def test_what_an_older_version_remembered_counts_no_more(small: Callable[..., Small]) -> None:
    here = small("scada5")
    here.month("DISPATCH_UNIT_SCADA", JANUARY, scada(rows(range(1, 49))))
    path, folder = (
        here.engine.settings.home / "ledger.sqlite",
        here.engine.settle() and here.engine.ground().ledger.folder,
    )
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE vain (folder, dataset, level, file, first, last)")
        span = (f"{T:%Y-%m-%dT%H:%M:%S}", f"{T + 48 * FIVE:%Y-%m-%dT%H:%M:%S}")
        old.executemany(
            "INSERT INTO vain VALUES (?, 'scada5', ?, 'a file', ?, ?)", [(folder, str(level), *span) for level in Level]
        )
    old.close()
    Absences(path, str(folder)).close()
    assert here.fill("scada5", **SPAN)["scada5"].filled == 48
    with sqlite3.connect(path) as now:
        assert not now.execute("SELECT name FROM sqlite_master WHERE name = 'vain'").fetchall()
    now.close()


def test_a_day_that_a_bundle_does_not_reach_is_asked_of_the_next_one_by_a_later_undertaking_too(
    small: Callable[..., Small],
) -> None:
    """Midnight's file is in neither bundle at first; when the day after is published again, with it, only that is fetched."""
    day = datetime(2026, 3, 10)
    midnight = day + timedelta(days=1)
    here = small("prices5")

    def members(ends: list[datetime]) -> dict[str, bytes]:
        return {
            f"PUBLIC_DISPATCHIS_{end:%Y%m%d%H%M}_{1:016d}.zip": report(
                (PRICE, [(end, region, 0, end.minute) for region in catalogue.PRICES5.ids or ()])
            )
            for end in ends
        }

    folder = "DispatchIS_Reports/PUBLIC_DISPATCHIS_"
    here.bundle(f"{folder}{day:%Y%m%d}.zip", members([midnight - 2 * FIVE, midnight - FIVE]))
    here.bundle(f"{folder}{midnight:%Y%m%d}.zip", members([midnight + FIVE]))
    span = {"since": midnight - 3 * FIVE, "until": midnight + FIVE, "levels": (Level.ARCHIVE,)}
    assert here.fill("prices5", **span)["prices5"].filled == 3
    assert sorted(here.fetched()) == [f"PUBLIC_DISPATCHIS_{one:%Y%m%d}.zip" for one in (day, midnight)]
    here.bundle(f"{folder}{midnight:%Y%m%d}.zip", members([midnight, midnight + FIVE]))
    assert here.fill("prices5", **span)["prices5"].filled == 1
    assert here.fetched() == [f"PUBLIC_DISPATCHIS_{midnight:%Y%m%d}.zip"]
    ends = (midnight - 2 * FIVE, midnight - FIVE, midnight, midnight + FIVE)
    assert set(here.rows("prices5")) == {(end, region) for end in ends for region in catalogue.PRICES5.ids or ()}


def test_a_file_of_current_is_asked_once_for_what_it_does_not_have(small: Callable[..., Small]) -> None:
    end = datetime(2026, 4, 20, 8)
    here = small("prices5", "prices30")
    regions = (catalogue.PRICES5.ids or ())[1:]
    for n in range(6):
        five = end - n * FIVE
        here.publish(
            f"Reports/CURRENT/DispatchIS_Reports/PUBLIC_DISPATCHIS_{five:%Y%m%d%H%M}_{1:016d}.zip",
            report((PRICE, [(five, region, 0, 1) for region in regions])),
        )
        here.publish(
            f"Reports/CURRENT/TradingIS_Reports/PUBLIC_TRADINGIS_{five:%Y%m%d%H%M}_{1:016d}.zip",
            report((TRADING_PRICE, [(five, region, 1) for region in regions])),
        )
    span = {"since": end - timedelta(minutes=30), "until": end}
    here.fill(**span)
    assert len(here.fetched()) == 12
    here.fill(**span)
    assert here.fetched() == []
    five = end - 2 * FIVE
    here.publish(
        f"Reports/CURRENT/DispatchIS_Reports/PUBLIC_DISPATCHIS_{five:%Y%m%d%H%M}_{1:016d}.zip",
        report((PRICE, [(five, region, 0, 1) for region in catalogue.PRICES5.ids or ()])),
    )
    here.fill(**span)
    assert here.fetched() == [f"PUBLIC_DISPATCHIS_{five:%Y%m%d%H%M}_{1:016d}.zip"]
    assert len([1 for when, _ in here.rows("prices5") if when == five]) == 5
