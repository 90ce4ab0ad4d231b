"""What may go wrong on the way from a file to the one that follows it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from aemo_ops import files
from aemo_ops.errors import NoSpace, StoreCorrupt, StoreLocked
from aemo_ops.market.catalogue import SCADA30
from aemo_ops.store.splice.compaction import compact
from aemo_ops.store.splice.footer import read_footer
from aemo_ops.store.splice.update import splice
from tests.store.foreign import ROWS, rows_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scada30.parquet"


def test_every_prefix_of_the_new_file_is_the_old_file_or_no_file(path: Path) -> None:
    pq.write_table(rows_at(1, 2, 3), path)
    sizes = {path.stat().st_size: 60}
    for half in (4, 5):
        splice(path, rows_at(half), SCADA30)
        sizes[path.stat().st_size] = half * 20
    content = path.read_bytes()
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        try:
            rows = read_footer(path).rows
        except StoreCorrupt:
            assert length not in sizes
        else:
            assert rows == sizes[length] == pq.read_table(path).num_rows


def test_a_damaged_group_is_not_merged_into(path: Path) -> None:
    pq.write_table(ROWS, path, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[read_footer(path).groups[0].chunks[2].end - 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="cannot be read"):
        splice(path, rows_at(100), SCADA30)
    assert path.read_bytes() == content


@pytest.fixture
def swapped(monkeypatch: pytest.MonkeyPatch, path: Path) -> Iterator[None]:
    """Another program replaces the file just before we would."""

    def failpoint(name: str) -> None:
        if name.endswith("before_replace"):
            other = path.with_name("other")
            pq.write_table(rows_at(1), other)
            other.replace(path)

    monkeypatch.setattr(files, "failpoint", failpoint)
    yield


@pytest.mark.usefixtures("swapped")
@pytest.mark.parametrize("deed", ["splice", "compact"])
def test_a_file_that_another_program_replaced_meanwhile_is_left_to_it(path: Path, deed: str) -> None:
    pq.write_table(ROWS, path)
    with pytest.raises(StoreLocked, match="another program wrote it"):
        splice(path, rows_at(100), SCADA30) if deed == "splice" else compact(path, SCADA30)
    assert pq.read_table(path).num_rows == 20
    assert not list(path.parent.glob(".*"))


def test_bytes_that_went_wrong_on_the_way_are_noticed_before_anybody_reads_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(ROWS, path)
    before = path.read_bytes()

    def damage(name: str) -> None:
        if name == "splice.before_flush":
            partial = next(path.parent.glob(".*.partial"))
            content = bytearray(partial.read_bytes())
            content[len(before) + 50] ^= 1
            partial.write_bytes(content)

    monkeypatch.setattr(files, "failpoint", damage)
    with pytest.raises(StoreCorrupt, match="untouched"):
        splice(path, rows_at(100), SCADA30)
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))


def test_a_full_disk_is_said_so_and_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: int, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    pq.write_table(ROWS, path)
    before = path.read_bytes()
    monkeypatch.setattr("aemo_ops.store.splice.update.clone", full)
    with pytest.raises(NoSpace, match="Free some space"):
        splice(path, rows_at(100), SCADA30)
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))


def test_what_an_earlier_crash_left_is_swept(path: Path) -> None:
    pq.write_table(ROWS, path)
    path.with_name(".scada30.parquet.partial").write_bytes(b"half a file")
    assert splice(path, rows_at(100), SCADA30).inserted == 20
    assert not list(path.parent.glob(".*"))


WORK = """
import sys
from pathlib import Path
from aemo_ops.market.catalogue import SCADA30
from aemo_ops.store.splice.compaction import compact
from aemo_ops.store.splice.update import splice
from tests.store.foreign import rows_at
deed, path = sys.argv[1], Path(sys.argv[2])
if deed == "splice":
    splice(path, rows_at(50, 200, 201), SCADA30)
else:
    compact(path, SCADA30)
"""
POINTS = [
    "splice.before_clone",
    "splice.after_clone",
    "splice.before_flush",
    "splice.before_replace",
    "splice.after_replace",
    "compact.before_footer",
    "compact.before_flush",
    "compact.before_replace",
    "compact.after_replace",
]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_each_point_leaves_the_file_before_or_after(path: Path, point: str) -> None:
    deed = point.partition(".")[0]
    pq.write_table(ROWS, path, row_group_size=200)
    splice(path, rows_at(55, 100, seed=2), SCADA30)
    before, replaced = pq.read_table(path), point.endswith("after_replace")
    done = subprocess.run(
        [sys.executable, "-c", WORK, deed, str(path)],
        env={
            **os.environ,
            "AEMO_OPS_FAILPOINTS": f"{point}=kill",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
        },
        check=False,
    )
    assert done.returncode == -9
    found = pq.read_table(path, page_checksum_verification=True)
    assert found.num_rows == before.num_rows + (40 if replaced and deed == "splice" else 0)
    assert splice(path, rows_at(50, 200, 201), SCADA30).inserted == (0 if found.num_rows > before.num_rows else 40)
    compact(path, SCADA30)
    assert pq.read_table(path).num_rows == before.num_rows + 40
    assert not list(path.parent.glob(".*"))
