"""What scripts/soak and scripts/test tell at their end: how much of everything the tests went through."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

TESTS = """
def test_one(tally):
    tally("flips")
    tally("flips", 2)

def test_two(tally):
    tally("flips", 1000)
    tally("kills", 0)
    assert False, "what a failed test went through counts too"
"""


def test_counts_of_all_tests_and_processes_stand_beside_the_closing_line(tmp_path: Path) -> None:
    (tmp_path / "test_counting.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "tests.conftest", "test_counting.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    *_, flips, kills, real, closing = done.stdout.splitlines()
    assert (flips, kills, real) == ("flips: 1,003", "kills: 0", "real-file tests: 0 ran, 0 skipped")
    assert closing.startswith("1 failed, 1 passed in ")
