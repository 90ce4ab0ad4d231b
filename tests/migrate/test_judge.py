"""AEMO as the judge, asked again and again by a page that waits."""

from __future__ import annotations

from datetime import timedelta

from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import PRICES5, TRANSMISSION5
from aemo_ops.migrate.judge import Nemweb
from aemo_ops.nemweb.client import Client, Manners
from aemo_ops.replica import Replica


def test_a_file_of_current_is_fetched_once_by_all_judges_that_follow_one_another(site: Replica, still: Clock) -> None:
    until = still.now().replace(minute=0, second=0)
    span = until - timedelta(hours=1), until
    client, kept = Client(site.url, Manners(gap=0.0), still), dict[str, bytes]()

    def files() -> list[str]:
        return [path for path in site.requests if path.endswith(".zip")]

    first = Nemweb(client, kept).told(PRICES5, *span).rows
    asked = files()
    assert len(asked) == len(set(asked)) == 12
    again = Nemweb(client, kept)
    assert again.told(PRICES5, *span).rows.equals(first)
    assert again.told(TRANSMISSION5, *span).rows.num_rows  # of the same report
    assert files() == asked
    assert Nemweb(client).told(PRICES5, *span).rows.equals(first)
    assert files() == asked + asked
