"""What a page leaves behind in the server."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import holoviews as hv
import panel as pn

from aemo_ops.clock import Clock
from aemo_ops.migrate.house import House
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Replica
from aemo_ops.ui import shell
from aemo_ops.ui.day import Days
from aemo_ops.ui.drawing import figure_of
from tests.ui.browsing import answers, free_port
from tests.waiting import until


def test_pictures_drawn_beside_the_loop_are_held_by_nobody() -> None:
    """HoloViews asks the document at hand to tell it of the session's end: in a thread that is one which never ends."""
    with ThreadPoolExecutor(1) as beside:
        days = beside.submit(Days).result()
        plot = beside.submit(figure_of, hv.HeatMap([(0, 0, 1), (1, 1, 2)])).result()
    left = [weakref.ref(one) for one in (days, days.plot, plot)]
    del days, plot
    gc.collect()
    assert [one() for one in left] == [None] * 3


def test_a_page_that_nobody_has_open_any_more_is_let_go(
    engine_at: Callable[..., Engine], site: Replica, still: Clock
) -> None:
    settings, port, pages = engine_at(site.url, still).settings, free_port(), list[weakref.ref[Any]]()

    house = House(lambda: settings, "a test")

    def page() -> Any:
        made = shell.page(house)
        pages.append(weakref.ref(made))
        return made

    lifetimes = {"unused_session_lifetime_milliseconds": 50, "check_unused_sessions_milliseconds": 50}
    server = pn.serve({"app": page}, port=port, show=False, threaded=True, **lifetimes)
    try:
        until(lambda: answers(f"http://localhost:{port}/app"), "a visit")
        assert pages
        until(lambda: gc.collect() >= 0 and not any(left() for left in pages), "it is let go")
    finally:
        server.stop()
