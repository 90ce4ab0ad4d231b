"""The day of looking after the switch: what it ticks, it has seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import NotYet, VerificationFailed
from aemo_ops.market.catalogue import PRICES5
from aemo_ops.migrate.note import Note
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps.switch import NOTE
from aemo_ops.migrate.steps.watching import Watch
from aemo_ops.migrate.wizard import Wizard
from aemo_ops.store.journal import Journal
from tests.conftest import only_soak
from tests.migrate.stepping import quiet as nobody
from tests.migrate.switching import Switching
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def switched(here: Switching) -> Switching:
    here.old()
    here.switch()
    return here


def watch(here: Switching, hours: float) -> Wizard:
    step = Watch(replace(here.move, watch_hours=hours), here.shadow, here.clock)
    return Wizard(Journal(here.place / f"{hours}.jsonl"), [step], {})


def test_its_lines_tick_themselves_from_what_was_seen_and_a_second_writer_stops_it(switched: Switching) -> None:
    with pytest.raises(
        NotYet, match=r"watched 0\.\d h of 24.0 h since the switch; it is looked at again at 2026-04-21T12:"
    ):
        watch(switched, 24).run(nobody())
    since = datetime.fromisoformat(Note(switched.move.backup / NOTE).read()["switched"])
    history = switched.shadow.engine().history
    until(lambda: any(end > since for _, end in history("prices5", since)), "an interval that ended after the switch")
    found = watch(switched, 0.0001).run(nobody())[0]
    lines = {one["what"]: one for one in found.evidence["lines"]}
    assert found.phase is Phase.DONE and all(one["ok"] for one in lines.values())
    assert lines["writers"]["measured"] == "ours alone" and "MB" in lines["memory"]["measured"]
    assert "the slowest" in lines["prices5 advances"]["measured"]
    assert lines["scada5 without a gap"]["measured"] == "0 intervals missing"
    switched.old()
    with pytest.raises(VerificationFailed, match=r"writers: ours, and process .* \(should be ours alone\)"):
        watch(switched, 0.0002).run(nobody())


@only_soak
def test_a_hole_stops_it(switched: Switching) -> None:
    """Cut out of the file by another program, of an interval since the switch."""
    path = switched.move.data / "prices5.parquet"
    told = Note(switched.move.backup / NOTE).read()["switched"]  # what lacks from before then, the switch itself told
    due = datetime.fromisoformat(told) + timedelta(minutes=12)
    until(lambda: switched.clock.now() > due, "the first interval since is due")
    with switched.shadow.ground().turn():
        rows = pq.read_table(path)
        times = rows["settlementdate"]
        first = min(one for one in times.to_pylist() if one.isoformat() > told)
        other = path.with_name("written.by.another.program")
        pq.write_table(rows.filter(pc.not_equal(times, pa.scalar(first, times.type))), other)
        other.replace(path)
        switched.shadow.engine().gaps().forget(PRICES5)
    with pytest.raises(
        VerificationFailed, match=r"prices5 without a gap: 1 interval missing \(should be none missing\)"
    ):
        watch(switched, 0.0001).run(nobody())
