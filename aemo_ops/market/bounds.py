"""The floor and the cap of the regional reference price."""

from __future__ import annotations

from datetime import datetime

from aemo_ops.market.intervals import FIVE_MINUTES

FLOOR = -1000.0  # $/MWh, in every year
# The financial year that begins on 1 July -> its cap in $/MWh. A year that is not here is not judged.
CAPS = {2019: 14_700.0, 2020: 15_000.0, 2021: 15_100.0, 2024: 17_500.0}


def financial_year(end: datetime) -> int:
    """The year in which the financial year of an interval began."""
    begun = end - FIVE_MINUTES
    return begun.year if begun.month >= 7 else begun.year - 1


def cap(end: datetime) -> float | None:
    """The cap that held for an interval, in $/MWh; None where it is not known."""
    return CAPS.get(financial_year(end))
