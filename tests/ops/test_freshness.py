from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta

import pytest

from aemo_ops.market import catalogue
from aemo_ops.ops.freshness import State, Thresholds, judge, unknown

DAY = datetime(2026, 8, 20)


def at(clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return DAY + timedelta(hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("dataset", "latest", "now", "state"),
    [
        # prices5 at 14:40: due 14:45, late 14:50, stale 15:00
        ("prices5", "14:40", "14:35", State.FRESH),
        ("prices5", "14:40", "14:49", State.FRESH),
        ("prices5", "14:40", "14:50", State.LATE),
        ("prices5", "14:40", "14:59", State.LATE),
        ("prices5", "14:40", "15:00", State.STALE),
        # rooftop30 at 13:30: due 14:47, late 15:17, stale 16:17
        ("rooftop30", "13:30", "15:16", State.FRESH),
        ("rooftop30", "13:30", "15:17", State.LATE),
        ("rooftop30", "13:30", "16:17", State.STALE),
        # a healthy file runs up to five minutes ahead; more than ten is no publication of AEMO's
        ("scada5", "14:40", "14:30", State.FRESH),
        ("scada5", "14:41", "14:30", State.SUSPICIOUS),
    ],
)
def test_a_file_s_state_follows_from_its_latest_interval_and_now(
    dataset: str, latest: str, now: str, state: State
) -> None:
    assert judge(catalogue.dataset(dataset), at(latest), at(now), Thresholds()).state == state


def test_times_of_the_design_page() -> None:
    fresh = judge(catalogue.ROOFTOP30, at("13:30"), at("14:00"), Thresholds())
    assert (fresh.due, fresh.late) == (at("14:47"), at("15:17"))
    fresh = judge(catalogue.PRICES5, at("14:40"), at("14:38"), Thresholds())
    assert (fresh.due, fresh.late, fresh.age_minutes) == (at("14:45"), at("14:50"), -2.0)


def test_thresholds_can_be_set() -> None:
    assert judge(catalogue.PRICES5, at("14:40"), at("14:52"), Thresholds(late=2.0, stale=3.0)).state == State.FRESH


def test_no_row_is_empty_and_an_unreadable_file_unknown_never_fresh() -> None:
    assert judge(catalogue.PRICES5, None, at("12:00"), Thresholds()).state == State.EMPTY
    assert unknown(catalogue.PRICES5, "corrupt").state == State.UNKNOWN


@pytest.mark.parametrize("zone", ["UTC", "Australia/Perth", "Australia/Sydney", "Australia/Brisbane", "Asia/Kolkata"])
def test_nem_time_is_the_same_in_every_zone_of_the_host_and_through_daylight_saving(zone: str) -> None:
    program = (
        "from datetime import datetime, UTC; from aemo_ops.clock import to_nem, to_utc, Clock;"
        "print([to_nem(datetime(2026, m, d, h, 30, tzinfo=UTC)).isoformat() "
        "for m, d, h in ((4, 4, 15), (4, 4, 16), (10, 3, 15), (10, 3, 16))],"
        "to_utc(datetime(2026, 10, 4, 2, 30)).isoformat(),"
        "abs((Clock().now() - datetime.now(UTC).replace(tzinfo=None)).total_seconds() - 36000) < 5)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (
        "['2026-04-05T01:30:00', '2026-04-05T02:30:00', '2026-10-04T01:30:00', '2026-10-04T02:30:00'] "
        "2026-10-03T16:30:00+00:00 True"
    )


def test_a_row_after_tomorrow_is_told_with_the_way_to_be_rid_of_it() -> None:
    now = at("14:30")
    soon, never = (
        judge(catalogue.dataset("scada5"), now + timedelta(hours=hours), now, Thresholds()) for hours in (24, 25)
    )
    assert soon.state is never.state is State.SUSPICIOUS
    assert soon.reason == "its newest interval lies 1440 minutes in the future"
    assert never.reason.endswith("`aemo-ops check --repair --accept-loss scada5.parquet` takes it out")
