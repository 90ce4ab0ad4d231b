"""Who parses: processes of this machine or a Dask cluster; one that dies takes no row with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta

import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import SettingsError
from aemo_ops.market.catalogue import PRICES5
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.request import Request
from aemo_ops.ops.workers import Cluster, here, on_dask
from aemo_ops.replica import Replica
from tests.conftest import NOON
from tests.ops import history
from tests.ops.test_engine import Make

DAYS = timedelta(days=4)
# Dask's own words about its ports and its event loop are none of ours.
pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:distributed", "ignore::DeprecationWarning", "ignore::ResourceWarning"
)


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a cluster of two processes on this machine."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made:
        yield made.scheduler_address


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def filled(site: Replica, make: Make, still: Clock, request: Request, tell: Progress) -> None:
    """Fill four days of prices with nothing there, and compare them with the market's word."""
    engine = make(site.url, still, datasets=("prices5",))
    (result,) = engine.healing().backfill(request).run(request, tell)
    assert (result.failed, result.open) == (0, 0)
    whole = history.whole(site.site, ("prices5",), request.since, request.until)  # type: ignore[arg-type]
    history.same(history.read(engine, "prices5"), whole["prices5"])


def span(**who: object) -> Request:
    until = NOON.replace(hour=0, minute=0) - timedelta(days=3)
    return Request((PRICES5,), until - DAYS, until, **who)  # type: ignore[arg-type]


def test_a_cluster_parses_and_one_of_its_workers_may_be_killed_in_the_middle(
    site: Replica, still: Clock, engine_at: Make, cluster: str
) -> None:
    from distributed import Client

    killed: list[int] = []

    def tell(_done: int, _total: int, _text: str) -> None:
        if not killed:
            with Client(cluster) as client:
                killed.append(min(client.run(os.getpid).values()))
            os.kill(killed[0], signal.SIGKILL)

    filled(site, engine_at, still, span(dask=cluster), Progress(tell))
    assert killed


def test_a_process_that_parses_may_be_killed_in_the_middle(site: Replica, still: Clock, engine_at: Make) -> None:
    import psutil

    killed: list[int] = []

    def tell(_done: int, _total: int, _text: str) -> None:
        children = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
        if children and not killed:
            children[0].kill()
            killed.append(children[0].pid)

    filled(site, engine_at, still, span(workers=1), Progress(tell))
    assert killed


def test_a_task_that_every_worker_dies_of_is_given_back_as_a_broken_pool_s(cluster: str) -> None:
    workers = on_dask(cluster)
    assert workers.in_flight == 4
    with workers.make() as executor:
        assert isinstance(executor, Cluster)
        assert executor.submit(sum, (1, 2)).result(30) == 3
        with pytest.raises(BrokenProcessPool):
            executor.submit(die).result(60)
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result(30)


def test_no_scheduler_at_an_address_is_said_so() -> None:
    with pytest.raises(SettingsError, match="no Dask scheduler answers at nonsense"):
        on_dask("nonsense://nowhere")


def test_none_parses_in_a_thread_of_this_process() -> None:
    with here(0).make() as executor:
        assert executor.submit(os.getpid).result(10) == os.getpid()
    with here(1).make() as executor:
        assert executor.submit(os.getpid).result(60) != os.getpid()
