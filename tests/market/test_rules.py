"""Interventions: both runs are published; the price is the pricing run's, flows are those of the run that was dispatched."""

from datetime import datetime

import pyarrow as pa

from aemo_ops.market.rules import physical_run, pricing_run

FIRST, SECOND = datetime(2018, 5, 1, 0, 5), datetime(2018, 5, 1, 0, 10)
TABLE = pa.table(
    {
        "SETTLEMENTDATE": pa.array([FIRST, SECOND, SECOND], pa.timestamp("ns")),
        "INTERVENTION": [0.0, 0.0, 1.0],
        "VALUE": [1.0, 2.0, 3.0],
    }
)


def test_the_pricing_run_is_intervention_0() -> None:
    assert pricing_run(TABLE)["VALUE"].to_pylist() == [1.0, 2.0]


def test_the_physical_run_is_intervention_1_where_an_interval_has_one() -> None:
    assert physical_run(TABLE)["VALUE"].to_pylist() == [1.0, 3.0]
