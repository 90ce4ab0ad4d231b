"""A plausible electricity market as a pure function of (seed, interval end): any interval, any order, the same values.

Every number is rounded to the decimals it is printed with, so it equals what a reader parses from the file. `revision`
asks for the values of a later, revised publication of the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np

from aemo_ops.market.derive import FIVE_MINUTE_SETTLEMENT
from aemo_ops.market.intervals import FIVE_MINUTES, HALF_HOUR
from aemo_ops.market.regions import INTERCONNECTORS, REGIONS, SUB_REGIONS
from aemo_ops.replica.fleet import UNITS, fuel_slices
from aemo_ops.replica.noise import Noise, Values

_EPOCH = datetime(2000, 1, 1)
_FLOOR, _CAP = -1000.0, 14_700.0
_PRICE_DECIMALS = 5
_SCADA_DECIMALS = 2
_POWER_DECIMALS = 3

_REGION_OF_UNIT = np.array([REGIONS.index(unit.regionid) for unit in UNITS])
_CAPACITY = np.array([unit.capacity for unit in UNITS])
_FUEL = fuel_slices()
_DUIDS = tuple(unit.duid for unit in UNITS)

# by region, in the order of REGIONS: NSW1 QLD1 SA1 TAS1 VIC1
_BASE_DEMAND = np.array([7600.0, 6300.0, 1450.0, 1150.0, 5000.0])
_ROOFTOP = np.array([6500.0, 5600.0, 2300.0, 300.0, 4600.0])
_SUN_LATER = np.array([0.0, -0.3, 0.8, 0.2, 0.4])
_SUN_ON_PRICE = np.array([80.0, 88.0, 118.0, 35.0, 108.0])
_SUB_REGION_SHARE = {
    "QLDC": ("QLD1", 0.16),
    "QLDN": ("QLD1", 0.2),
    "QLDS": ("QLD1", 0.64),
    "TASN": ("TAS1", 0.6),
    "TASS": ("TAS1", 0.4),
}
_SUB_REGIONS_UNTIL = datetime(2026, 1, 1)
# by interconnector, in the order of INTERCONNECTORS: MW from the first region to the second, and back
_EXPORT = np.array([107.0, 690.0, 594.0, 200.0, 600.0, 1350.0])
_IMPORT = np.array([-150.0, -1150.0, -478.0, -200.0, -550.0, -900.0])

_INTERVENTION_EVERY = 4 * 24 * 60
_SPIKE_BLOCK = 30
_MONTH = 10_000  # five-minute intervals, and some


@dataclass(frozen=True)
class Region:
    """One region's sums of an interval, MW (storage: MWh)."""

    totaldemand: float
    availablegeneration: float
    demandforecast: float
    dispatchablegeneration: float
    netinterchange: float
    initialsupply: float
    clearedsupply: float
    ss_solar_uigf: float
    ss_solar_clearedmw: float
    ss_wind_uigf: float
    ss_wind_clearedmw: float
    bdu_energy_storage: float
    bdu_clearedmw_gen: float
    bdu_clearedmw_load: float


@dataclass(frozen=True)
class Flow:
    """One interconnector's result of an interval, MW."""

    meteredmwflow: float
    mwflow: float
    mwlosses: float
    exportlimit: float
    importlimit: float


def _rounded(values: Values, decimals: int) -> list[float]:
    """Exactly the numbers that their text with so many decimals stands for: whole ones over a power of ten."""
    scale = 10.0**decimals
    rounded: list[float] = (np.rint(values * scale) / scale + 0.0).tolist()
    return rounded


def _minutes(interval: datetime) -> int:
    return int((interval - _EPOCH).total_seconds()) // 60


def _hour(interval: datetime) -> float:
    return interval.hour + interval.minute / 60.0


def _peak(hour: float, at: float, width: float) -> float:
    return math.exp(-(((hour - at) / width) ** 2))


class Market:
    """Values of every interval; see the module for what `revision` is. `run` is the value of INTERVENTION.

    `units`: how many of the fleet report their output, spread over all fuels; a small number makes long histories cheap.
    """

    def __init__(self, seed: int = 1, units: int = len(UNITS)) -> None:
        self.seed = seed
        self.noise = Noise(seed)
        self._reporting = np.linspace(0, len(UNITS) - 1, units).round().astype(np.int64)
        self._duids = tuple(_DUIDS[at] for at in self._reporting)
        # A dispatch file asks several times for the same: its tables share the sun, the output, and the prices; Archive,
        # MMSDM and the truth ask again for what is small.
        self.prices = lru_cache(_MONTH)(self._prices)
        self._sun = lru_cache(_MONTH)(self._sunshine)
        self._output = lru_cache(64)(self._megawatts)

    def intervened(self, interval: datetime) -> bool:
        """Whether AEMO intervenes: a few hours, once in four days; both runs are then published."""
        block, minute = divmod(_minutes(interval), _INTERVENTION_EVERY)
        start, length = self.noise.uniform("intervention", block, 2)
        begins = int(start * (_INTERVENTION_EVERY - 360))
        return begins < minute <= begins + 120 + int(length * 180)

    def runs(self, interval: datetime) -> tuple[int, ...]:
        """The values of INTERVENTION that the interval's dispatch file holds."""
        return (0, 1) if self.intervened(interval) else (0,)

    def _prices(self, interval: datetime, revision: int = 0, run: int = 0) -> Mapping[str, float]:
        """region -> RRP in $/MWh; run 0 is the one that sets prices."""
        minutes, hour = _minutes(interval), _hour(interval)
        common = float(self.noise.smooth("price", minutes, 360, 1)[0])
        own = self.noise.smooth("price.region", minutes, 90, len(REGIONS))
        tick = self.noise.uniform("price.tick", minutes // 5, len(REGIONS)) - 0.5
        peaks = 75.0 * _peak(hour, 18.4, 1.9) * (1.0 + 0.4 * common) + 28.0 * _peak(hour, 7.3, 1.4)
        rrp = 62.0 + peaks - _SUN_ON_PRICE * self._sun(interval) + 22.0 * common + 14.0 * own + 4.0 * tick
        rrp = np.clip(rrp + self._spike(minutes, hour), _FLOOR, _CAP) + 7.5 * revision
        return dict(zip(REGIONS, _rounded(rrp * (1.0 + 0.08 * run) + 9.5 * run, _PRICE_DECIMALS), strict=True))

    def _spike(self, minutes: int, hour: float) -> Values:
        """Rare intervals of hundreds to thousands, likelier in the evening, in some regions together."""
        block, minute = divmod(minutes - 5, _SPIKE_BLOCK)
        chance, size, length = self.noise.uniform("spike", block, 3)
        if chance > 0.004 + 0.05 * _peak(hour, 18.0, 2.0) or minute // 5 > int(length * 4):
            return np.zeros(len(REGIONS))
        shared = self.noise.uniform("spike.region", block, len(REGIONS))
        return np.where(shared < 0.5, (250.0 + 14_000.0 * size**4) * (0.9 + 0.1 * shared), 0.0)

    def _sunshine(self, interval: datetime) -> Values:
        """0 (night) to about 1 by region: the hour, the season, and clouds."""
        season = 1.0 + 0.22 * np.cos(2.0 * np.pi * (interval.timetuple().tm_yday - 355) / 365.0)
        height = np.sin(np.pi * (_hour(interval) - _SUN_LATER - 5.8) / 12.4)
        clouds = 0.78 + 0.16 * self.noise.smooth("cloud", _minutes(interval), 150, len(REGIONS))
        return np.asarray(np.clip(height, 0.0, None) ** 1.2 * season * clouds)

    def _megawatts(self, interval: datetime) -> Values:
        """Every unit's MW, in the order of UNITS."""
        minutes, hour, n = _minutes(interval), _hour(interval), len(UNITS)
        slow, quick = self.noise.smooth("unit", minutes, 240, n), self.noise.smooth("unit.quick", minutes, 25, n)
        on = self.noise.uniform("unit.week", minutes // (7 * 24 * 60), n)
        sun = self._sun(interval)[_REGION_OF_UNIT]
        wind = (0.3 + 0.3 * self.noise.smooth("wind", minutes, 420, len(REGIONS)))[_REGION_OF_UNIT]
        evening, morning = _peak(hour, 18.8, 2.2), _peak(hour, 7.3, 1.5)
        share = np.zeros(n)
        f = _FUEL
        share[f["COAL"]] = (0.56 + 0.12 * (evening - sun) + 0.06 * slow + 0.01 * quick)[f["COAL"]]
        share[f["COAL"]] *= on[f["COAL"]] > 0.12
        share[f["GAS"]] = (0.45 * evening + 0.3 * morning + 0.35 * slow - 0.25)[f["GAS"]]
        share[f["HYDRO"]] = (0.16 + 0.2 * evening + 0.25 * slow - 0.2 * sun)[f["HYDRO"]]
        share[f["WIND"]] = (wind + 0.18 * slow + 0.05 * quick)[f["WIND"]]
        share[f["SOLAR"]] = (sun * (0.5 + 0.12 * slow + 0.05 * quick))[f["SOLAR"]]
        share[f["DIESEL"]] = ((evening - 0.8) * (slow > 0.6))[f["DIESEL"]]
        share = np.clip(share, 0.0, 1.0)
        share[f["BATT"]] = (np.clip(0.8 * evening + 0.3 * morning - 0.85 * sun + 0.25 * quick, -1.0, 1.0))[f["BATT"]]
        share[f["PUMP"]] = -np.clip(sun + slow - 0.6, 0.0, 1.0)[f["PUMP"]]
        return np.asarray(share * _CAPACITY)

    def telemetry(self, interval: datetime, revision: int = 0) -> Iterable[tuple[str, float | None]]:
        """The rows of UNIT_SCADA: (DUID, MW), None for a blank value; a unit without telemetry has no row."""
        minutes, n = _minutes(interval), len(UNITS)
        chosen = self._reporting
        absent = (self.noise.uniform("telemetry.absent", minutes // 180, n) < 0.005)[chosen].tolist()
        blank = (self.noise.uniform("telemetry.blank", minutes // 5, n) < 0.002)[chosen].tolist()
        values = _rounded(self._output(interval)[chosen] * (1.0 + 0.02 * revision), _SCADA_DECIMALS)
        for duid, value, has_none, is_blank in zip(self._duids, values, absent, blank, strict=True):
            if not has_none:
                yield duid, None if is_blank else value

    def scada(self, interval: datetime, revision: int = 0) -> dict[str, float]:
        """DUID -> SCADAVALUE, only where there is one."""
        return {duid: value for duid, value in self.telemetry(interval, revision) if value is not None}

    def flows(self, interval: datetime, revision: int = 0, run: int | None = None) -> dict[str, Flow]:
        """interconnector -> its result; by default of the physical run (1 in an intervention)."""
        run = (1 if self.intervened(interval) else 0) if run is None else run
        minutes, n = _minutes(interval), len(INTERCONNECTORS)
        slow = self.noise.smooth("flow", minutes, 200, n)
        room = 0.85 + 0.15 * self.noise.smooth("limit", minutes, 300, 2 * n)
        export, back = _EXPORT * room[:n], _IMPORT * room[n:]
        # AEMO prints a limit that is all but zero in this very form, -1E-05
        back = np.where(room[n:] < 0.715, -0.00001, back)
        share = np.clip(0.9 * slow + 0.15 * self.noise.smooth("flow.quick", minutes, 30, n), -1.0, 1.0)
        target = np.where(share > 0, share * export, -share * back)
        metered = target + 12.0 * (self.noise.uniform("flow.metered", minutes // 5, n) - 0.5) + 1.5 * revision
        target = np.clip(target * (1.0 - 0.2 * run) - 3.0 * run, back, export) + 1.5 * revision
        losses = 0.04 * target**2 / _EXPORT
        columns = (_rounded(values, _PRICE_DECIMALS) for values in (metered, target, losses, export, back))
        return {name: Flow(*values) for name, values in zip(INTERCONNECTORS, zip(*columns, strict=True), strict=True)}

    def regions(self, interval: datetime, revision: int = 0, run: int | None = None) -> dict[str, Region]:
        """region -> its sums; by default of the physical run (1 in an intervention)."""
        run = (1 if self.intervened(interval) else 0) if run is None else run
        output, capacity = self._output(interval), len(REGIONS)
        solar, wind, batteries = (self._by_region(output, fuel) for fuel in ("SOLAR", "WIND", "BATT"))
        demand = self._demand(interval) + 2.0 * revision
        supply = demand * (1.0 + 0.01 * run) + 25.0
        price = np.array(list(self.prices(interval, run=run).values()))
        held_back = np.where(price < 0.0, 0.75, 1.0) - 0.05 * run
        storage = 900.0 + 500.0 * self.noise.smooth("storage", _minutes(interval), 600, capacity)
        columns = (
            demand,
            demand * 1.7 + 900.0,
            60.0 * self.noise.smooth("forecast", _minutes(interval), 60, capacity),
            supply * 0.93,
            supply * 0.93 - demand,
            supply - 4.0,
            supply,
            solar / np.where(price < 0.0, 0.75, 1.0),
            solar * held_back / np.where(price < 0.0, 0.75, 1.0),
            wind,
            wind * held_back,
            storage,
            np.clip(batteries, 0.0, None),
            np.clip(-batteries, 0.0, None),
        )
        rounded = (_rounded(values, _PRICE_DECIMALS) for values in columns)
        return {name: Region(*values) for name, values in zip(REGIONS, zip(*rounded, strict=True), strict=True)}

    @staticmethod
    def _by_region(output: Values, fuel: str) -> Values:
        part = _FUEL[fuel]
        sums = np.bincount(_REGION_OF_UNIT[part], weights=output[part], minlength=len(REGIONS))
        return sums.astype(np.float64)

    def _demand(self, interval: datetime) -> Values:
        hour = _hour(interval)
        shape = 0.88 + 0.1 * _peak(hour, 7.5, 1.8) + 0.24 * _peak(hour, 18.6, 2.6)
        slow = self.noise.smooth("demand", _minutes(interval), 300, len(REGIONS))
        return np.asarray(_BASE_DEMAND * (shape + 0.04 * slow) - 0.45 * _ROOFTOP * self._sun(interval))

    def measurement(self, interval: datetime, revision: int = 0) -> dict[str, float | None]:
        """region -> POWER of the half hour's MEASUREMENT file, None where blank (QI 0); sub-regions until 2026."""
        powers = self._power(interval, 1.0, revision)
        blank = self.noise.uniform("rooftop.blank", _minutes(interval) // 30, len(powers)) < 0.01
        return {name: None if gone else power for (name, power), gone in zip(powers.items(), blank, strict=True)}

    def satellite(self, interval: datetime, revision: int = 0) -> dict[str, float]:
        """region -> POWER of the half hour's SATELLITE file: the same sun, seen a little differently."""
        other = 1.0 + 0.04 * self.noise.smooth("satellite", _minutes(interval), 240, len(REGIONS))
        return self._power(interval, other, revision)

    def rooftop(self, interval: datetime, revision: int = 0) -> dict[str, float]:
        """region -> POWER in MW as every reader must end up with it: MEASUREMENT unless blank, then SATELLITE."""
        satellite = self.satellite(interval, revision)
        measured = self.measurement(interval, revision)
        return {name: satellite[name] if power is None else power for name, power in measured.items()}

    def _power(self, interval: datetime, factor: Values | float, revision: int) -> dict[str, float]:
        middle = interval - HALF_HOUR / 2
        power = _ROOFTOP * self._sun(middle) * 0.85 * factor + 0.75 * revision
        values = dict(zip(REGIONS, power.tolist(), strict=True))
        if interval < _SUB_REGIONS_UNTIL:
            for name in SUB_REGIONS:
                whole, share = _SUB_REGION_SHARE[name]
                values[name] = values[whole] * share
        names = sorted(values)
        rounded = _rounded(np.array([values[name] for name in names]), _POWER_DECIMALS)
        return dict(zip(names, rounded, strict=True))

    def trading_flows(self, interval: datetime, revision: int = 0) -> dict[str, tuple[float, float, float]]:
        """interconnector -> metered flow, target and losses as TradingIS prints them, to two decimals.

        Of the half hour for one that ended before five-minute settlement.
        """
        told = [self.flows(end, revision) for end in _trading_six(interval)]
        return {
            name: tuple(
                round(sum(getattr(flows[name], value) for flows in told) / len(told), 2)
                for value in ("meteredmwflow", "mwflow", "mwlosses")
            )
            for name in INTERCONNECTORS
        }

    def trading_prices(self, interval: datetime, revision: int = 0) -> dict[str, float]:
        """region -> RRP as TradingIS prints it, to two decimals; of the half hour before five-minute settlement."""
        told = [self.prices(end, revision) for end in _trading_six(interval)]
        return {name: round(sum(prices[name] for prices in told) / len(told), 2) for name in REGIONS}


def _trading_six(interval: datetime) -> list[datetime]:
    """The dispatch intervals of a trading interval: six until October 2021, one since."""
    if interval > FIVE_MINUTE_SETTLEMENT:
        return [interval]
    return [interval - FIVE_MINUTES * back for back in range(5, -1, -1)]
