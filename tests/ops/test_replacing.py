"""Replacing rows by what AEMO has now: shown first, put in place only when told to, half hours along with them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from aemo_ops.errors import SettingsError
from aemo_ops.market.catalogue import PRICES5, PRICES30
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.replacing import Difference, apply, new_spool
from aemo_ops.ops.request import Request
from tests.ops import history
from tests.ops.healed import DAY, MIDNIGHT, Site

SINCE, UNTIL = MIDNIGHT - 4 * DAY, MIDNIGHT - 3 * DAY
QUIET = Progress(lambda *_: None)


def damaged(site: Site) -> pd.DataFrame:
    """Twelve values that are wrong by a dollar, and one interval that is missing, inside the day; the file as it was."""
    frame = site.whole["prices5"].copy()
    inside = frame.index[(frame["settlementdate"] > SINCE) & (frame["settlementdate"] <= UNTIL)]
    frame.loc[inside[10:22], "rrp"] += 1.0
    frame = frame.drop(inside[100:105])
    history.write(site.engine, {"prices5": frame})
    return frame


def compared(site: Site, since: datetime = SINCE, until: datetime = UNTIL) -> tuple[Path, Difference]:
    request = Request((PRICES5,), since, until, tuple(Level), replace=True, workers=0)
    spool = new_spool(site.engine.settings.home)
    (difference,) = site.engine.backfilling(request).compare(request, QUIET, spool)
    return spool, difference


def test_what_differs_is_told_with_both_values_and_nothing_is_changed_by_it(at: Callable[..., Site]) -> None:
    site = at()
    frame = damaged(site)
    _, difference = compared(site)
    assert (difference.inserted, difference.updated) == (5, 12)
    assert difference.unchanged == 288 * 5 - 17
    key, ours, theirs = difference.samples[0]
    wrong = frame[frame["rrp"] != site.whole["prices5"]["rrp"].reindex(frame.index)].iloc[0]
    right = site.whole["prices5"].loc[wrong.name]
    assert key == f"{wrong['settlementdate']} {wrong['regionid']}"
    assert (ours, theirs) == (f"rrp {wrong['rrp']}", f"rrp {right['rrp']}")
    history.same(history.read(site.engine, "prices5"), frame)


def test_when_told_to_aemo_s_rows_take_their_place_and_half_hours_follow(at: Callable[..., Site]) -> None:
    site = at()
    damaged(site)
    half = site.whole["prices30"].copy()
    half.loc[half["settlementdate"].between(SINCE + timedelta(minutes=1), UNTIL), "rrp"] = -7.0
    history.write(site.engine, {"prices30": half})
    spool, _ = compared(site)
    text = apply(site.engine.healing().ground, site.engine.settings.home, spool.name, QUIET)
    assert text == "12 rows replaced, 5 new"
    site.same("prices5")
    site.same("prices30", 1e-6)
    assert not spool.exists()
    assert compared(site)[1].updated == 0


def test_a_comparison_that_was_not_finished_cannot_be_applied(at: Callable[..., Site]) -> None:
    site = at()
    spool = new_spool(site.engine.settings.home)
    (spool / "prices5-000000.rows").write_bytes(b"half of a batch")
    for name in (spool.name, "../../data", "no such"):
        with pytest.raises(SettingsError, match="no finished comparison"):
            apply(site.engine.healing().ground, site.engine.settings.home, name, QUIET)
    site.same("prices5")


def test_what_a_comparison_left_goes_after_a_week_with_the_next_one(tmp_path: Path) -> None:
    old, recent = new_spool(tmp_path), new_spool(tmp_path)
    for spool, days in ((old, 8), (recent, 6)):
        (spool / "prices5-000000.rows").write_bytes(b"rows")
        then = time.time() - days * DAY.total_seconds()
        os.utime(spool, (then, then))
    finder = tmp_path / "spool" / ".DS_Store"
    finder.write_bytes(b"somebody else's")
    os.utime(finder, (0, 0))
    new = new_spool(tmp_path)
    assert sorted((tmp_path / "spool").iterdir()) == sorted([finder, recent, new])


@pytest.mark.parametrize(
    "request_",
    [Request((PRICES5,), replace=True), Request((PRICES30,), SINCE, UNTIL, replace=True)],
    ids=["no span", "halves"],
)
def test_a_span_of_files_that_aemo_publishes_has_to_be_named(at: Callable[..., Site], request_: Request) -> None:
    site = at()
    with pytest.raises(SettingsError, match="name a span and files that AEMO publishes"):
        site.engine.backfilling(request_).compare(request_, QUIET, new_spool(site.engine.settings.home))
