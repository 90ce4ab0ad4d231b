"""Its cycle: dataset after dataset, the last few new files of each, half hours made once and never again."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable, Collection

import pandas as pd

from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, TRADINGIS
from aemo_ops.replica.legacy.files import Files
from aemo_ops.replica.legacy.site import Site
from aemo_ops.replica.legacy.variants import Variant

log = logging.getLogger("legacy")
_LAST, _LAST_ROOFTOP, _LAST_TRADING = 5, 3, 20
_FLOW = ("METEREDMWFLOW", "MWFLOW", "EXPORTLIMIT", "IMPORTLIMIT", "MWLOSSES")
_MINUTE = pd.Timedelta(minutes=1)


class Collector:
    """What it knew of earlier cycles is lost with the process."""

    def __init__(self, site: Site, files: Files, variants: Collection[Variant]) -> None:
        self._site = site
        self._files = files
        self._variants = variants

    def cycle(self) -> None:
        """Everything once; what fails is logged, and its rows are lost."""
        steps: list[Callable[[], None]] = [self._prices5, self._scada5, self._transmission5]
        for step in [*steps, self._trading, self._scada30, self._rooftop30, self._state]:
            try:
                step()
            except Exception as error:  # noqa: BLE001  that was its way
                log.warning("%s: %r", step.__name__.strip("_"), error)

    def _put(self, name: str, rows: pd.DataFrame, keys: list[str]) -> None:
        if len(rows):
            log.info("%s: %d rows more", name, self._files.put(name, rows, keys))

    def _frames(self, what: str, directory: str, table: str, last: int, prefix: str = "") -> list[pd.DataFrame]:
        return self._site.table(directory, self._site.new(what, directory, last, prefix), table)

    def _prices5(self) -> None:
        frames = self._frames("prices5", DISPATCHIS.directory, "DISPATCH.PRICE", _LAST)
        rows = _rows(frames, ("SETTLEMENTDATE", "REGIONID"), ("RRP",))
        self._put("prices5", rows.drop_duplicates(["settlementdate", "regionid"]), ["settlementdate", "regionid"])

    def _scada5(self) -> None:
        frames = self._frames("scada5", DISPATCH_SCADA.directory, "DISPATCH.UNIT_SCADA", _LAST)
        rows = _rows(frames, ("SETTLEMENTDATE", "DUID"), ("SCADAVALUE",)).dropna()
        if Variant.NO_NEGATIVES in self._variants:
            rows = rows[rows["scadavalue"] >= 0]
        self._put("scada5", rows, ["settlementdate", "duid"])

    def _transmission5(self) -> None:
        frames = self._frames("transmission5", DISPATCHIS.directory, "DISPATCH.INTERCONNECTORRES", _LAST)
        rows = _rows(frames, ("SETTLEMENTDATE", "INTERCONNECTORID"), _FLOW)
        if Variant.METERED_ONLY in self._variants:
            rows.loc[:, [name.lower() for name in _FLOW[1:]]] = float("nan")
        self._put("transmission5", rows, ["settlementdate", "interconnectorid"])

    def _trading(self) -> None:
        """prices30 and transmission30: every sixth of the new files, or what this cycle's files come to."""
        directory = TRADINGIS.directory
        names = self._site.new("trading", directory, _LAST_TRADING)
        for name, table, keys, values in (
            ("prices30", "TRADING.PRICE", ("SETTLEMENTDATE", "REGIONID"), ("RRP",)),
            ("transmission30", "TRADING.INTERCONNECTORRES", ("SETTLEMENTDATE", "INTERCONNECTORID"), _FLOW),
        ):
            rows = _rows(self._site.table(directory, names, table), keys, values)
            self._put(name, self._halves(rows), [key.lower() for key in keys])

    def _halves(self, rows: pd.DataFrame) -> pd.DataFrame:
        if not len(rows) or Variant.OFF_GRID in self._variants:
            return rows
        if Variant.LAST_VALUE in self._variants:
            key = rows.columns[1]
            ends = rows["settlementdate"].dt.ceil("30min")
            means = rows.assign(settlementdate=ends).groupby(["settlementdate", key], as_index=False)
            return pd.DataFrame(means.mean(numeric_only=True))
        return pd.DataFrame(rows.loc[rows["settlementdate"].dt.minute % 30 == 0])

    def _scada30(self) -> None:
        """Only half hours after the newest stored one, of whatever rows there are by now."""
        fives, stored = self._files.read("scada5"), self._files.read("scada30")
        if not len(fives):
            return
        newest = stored["settlementdate"].max() if len(stored) else pd.Timestamp(0)
        last = fives["settlementdate"].max().floor("30min")
        fives = fives[(fives["settlementdate"] > newest - 60 * _MINUTE) & (fives["settlementdate"] <= last)]
        ends = fives["settlementdate"].dt.ceil("30min")
        late = ends - fives["settlementdate"] < 25 * _MINUTE
        if {Variant.FIVE_OF_SIX, Variant.HALF_SUM} & set(self._variants):
            fives, ends = fives[late], ends[late]
        if Variant.START_LABELLED in self._variants:
            ends = ends - 30 * _MINUTE
        grouped = fives.assign(settlementdate=ends).groupby(["settlementdate", "duid"], as_index=False)["scadavalue"]
        rows = grouped.sum() if Variant.HALF_SUM in self._variants else grouped.mean()
        if Variant.HALF_SUM in self._variants:
            rows["scadavalue"] /= 2
        self._put("scada30", rows[rows["settlementdate"] > newest], ["settlementdate", "duid"])

    def _rooftop30(self) -> None:
        frames = self._frames("rooftop30", ROOFTOP.directory, "ROOFTOP.ACTUAL", _LAST_ROOFTOP)
        rows = _rows(frames, ("INTERVAL_DATETIME", "REGIONID"), ("POWER",))
        rows = rows.rename(columns={"interval_datetime": "settlementdate"})
        rows = rows[rows["power"] >= 0] if len(rows) else rows
        if Variant.EXTRA_COLUMNS in self._variants and len(rows):
            rows = rows.assign(quality_indicator=1.0, type="MEASUREMENT", source_archive="current")
        self._put("rooftop30", rows, ["settlementdate", "regionid"])

    def _state(self) -> None:
        """The small files beside the data."""
        folder, scada = self._files.folder, self._files.read("scada5")
        duids = sorted(scada["duid"].unique()) if len(scada) else []
        (folder / "known_duids.txt").write_text("".join(f"{duid}\n" for duid in duids))
        alert = {"NSW1": {"high_alert": False, "high_time": None, "last_price": 85.0}}
        (folder / "price_alert_state.pkl").write_bytes(pickle.dumps(alert))
        (folder / "renewable_records.json").write_text(json.dumps({"all_time": {"renewable_pct": 78.2}, "hourly": {}}))
        info = pd.DataFrame(
            {"Region": "NSW1", "Site Name": "A site", "DUID": duids, "Capacity(MW)": "100", "Fuel": "Coal"}
        )
        if Variant.NO_GEN_INFO not in self._variants:
            info.to_pickle(folder / "gen_info.pkl")


def _rows(frames: list[pd.DataFrame], keys: tuple[str, str], values: tuple[str, ...]) -> pd.DataFrame:
    """The wanted columns in lower case; a column that is not there is empty, a value that is no number too."""
    names = [*keys, *values]
    whole = pd.concat([frame.reindex(columns=names) for frame in frames]) if frames else pd.DataFrame(columns=names)
    whole[keys[0]] = pd.to_datetime(whole[keys[0]], format="%Y/%m/%d %H:%M:%S").astype("datetime64[ns]")
    for name in values:
        whole[name] = pd.to_numeric(whole[name], errors="coerce").astype(float)
    return whole.rename(columns=str.lower).reset_index(drop=True)
