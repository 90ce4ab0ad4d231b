"""What is missing is read once for all the tabs of a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from aemo_ops.clock import Clock
from aemo_ops.market.intervals import FIVE_MINUTES
from aemo_ops.migrate.house import House
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.gaps import Gaps
from aemo_ops.replica import Replica
from aemo_ops.ui.model import Model
from aemo_ops.ui.surveyor import Surveyor


def test_tabs_share_one_reading_until_something_changes(
    engine_at: Callable[..., Engine], site: Replica, still: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, read = engine_at(site.url, still).settings, []
    house, whole = House(lambda: settings, "a test"), Gaps.of
    monkeypatch.setattr(Gaps, "of", lambda gaps, dataset: read.append(dataset.name) or whole(gaps, dataset))  # type: ignore[func-returns-value]
    models = [Model(house) for _ in range(3)]

    def look(model: Model) -> object:
        # No document, so nothing is delivered later: the reading itself is asked for.
        surveyor = Surveyor(model)
        monkeypatch.setattr(model, "fetch", lambda ask, then, _what: then(ask()))
        surveyor.look()
        return model.survey

    names = [dataset.name for dataset in house.snapshot().datasets]
    first = look(models[0])
    assert read == names
    assert look(models[1]) is first and read == names
    models[2].now = models[2].now + FIVE_MINUTES + timedelta(seconds=1)  # another interval is due
    assert look(models[2]) is not first
    assert read == names + names
    models[0].snapshot = replace(models[0].snapshot, folder="/another")
    assert look(models[0]) is not first
