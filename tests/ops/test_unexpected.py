"""An error that nobody thought of, in one collector: said, logged, and no trouble of the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import PRICES5, SCADA5
from aemo_ops.nemweb import report
from aemo_ops.ops import collector
from aemo_ops.ops.collector import TRIES, Collector
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.replica import Replica
from aemo_ops.store.ledger import Fate
from tests.conftest import IN_CURRENT, NOON, SCADA_IN_CURRENT, SOAK
from tests.ops.truth import in_file, published
from tests.waiting import until

Make = Callable[..., Engine]
STONE = "a stone in the way"


def stumbling(monkeypatch: pytest.MonkeyPatch, name: str, method: str) -> None:
    """The collector of this report stumbles in a method; the others do not."""
    whole = getattr(Collector, method)

    def either(self: Collector, *rest: Any) -> Any:
        if self.report.name == name:
            raise IndexError(STONE)
        return whole(self, *rest)

    monkeypatch.setattr(Collector, method, either)


@pytest.mark.parametrize("method", ["to_read", "fetch", "take"])
def test_one_collector_that_stumbles_is_said_and_the_others_run(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    stumbling(monkeypatch, "dispatchis", method)
    engine = engine_at(site.url, still, datasets=("prices5", "scada5"))
    engine.start()
    number = engine.command("run_now", "all")
    until(lambda: engine.answered(number) is not None, "the answer", 60)
    answers = dict(line.split(": ", 1) for line in str(engine.answered(number)).splitlines())
    assert STONE in answers["dispatchis"] and "read" in answers["dispatch_scada"]
    until(lambda: engine.snapshot().cycle, "a cycle is over")
    told = {c.name: c for c in engine.snapshot().collectors}
    assert (told["dispatchis"].state, told["dispatch_scada"].state) == ("failed", "idle")
    assert engine.snapshot().problems == ()
    (*_, event) = [e for e in engine.snapshot().events if (e.kind, e.subject) == ("failed", "dispatchis")]
    name = event.text.split("an unexpected error, ")[1].split(" ")[0]
    until(lambda: any(f"({name})" in line for line in engine.log(400)), "the log has it")
    assert any("Traceback" in line for line in engine.log(400))
    monkeypatch.undo()
    number = engine.command("run_now", "dispatchis")
    until(lambda: engine.answered(number) is not None, "the answer", 60)
    assert "read" in str(engine.answered(number))
    assert engine.store.extent(PRICES5).rows > 0


def test_a_command_that_stumbles_is_answered_and_so_are_those_after_it(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stumbling(monkeypatch, "dispatchis", "to_read")
    engine = engine_at(site.url, still, datasets=("prices5", "scada5"))
    numbers = [engine.command(verb, "dispatchis") for verb in ("dry_run", "stop")]
    engine.start()
    until(lambda: all(engine.answered(number) is not None for number in numbers), "both answers")
    first, second = (str(engine.answered(number)) for number in numbers)
    assert STONE in first
    assert second == "dispatchis: stopped"


def test_the_catch_up_puts_the_batch_aside_in_which_it_stumbles(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(site.url, still, datasets=("prices5", "scada5"))
    engine.once()
    cycles = engine.settle()
    stumbling(monkeypatch, "dispatchis", "take")
    assert cycles.backlog > (900 if SOAK else 50)
    cycles.catch_up(Progress(), 0.0)
    assert cycles.backlog == 0
    assert {time for time, _ in in_file(engine, SCADA5)} == {
        NOON.replace(minute=0) - timedelta(minutes=5 * at) for at in range(SCADA_IN_CURRENT)
    }
    assert STONE in engine.state.facts("collector")["dispatchis"]["error"]
    monkeypatch.undo()
    cycles.collect("dispatchis")
    cycles.catch_up(Progress(), 0.0)
    assert engine.store.extent(PRICES5).rows == IN_CURRENT * 5


@pytest.mark.parametrize("where", ["reading", "merging"])
def test_one_file_in_which_it_stumbles_waits_and_the_others_of_its_batch_count(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    engine = engine_at(site.url, still, datasets=("prices5", "prices30", "transmission5"))
    own = engine.settle().collectors["dispatchis"]
    entries = own.waiting()[:4]
    poison = own.report.interval(entries[1].name)
    read, derive = report.read, collector.derive

    def reading(name: str, *rest: Any) -> Any:
        if name == entries[1].name:
            raise IndexError(STONE)
        return read(name, *rest)

    def deriving(store: Any, ledger: Any, parent: Any, child: Any, touched: pa.Table) -> Any:
        if poison in touched["settlementdate"].to_pylist():
            raise IndexError(STONE)
        return derive(store, ledger, parent, child, touched)

    with monkeypatch.context() as broken:
        if where == "reading":
            broken.setattr(report, "read", reading)
        else:
            broken.setattr(collector, "derive", deriving)
        done = own.take(own.fetch(entries))
        told = done.rejected if where == "reading" else {"prices5": done.failed["prices5"]}
        assert list(told) == [entries[1].name if where == "reading" else "prices5"]
        assert STONE in next(iter(told.values())) and entries[1].name in next(iter(told.values()))
        assert done.files == {"prices5": 3, "transmission5": 3 if where == "reading" else 4}
        assert own.waiting()[0].name == entries[1].name
        for _ in range(TRIES - 1):
            own.take(own.fetch(entries[1:2]))
        is_waiting = entries[1].name in {entry.name for entry in own.waiting()}
        assert is_waiting == (
            where == "merging"
        )  # AEMO's file was read: it is not at fault when ours cannot be written
        assert entries[1].name not in {entry.name for entry in own.to_read()}
    fates = {row.dataset: row.fate for row in engine.files(text=entries[1].name)}
    assert fates.get("prices5") == (Fate.QUARANTINED if where == "reading" else None)
    assert fates["transmission5"] == (Fate.QUARANTINED if where == "reading" else Fate.MERGED)
    engine.settle().ledger.release("dispatchis")
    own.take(own.fetch(own.waiting()[:1]))
    since = own.report.interval(entries[-1].name) - timedelta(minutes=5)
    assert in_file(engine, PRICES5) == published(site.site, "prices5", since, since + timedelta(minutes=20), at=NOON)  # type: ignore[arg-type]


def test_an_error_met_in_our_own_file_never_counts_against_a_file_of_aemo_s(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(site.url, still, datasets=("scada5",))
    engine.once()
    own = engine.settle().collectors["dispatch_scada"]
    entries, rows = own.waiting()[:2], engine.store.extent(SCADA5).rows

    def stumble(*_: Any, **__: Any) -> Any:
        raise IndexError(STONE)

    with monkeypatch.context() as broken:
        broken.setattr("aemo_ops.store.splice.update.merge_rows", stumble)
        for _ in range(TRIES + 1):
            done = own.take(own.fetch(entries))
            assert done.rejected == {} and done.files == {}
            assert "scada5.parquet: an unexpected error" in done.failed["scada5"] and STONE in done.failed["scada5"]
    done = own.take(own.fetch(entries))
    assert done.files == {"scada5": 2} and done.failed == {}
    assert engine.store.extent(SCADA5).rows > rows
    assert {row.fate for row in engine.files(text=entries[0].name)} == {Fate.MERGED}
