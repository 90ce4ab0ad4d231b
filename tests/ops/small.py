"""A site of a few rows, written by hand: what AEMO publishes is exactly what a test says."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aemo_ops.market import catalogue
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.request import Filled, Request
from aemo_ops.replica import Replica
from tests.ops.truth import Rows, in_file

MINUTE = timedelta(minutes=1)
SCADA = ("DISPATCH", "UNIT_SCADA", 1, ("SETTLEMENTDATE", "DUID", "SCADAVALUE"))
PRICE = ("DISPATCH", "PRICE", 5, ("SETTLEMENTDATE", "REGIONID", "INTERVENTION", "RRP"))
FLOW = (
    "DISPATCH", "INTERCONNECTORRES", 3,
    ("SETTLEMENTDATE", "INTERCONNECTORID", "INTERVENTION", "METEREDMWFLOW", "MWFLOW", "MWLOSSES", "EXPORTLIMIT", "IMPORTLIMIT"),
)  # fmt: skip
TRADING_PRICE = ("TRADING", "PRICE", 3, ("SETTLEMENTDATE", "REGIONID", "RRP"))
TRADING_FLOW = (
    "TRADING", "INTERCONNECTORRES", 2, ("SETTLEMENTDATE", "INTERCONNECTORID", "METEREDMWFLOW", "MWFLOW", "MWLOSSES"),
)  # fmt: skip
ROOFTOP = ("ROOFTOP", "ACTUAL", 2, ("INTERVAL_DATETIME", "REGIONID", "POWER", "QI", "TYPE"))
Table = tuple[str, str, int, tuple[str, ...]]
DATA = "Data_Archive/Wholesale_Electricity/MMSDM/{0:%Y}/MMSDM_{0:%Y_%m}/MMSDM_Historical_Data_SQLLoader/DATA"


def zipped(name: str, body: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, body)
    return sink.getvalue()


def report(*tables: tuple[Table, Iterable[Sequence[object]]]) -> bytes:
    """A report in AEMO's form, zipped: a table and its rows after the other."""
    lines = ["C,NEMP.WORLD,A_REPORT,AEMO,PUBLIC,2026/01/01,00:00:00,1,A_REPORT,1"]
    for (group, name, version, columns), rows in tables:
        lines.append(f"I,{group},{name},{version},{','.join(columns)}")
        lines += [f"D,{group},{name},{version},{','.join(map(_text, row))}" for row in rows]
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    return zipped("A.CSV", "\r\n".join([*lines, ""]).encode())


def _text(value: object) -> str:
    return f'"{value:%Y/%m/%d %H:%M:%S}"' if isinstance(value, datetime) else "" if value is None else str(value)


class Small:
    """Its files, its server and an engine on a folder of ours."""

    def __init__(self, root: Path, site: Replica, engine: Engine) -> None:
        self.root = root
        self.site = site
        self.engine = engine
        self._told = 0

    def publish(self, path: str, body: bytes, at: datetime = datetime(2025, 6, 1)) -> None:
        """Put a file onto the site, as published `at` (NEM time)."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        then = (at - timedelta(hours=10)).replace(tzinfo=UTC).timestamp()
        os.utime(file, (then, then))

    def month(self, table: str, month: datetime, body: bytes, at: datetime = datetime(2025, 6, 1)) -> None:
        """Put a monthly table of MMSDM onto the site."""
        name = f"PUBLIC_DVD_{table}_{month:%Y%m}010000.zip"
        if month >= datetime(2024, 8, 1):
            name = f"PUBLIC_ARCHIVE%23{table}%23FILE01%23{month:%Y%m}010000.zip"
        self.publish(f"{DATA.format(month)}/{name}", body, at)

    def bundle(self, path: str, members: Mapping[str, bytes], at: datetime = datetime(2025, 6, 1)) -> None:
        """Put a bundle of zipped reports onto Archive."""
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as file:
            for name, body in members.items():
                file.writestr(name, body)
        self.publish(f"Reports/ARCHIVE/{path}", sink.getvalue(), at)

    def fill(self, *names: str, **request: object) -> dict[str, Filled]:
        datasets = tuple(map(catalogue.dataset, names)) or self.engine.datasets
        wanted = Request(datasets, **{"workers": 0, **request})  # type: ignore[arg-type]
        found = self.engine.healing().backfill(wanted).run(wanted, Progress(lambda *_: None))
        return {filled.dataset: filled for filled in found}

    def rows(self, name: str) -> Rows:
        return in_file(self.engine, catalogue.dataset(name))

    def states(self, name: str, since: datetime | None = None, until: datetime | None = None) -> dict[Presence, int]:
        found = self.engine.gaps().of(catalogue.dataset(name), since, until)
        assert found
        return {state: found.count(state) for state in Presence if found.count(state)}

    def fetched(self) -> list[str]:
        """The names of the files fetched since this was asked the last time."""
        asked = self.site.requests
        names = [path.rpartition("/")[2] for path in asked[self._told :] if path.endswith(".zip")]
        self._told = len(asked)
        return names
