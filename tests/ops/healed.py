"""A site with all sources, an engine on a folder whose history is whole, and holes to cut into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from aemo_ops.market import catalogue
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.request import Filled, Request
from aemo_ops.replica import Replica, Shelf
from tests.conftest import NOON
from tests.ops import history

EVERY = ("prices5", "scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30")
PRICES = ("prices5", "prices30")
DAY = timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0, minute=0)


@dataclass
class Site:
    """A site, an engine on a folder of ours, and the whole files that its history should have."""

    replica: Replica
    shelf: Shelf
    engine: Engine
    whole: history.Frames

    def cut(self, name: str, *spans: tuple[datetime, datetime], ids: tuple[str, ...] = ()) -> None:
        """Take the rows of (since, until] out of a file, of some ids or of all."""
        frame = self.whole[name]
        mask = pd.Series(False, index=frame.index)
        for since, end in spans:
            mask |= (frame["settlementdate"] > since) & (frame["settlementdate"] <= end)
        if ids:
            mask &= frame.iloc[:, 1].isin(ids)
        history.write(self.engine, {name: frame[~mask]})

    def heal(self, **request: object) -> dict[str, Filled]:
        wanted = Request(self.engine.datasets, **{"workers": 0, **request})  # type: ignore[arg-type]
        backfill = self.engine.healing().backfill(wanted)
        return {filled.dataset: filled for filled in backfill.run(wanted, Progress(lambda *_: None))}

    def states(self, name: str) -> dict[Presence, int]:
        found = self.engine.gaps().of(catalogue.dataset(name))
        assert found
        return {state: found.count(state) for state in Presence if found.count(state)}

    def same(self, name: str, tolerance: float = 1e-9) -> None:
        history.same(history.read(self.engine, name), self.whole[name], tolerance)

    @property
    def files(self) -> list[str]:
        """The files fetched so far, listings left out."""
        return [path for path in self.replica.requests if path.endswith(".zip")]
