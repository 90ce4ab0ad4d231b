"""Which rows of an AEMO table count. Each rule takes and returns a table with AEMO's own columns."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

Rule = Callable[[pa.Table], pa.Table]


def every_row(table: pa.Table) -> pa.Table:
    return table


def pricing_run(table: pa.Table) -> pa.Table:
    """INTERVENTION = 0: the run that sets prices."""
    return table.filter(pc.equal(table["INTERVENTION"], 0))


def physical_run(table: pa.Table) -> pa.Table:
    """The run that was dispatched: INTERVENTION = 1 where an interval has such rows, else 0."""
    intervened = pc.equal(table["INTERVENTION"], 1)
    times = pc.unique(table["SETTLEMENTDATE"].filter(intervened))
    if len(times) == 0:
        return pricing_run(table)
    in_intervened_interval = pc.is_in(table["SETTLEMENTDATE"], value_set=times)
    return table.filter(pc.equal(intervened, in_intervened_interval))


def measured(table: pa.Table) -> pa.Table:
    return table.filter(pc.equal(table["TYPE"], "MEASUREMENT"))


def satellite(table: pa.Table) -> pa.Table:
    return table.filter(pc.equal(table["TYPE"], "SATELLITE"))
