"""Ramps, because a constant series hides every known bug of a derivation."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from aemo_ops.market.catalogue import SCADA30, TRANSMISSION30
from aemo_ops.market.derive import half_hours, mean_of_six, thirty_to_five

NOON = datetime(2026, 4, 20, 12)


def five(values: dict[int, float | None], duid: str = "BAT1") -> pa.Table:
    """5-minute rows: minutes after noon -> value."""
    times = [NOON + timedelta(minutes=minute) for minute in values]
    return pa.table(
        {
            "settlementdate": pa.array(times, pa.timestamp("ns")),
            "duid": [duid] * len(values),
            "scadavalue": pa.array(list(values.values()), pa.float64()),
        }
    )


def as_dict(rows: pa.Table, value: str) -> dict[tuple[datetime, str], float]:
    times = rows[0].cast(pa.timestamp("us")).to_pylist()
    return dict(zip(zip(times, rows[1].to_pylist(), strict=True), rows[value].to_pylist(), strict=True))


def test_a_half_hour_is_the_mean_of_the_six_intervals_that_end_in_it() -> None:
    rows, present = mean_of_six(SCADA30, five({minute: float(minute) for minute in range(5, 65, 5)}))
    # (5+10+15+20+25+30)/6 and (35+...+60)/6, worked out by hand
    assert as_dict(rows, "scadavalue") == {
        (NOON + timedelta(minutes=30), "BAT1"): 17.5,
        (NOON + timedelta(minutes=60), "BAT1"): 47.5,
    }
    assert present.tolist() == [6, 6]


def test_negative_output_counts_like_any_other() -> None:
    rows, _ = mean_of_six(SCADA30, five(dict(zip(range(5, 35, 5), [-60.0, -30.0, 0.0, 30.0, 30.0, 60.0], strict=True))))
    assert rows["scadavalue"].to_pylist() == [5.0]


def test_fewer_than_six_make_a_partial_mean_of_those_present() -> None:
    rows, present = mean_of_six(SCADA30, five({5: 1.0, 10: 2.0, 30: 6.0}))
    assert (rows["scadavalue"].to_pylist(), present.tolist()) == ([3.0], [3])


def test_units_are_kept_apart_and_sorted() -> None:
    both = pa.concat_tables([five({5: 9.0, 10: 3.0}, "ZETA1"), five({5: 1.0}, "ALPHA1")])
    rows, present = mean_of_six(SCADA30, both)
    assert (rows["duid"].to_pylist(), rows["scadavalue"].to_pylist(), present.tolist()) == (
        ["ALPHA1", "ZETA1"],
        [1.0, 6.0],
        [1, 2],
    )


def test_a_value_that_is_missing_in_all_six_is_null_and_does_not_make_the_half_hour_partial() -> None:
    times = [NOON + timedelta(minutes=minute) for minute in range(5, 35, 5)]
    flows = pa.table(
        {
            "settlementdate": pa.array(times, pa.timestamp("ns")),
            "interconnectorid": ["V-SA"] * 6,
            "meteredmwflow": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
            "mwflow": [0.0] * 5 + [6.0],
            "exportlimit": pa.nulls(6, pa.float64()),
            "importlimit": pa.nulls(6, pa.float64()),
            "mwlosses": [1.0] * 6,
        }
    )
    rows, present = mean_of_six(TRANSMISSION30, flows)
    assert rows.to_pylist()[0]["meteredmwflow"] == 35.0
    assert rows.to_pylist()[0]["exportlimit"] is None
    assert present.tolist() == [6]


def test_midnight_closes_the_half_hour_before_it() -> None:
    midnight = datetime(2026, 4, 21)
    rows = five({})
    table = pa.table(
        {
            "settlementdate": pa.array([midnight, midnight + timedelta(minutes=5)], pa.timestamp("ns")),
            "duid": ["A", "A"],
            "scadavalue": [1.0, 2.0],
        }
    )
    assert half_hours(table) == [midnight, midnight + timedelta(minutes=30)]
    assert half_hours(rows) == []


def half(values: dict[int, float | None], region: str = "NSW1") -> pa.Table:
    times = [NOON + timedelta(minutes=minute) for minute in values]
    return pa.table(
        {
            "settlementdate": pa.array(times, pa.timestamp("ns")),
            "regionid": [region] * len(values),
            "power": pa.array(list(values.values()), pa.float64()),
        }
    )


def test_rooftop_ramps_to_the_next_half_hour() -> None:
    rows, provisional = thirty_to_five(half({0: 60.0, 30: 120.0}))
    assert rows["power"].to_pylist() == pytest.approx(
        [60, 70, 80, 90, 100, 110, 120, 120, 120, 120, 120, 120], abs=1e-12
    )
    assert provisional.tolist() == [False] * 6 + [True] * 6
    times = rows["settlementdate"].cast(pa.timestamp("us")).to_pylist()
    assert times == [NOON + timedelta(minutes=5 * at) for at in range(12)]


def test_rooftop_before_a_hole_is_treated_like_the_last_one() -> None:
    rows, provisional = thirty_to_five(half({0: 10.0, 60: 70.0, 90: 100.0}))
    assert rows["power"].to_pylist()[:7] == pytest.approx([10] * 6 + [70], abs=1e-12)
    assert rows["power"].to_pylist()[7] == pytest.approx(75.0)
    assert provisional.tolist() == [True] * 6 + [False] * 6 + [True] * 6


def test_rooftop_across_files_equals_one_file_in_any_order() -> None:
    whole, _ = thirty_to_five(half({0: 1.0, 30: 2.0, 60: 4.0}))
    shuffled, _ = thirty_to_five(pa.concat_tables([half({60: 4.0}), half({0: 1.0}), half({30: 2.0})]))
    assert shuffled.equals(whole)


def test_a_blank_power_counts_as_absent() -> None:
    rows, provisional = thirty_to_five(half({0: 10.0, 30: None, 60: 30.0}))
    assert rows.num_rows == 12
    assert provisional.all()


def test_regions_never_ramp_into_one_another() -> None:
    both = pa.concat_tables([half({0: 10.0}, "NSW1"), half({30: 99.0}, "QLD1")])
    rows, _ = thirty_to_five(both)
    assert np.unique(rows["power"].to_numpy()).tolist() == [10.0, 99.0]


def test_nothing_derives_from_nothing() -> None:
    assert thirty_to_five(half({}))[0].num_rows == 0
    assert mean_of_six(SCADA30, five({}))[0].num_rows == 0
