"""Fetching the past: a month of DISPATCH_UNIT_SCADA into a parquet file by us and by NEMOSIS; a year of Archive's bundles by us.

A folder laid out as NEMWEB's tree is served on the loopback address by a process of its own; everybody fetches from it. Ours
lists what the site has, asks for each file once, checks it, and merges it durably; its memory is that of its process and of
the one that parses, together. The year has one day's values again and again, only the dates differ: it is made fast.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import rivals
from benchmarks.machine import missing
from benchmarks.measure import LEAST, SPAWN, Failed, Sample, in_child, peak_of_children, repeated, say
from benchmarks.places import Place
from benchmarks.plan import Plan
from benchmarks.table import Row

MONTH, SPAN = "a month of DISPATCH_UNIT_SCADA, zip to merged parquet", "days of scada5 from Archive"
NEMOSIS = "NEMOSIS"
SEED = 20260422
MONTH_BEGINS = datetime(2024, 7, 1)  # the last month with names that NEMOSIS and we both know by heart
SPAN_ENDS = datetime(2026, 4, 10)
NOW = datetime(2026, 4, 20, 12, 1)
_FIVE = timedelta(minutes=5)
_DAY = timedelta(days=1)
_PER_DAY = 288
_TREE = "Data_Archive/Wholesale_Electricity/MMSDM/2024/MMSDM_2024_07/MMSDM_Historical_Data_SQLLoader/DATA"
_TEMPLATE_DAY = "2001/01/01"
_HEADER = "I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,SCADAVALUE"


def run(place: Place, plan: Plan) -> Iterator[Row]:
    try:
        yield from _month(place, plan)
        for days in plan.archive_days:
            yield from _span(place, plan, days)
    finally:
        rivals.clear(place.folder)


def _month(place: Place, plan: Plan) -> Iterator[Row]:
    site = place.folder / "site"
    say(f"{MONTH}: making {plan.month_intervals:,} intervals ...")
    rows = in_child(make_month, site, plan.month_intervals, plan.units)
    with _served(site) as url:
        for who, (module, load) in (("ours", ("aemo_ops", fill_month)), (NEMOSIS, ("nemosis", by_nemosis))):
            row = partial(Row, MONTH, place.label, f"{rows:,} rows", who)
            if why := missing(module):
                yield row(refused=why)
                continue
            say(f"{MONTH}: {who} ...")
            folders = [place.folder / f"{who}-{at}" for at in range(LEAST)]
            yield _measured(row, rows, load, url, folders, plan, 0)
    rivals.clear(place.folder)


def _span(place: Place, plan: Plan, days: int) -> Iterator[Row]:
    site = place.folder / "site"
    say(f"{SPAN}: making {days} bundles ...")
    rows = in_child(make_bundles, site, days, plan.units)
    with _served(site) as url:
        row = partial(Row, SPAN, place.label, f"{days} days, {rows:,} rows", "ours")
        say(f"{SPAN}: {days} days ...")
        yield _measured(row, rows, fill_span, url, [place.folder / "ours"], plan, days)
    rivals.clear(place.folder)


def _measured(
    row: Callable[..., Row], rows: int, fill: Callable[..., int], url: str, folders: list[Path], plan: Plan, days: int
) -> Row:
    try:
        sample, found = in_child(_timed, fill, url, folders, plan.patience, days, begins_processes=True)
    except Failed as error:
        return row(refused=f"it failed ({error})")
    problem = "" if found == rows else f"it has {found:,} rows, not {rows:,}"
    return row(replace(sample, problem=problem), note=f"{rows / sample.median / 1e6:.2f} million rows a second")


def _timed(fill: Callable[..., int], url: str, folders: list[Path], patience: float, days: int) -> tuple[Sample, int]:
    """The figures, the processes that parse counted in, and how many rows the last repetition ended with."""
    found: list[int] = []
    sample = repeated(lambda folder: found.append(fill(url, folder, days)), folders, patience)
    return replace(sample, peak=(sample.peak or 0) + max(Watched.peaks, default=0)), found[-1]


# ours -----------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Watched:
    """What parses; `peaks`: what its processes held at most, told before they end."""

    executor: Executor
    peaks: ClassVar[list[int]] = []

    def submit(self, *task: Any) -> Future[Any]:
        return self.executor.submit(*task)

    def shutdown(self, **how: bool) -> None:
        self.peaks.append(peak_of_children())
        self.executor.shutdown(**how)


def fill_month(url: str, folder: Path, _days: int) -> int:
    from aemo_ops.nemweb.archive import Level

    return _fill(url, folder, MONTH_BEGINS, datetime(2024, 8, 1), Level.MMSDM)


def fill_span(url: str, folder: Path, days: int) -> int:
    from aemo_ops.nemweb.archive import Level

    return _fill(url, folder, SPAN_ENDS - days * _DAY - _FIVE, SPAN_ENDS - _FIVE, Level.ARCHIVE)


def _fill(url: str, folder: Path, since: datetime, until: datetime, level: Any) -> int:
    import pyarrow.parquet as pq

    from aemo_ops.clock import Clock
    from aemo_ops.market.catalogue import SCADA5
    from aemo_ops.nemweb.client import Manners
    from aemo_ops.ops.backfill import Backfill
    from aemo_ops.ops.engine import Engine
    from aemo_ops.ops.fetching import Fetching
    from aemo_ops.ops.jobs import Progress
    from aemo_ops.ops.request import Request
    from aemo_ops.ops.workers import Workers, here
    from aemo_ops.settings import Settings

    settings = Settings(
        home=folder / "home", data_path=folder / "data", nemweb_url=url, datasets=("scada5",), catchup_gap=0.0001
    )
    engine = Engine(settings, Clock.starting(NOW, 0), "a benchmark", Manners(gap=0.0001))
    try:
        usual = here(1)
        workers = Workers(lambda: Watched(usual.make()), usual.in_flight)  # type: ignore[arg-type,return-value]
        fetching = Fetching(engine.client, workers, settings.catchup_gap)
        backfill = Backfill(engine.healing().ground, engine.client, engine.clock, fetching)
        backfill.run(Request((SCADA5,), since, until, (level,)), Progress(lambda *_: None))
    finally:
        engine.stop()
    return int(pq.read_metadata(folder / "data" / "scada5.parquet").num_rows)


# the alternative ------------------------------------------------------------------------------------------------------------
def by_nemosis(url: str, folder: Path, _days: int) -> int:
    """Its own cache is the parquet file that it leaves."""
    from nemosis import defaults, dynamic_data_compiler

    folder.mkdir()
    host = "http://www.nemweb.com.au"
    defaults.aemo_mms_url = defaults.aemo_mms_url.replace(host, url)
    begin, end = (f"{at:%Y/%m/%d %H:%M:%S}" for at in (MONTH_BEGINS, datetime(2024, 8, 1)))
    frame = dynamic_data_compiler(begin, end, "DISPATCH_UNIT_SCADA", str(folder), fformat="parquet", keep_csv=False)
    return len(frame)


# the site -------------------------------------------------------------------------------------------------------------------
@contextmanager
def _served(site: Path) -> Iterator[str]:
    """The address of a process that serves a folder as NEMWEB, until the block ends."""
    ours, theirs = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_serve, args=(site, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def _serve(site: Path, connection: Any) -> None:
    import threading

    from aemo_ops.clock import Clock
    from aemo_ops.replica import Folder, Replica

    with Replica(Folder(site), Clock.starting(NOW, 0)) as replica:
        connection.send(replica.url)
        threading.Event().wait()


@dataclass(frozen=True)
class Interval:
    """The lines of one interval without its date."""

    clock: str  # of the interval's end, "00:05:00"
    lines: tuple[str, ...]  # "DUID,VALUE"


def _intervals(count: int, units: int) -> Iterator[Interval]:
    import numpy as np

    generator = np.random.default_rng(SEED)
    names = [f"UNIT{at:03d}" for at in range(units)]
    level = generator.uniform(-50, 600, units)
    for at in range(count):
        end = datetime(2001, 1, 1) + (at + 1) * _FIVE
        values = np.where(generator.random(units) < 0.4, 0.0, level + generator.normal(0, 3, units))
        lines = tuple(f"{name},{value:.5f}" for name, value in zip(names, values.tolist(), strict=True))
        yield Interval(f"{end:%H:%M:%S}", lines)


def make_month(site: Path, intervals: int, units: int) -> int:
    """MMSDM's month, as it lies on the site; its rows."""
    folder = site / _TREE
    folder.mkdir(parents=True)
    stem = f"PUBLIC_DVD_DISPATCH_UNIT_SCADA_{MONTH_BEGINS:%Y%m}010000"
    with (
        zipfile.ZipFile(folder / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed,
        packed.open(f"{stem}.CSV", "w") as text,
    ):
        head = "C,SETP.WORLD,DVD_DISPATCH_UNIT_SCADA,AEMO,PUBLIC,2024/08/07,00:00:01,1,MONTHLY_ARCHIVE,1"
        text.write(f"{head}\n{_HEADER}\n".encode())
        for at, interval in enumerate(_intervals(intervals, units)):
            stamp = f"D,DISPATCH,UNIT_SCADA,1,{MONTH_BEGINS + (at + 1) * _FIVE:%Y/%m/%d %H:%M:%S},"
            text.write("".join(f"{stamp}{line}\n" for line in interval.lines).encode())
        text.write(f'C,"END OF REPORT",{intervals * units + 3}\n'.encode())
    return intervals * units


def make_bundles(site: Path, days: int, units: int) -> int:
    """Archive's bundles of the days before SPAN_ENDS, 00:00 to 23:55; the rows in them."""
    folder = site / "Reports" / "ARCHIVE" / "Dispatch_SCADA"
    folder.mkdir(parents=True)
    template = [_member(interval) for interval in [*_intervals(_PER_DAY, units)][-1:]]
    template += [_member(interval) for interval in _intervals(_PER_DAY - 1, units)]
    for back in range(days, 0, -1):
        day = SPAN_ENDS - back * _DAY
        with zipfile.ZipFile(folder / f"PUBLIC_DISPATCHSCADA_{day:%Y%m%d}.zip", "w", zipfile.ZIP_STORED) as bundle:
            for at, text in enumerate(template):
                stem = f"PUBLIC_DISPATCHSCADA_{day + at * _FIVE:%Y%m%d%H%M}_{at:016d}"
                bundle.writestr(f"{stem}.zip", _zipped(f"{stem}.CSV", text.replace(_TEMPLATE_DAY, f"{day:%Y/%m/%d}")))
    return days * _PER_DAY * units


def _member(interval: Interval) -> str:
    head = f"C,NEMP.WORLD,DISPATCHSCADA,AEMO,PUBLIC,{_TEMPLATE_DAY},{interval.clock},1,DISPATCHSCADA,1"
    stamp = f'D,DISPATCH,UNIT_SCADA,1,"{_TEMPLATE_DAY} {interval.clock}",'
    lines = "".join(f"{stamp}{line}\n" for line in interval.lines)
    return f'{head}\n{_HEADER}\n{lines}C,"END OF REPORT",{len(interval.lines) + 3}\n'


def _zipped(name: str, text: str) -> bytes:
    sink = BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr(name, text)
    return sink.getvalue()
