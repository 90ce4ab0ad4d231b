"""What a file once held is missed when the file is lost or set aside; one file that cannot be read keeps no other waiting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.market.catalogue import PRICES5, PRICES30, SCADA5, SCADA30
from aemo_ops.market.intervals import HALF_HOUR
from aemo_ops.ops.beginning import Beginning
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.derivation import derive
from aemo_ops.store.ledger import Fate, Ledger, LedgerRow
from aemo_ops.store.parquet import Store
from tests.conftest import NOON
from tests.ops.small import PRICE, SCADA, Small, report

FIVE = timedelta(minutes=5)
DAY = timedelta(days=1)
BEGAN = datetime(2026, 4, 18)  # the first interval ends at 00:05
LATEST = datetime(2026, 4, 20, 11, 50)
REGIONS = PRICES5.ids or ()


def price_file(end: datetime) -> bytes:
    return report((PRICE, [(end, region, 0, end.hour + end.minute) for region in REGIONS]))


def name(end: datetime) -> str:
    return f"PUBLIC_DISPATCHIS_{end:%Y%m%d%H%M}_{1:016d}.zip"


def with_two_days(here: Small) -> dict[tuple[datetime, str], tuple[float, ...]]:
    """Two hours of the 18th in Archive, five minutes ago in Current; what should be in the file, by hand."""
    ends = [BEGAN + n * FIVE for n in range(1, 25)]
    here.bundle(
        f"DispatchIS_Reports/PUBLIC_DISPATCHIS_{BEGAN:%Y%m%d}.zip", {name(end): price_file(end) for end in ends}
    )
    here.publish(f"Reports/CURRENT/DispatchIS_Reports/{name(LATEST)}", price_file(LATEST))
    return {(end, region): (float(end.hour + end.minute),) for end in [*ends, LATEST] for region in REGIONS}


def test_a_lost_file_is_missed_back_to_where_it_began_and_filled_from_there(small: Callable[..., Small]) -> None:
    here = small("prices5", "prices30")
    whole = with_two_days(here)
    here.fill(since=BEGAN, until=BEGAN + timedelta(hours=2))
    here.engine.once(("dispatchis",))
    assert here.rows("prices5") == whole
    halves = here.rows("prices30")
    for dataset in (PRICES5, PRICES30):
        here.engine.store.path(dataset).unlink()
        lost = here.engine.gaps().of(dataset)
        assert lost is not None
        assert lost.dataset is dataset and lost.ends[0] == pa.scalar(BEGAN + dataset.cadence, pa.timestamp("ns")).value
        assert lost.count(Presence.MISSING) == lost.due > 90
        gaps = here.engine.gaps().listed(dataset, lost)
        assert (gaps[-1].first, gaps[-1].keys) == (BEGAN + dataset.cadence, ())
    told = here.fill()
    assert here.rows("prices5") == whole
    assert {key: row for key, row in here.rows("prices30").items() if key[0] < LATEST} == {
        key: row for key, row in halves.items() if key[0] < LATEST
    }
    assert told["prices5"].by_source == {"archive": 24, "current": 1}


def test_a_file_that_begins_anew_after_it_was_set_aside_is_missed_back_to_where_it_began(
    small: Callable[..., Small],
) -> None:
    here = small("prices5", "prices30")
    whole = with_two_days(here)
    here.fill(since=BEGAN, until=BEGAN + timedelta(hours=2))
    path = here.engine.store.path(PRICES5)
    path.rename(path.with_suffix(".aside"))
    here.engine.once(("dispatchis",))
    assert here.engine.store.extent(PRICES5).first == LATEST
    assert here.engine.gaps().began(PRICES5) == BEGAN + FIVE
    assert here.states("prices5", until=BEGAN + timedelta(hours=2)) == {Presence.MISSING: 24}
    here.fill()
    assert here.rows("prices5") == whole


def test_a_folder_of_an_older_version_is_missed_back_to_its_oldest_merged_file(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "data"), Ledger(tmp_path / "ledger.sqlite", "a folder")

    def merged(dataset: str, end: datetime, rows: int) -> LedgerRow:
        return LedgerRow(f"{end}.zip", dataset, "dispatchis", Fate.MERGED, end, end, end, rows=rows)

    ledger.record([merged("prices5", BEGAN + 2 * FIVE, 5), merged("prices5", BEGAN, 0), merged("prices5", NOON, 5)])
    Beginning(store, ledger).look((PRICES5, PRICES30, SCADA5))
    assert ledger.began("prices5") == BEGAN + 2 * FIVE
    assert ledger.began("prices30") == BEGAN + timedelta(minutes=30)
    assert ledger.began("scada5") is None


def test_a_row_of_a_time_before_the_market_is_no_beginning(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "data"), Ledger(tmp_path / "ledger.sqlite", "a folder")
    store.path(SCADA5).parent.mkdir()
    for end in (datetime(1970, 1, 1), BEGAN, BEGAN - DAY, NOON):
        row = {"settlementdate": [end], "duid": ["BW01"], "scadavalue": [1.0]}
        pq.write_table(
            pa.table(row, schema=SCADA5.schema), store.path(SCADA5)
        )  # not by the store, which takes no such row
        Beginning(store, ledger).look((SCADA5,))
    assert ledger.began("scada5") == BEGAN - DAY


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_filled(small: Callable[..., Small]) -> None:
    here = small("prices5", "scada5", "prices30", "scada30")
    end = BEGAN + FIVE
    here.bundle(f"DispatchIS_Reports/PUBLIC_DISPATCHIS_{BEGAN:%Y%m%d}.zip", {name(end): price_file(end)})
    scada = name(end).replace("DISPATCHIS", "DISPATCHSCADA")
    here.bundle(f"Dispatch_SCADA/PUBLIC_DISPATCHSCADA_{BEGAN:%Y%m%d}.zip", {scada: report((SCADA, [(end, "BW01", 7)]))})
    here.engine.store.path(PRICES5).write_bytes(b"PAR1 and nothing else")
    told = here.fill(since=BEGAN, until=end)
    assert here.rows("scada5") == {(end, "BW01"): (7.0,)}
    for unread in ("prices5", "prices30"):
        assert "prices5.parquet cannot be read as parquet" in told[unread].problem
        assert told[unread].requested == 0
    assert not told["scada5"].problem


def test_the_half_hour_that_a_five_minute_file_begins_in_the_middle_of_becomes_all_that_aemo_has(
    small: Callable[..., Small],
) -> None:
    """The file of DUIDs has its last two; AEMO has six of one unit, four of another, and none of a third one after that."""
    here = small("scada5", "scada30")
    ends = [BEGAN + n * FIVE for n in range(1, 13)]

    def rows(at: int) -> list[tuple[datetime, str, float]]:
        units = {"ALWAYS": 10.0 * at, **({"AT_TIMES": 100.0 * at} if at != 1 and at != 5 else {})}
        return [(ends[at], unit, mw) for unit, mw in units.items()]

    members = {
        f"PUBLIC_DISPATCHSCADA_{end:%Y%m%d%H%M}_{1:016d}.zip": report((SCADA, rows(n))) for n, end in enumerate(ends)
    }
    here.bundle(f"Dispatch_SCADA/PUBLIC_DISPATCHSCADA_{BEGAN:%Y%m%d}.zip", members)
    own = [row for n in range(4, 12) for row in rows(n)]
    table = pa.Table.from_pylist([dict(zip(SCADA5.schema.names, row, strict=True)) for row in own], SCADA5.schema)
    ground = here.engine.healing().ground
    ground.store.merge(SCADA5, table)
    derive(ground.store, ground.ledger, SCADA5, SCADA30, table)
    first = BEGAN + HALF_HOUR
    assert here.rows("scada30")[first, "ALWAYS"] == (45.0,)
    hour = BEGAN + 2 * HALF_HOUR
    told = here.fill("scada30", until=hour)["scada30"]
    found = here.rows("scada30")
    assert found[first, "ALWAYS"] == ((0 + 10 + 20 + 30 + 40 + 50) / 6,)
    assert found[first, "AT_TIMES"] == ((0 + 200 + 300 + 400) / 4,)
    assert min(end for end, _ in here.rows("scada5")) == ends[4]  # it does not begin earlier than it did
    # What the fill concluded is what the list says, and what the next one finds.
    gaps = here.engine.gaps()
    halves = gaps.of(SCADA30, until=hour)
    assert halves is not None and gaps.listed(SCADA30, halves) == []
    assert (told.requested, told.filled, told.absent) == (1, 1, 0)
    again = here.fill("scada30", until=hour)["scada30"]
    assert (again.requested, again.units) == (0, 0)
