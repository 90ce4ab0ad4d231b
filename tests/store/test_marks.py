"""What is known of rows beside the rows: kept for each folder, by interval and id, and over a change of the program."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aemo_ops.store.absences import Absences, Asked
from aemo_ops.store.ledger import Fate, Ledger, LedgerRow

T = datetime(2026, 4, 20, 12)
HALF = timedelta(minutes=30)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite", "folder-a")


def test_what_is_provisional_is_known_by_interval_and_id_until_it_is_no_more(ledger: Ledger, tmp_path: Path) -> None:
    keys = {(T, "NSW1"), (T, "SA1"), (T + HALF, "SA1")}
    ledger.mark_provisional("rooftop30", keys)
    assert ledger.provisional("rooftop30", T - HALF, T) == {(T, "NSW1"), (T, "SA1")}
    ledger.unmark_provisional("rooftop30", {(T, "SA1")})
    assert ledger.provisional("rooftop30", T - HALF, T + HALF) == {(T, "NSW1"), (T + HALF, "SA1")}
    assert not ledger.provisional("prices30", T - HALF, T + HALF)
    assert not Ledger(tmp_path / "ledger.sqlite", "folder-b").provisional("rooftop30", T - HALF, T + HALF)


def test_a_fallback_is_known_for_its_half_hour_until_all_is_the_mean_of_six(ledger: Ledger) -> None:
    ledger.fell_back("prices30", [T, T + HALF], "TradingIS")
    assert ledger.fallbacks("prices30", T, T + HALF) == {T + HALF: "TradingIS"}
    ledger.forget_fallbacks("prices30", [T])
    assert ledger.fallbacks("prices30") == {T + HALF: "TradingIS"}


def test_the_earliest_beginning_of_a_file_stays(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.began("prices5") is None
    for first, known in ((T, T), (T + HALF, T), (T - HALF, T - HALF), (T, T - HALF)):
        ledger.mark_began("prices5", first)
        assert ledger.began("prices5") == known
    assert Ledger(tmp_path / "ledger.sqlite", "folder-b").began("prices5") is None


def test_a_ledger_of_an_older_version_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(
            "CREATE TABLE files (folder TEXT NOT NULL, file TEXT NOT NULL, dataset TEXT NOT NULL, report TEXT NOT NULL,"
            " source TEXT NOT NULL, fate TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,"
            " interval TEXT NOT NULL, published TEXT NOT NULL, size INTEGER, at TEXT NOT NULL,"
            " rows INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (folder, file, dataset));"
            "CREATE TABLE partial (folder TEXT NOT NULL, dataset TEXT NOT NULL, interval TEXT NOT NULL, id TEXT NOT NULL,"
            " present INTEGER NOT NULL, PRIMARY KEY (folder, dataset, interval, id)) WITHOUT ROWID;"
            "CREATE TABLE fallbacks (folder TEXT NOT NULL, dataset TEXT NOT NULL, interval TEXT NOT NULL,"
            " source TEXT NOT NULL, PRIMARY KEY (folder, dataset, interval)) WITHOUT ROWID;"
            "INSERT INTO partial VALUES ('folder-a', 'prices30', '2026-04-20T12:00:00', 'SA1', 4);"
            "INSERT INTO fallbacks VALUES ('folder-a', 'prices30', '2026-04-20T11:30:00', 'TradingIS');"
        )
    old.close()
    ledger = Ledger(path, "folder-a")
    assert ledger.partial("prices30", T - HALF, T) == {(T, "SA1")}
    assert ledger.fallbacks("prices30") == {T - HALF: "TradingIS"}
    ledger.record([LedgerRow("a.zip", "prices5", "dispatchis", Fate.MERGED, T, T, T, rows=5)])
    ledger.record([LedgerRow("b.zip", "prices5", "dispatchis", Fate.REJECTED, T - HALF, T, T, rows=5)])
    assert ledger.oldest_merged("prices5") == T


def test_a_file_that_was_published_again_takes_all_that_was_known_of_it_before(tmp_path: Path) -> None:
    absences = Absences(tmp_path / "ledger.sqlite", "folder-a")

    def asked(first: datetime, size: int, file: str = "a.zip") -> Asked:
        return Asked("prices5", "archive", "dispatchis", file, T, size, first, first + HALF, 0, False, T)

    absences.add_asked([asked(T, 10), asked(T + 4 * HALF, 10), asked(T, 10, "b.zip")])
    absences.add_asked([asked(T + 8 * HALF, 11)])
    assert absences.asked("prices5", "archive", "dispatchis") == [asked(T + 8 * HALF, 11), asked(T, 10, "b.zip")]
    assert not absences.asked("prices5", "mmsdm", "dispatchis")
    absences.forget_asked("archive", T + 5 * HALF)
    assert absences.asked("prices5", "archive", "dispatchis") == [asked(T + 8 * HALF, 11)]
