"""The made-up units of the replica's market: neutral DUIDs, region, fuel, capacity and, for batteries, storage."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Unit:
    """One DUID. `capacity` in MW, `storage` in MWh (batteries only)."""

    duid: str
    regionid: str
    fuel: str
    capacity: float
    storage: float | None = None


# fuel -> (smallest, largest) capacity in MW, then how many units each region has
_CAPACITY = {
    "COAL": (280, 740),
    "GAS": (30, 260),
    "HYDRO": (20, 320),
    "WIND": (40, 420),
    "SOLAR": (20, 350),
    "BATT": (20, 300),
    "PUMP": (60, 240),
    "DIESEL": (10, 60),
}
_COUNTS = {
    "COAL": {"NSW1": 12, "QLD1": 22, "VIC1": 10},
    "GAS": {"NSW1": 14, "QLD1": 20, "SA1": 26, "TAS1": 4, "VIC1": 20},
    "HYDRO": {"NSW1": 20, "QLD1": 6, "TAS1": 34, "VIC1": 20},
    "WIND": {"NSW1": 20, "QLD1": 12, "SA1": 25, "TAS1": 6, "VIC1": 35},
    "SOLAR": {"NSW1": 36, "QLD1": 44, "SA1": 12, "VIC1": 14},
    "BATT": {"NSW1": 10, "QLD1": 12, "SA1": 12, "VIC1": 12},
    "PUMP": {"NSW1": 4, "QLD1": 4},
    "DIESEL": {"QLD1": 4, "SA1": 10},
}
_STORAGE_HOURS = 2.0


def _unit(regionid: str, fuel: str, number: int) -> Unit:
    smallest, largest = _CAPACITY[fuel]
    # 37 is prime to the spans above: the capacities of a fuel spread over its whole range
    capacity = float(smallest + (number * 37) % (largest - smallest))
    storage = capacity * _STORAGE_HOURS if fuel == "BATT" else None
    return Unit(f"{regionid.removesuffix('1')}{fuel}{number:02d}", regionid, fuel, capacity, storage)


# Ordered by fuel, so that a fuel is one slice of every array of the market
UNITS = tuple(
    _unit(regionid, fuel, number)
    for fuel, regions in _COUNTS.items()
    for regionid, count in regions.items()
    for number in range(1, count + 1)
)


def fuel_slices() -> dict[str, slice]:
    """fuel -> its slice of UNITS."""
    slices: dict[str, slice] = {}
    start = 0
    for fuel, units in groupby(UNITS, key=lambda unit: unit.fuel):
        stop = start + sum(1 for _ in units)
        slices[fuel] = slice(start, stop)
        start = stop
    return slices
