from datetime import datetime, timedelta

import pytest

from aemo_ops.market.intervals import FIVE_MINUTES, HALF_HOUR, ceil, floor, intervals, on_grid, trading_day


@pytest.mark.parametrize(
    ("time", "end"),
    [
        ("2026-04-20T00:00", "2026-04-20T00:00"),
        ("2026-04-20T00:05", "2026-04-20T00:30"),
        ("2026-04-20T23:35", "2026-04-21T00:00"),
        ("2024-02-29T23:55", "2024-03-01T00:00"),
        ("2026-12-31T23:40", "2027-01-01T00:00"),
    ],
)
def test_an_interval_belongs_to_the_half_hour_that_it_ends_in(time: str, end: str) -> None:
    assert ceil(datetime.fromisoformat(time), HALF_HOUR) == datetime.fromisoformat(end)


def test_a_time_off_the_grid_lies_between_its_floor_and_its_ceiling() -> None:
    time = datetime(2026, 4, 20, 12, 7, 30)
    assert (floor(time, FIVE_MINUTES), ceil(time, FIVE_MINUTES)) == (
        time.replace(minute=5, second=0),
        time.replace(minute=10, second=0),
    )
    assert not on_grid(time, FIVE_MINUTES)


def test_a_day_has_288_dispatch_intervals_the_last_at_midnight() -> None:
    day = datetime(2026, 10, 4)  # clocks go forward in Sydney; NEM time does not know
    ends = list(intervals(day, day + timedelta(days=1), FIVE_MINUTES))
    assert (len(ends), ends[0], ends[-1]) == (288, day + FIVE_MINUTES, day + timedelta(days=1))


def test_a_trading_day_runs_from_0400_to_0400() -> None:
    day = datetime(2026, 4, 20)
    assert trading_day(datetime(2026, 4, 20, 4, 5)) == day
    assert trading_day(datetime(2026, 4, 21, 4, 0)) == day
    assert trading_day(datetime(2026, 4, 20, 4, 0)) == day - timedelta(days=1)
