"""The folder that is collected into: one that vanishes is waited for, never made anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import FolderRefused
from aemo_ops.market.catalogue import SCADA5
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.snapshot import Role
from aemo_ops.replica import Replica
from aemo_ops.store.lease import ADOPTION, adopt, adopted
from tests.conftest import NOON
from tests.ops.truth import in_file
from tests.waiting import until

Make = Callable[..., Engine]
ONE = ("scada5",)


def ask(engine: Engine, verb: str, subject: str = "") -> str:
    number = engine.command(verb, subject)
    until(lambda: engine.answered(number) is not None, f"the answer to {verb}")
    return str(engine.answered(number))


def test_a_folder_that_vanishes_is_waited_for_and_goes_on_when_it_is_back(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path
) -> None:
    engine = engine_at(site.url, still, datasets=ONE)
    data, away = tmp_path / "data", tmp_path / "away"
    engine.start()
    until(lambda: engine.snapshot().jobs and engine.snapshot().jobs[0].state == "done", "the catch-up ends", 60)
    rows, identity = in_file(engine, SCADA5), adopted(data)
    data.rename(away)
    until(lambda: engine.snapshot().role is Role.OBSERVING, "it is noticed")
    assert "is not there any more" in engine.snapshot().reason
    assert "not there any more" in ask(engine, "run_now", "dispatch_scada")
    assert "not there any more" in ask(engine, "adopt")
    assert not data.exists()
    away.rename(data)
    until(lambda: engine.snapshot().role is Role.COLLECTING, "it goes on by itself")
    site.clock = Clock.starting(NOON + timedelta(minutes=5), 0)
    assert "1 file read" in ask(engine, "run_now", "dispatch_scada")
    assert adopted(data) == identity
    assert rows.keys() < in_file(engine, SCADA5).keys()
    events = engine.snapshot().events
    assert [event.subject for event in events if event.kind == "adopted"] == ["folder"]
    assert not [event for event in events if event.kind == "changed"]


@pytest.mark.parametrize("what", ["empty", "another's"])
def test_another_folder_in_the_place_of_ours_is_not_written_to(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path, what: str
) -> None:
    """An empty mount point, or a volume with a folder that another home collects into."""
    engine = engine_at(site.url, still, datasets=ONE)
    data, away = tmp_path / "data", tmp_path / "away"
    cycles = engine.settle()
    own = cycles.collectors["dispatch_scada"]
    fetched = own.fetch(own.waiting()[:2])
    data.rename(away)
    data.mkdir()
    if what == "another's":
        adopt(data)
    before = sorted(data.iterdir())
    assert "nothing was written" in own.take(fetched).failed["scada5"]  # the folder went while files were on their way
    site.forget()
    with pytest.raises(FolderRefused, match="is not the folder that was collected into"):
        own.fetch(list(fetched.bodies))
    assert site.requests == []
    with pytest.raises(FolderRefused, match="is not the folder that was collected into"):
        engine.settle()
    assert sorted(data.iterdir()) == before
    shutil.rmtree(data)
    away.rename(data)
    assert engine.settle() is cycles
    assert own.take(fetched).files == {"scada5": 2}


def test_a_marker_that_cannot_be_read_is_a_reason_and_no_stumbling(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path
) -> None:
    engine = engine_at(site.url, still, datasets=ONE)
    engine.start()
    until(lambda: engine.snapshot().role is Role.COLLECTING, "it collects")
    marker = tmp_path / "data" / ADOPTION
    text = marker.read_text()
    marker.write_text("rubbish")
    until(lambda: "cannot be read" in engine.snapshot().reason, "it says why it does not collect")
    engine._lookout._look_now.set()
    until(lambda: engine._lookout.due and engine.snapshot().version > 0, "it would look")
    before = engine.snapshot().version
    until(lambda: engine.snapshot().version > before, "a beat later")
    assert engine.snapshot().problems == ()
    marker.write_text(text)
    until(lambda: engine.snapshot().role is Role.COLLECTING, "it goes on")


@pytest.mark.parametrize("what", ["not there", "empty"])
def test_a_process_that_starts_without_the_volume_does_not_begin_in_an_empty_folder_by_itself(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path, what: str
) -> None:
    data, away = tmp_path / "data", tmp_path / "away"
    engine = engine_at(site.url, still, datasets=ONE)
    engine.settle()
    engine.stop()
    data.rename(away)
    if what == "empty":
        data.mkdir()
    engine = engine_at(site.url, still, datasets=ONE)
    with pytest.raises(FolderRefused, match="was collected into before and is empty or not there now"):
        engine.settle()
    assert data.exists() == (what == "empty") and not (data.exists() and list(data.iterdir()))
    if what == "empty":
        data.rmdir()
    away.rename(data)
    engine.settle()


def test_who_threw_the_files_away_begins_anew_by_adopting(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path
) -> None:
    engine = engine_at(site.url, still, datasets=ONE)
    engine.settle()
    engine.stop()
    shutil.rmtree(tmp_path / "data")
    engine = engine_at(site.url, still, datasets=ONE)
    engine.start()
    until(lambda: "adopt the folder" in engine.snapshot().reason, "it says what to do")
    assert not engine.snapshot().adopted
    assert "adopted as" in ask(engine, "adopt")
    until(lambda: engine.snapshot().role is Role.COLLECTING, "it collects")
