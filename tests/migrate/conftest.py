"""A file to be copied, in small chunks, and the free name of its copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from aemo_ops import files
from aemo_ops.clock import Clock
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Replica
from tests.conftest import NOON, recent
from tests.migrate.copying import CHUNK, CONTENT
from tests.migrate.switching import Switching
from tests.store.foreign import ROWS


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "CHUNK", CHUNK)
    path = tmp_path / "old" / "gen_info.pkl"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "new" / "gen_info.pkl"
    path.parent.mkdir()
    return path


@pytest.fixture
def whole(source: Path) -> bytes:
    path = source.with_name("scada30.parquet")
    pq.write_table(ROWS, path, row_group_size=300)
    return path.read_bytes()


@pytest.fixture
def here(tmp_path: Path, engine_at: Callable[..., Engine]) -> Iterator[Switching]:
    """Two collectors side by side, in `place`; at the end nobody of them runs."""
    shelf = recent(20)
    with Replica(shelf, Clock.starting(NOON, 0)) as site:
        made = Switching.prepare(tmp_path / "place", site, shelf, engine_at)
        yield made
        made.end()
