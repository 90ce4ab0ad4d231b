from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from aemo_ops.errors import FolderRefused, LeaseHeld
from aemo_ops.store.lease import ADOPTION, Lease, adopt, adopted, holds_data

HOLD = """
import sys, threading
from pathlib import Path
from aemo_ops.store.lease import Lease
lease = Lease(Path(sys.argv[1]), "another")
lease.take()
print("held", flush=True)
threading.Event().wait(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.lock"


def test_a_second_process_is_told_who_holds_the_lease_and_gets_it_after_kill_9(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        ours = Lease(path, "ours")
        with pytest.raises(LeaseHeld, match=rf"process {other.pid} \(another\)"):
            ours.take()
        assert not ours.held
        other.kill()
        other.wait()
    assert ours.holder() is None
    ours.take()
    assert ours.held
    assert json.loads(path.read_text())["pid"] == psutil.Process().pid
    ours.release()


def test_a_lock_file_deleted_while_held_is_a_lease_lost(path: Path) -> None:
    lease = Lease(path, "ours")
    lease.take()
    path.unlink()
    assert not lease.held
    path.write_text("{}")  # another inode
    assert not lease.held
    lease.release()


def test_a_holder_whose_pid_was_reused_is_nobody(path: Path) -> None:
    path.write_text(json.dumps({"pid": psutil.Process().pid, "started": 1.0, "what": "long ago"}))
    assert Lease(path, "ours").holder() is None


def test_an_adopted_folder_keeps_its_id(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert not holds_data(folder)
    identity = adopt(folder)
    assert adopt(folder) == adopted(folder) == identity
    (folder / "scada5.parquet").touch()
    assert holds_data(folder)
    (folder / ADOPTION).write_text("rubbish")
    with pytest.raises(FolderRefused, match="adopt the folder anew"):
        adopted(folder)
