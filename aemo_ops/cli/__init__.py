"""The command line: one file per noun, one function per verb. Exit code 0 good, 1 attention, 2 error."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from aemo_ops import __version__
from aemo_ops.errors import AemoOpsError
from aemo_ops.host import memory
from aemo_ops.ops import logbook


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code. With --json exactly one JSON document goes to stdout, logs to stderr."""
    memory.give_back()
    # Only now, since they want pyarrow.
    from aemo_ops.cli import (
        check,
        collect,
        compare,
        data,
        doctor,
        filling,
        gaps,
        migrate,
        serve,
        site,
    )

    parser = argparse.ArgumentParser(prog="aemo-ops", description="Collects, watches and moves AEMO NEM data.")
    parser.add_argument("--version", action="version", version=f"aemo-ops {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for noun in (check, collect, compare, data, gaps, filling, doctor, migrate, serve, site):
        noun.register(verbs)
    chosen = parser.parse_args(arguments)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logbook.Masking("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[terminal], level=logging.WARNING)
    try:
        return int(chosen.run(chosen))
    except AemoOpsError as error:
        print(f"aemo-ops {chosen.verb}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read what we print has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
