"""A rehearsal on copies: what would happen is told, and nothing of the real thing is touched."""

from __future__ import annotations

import logging
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.host import disk
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.rehearsal import rehearse
from aemo_ops.settings import Settings
from tests.migrate.stepping import quiet as nobody
from tests.migrate.switching import Switching
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def here(here: Switching) -> Switching:
    """Nothing was begun yet."""
    shutil.rmtree(here.move.base)
    return here


def tried(here: Switching, move: Move, scratch: Path) -> tuple[list[tuple[str, bool]], str]:
    settings = Settings(
        home=here.place / "home",
        data_path=here.place / "home" / "data",
        nemweb_url=here.url,
        clock_file=here.clock_file,
        request_gap=0.001,
        catchup_gap=0.02,
    )
    told = rehearse(settings, move, scratch, nobody())
    assert all(one.seconds >= 0 for one in told.steps)
    return [(one.title, one.ok) for one in told.steps], told.sentence


def test_it_goes_up_to_the_switch_on_copies_and_leaves_nothing(
    here: Switching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    old = here.old()
    until((here.move.source / "gen_info.pkl").exists, "the old collector has been through a cycle")
    state = {path: path.stat().st_ino for path in here.place.rglob("*") if path.is_file()}
    begun: list[object] = []
    real = subprocess.Popen.__init__

    def watched(self: object, *arguments: object, **options: object) -> None:
        begun.append(arguments[0])
        real(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(subprocess.Popen, "__init__", watched)
    steps, sentence = tried(here, here.move, scratch)
    assert [one for one in begun if "crontab" not in str(one)] == []  # it starts nothing
    titles = (
        *("The folders as they are", "Copies for the rehearsal", "Prepare", "Copy & verify", "Normal form"),
        *("Catch up & parallel run", "Compare", "Switchover"),
    )
    assert steps == [(title, True) for title in titles], sentence
    assert sentence.startswith("Up to the switch the move would take about") and old.poll() is None
    assert list(scratch.iterdir()) == [] and not here.move.base.exists()
    assert set(state) <= {path for path in here.place.rglob("*") if path.is_file()}
    assert not (here.place / "home" / "move").exists()
    logs = [getattr(handler, "baseFilename", "") for handler in logging.getLogger("aemo_ops").handlers]
    assert not [
        log for log in logs if log.startswith(str(scratch))
    ]  # a log of a folder that is gone fails when it rotates


def test_what_would_stop_the_move_is_told_and_still_nothing_is_left(here: Switching, tmp_path: Path) -> None:
    (here.move.source / "prices5.parquet").write_bytes(b"PAR1 torn")
    steps, sentence = tried(here, here.move, tmp_path)
    assert steps[-1][1] is False and sentence.startswith(f"The move would stop at: {steps[-1][0]}. ")
    assert "prices5.parquet" in sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["place"]


def test_without_room_for_the_copies_nothing_begins(
    here: Switching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = replace(disk.volume(tmp_path), free=10)
    monkeypatch.setattr(disk, "volume", lambda path: full)
    with pytest.raises(StepRefused, match=r"a rehearsal needs [\d,]+ bytes below .* 10 are free"):
        tried(here, here.move, tmp_path)
