from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aemo_ops.clock import Clock
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Replica
from aemo_ops.replica.folder import Folder
from aemo_ops.store.lease import adopt
from tests.conftest import NOON, generated
from tests.ops import history
from tests.ops.healed import DAY, MIDNIGHT, PRICES, Site
from tests.ops.small import Small


@pytest.fixture
def at(still: Clock, engine_at: Callable[..., Engine]) -> Iterator[Callable[..., Site]]:
    replicas: list[Replica] = []

    def make(
        names: tuple[str, ...] = PRICES, days: float = 5, units: int = 5, hash_twice: bool = False, **options: object
    ) -> Site:
        shelf = generated(units=units, **options)
        replica = Replica(shelf, still, hash_twice=hash_twice).start()
        replicas.append(replica)
        engine = engine_at(replica.url, still, datasets=names)
        engine.client.manners = replace(engine.client.manners, read_timeout=120.0, deadline=120.0)  # it makes months
        whole = history.whole(shelf, names, MIDNIGHT - days * DAY, NOON)
        adopt(engine.store.folder)
        history.write(engine, whole)
        return Site(replica, shelf, engine, whole)

    yield make
    for replica in replicas:
        replica.stop()


@pytest.fixture
def small(tmp_path: Path, still: Clock, engine_at: Callable[..., Engine]) -> Iterator[Callable[..., Small]]:
    """Makes a site of files that the test publishes itself, with an engine whose folder is adopted and empty."""
    sites: list[Replica] = []

    def make(*names: str, clock: Clock = still) -> Small:
        root = tmp_path / "site"
        (root / "Reports").mkdir(parents=True)
        (root / "Data_Archive").mkdir()
        site = Replica(Folder(root), clock).start()
        sites.append(site)
        engine = engine_at(site.url, clock, datasets=names)
        adopt(engine.store.folder)
        return Small(root, site, engine)

    yield make
    for site in sites:
        site.stop()
