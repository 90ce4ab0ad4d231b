"""A file that cannot be merged into: said in each cycle, and NEMWEB is not asked again and again for what waits for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import PRICES5, PRICES30, SCADA5, TRANSMISSION5
from aemo_ops.market.dataset import Dataset
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.replica import Replica
from aemo_ops.store.lease import adopt
from tests.conftest import IN_CURRENT, NOON, SOAK
from tests.waiting import until

Make = Callable[..., Engine]
SPOILT = [(PRICES5, "corrupt"), (PRICES30, "mismatch"), (PRICES5, "mismatch"), (PRICES30, "corrupt")]


def spoil(engine: Engine, dataset: Dataset, how: str) -> None:
    adopt(engine.store.folder)
    if how == "corrupt":
        engine.store.path(dataset).write_bytes(b"not parquet")
    else:
        other = SCADA5 if dataset is not SCADA5 else PRICES5
        pq.write_table(other.schema.empty_table(), engine.store.path(dataset))


def cycle(engine: Engine, site: Replica) -> list[str]:
    """A cycle and its catch-up; the files that were asked for."""
    site.forget()
    engine.once()
    engine.settle().catch_up(Progress(), 0.0)
    return [path for path in site.requests if path.endswith(".zip")]


@pytest.mark.parametrize(("spoilt", "how"), SPOILT if SOAK else SPOILT[:2], ids=lambda one: getattr(one, "name", one))
def test_what_waits_for_an_unfit_file_is_fetched_once_and_again_when_the_file_has_changed(
    site: Replica, still: Clock, engine_at: Make, spoilt: Dataset, how: str
) -> None:
    engine = engine_at(site.url, still, datasets=("prices5", "prices30", "transmission5"))
    spoil(engine, spoilt, how)
    assert len(cycle(engine, site)) == IN_CURRENT  # for the other dataset of the report
    assert engine.store.extent(TRANSMISSION5).rows > 0
    for _ in range(2):
        assert cycle(engine, site) == []
        fact = engine.state.facts("collector")["dispatchis"]
        assert fact["state"] == "failed" and spoilt.file_name in fact["error"]
    site.clock = Clock.starting(NOON + timedelta(minutes=5), 0)
    assert len(cycle(engine, site)) == 1  # what is new is read
    engine.store.path(spoilt).unlink()
    assert len(cycle(engine, site)) == IN_CURRENT + (not SOAK)  # or the oldest has left Current
    assert engine.state.facts("collector")["dispatchis"]["error"] == ""
    assert engine.store.extent(PRICES5).rows >= IN_CURRENT * 5
    assert cycle(engine, site) == []


@pytest.mark.parametrize("verb", ["run_now", "retry"])
def test_who_asks_for_it_has_it_tried_again(site: Replica, still: Clock, engine_at: Make, verb: str) -> None:
    engine = engine_at(site.url, still, datasets=("scada5",))
    spoil(engine, SCADA5, "corrupt")
    cycle(engine, site)
    assert "scada5.parquet cannot be read" in engine.dry_run()["dispatch_scada"]
    assert cycle(engine, site) == []
    engine.command(verb, "dispatch_scada")
    engine.start()
    until(lambda: any(path.endswith(".zip") for path in site.requests), "files are asked for")
