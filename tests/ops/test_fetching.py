"""Fetching many files of Current: what does not come costs its own intervals, and is told; a bound on files is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from aemo_ops.clock import Clock
from aemo_ops.nemweb.archive import Level
from aemo_ops.nemweb.client import Client
from aemo_ops.nemweb.listing import Listing
from tests.conftest import NOON
from tests.ops import history
from tests.ops.healed import DAY, MIDNIGHT, PRICES, Site

pytestmark = pytest.mark.timeout(900)  # the replica makes months of files
OLDEST = MIDNIGHT - 1.5 * DAY  # Current keeps two days: this morning, all of yesterday, the afternoon before
CURRENT = {"levels": (Level.CURRENT,)}


def test_files_that_left_current_since_it_was_listed_cost_only_their_own_intervals(
    at: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = at(days=4)
    for name in PRICES:
        site.cut(name, (OLDEST, OLDEST + 0.25 * DAY))
    fetch = Client.fetch

    def an_hour_later(client: Client, entry: Listing, largest: int | None = None) -> bytes:
        site.replica.clock = Clock.starting(NOON + timedelta(hours=1), 0)
        return fetch(client, entry, largest)

    monkeypatch.setattr(Client, "fetch", an_hour_later)
    told = site.heal(**CURRENT)["prices5"]
    gone = [visit.path for visit in site.replica.visits if visit.status == 404]
    assert 6 <= len(gone) <= 12  # a file in five minutes left meanwhile
    assert (told.requested, told.filled, told.failed) == (72, 72 - len(gone), len(gone))
    assert len(told.reasons) == len(gone)
    assert all(any(path in reason and "404" in reason for reason in told.reasons) for path in gone)
    assert site.heal()["prices5"].by_source == {"archive": len(gone)}
    for name in PRICES:
        site.same(name, 1e-6)


def test_a_file_that_fails_costs_only_its_own_half_hour_of_a_fallback(at: Callable[..., Site]) -> None:
    site = at(days=3)
    for name in PRICES:
        site.cut(name, (OLDEST, OLDEST + timedelta(hours=3)))
    site.replica.faults.add("missing", path="*DISPATCHIS*")
    broken = OLDEST + timedelta(minutes=70)  # in the third half hour
    site.replica.faults.add("500", path=f"*TRADINGIS_{broken:%Y%m%d%H%M}_*", times=999)
    told = site.heal(**CURRENT)["prices30"]
    assert (told.requested, told.filled, told.failed) == (6, 5, 1)
    assert any("500" in reason for reason in told.reasons)


def test_an_estimate_does_not_take_the_place_of_a_measurement_that_failed_to_come(at: Callable[..., Site]) -> None:
    site = at(("rooftop30",), days=3)
    site.cut("rooftop30", (OLDEST, OLDEST + timedelta(hours=3)))
    stamped = OLDEST + timedelta(minutes=90)  # the batch of the half hour that ended thirty minutes before
    site.replica.faults.add("500", path=f"*MEASUREMENT_{stamped:%Y%m%d%H%M}*", times=999)
    told = site.heal(**CURRENT)["rooftop30"]
    assert (told.filled, told.failed) == (5, 1)
    site.replica.faults.clear()
    assert site.heal(**CURRENT)["rooftop30"].filled == 1
    site.same("rooftop30")


@pytest.mark.parametrize(("bound", "asked"), [({}, 3), ({"most_files": 400}, 3 + 47)], ids=["by day", "by half hour"])
def test_a_site_that_went_down_is_not_asked_for_the_rest_of_a_day(
    at: Callable[..., Site], bound: dict[str, int], asked: int
) -> None:
    """Three files of the first errand that it is asked for, then one of each."""
    site = at(names=("prices5",), days=4)
    site.cut("prices5", (MIDNIGHT - DAY, MIDNIGHT))
    site.replica.faults.add("500", path="*/CURRENT/DispatchIS_Reports/*.zip", times=999)
    told = site.heal(**CURRENT, **bound)["prices5"]
    assert (told.requested, told.filled, told.failed) == (288, 0, 288)
    assert len(set(site.files)) == asked
    assert any("500" in reason for reason in told.reasons)


@pytest.mark.parametrize(("most", "fetched"), [(400, 396), (7, 6), (1, 6)])
def test_a_bound_counts_files_of_current_too_and_what_is_left_comes_the_next_time(
    at: Callable[..., Site], most: int, fetched: int
) -> None:
    """Whole half hours are fetched, of six files each, the newest first; one at least."""
    site = at(names=("prices5",), days=4)
    last = MIDNIGHT + 0.25 * DAY
    site.cut("prices5", (last - 1.5 * DAY, last))
    told = site.heal(most_files=most)["prices5"]
    assert len(site.files) == len(set(site.files)) == fetched
    assert (told.requested, told.filled, told.absent, told.failed) == (432, fetched, 0, 0)
    there = history.read(site.engine, "prices5")["settlementdate"]
    assert there[there > last - fetched * timedelta(minutes=5)].nunique() == fetched + 72  # and the six hours till noon
    assert site.heal()["prices5"].filled == 432 - fetched
    site.same("prices5")
