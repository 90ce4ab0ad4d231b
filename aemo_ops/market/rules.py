"""Which rows of an AEMO table count. Each rule takes and returns a table with AEMO's own columns.

The columns that a rule reads hold one of the words of `dataset.AEMO_WORDS` in each row: the file of any other row is
rejected when it is read, naming line, column and value. So a blank INTERVENTION is not taken for run 0: AEMO writes 0 or 1
in each row, and of a row without it nobody can say which of two values is the price. What a rule leaves out is counted.
"""

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


# What the rows are that a rule leaves out.
OTHERS: dict[Rule, str] = {
    pricing_run: "of the physical run of an intervention",
    physical_run: "of the pricing run of an intervention",
    measured: "of type DAILY",
    satellite: "of type DAILY",
}
