"""A picture is drawn in a thread beside the loop, whatever page is open, was closed, or failed meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import holoviews as hv
import pytest
from bokeh.document import Document
from bokeh.io import doc as documents
from bokeh.io.doc import patch_curdoc

from aemo_ops.market import catalogue
from aemo_ops.ui import charts
from aemo_ops.ui.day import Days
from aemo_ops.ui.drawing import figure_of
from aemo_ops.ui.heatmap import HeatMap
from aemo_ops.ui.survey import File, Survey

NOW = datetime(2026, 8, 20, 12)
SURVEY = Survey(NOW, tuple(File(catalogue.dataset(name)) for name in ("prices5", "scada5")))
TIMES = charts.day_until(NOW)
STRIP = charts.Strip("prices5", "regionid", "rrp", "$/MWh", "Price", "", 120)
PICTURES: dict[str, Callable[[], Any]] = {
    "plot of HoloViews": lambda: figure_of(hv.HeatMap([(0, 0, 1), (1, 1, 2)])),
    "overview of files and days": lambda: HeatMap(SURVEY, 30, lambda _name, _column: None),
    "days of a file": Days,
    "ages": lambda: charts.AgeChart("5 minutes", ("prices5",), TIMES, last=True),
    "values": lambda: charts.ValueChart(("NSW1",), STRIP, TIMES),
    "costs": lambda: charts.CostChart("A cycle", TIMES, 90, "#2f7de1"),
}


@pytest.fixture
def failed_page() -> Iterator[None]:
    """A callback of a page that raised: Bokeh never takes that page from the stack of what the whole process works for."""
    before = list(documents._PATCHED_CURDOCS)

    def fails() -> None:
        with patch_curdoc(Document()):
            raise OSError("the disk is away")

    with pytest.raises(OSError, match="the disk is away"):
        fails()
    gc.collect()
    assert documents._PATCHED_CURDOCS[-1]() is None
    yield
    documents._PATCHED_CURDOCS[:] = before


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_is_drawn_after_a_page_failed_and_was_closed(failed_page: None, picture: str) -> None:
    with ThreadPoolExecutor(1) as beside:
        assert beside.submit(PICTURES[picture]).result() is not None


def test_a_picture_asks_nothing_of_the_page_that_the_loop_works_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it held by that one, which may be another visitor's."""
    asked: list[object] = []
    monkeypatch.setattr(Document, "on_session_destroyed", lambda document, *_: asked.append(document))
    page = Document()
    with patch_curdoc(page), ThreadPoolExecutor(1) as beside:
        for make in PICTURES.values():
            beside.submit(make).result()
    assert page not in asked
