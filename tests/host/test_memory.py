"""What is freed goes back to the system: looked at from the system's side, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Blocks of different sizes, in threads, some of them kept: as merges and pages do it.
_CHILD = """
import threading
from aemo_ops.cli import main
try:
    main(["--version"])
except SystemExit:
    pass
import psutil
import pyarrow as pa
print(pa.default_memory_pool().backend_name)

def work():
    kept = []
    for size in range(1, 40):
        blocks = [bytearray(size << 16) for _ in range(4)]
        kept.append(bytes(1000))
    return kept

def resident():
    return psutil.Process().memory_info().rss

before = resident()
for _ in range(2):
    threads = [threading.Thread(target=work) for _ in range(6)]
    [one.start() for one in threads]
    [one.join() for one in threads]
held = pa.nulls(25_000_000, pa.int64()).fill_null(1)
most = resident()
del held
print(most - before, resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's switches")
def test_a_process_of_ours_holds_little_of_what_it_has_freed() -> None:
    done = subprocess.run([sys.executable, "-c", _CHILD], capture_output=True, text=True, check=True)
    pool, figures = done.stdout.splitlines()[-2:]
    assert pool == "system"
    most, left = map(int, figures.split())
    assert most > 200e6 and left < 20e6


# Every second block stays, so that the heap cannot shrink at its end.
_BETWEEN = """
import psutil
from aemo_ops.host import memory
memory.give_back()
blocks = [bytearray(100_000) for _ in range(2_000)]
most = psutil.Process().memory_info().rss
blocks = blocks[::2]
before = psutil.Process().memory_info().rss
memory.trim()
print(most - before, most - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's trim")
def test_what_is_free_between_blocks_in_use_is_given_back_when_asked() -> None:
    done = subprocess.run([sys.executable, "-c", _BETWEEN], capture_output=True, text=True, check=True)
    without, trimmed = map(int, done.stdout.split())
    assert without < 20e6 and trimmed > 80e6
