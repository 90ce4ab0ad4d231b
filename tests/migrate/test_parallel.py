"""Beside the stand-in, a process of its own: our engine catches up, both are compared, and AEMO explains the differences."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import StepRefused, VerificationFailed
from aemo_ops.market.catalogue import DATASETS
from aemo_ops.migrate.carry import lost
from aemo_ops.migrate.judge import Nemweb
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps.catch_up import CatchUp
from aemo_ops.migrate.steps.comparing import Gate
from aemo_ops.migrate.steps.copying import Copying
from aemo_ops.migrate.steps.normal import NormalForm
from aemo_ops.migrate.steps.prepare import Prepare
from aemo_ops.migrate.wizard import Wizard
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Replica
from aemo_ops.store.journal import Journal
from tests import warm
from tests.conftest import NOON, recent
from tests.migrate.moving import let_rest
from tests.migrate.stepping import quiet
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)


class Parallel:
    """A site whose clock is set by hand; the old collector in `old`, the move to `ssd`."""

    def __init__(self, place: Path, site: Replica, make: Callable[..., Engine]) -> None:
        self.place, self.site, self._make = place, site, make
        self.move = Move(place / "data 2", place / "ssd", patterns=("no such collector",), drop_columns=True)
        self.at(NOON)
        self.shadow = Shadow(self._engine, self.move.data)

    def at(self, moment: object) -> None:
        self.clock = Clock.starting(moment, 0)  # type: ignore[arg-type]
        self.site.clock = self.clock

    def old(self, *variants: str) -> None:
        """One cycle of the old collector, which then ends: what it had seen is forgotten."""
        words = [word for variant in variants for word in ("--variant", variant)]
        ends = ("--url", self.site.url, "--data", str(self.move.source))
        warm.run("aemo_ops.replica.legacy", "unified_collector", "--test", *ends, *words).check_returncode()
        let_rest(self.move.source)

    def wizard(self) -> Wizard:
        move, shadow, clock = self.move, self.shadow, self.clock
        journal = Journal(self.place / "journal.jsonl")
        steps = (
            *(
                Prepare(move, clock, journal),
                Copying(move, clock),
                NormalForm(move, clock),
                CatchUp(move, shadow, clock),
            ),
            Gate(move, shadow, clock, lambda: Nemweb(shadow.engine().client)),
        )
        return Wizard(journal, steps, move.inputs())

    def frame(self, folder: Path, name: str) -> pd.DataFrame:
        return pd.read_parquet(folder / f"{name}.parquet")

    def _engine(self, folder: Path) -> Engine:
        return self._make(self.site.url, self.clock, home=self.place / "home", data=folder)


@pytest.fixture
def parallel(tmp_path: Path, engine_at: Callable[..., Engine]) -> Iterator[Parallel]:
    with Replica(recent(20), Clock.starting(NOON, 0)) as site:
        made = Parallel(tmp_path, site, engine_at)
        yield made
        made.shadow.stop()


def test_our_engine_catches_up_and_what_the_old_one_did_wrong_is_explained(parallel: Parallel) -> None:
    for quarter in range(5):  # an hour of the old collector, restarted four times
        parallel.at(NOON + quarter * timedelta(minutes=15))
        parallel.old("us", "extra-columns")
    parallel.at(NOON + timedelta(hours=2))
    parallel.wizard().run(quiet(), only="catch_up")
    gate = parallel.wizard()._steps[-1]
    until(lambda: gate.check() is None, "our engine has read enough", 120)
    found = parallel.wizard().run(quiet())
    assert [one.phase for one in found] == [Phase.DONE] * 5
    told = {one["dataset"]: one for one in found[-1].evidence["datasets"]}
    assert set(told) == {dataset.name for dataset in DATASETS} and found[-1].evidence["verdict"] == "pass"
    assert (
        told["prices5"]["equal"] == 5 * told["prices5"]["intervals"] and "old missed it" in told["prices5"]["reasons"]
    )
    assert told["scada30"]["different"] > 0  # half hours of fewer than six
    assert set(told["scada30"]["reasons"]) <= {
        "old missed it", "old was wrong: the mean of fewer than six", "old was wrong: the mean of the last five of six",
    }  # fmt: skip
    for dataset in DATASETS:
        old, new = (folder / dataset.file_name for folder in (parallel.move.source, parallel.move.data))
        assert lost(dataset, old, new, NOON + timedelta(days=1)) == []
    ours, theirs = (parallel.frame(folder, "prices5") for folder in (parallel.move.data, parallel.move.source))
    assert len(ours) > 2 * len(theirs)  # its holes are filled


def test_rows_that_the_old_one_got_after_the_copy_come_over(parallel: Parallel) -> None:
    parallel.old()
    parallel.wizard().run(quiet(), only="normal")
    parallel.at(NOON + timedelta(minutes=25))
    parallel.old()
    before = len(parallel.frame(parallel.move.data, "scada5"))
    parallel.site.stop()  # so that nobody else brings them
    found = {one.name: one for one in parallel.wizard().run(quiet(), only="catch_up")}
    carried = {one["dataset"]: one["inserted"] for one in found["catch_up"].evidence["datasets"]}
    assert (
        carried["prices5"] == 25 and carried["scada5"] == len(parallel.frame(parallel.move.source, "scada5")) - before
    )


def test_what_the_old_one_gets_first_later_is_not_lost_but_what_came_over_may_not_go(parallel: Parallel) -> None:
    parallel.old()
    parallel.wizard().run(quiet(), only="normal")
    parallel.at(NOON + timedelta(minutes=25))
    parallel.old()
    parallel.site.stop()
    parallel.at(NOON + timedelta(minutes=45))
    parallel.wizard().run(quiet(), only="catch_up")
    theirs = parallel.frame(parallel.move.source, "prices5")
    last = theirs[theirs["settlementdate"] == theirs["settlementdate"].max()]
    newer = last.assign(settlementdate=last["settlementdate"] + pd.Timedelta(minutes=5))
    assert newer["settlementdate"].max() < parallel.clock.now()
    pd.concat([theirs, newer]).to_parquet(parallel.move.source / "prices5.parquet", index=False)
    parallel.wizard().run(quiet(), only="catch_up")  # holds
    ours = parallel.frame(parallel.move.data, "prices5")
    gone = ours["settlementdate"].isin(last["settlementdate"])
    assert gone.sum() == 5
    ours[~gone].to_parquet(parallel.move.data / "prices5.parquet", index=False)
    with pytest.raises(VerificationFailed, match=r"lacks rows that .*prices5.* has: 2026-04-20 12:30:00 NSW1"):
        parallel.wizard().run(quiet(), only="catch_up")


def test_too_little_is_no_evidence_yet(parallel: Parallel) -> None:
    parallel.old()
    with pytest.raises(StepRefused, match="not enough evidence yet"):
        parallel.wizard().run(quiet())
    assert [one.phase for one in parallel.wizard().standings()] == [Phase.DONE] * 4 + [Phase.OPEN]


def test_a_wrong_value_of_ours_stops_the_move(parallel: Parallel) -> None:
    for visit in range(3):
        parallel.at(NOON + visit * timedelta(minutes=25))
        parallel.old()
    parallel.at(NOON + timedelta(hours=2))
    parallel.wizard().run(quiet(), only="catch_up")
    gate = parallel.wizard()._steps[-1]
    until(lambda: gate.check() is None, "our engine has read enough", 120)
    ground = parallel.shadow.ground()
    prices = DATASETS[0]
    end = max(gate._own(prices))  # one that it will not read once more
    rows = ground.store.read(prices, end - timedelta(minutes=5), end)
    with ground.turn():
        ground.store.merge(prices, rows.set_column(2, "rrp", [[price + 1.0 for price in rows["rrp"].to_pylist()]]))
    old = parallel.move.source / "scada5.parquet"
    whole = old.read_bytes()
    old.write_bytes(whole[: len(whole) // 2])  # the old collector is in the middle of writing it: that is waited for
    later = threading.Timer(0.3, lambda: old.write_bytes(whole))
    later.start()
    with pytest.raises(VerificationFailed, match=r"prices5: .*new is wrong: another value than AEMO's"):
        parallel.wizard().run(quiet())
    later.join()
    assert parallel.wizard().standings()[-1].phase is Phase.FAILED


def test_a_rollback_ends_our_engine_and_leaves_the_old_files_alone(parallel: Parallel) -> None:
    parallel.old()
    before = {path.name: path.read_bytes() for path in parallel.move.source.iterdir()}
    parallel.wizard().run(quiet(), only="catch_up")
    found = parallel.wizard().rollback(quiet())
    assert [one.phase for one in found] == [Phase.UNDONE] * 4 + [Phase.OPEN]
    assert {path.name: path.read_bytes() for path in parallel.move.source.iterdir()} == before
    assert not (parallel.place / "ssd").exists()
