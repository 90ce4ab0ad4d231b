"""One report, once: exact, complete, in any order of arrival, and again after any failure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import AemoOpsError
from aemo_ops.market import catalogue
from aemo_ops.market.catalogue import PRICES5, ROOFTOP30, SCADA5, SCADA30, TRANSMISSION5
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.collector import TRIES, Collector
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Faults, Replica, Shelf
from aemo_ops.store.ledger import Fate
from tests.conftest import NOON, generated
from tests.ops.truth import close, in_file, means, published

Make = Callable[..., Engine]
HOUR = timedelta(hours=1)


def collector(engine: Engine, report: str) -> Collector:
    return engine.settle().collectors[report]


def newest(engine: Engine, report: str, count: int) -> list[Listing]:
    return collector(engine, report).waiting()[:count]


def take(engine: Engine, report: str, entries: list[Listing]) -> None:
    own = collector(engine, report)
    done = own.take(own.fetch(entries))
    assert not done.rejected and not done.failed


def shelf_of(site: Replica) -> Shelf:
    assert isinstance(site.site, Shelf)
    return site.site


def test_twelve_files_after_a_stop_are_twelve_merged(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still)
    own = collector(engine, "dispatch_scada")
    everything = own.waiting()
    take(engine, "dispatch_scada", everything[12:30])
    assert [entry.name for entry in own.waiting()] == [e.name for e in everything[:12] + everything[30:]]
    take(engine, "dispatch_scada", everything[:12])
    since = NOON - timedelta(minutes=150) + timedelta(minutes=9)
    latest = engine.store.latest(SCADA5)
    assert latest is not None
    span = (latest - timedelta(minutes=150), latest)
    assert since < latest
    assert in_file(engine, SCADA5, *span) == published(shelf_of(site), "scada5", *span, at=NOON)


def test_prices_flows_and_rooftop_are_what_the_market_says(whole_site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(whole_site.url, still)
    for report, dataset, count, cadence in (
        ("dispatchis", PRICES5, 24, 5),
        ("dispatchis", TRANSMISSION5, 24, 5),
        ("rooftop_pv", ROOFTOP30, 40, 30),
    ):
        if dataset is not TRANSMISSION5:
            take(engine, report, newest(engine, report, count))
        latest = engine.store.latest(dataset)
        assert latest is not None
        files = count // 2 if report == "rooftop_pv" else count  # two kinds of rooftop file a half hour
        span = (latest - timedelta(minutes=cadence * files), latest)
        expected = published(shelf_of(whole_site), dataset.name, *span, at=NOON)
        assert in_file(engine, dataset) == expected
        assert len({time for time, _ in expected}) == files


def test_half_hours_are_means_of_the_six_and_partial_ones_are_known(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(site.url, still)
    take(engine, "dispatch_scada", newest(engine, "dispatch_scada", 20))
    five = means(in_file(engine, SCADA5))
    assert close(in_file(engine, SCADA30), {key: values for key, (values, _) in five.items()}, 1e-9)
    assert engine._ledger is not None
    partial = engine._ledger.partial("scada30", NOON - 24 * HOUR, NOON + HOUR)
    assert partial == {key for key, (_, count) in five.items() if count < 6}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_of_arrival_ends_the_same(
    site: Replica, still: Clock, engine_at: Make, order: tuple[int, ...]
) -> None:
    """Late, out of order, partial first: three batches of a half hour and a bit, in each order."""
    engine = engine_at(site.url, still)
    entries = newest(engine, "dispatchis", 18)
    batches = [entries[0:5], entries[5:9], entries[9:18]]
    for at in order:
        take(engine, "dispatchis", batches[at])
    five = in_file(engine, TRANSMISSION5)
    expected = means(five)
    assert len({time for time, _ in five}) == 18
    thirty = in_file(engine, catalogue.TRANSMISSION30)
    assert close(thirty, {key: values for key, (values, _) in expected.items()}, 1e-9)
    assert engine._ledger is not None
    partial = engine._ledger.partial("transmission30", NOON - 24 * HOUR, NOON + HOUR)
    assert partial == {key for key, (_, count) in expected.items() if count < 6}


def test_a_partial_mean_never_replaces_a_value_not_known_to_be_partial(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(site.url, still)
    entries = newest(engine, "dispatchis", 12)
    end = catalogue.report("dispatchis").interval(entries[3].name)
    half_hour = end + (datetime(2000, 1, 1) - end) % timedelta(minutes=30)
    import pyarrow as pa

    imported = pa.table(
        {"settlementdate": pa.array([half_hour], pa.timestamp("ns")), "regionid": ["NSW1"], "rrp": [777.0]},
        schema=catalogue.PRICES30.schema,
    )
    engine.store.merge(catalogue.PRICES30, imported)
    take(engine, "dispatchis", entries[3:5])
    assert in_file(engine, catalogue.PRICES30)[half_hour, "NSW1"] == (777.0,)
    assert in_file(engine, catalogue.PRICES30).keys() >= {(half_hour, "QLD1")}
    take(engine, "dispatchis", entries)
    five, present = means(in_file(engine, PRICES5))[half_hour, "NSW1"]
    assert present == 6
    assert in_file(engine, catalogue.PRICES30)[half_hour, "NSW1"] == pytest.approx(five)


@pytest.fixture
def revised(still: Clock) -> Replica:
    """A site on which each DispatchIS file was published again, with other values, under a later number."""
    return Replica(generated(Faults.from_spec("dispatchis/revised=10:1.0", seed=3)), still)


@pytest.mark.parametrize("late_first", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_the_later_publication_wins_in_both_orders(
    revised: Replica, still: Clock, engine_at: Make, late_first: bool, together: bool
) -> None:
    with revised as site:
        engine = engine_at(site.url, still)
        report = catalogue.report("dispatchis")
        waiting = collector(engine, "dispatchis").waiting()
        by_interval: dict[datetime, list[Listing]] = {}
        for entry in waiting:
            by_interval.setdefault(report.interval(entry.name), []).append(entry)
        pairs = [sorted(pair, key=lambda e: (e.published, e.name)) for pair in by_interval.values() if len(pair) == 2][
            :6
        ]
        assert len(pairs) == 6
        first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        batches = [second, first] if late_first else [first, second]
        for batch in [batches[0] + batches[1]] if together else batches:
            take(engine, "dispatchis", batch)
        rows = in_file(engine, PRICES5)
        expected = published(shelf_of(site), "prices5", min(rows)[0] - timedelta(minutes=5), max(rows)[0], at=NOON)
        assert rows == {key: values for key, values in expected.items() if key in rows}
        assert len(rows) == 30
        five = means(rows)
        assert close(in_file(engine, catalogue.PRICES30), {key: values for key, (values, _) in five.items()}, 1e-9)


@pytest.mark.parametrize("order", [("MEASUREMENT", "SATELLITE"), ("SATELLITE", "MEASUREMENT")])
def test_measurement_wins_over_satellite_in_both_orders(
    site: Replica, still: Clock, engine_at: Make, order: tuple[str, str]
) -> None:
    engine = engine_at(site.url, still)
    entries = newest(engine, "rooftop_pv", 400)
    for kind in order:
        take(engine, "rooftop_pv", [entry for entry in entries if kind in entry.name])
    rows = in_file(engine, ROOFTOP30)
    expected = published(shelf_of(site), "rooftop30", min(rows)[0] - timedelta(minutes=30), max(rows)[0], at=NOON)
    assert rows == expected
    blank = [(time, region) for time, region in expected if shelf_of(site).market.measurement(time).get(region) is None]
    assert blank, "the sample must hold a blank measurement, or this shows nothing"


def test_a_measurement_wins_over_a_later_satellite_file_that_comes_with_it(still: Clock, engine_at: Make) -> None:
    """An older satellite file was merged before: the later one takes its place, and not that of the measurement."""
    faults = Faults.from_spec("rooftop_pv/revised=10:1.0", seed=3)
    with Replica(generated(faults), still) as site:
        engine = engine_at(site.url, still)
        entries = sorted(newest(engine, "rooftop_pv", 400), key=lambda entry: (entry.published, entry.name))
        issues: dict[tuple[datetime, bool], list[Listing]] = {}
        for entry in entries:
            interval = collector(engine, "rooftop_pv").report.interval(entry.name)
            issues.setdefault((interval, "SATELLITE" in entry.name), []).append(entry)
        ends = sorted(
            {end for end, _ in issues if len(issues.get((end, True), ())) == len(issues.get((end, False), ())) == 2}
        )
        assert len(ends) > 80
        take(engine, "rooftop_pv", [issues[end, True][0] for end in ends])
        take(engine, "rooftop_pv", [entry for end in ends for entry in (issues[end, True][1], issues[end, False][0])])
        market = shelf_of(site).market
        measured = {end: market.measurement(end, 0) for end in ends}
        wanted = {
            (end, region): power if power is not None else market.satellite(end, 1)[region]
            for end in ends for region, power in measured[end].items()
        }  # fmt: skip
        assert None in [power for powers in measured.values() for power in powers.values()]
        found = in_file(engine, ROOFTOP30, ends[0] - timedelta(minutes=30), ends[-1])
        assert {key: values[0] for key, values in found.items()} == wanted
        take(engine, "rooftop_pv", [issues[end, False][1] for end in ends])
        found = in_file(engine, ROOFTOP30, ends[0] - timedelta(minutes=30), ends[-1])
        assert found == published(shelf_of(site), "rooftop30", ends[0] - timedelta(minutes=30), ends[-1], at=NOON)


def test_a_second_reading_changes_nothing_and_asks_for_nothing(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still)
    entries = newest(engine, "dispatch_scada", 5)
    take(engine, "dispatch_scada", entries)
    before = engine.store.path(SCADA5).stat()
    own = collector(engine, "dispatch_scada")
    again = own.take(own.fetch(entries))
    assert again.rows.inserted == again.rows.updated == 0
    assert engine.store.path(SCADA5).stat() == before


@pytest.mark.parametrize("kind", ["html", "empty", "footer", "column"])
def test_a_bad_file_is_rejected_with_a_reason_and_tried_again(
    site: Replica, still: Clock, engine_at: Make, kind: str
) -> None:
    engine = engine_at(site.url, still)
    entries = newest(engine, "dispatch_scada", 3)
    site.faults.add(kind, path="*" + entries[1].name, times=1)
    own = collector(engine, "dispatch_scada")
    done = own.take(own.fetch(entries))
    assert list(done.rejected) == [entries[1].name]
    assert entries[1].name in done.rejected[entries[1].name]
    assert done.files == {"scada5": 2}
    assert own.waiting()[0].name == entries[1].name
    again = own.take(own.fetch(own.waiting()[:1]))
    assert not again.rejected
    assert again.files == {"scada5": 1}


def test_a_poisoned_file_is_quarantined_and_the_others_go_on(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still)
    entries = newest(engine, "dispatch_scada", 3)
    site.faults.add("footer", path="*" + entries[0].name, times=1000)
    own = collector(engine, "dispatch_scada")
    for _ in range(TRIES):
        assert own.waiting()[0].name == entries[0].name
        own.take(own.fetch(own.waiting()[:2]))
    assert entries[0].name not in {entry.name for entry in own.waiting()}
    (row,) = engine.files(text=entries[0].name)
    assert (row.fate, row.tries) == (Fate.QUARANTINED, TRIES)
    assert "footer" in row.reason


def test_a_file_that_never_has_the_listed_size_is_given_up_after_some_tries(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(site.url, still)
    own = collector(engine, "dispatch_scada")
    listed = engine.client.files(own.report)
    wrong = tuple(replace(entry, size=(entry.size or 0) + 1) for entry in listed)
    monkeypatch.setattr(engine.client, "files", lambda _: wrong)
    entry = own.waiting()[0]
    assert entry.size is not None
    for tried in range(TRIES):
        assert own.waiting()[0] == entry, f"given up after {tried} tries"
        own.take(own.fetch([entry]))
    assert entry not in own.waiting()
    (row,) = engine.files(text=entry.name)
    assert (row.fate, row.tries) == (Fate.QUARANTINED, TRIES)
    assert f"{entry.size - 1} bytes came, the listing says {entry.size}" in row.reason
    monkeypatch.setattr(engine.client, "files", lambda _: listed)
    take(engine, "dispatch_scada", own.waiting()[:1])  # listed with its true size it is another publication
    (row,) = engine.files(text=entry.name)
    assert row.fate == Fate.MERGED


def test_a_failed_download_costs_no_try_and_is_done_again(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still)
    entries = newest(engine, "dispatch_scada", 2)
    site.faults.add("500", path="*" + entries[0].name, times=2)  # the client itself asks twice
    own = collector(engine, "dispatch_scada")
    first = own.fetch(entries)
    assert list(first.failures) == [entries[0]]
    own.take(first)
    assert own.waiting()[0] == entries[0]
    assert own.take(own.fetch(own.waiting()[:1])).files == {"scada5": 1}


def test_a_file_that_is_listed_but_not_there_is_given_up_after_some_tries(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(site.url, still)
    own = collector(engine, "dispatch_scada")
    entry = own.waiting()[0]
    gone = replace(entry, url=entry.url.replace("PUBLIC", "PRIVATE"))
    for _ in range(TRIES):
        own.take(own.fetch([gone]))
    (row,) = engine.files(text=entry.name)
    assert row.fate == Fate.GONE


def test_one_dataset_that_cannot_be_written_does_not_stop_the_other(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(site.url, still)
    entries = newest(engine, "dispatchis", 2)
    engine.store.path(PRICES5).write_bytes(b"not parquet")
    own = collector(engine, "dispatchis")
    done = own.take(own.fetch(entries))
    assert "prices5.parquet cannot be read" in done.failed["prices5"]
    assert done.files == {"transmission5": 2}
    assert [entry.name for entry in own.waiting()[:2]] == [entry.name for entry in entries]
    engine.store.path(PRICES5).unlink()
    assert own.take(own.fetch(own.waiting()[:2])).files == {"prices5": 2, "transmission5": 2}


def test_a_refusal_ends_the_asking(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still)
    entries = newest(engine, "dispatch_scada", 20)
    engine.client.manners = replace(engine.client.manners, first_backoff=100.0, longest_backoff=100.0)
    site.faults.add("403", path="*" + entries[4].name, times=1)
    site.forget()
    fetched = collector(engine, "dispatch_scada").fetch(entries)
    assert fetched.refused is not None
    assert len(site.requests) <= 12  # the refused one, and what the other of the two had under way meanwhile
    with pytest.raises(AemoOpsError):
        collector(engine, "dispatch_scada").waiting()
