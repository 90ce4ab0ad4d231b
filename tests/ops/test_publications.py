"""What AEMO published twice: collected, filled and judged the same, in any order of arrival, as worked out by hand."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import NemwebGone
from aemo_ops.market.catalogue import PRICES5, ROOFTOP30, TRANSMISSION5
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import nanoseconds
from aemo_ops.market.report import DISPATCHIS, ROOFTOP, Report
from aemo_ops.migrate.judge import Nemweb
from aemo_ops.migrate.told import Told
from aemo_ops.nemweb.archive import Level
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.collector import Collector, Fetched
from aemo_ops.ops.parsing import Feed, Task, parse
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.parquet import Store

END = datetime(2026, 4, 20, 10, 0)
NOW = datetime(2026, 4, 20, 12, 0)
Values = dict[str, tuple[float | None, ...]]


def zipped(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, body in members:
            archive.writestr(name, body)
    return sink.getvalue()


def report_file(tables: dict[str, tuple[str, Sequence[str]]]) -> bytes:
    """A zipped report file: "<REPORT>,<TABLE>" -> its columns, and its rows after the time."""
    lines = ["C,NEMP.WORLD,X,AEMO,PUBLIC,2026/04/20,10:00:00,1,X,1"]
    for table, (columns, rows) in tables.items():
        lines += [f"I,{table},1,{columns}", *(f'D,{table},1,"{END:%Y/%m/%d %H:%M:%S}",{row}' for row in rows)]
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    return zipped(("X.CSV", "\n".join(lines).encode()))


def dispatch(prices: Sequence[str], flows: Sequence[str]) -> bytes:
    columns = "SETTLEMENTDATE,INTERCONNECTORID,INTERVENTION,METEREDMWFLOW,MWFLOW,MWLOSSES,EXPORTLIMIT,IMPORTLIMIT"
    return report_file(
        {
            "DISPATCH,PRICE": ("SETTLEMENTDATE,REGIONID,INTERVENTION,RRP", prices),
            "DISPATCH,INTERCONNECTORRES": (columns, flows),
        }
    )


def rooftop(kind: str, rows: Sequence[str]) -> bytes:
    columns = "INTERVAL_DATETIME,REGIONID,POWER,QI,TYPE"
    return report_file({"ROOFTOP,ACTUAL": (columns, [f"{row},1,{kind}" for row in rows])})


def published(report: Report, number: int, minute: int, prefix: str | None = None) -> Listing:
    name = report.file_name(END, number, prefix)
    return Listing(name, f"https://nemweb.test{report.directory}{name}", None, NOW + timedelta(minutes=minute))


MEASURED, SATELLITE = ROOFTOP.prefixes
# The first publication knew of an intervention, which the second one, of the same minute, takes back; it has no VIC1.
DISPATCHED = {
    published(DISPATCHIS, 7, 1): dispatch(
        ["NSW1,0,10", "VIC1,0,7", "NSW1,1,99"], ["V-SA,0,1,1,0,5,-5", "V-SA,1,2,2,0,5,-5"]
    ),
    published(DISPATCHIS, 8, 1): dispatch(["NSW1,0,20", "QLD1,0,5", "QLD1,0,6"], ["V-SA,0,3,3,0,5,-5"]),
    published(DISPATCHIS, 6, 0): dispatch(["NSW1,0,1", "SA1,0,-3", "TAS1,0,1", "TAS1,0,2"], ["V-SA,0,8,8,0,5,-5"]),
}
ESTIMATED = {
    published(ROOFTOP, 1, 0, MEASURED): rooftop("MEASUREMENT", ["NSW1,100", "VIC1,", "QLD1,30"]),
    published(ROOFTOP, 2, 1, SATELLITE): rooftop("SATELLITE", ["NSW1,101", "VIC1,50", "SA1,5"]),
    published(ROOFTOP, 4, 3, SATELLITE): rooftop("SATELLITE", ["NSW1,102", "VIC1,52"]),
    published(ROOFTOP, 3, 2, MEASURED): rooftop("MEASUREMENT", ["NSW1,110", "VIC1,", "QLD1,"]),
}
CASES: list[tuple[Dataset, dict[Listing, bytes], Values]] = [
    (PRICES5, DISPATCHED, {"NSW1": (20,), "VIC1": (7,), "QLD1": (6,), "SA1": (-3,), "TAS1": (2,)}),
    (TRANSMISSION5, DISPATCHED, {"V-SA": (3, 3, 5, -5, 0)}),
    (ROOFTOP30, ESTIMATED, {"NSW1": (110,), "VIC1": (52,), "QLD1": (30,), "SA1": (5,)}),
]
EACH = pytest.mark.parametrize(("dataset", "files", "right"), CASES, ids=[dataset.name for dataset, *_ in CASES])


def values(dataset: Dataset, rows: pa.Table) -> Values:
    told = [(row[dataset.key[1]], tuple(row[name] for name in dataset.values)) for row in rows.to_pylist()]
    assert len(dict(told)) == len(told)
    return dict(told)


class Site:
    """A client of a site with these files."""

    def __init__(self, current: dict[Listing, bytes], archive: dict[Listing, bytes] | None = None) -> None:
        self._bodies = current | (archive or {})
        self._current, self._archive = tuple(current), tuple(archive or ())

    def files(self, report: Report) -> tuple[Listing, ...]:
        return self._current

    def directory(self, path: str) -> tuple[Listing, ...]:
        if "ARCHIVE" not in path:
            raise NemwebGone(f"{path} is not there")
        return self._archive

    def fetch(self, entry: Listing, largest: int | None = None) -> bytes:
        return self._bodies[entry]


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Callable[..., Values]]:
    made: list[Ledger] = []

    def collected(dataset: Dataset, *batches: dict[Listing, bytes]) -> Values:
        folder = tmp_path / str(len(made))
        ledger = Ledger(tmp_path / f"{len(made)}.db", str(folder))
        made.append(ledger)
        collector = Collector(
            dataset.sources[0].report,
            [dataset],
            Site({}),
            Store(folder),
            ledger,
            Clock.starting(NOW, 0),  # type: ignore[arg-type]
        )
        for batch in batches:
            done = collector.take(Fetched(batch))
            assert not done.rejected and not done.failed
        return values(dataset, Store(folder).read(dataset, END - dataset.cadence, END))

    yield collected
    for ledger in made:
        ledger.close()


@EACH
def test_collected_together_or_one_by_one_in_any_order(
    dataset: Dataset, files: dict[Listing, bytes], right: Values, collect: Callable[..., Values]
) -> None:
    assert collect(dataset, files) == right
    assert collect(dataset, dict(reversed(files.items()))) == right
    if dataset is not ROOFTOP30:  # which estimates stand for want of a measurement is the landing's own matter
        for order in itertools.permutations(files.items()):
            assert collect(dataset, *(dict([one]) for one in order)) == right


def filled(dataset: Dataset, level: Level, bodies: Sequence[tuple[str, bytes]]) -> Values:
    feeds = tuple(Feed(dataset.name, place) for place in range(len(dataset.sources)))
    parsed = parse(Task(level, tuple(bodies), feeds, nanoseconds(END), nanoseconds(END)))
    assert parsed.rejected == ()
    found: Values = {}
    for rows in parsed.rows:  # one feed after the other, none over what is there
        found = values(dataset, rows) | found
    return found


@EACH
def test_filled_from_current_and_from_a_bundle(dataset: Dataset, files: dict[Listing, bytes], right: Values) -> None:
    in_order = sorted(files, key=lambda file: file.order)
    assert filled(dataset, Level.CURRENT, [(file.name, files[file]) for file in in_order]) == right
    for order in itertools.permutations(files):
        day = zipped(*((file.name, files[file]) for file in order))
        assert filled(dataset, Level.ARCHIVE, [("day.zip", day)]) == right


def asked(dataset: Dataset, site: Site) -> Told:
    return Nemweb(site).told(dataset, END - dataset.cadence, END)  # type: ignore[arg-type]


def bundle_of(dataset: Dataset, files: dict[Listing, bytes]) -> dict[Listing, bytes]:
    name = dataset.sources[0].report.bundle_name(END.replace(hour=0))
    return {Listing(name, f"https://nemweb.test/{name}", None, NOW): zipped(*((f.name, b) for f, b in files.items()))}


@EACH
def test_judged_by_current_and_by_archive(dataset: Dataset, files: dict[Listing, bytes], right: Values) -> None:
    by_current = asked(dataset, Site(files))
    by_archive = asked(dataset, Site({}, bundle_of(dataset, files)))
    assert values(dataset, by_current.rows) == values(dataset, by_archive.rows) == right
    for name in ("earlier", "estimates", "other_run"):
        one, other = (getattr(told, name).to_pylist() for told in (by_current, by_archive))
        assert one == other
    backwards = asked(dataset, Site(dict(reversed(files.items()))))
    assert backwards.rows.to_pylist() == by_current.rows.to_pylist()


def test_what_does_not_count_is_told_in_the_order_in_which_it_was_published() -> None:
    prices = asked(PRICES5, Site(DISPATCHED))
    assert [(r["regionid"], r["rrp"]) for r in prices.earlier.to_pylist()] == [
        ("NSW1", 1),
        ("TAS1", 1),
        ("NSW1", 10),
        ("QLD1", 5),
    ]
    assert values(PRICES5, prices.other_run) == {"NSW1": (99,)}
    solar = asked(ROOFTOP30, Site(ESTIMATED))
    assert {(r["regionid"], r["power"]) for r in solar.earlier.to_pylist()} == {
        ("NSW1", 100),
        ("NSW1", 101),
        ("VIC1", 50),
    }
    assert values(ROOFTOP30, solar.estimates) == {"NSW1": (102,)}


def test_where_the_later_publication_cannot_be_read_the_earlier_one_is_no_judge() -> None:
    torn = DISPATCHED | {published(DISPATCHIS, 9, 2): b"<html>busy</html>"}
    assert asked(PRICES5, Site(torn)).rows.num_rows == 0
    whole = asked(PRICES5, Site(torn, bundle_of(PRICES5, DISPATCHED)))
    assert values(PRICES5, whole.rows) == CASES[0][2]


def test_a_measurement_that_left_current_is_asked_of_archive_before_its_estimate_counts() -> None:
    estimates = {file: body for file, body in ESTIMATED.items() if SATELLITE in file.name}
    alone = asked(ROOFTOP30, Site(estimates))
    assert values(ROOFTOP30, alone.rows) == {"NSW1": (102,), "VIC1": (52,), "SA1": (5,)}
    assert values(ROOFTOP30, asked(ROOFTOP30, Site(estimates, bundle_of(ROOFTOP30, ESTIMATED))).rows) == CASES[2][2]
