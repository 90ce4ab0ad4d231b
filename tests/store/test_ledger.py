from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aemo_ops.errors import StoreCorrupt
from aemo_ops.store.ledger import Fate, Ledger, LedgerRow

T = datetime(2026, 4, 20, 12)


def entry(file: str, dataset: str = "prices5", fate: Fate = Fate.MERGED, **more: object) -> LedgerRow:
    values = {"report": "dispatchis", "interval": T, "published": T, "at": T, **more}
    return LedgerRow(file=file, dataset=dataset, fate=fate, **values)  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite", "folder-a")


def test_a_file_is_settled_for_each_dataset_apart(ledger: Ledger) -> None:
    ledger.record(
        [entry("a.zip"), entry("b.zip", "transmission5", Fate.REJECTED), entry("c.zip", fate=Fate.QUARANTINED)]
    )
    assert ledger.settled("dispatchis", T) == {("a.zip", T, None): {"prices5"}, ("c.zip", T, None): {"prices5"}}
    assert ledger.settled("dispatchis", T + timedelta(minutes=5)) == {}
    assert ledger.settled("dispatch_scada", T) == {}


def test_a_file_published_again_under_its_name_is_settled_by_its_time_and_its_size(ledger: Ledger) -> None:
    ledger.record([entry("a.zip", size=700), entry("b.zip", fate=Fate.REJECTED, size=10, tries=4)])
    ledger.record([entry("a.zip", "transmission5", published=T + timedelta(minutes=1), size=700)])
    assert ledger.settled("dispatchis", T) == {
        ("a.zip", T, 700): {"prices5"},
        ("a.zip", T + timedelta(minutes=1), 700): {"transmission5"},
    }
    tries = [ledger.tries(("b.zip", at, size)) for at, size in ((T, 10), (T, 11), (T + timedelta(minutes=1), 10))]
    assert tries == [4, 0, 0]


def test_a_folder_has_a_ledger_of_its_own(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record([entry("a.zip")])
    assert Ledger(tmp_path / "ledger.sqlite", "folder-b").settled("dispatchis", T) == {}
    assert Ledger(tmp_path / "ledger.sqlite", "folder-a").settled("dispatchis", T) == {("a.zip", T, None): {"prices5"}}


def test_the_search_finds_by_file_reason_report_and_fate(ledger: Ledger) -> None:
    ledger.record([entry("a_1.zip"), entry("b_2.zip", fate=Fate.REJECTED, reason="the footer counts 9 lines", tries=2)])
    assert [row.file for row in ledger.search("FOOTER")] == ["b_2.zip"]
    assert [row.file for row in ledger.search("a_1")] == ["a_1.zip"]
    assert ledger.search("%") == ledger.search("'; drop table files; --") == []
    assert [row.tries for row in ledger.search(fate="rejected")] == [2]
    assert len(ledger.search(report="dispatchis")) == 2


def test_quarantined_files_can_be_released(ledger: Ledger) -> None:
    ledger.record([entry("a.zip", fate=Fate.QUARANTINED, tries=5)])
    assert ledger.count("dispatchis", Fate.QUARANTINED) == 1
    assert ledger.release("dispatch_scada") == 0
    assert ledger.release("dispatchis") == 1
    assert ledger.tries(("a.zip", T, None)) == 0


def test_partial_half_hours_are_known_until_they_are_complete(ledger: Ledger) -> None:
    ledger.mark_partial("scada30", [(T, "BAT1", 3), (T, "COAL1", 1)])
    ledger.mark_complete("scada30", [(T, "BAT1")])
    assert ledger.partial("scada30", T - timedelta(hours=1), T) == {(T, "COAL1")}
    assert ledger.partial("scada30", T, T + timedelta(hours=1)) == set()


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"rubbish" * 1000)
    with pytest.raises(StoreCorrupt, match="Move it away"):
        Ledger(tmp_path / "ledger.sqlite", "folder")


def test_what_was_merged_is_told_once(ledger: Ledger) -> None:
    ledger.record([entry("a.zip", rows=5), entry("b.zip", fate=Fate.REJECTED), entry("c.zip", "scada5", rows=400)])
    told, mark = ledger.rows_since("prices5", 0)
    assert told == [(T, 5)]
    assert ledger.rows_since("prices5", mark) == ([], mark)
    later = T + timedelta(minutes=5)
    ledger.record([entry("b.zip", rows=4), entry("d.zip", rows=3, interval=later)])  # in the very second of the mark
    told, mark = ledger.rows_since("prices5", mark)
    assert sorted(told) == [(T, 4), (later, 3)]
    assert ledger.rows_since("prices5", mark) == ([], mark)


def steps(ledger: Ledger, ask: Callable[[Ledger], object]) -> int:
    """How many instructions of SQLite's virtual machine a question takes: exact, whatever else the computer does."""
    passed: list[None] = []
    ledger._database._connection.set_progress_handler(lambda: passed.append(None), 1)
    ask(ledger)
    ledger._database._connection.set_progress_handler(None, 1)
    return len(passed)


def last(ledger: Ledger) -> int:
    """The number of the newest entry."""
    return int(str(ledger._database.read("SELECT max(rowid) FROM files")[0][0]))


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda ledger: ledger.count("dispatchis", Fate.QUARANTINED), id="quarantined"),
        pytest.param(lambda ledger: ledger.settled("dispatchis", T - timedelta(hours=1)), id="settled"),
        pytest.param(lambda ledger: ledger.merged_files("dispatchis", T - timedelta(hours=1), T), id="merged"),
        pytest.param(lambda ledger: ledger.tries(("new.zip", T, None)), id="tries"),
        pytest.param(lambda ledger: ledger.rows_since("prices5", last(ledger) - 1), id="since"),
    ],
)
def test_what_a_cycle_asks_takes_as_long_with_years_of_files_as_with_a_day(
    tmp_path: Path, ask: Callable[[Ledger], object]
) -> None:
    taken = []
    for days in (1, 20):
        path = tmp_path / f"{days}.sqlite"
        ledger = Ledger(path, "folder-a")
        ledger._database._connection.execute("DROP INDEX IF EXISTS files_by_fate")  # as it was made before
        old = [T - timedelta(minutes=5 * at) for at in range(13, 288 * days)]
        ledger.record(entry(f"{at}.zip", interval=at, at=at) for at in old)
        ledger.record([entry("new.zip", fate=Fate.QUARANTINED, tries=5), entry("newer.zip")])
        ledger.close()
        taken.append(steps(Ledger(path, "folder-a"), ask))
    assert taken[0] == taken[1] > 0
