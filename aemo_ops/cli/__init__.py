"""The command line: one file per noun, one function per verb. Exit code 0 good, 1 attention, 2 error."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from aemo_ops import __version__
from aemo_ops.errors import AemoOpsError
from aemo_ops.host import memory
from aemo_ops.ops import logbook

# Which file has which verbs, as the help lists them. A command reads no other file: that would take longer than most work.
VERBS = {
    "check": ("check",),
    "collect": ("collect",),
    "compare": ("compare",),
    "data": ("status",),
    "gaps": ("gaps", "findings"),
    "filling": ("heal", "backfill"),
    "doctor": ("doctor",),
    "migrate": ("migrate",),
    "serve": ("serve", "demo"),
    "site": ("replica",),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code. With --json exactly one JSON document goes to stdout, logs to stderr."""
    memory.give_back()  # before pyarrow is there, which the nouns want
    parser = argparse.ArgumentParser(prog="aemo-ops", description="Collects, watches and moves AEMO NEM data.")
    parser.add_argument("--version", action="version", version=f"aemo-ops {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name in _nouns(sys.argv[1:] if arguments is None else arguments):
        import_module(f"{__name__}.{name}").register(verbs)
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


def _nouns(arguments: Sequence[str]) -> list[str]:
    """The files that the command line wants: one, or all where it begins with no verb and the help may be meant."""
    first = arguments[0] if arguments else ""
    return [name for name, verbs in VERBS.items() if first in verbs] or list(VERBS)
