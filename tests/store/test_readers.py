"""Updates under four readers that never pause, each in a process of its own, reading as its own users would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from aemo_ops.market.catalogue import SCADA5
from aemo_ops.store.parquet import Store
from tests.conftest import ROOT, SOAK
from tests.store.crowd import Crowd, Problems

UPDATES = 1000 if SOAK else 40
COMPACTIONS = 3
ROWS = 50_000 if SOAK else 20_000  # before the first update, which brings 500 and revises 500


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        from benchmarks.readers import READERS

        crowd = Crowd(list(READERS))
        yield crowd
        crowd.close()


@pytest.fixture
def store(tmp_path: Path, crowd: Crowd) -> Store:
    """A file that the crowd is reading."""
    from benchmarks import data

    store = Store(tmp_path)
    data.make(SCADA5, tmp_path / "base", ROWS)
    data.make(SCADA5, store.path(SCADA5), ROWS)
    crowd.begin(store.path(SCADA5), tmp_path / "base")
    return store


def updates(store: Store, crowd: Crowd) -> Iterator[int]:
    """One after the other, without a pause."""
    from benchmarks import data

    for number in range(1, UPDATES + 1):
        store.merge(SCADA5, data.update(SCADA5, number))
        crowd.acknowledged.value = number
        yield number


def failed(seen: Problems) -> list[str]:
    return [f"{name}: {problem}" for name, problems in seen.items() for problem in problems if problem]


def test_updates_disturb_no_reader(store: Store, crowd: Crowd, tally: Callable[[str, int], None]) -> None:
    done = sum(1 for _ in updates(store, crowd))
    seen = crowd.end()
    tally("updates under four readers", done)
    tally("reads meanwhile", sum(map(len, seen.values())))
    tally("reads that failed", len(failed(seen)))
    assert failed(seen) == []
    assert len(seen) == 4 and min(map(len, seen.values())) > 2


def test_a_compaction_disturbs_at_most_one_read_of_a_reader(
    store: Store, crowd: Crowd, tally: Callable[[str, int], None]
) -> None:
    """The one deed that moves bytes: a read that opens the file twice may meet both sides of it. The next read is whole."""
    compacted = 0
    for number in updates(store, crowd):
        if number % (UPDATES // (COMPACTIONS + 1)) == 0 and number < UPDATES:
            done = store.compact(SCADA5)
            compacted += done.after < done.before
    seen = crowd.end()
    tally("compactions in a further run under four readers", compacted)
    tally("reads meanwhile, with compactions", sum(map(len, seen.values())))
    tally("reads that failed, with compactions", len(failed(seen)))
    print(*failed(seen), sep="\n")
    assert compacted == COMPACTIONS and len(seen) == 4
    assert not any(first and second for problems in seen.values() for first, second in pairwise(problems))
    assert all(problems[-1] == "" for problems in seen.values())
