"""Which file a verb is read from is written down beside the files: every verb is where it is said to be, and no other is."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import import_module

from aemo_ops.cli import VERBS


def test_each_file_has_the_verbs_that_are_said_of_it() -> None:
    for name, verbs in VERBS.items():
        parser = argparse.ArgumentParser().add_subparsers()
        import_module(f"aemo_ops.cli.{name}").register(parser)
        assert tuple(parser.choices) == verbs
    assert len({verb for verbs in VERBS.values() for verb in verbs}) == sum(map(len, VERBS.values()))


def test_a_command_reads_no_file_of_another_and_the_help_tells_all() -> None:
    code = "import sys; from aemo_ops.cli import main; main(['check', '/nowhere']); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
    told = subprocess.run([sys.executable, "-m", "aemo_ops.cli", "--help"], capture_output=True, text=True, check=True)
    assert all(f"\n    {verb} " in told.stdout for verbs in VERBS.values() for verb in verbs)
    wrong = subprocess.run([sys.executable, "-m", "aemo_ops.cli", "chekc"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "'check'" in wrong.stderr and "'migrate'" in wrong.stderr
