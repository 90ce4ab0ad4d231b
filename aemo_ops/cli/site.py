"""aemo-ops replica: a NEMWEB of our own on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from aemo_ops.settings import Settings


def register(verbs: Any) -> None:
    parser = verbs.add_parser(
        "replica", help="serve a NEMWEB of our own: a generated market, or a folder of real files"
    )
    parser.add_argument("--port", type=int, default=5019)
    parser.add_argument(
        "--serve", type=Path, metavar="DIR", help="a folder of AEMO files instead of the generated market"
    )
    parser.add_argument("--faults", default="", metavar="SPEC", help="such as late=12:0.05,403:0.02")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--style", choices=("old", "new"), default="new", help="whose directory pages: the old host's or the new"
    )
    parser.set_defaults(run=replica)


def replica(chosen: argparse.Namespace) -> int:
    # Imported here: no other command needs the replica, and it must not be a part of a collecting process.
    from aemo_ops.replica import Style, main

    return main(chosen.port, chosen.serve, chosen.faults, chosen.seed, Settings.load().clock_file, Style(chosen.style))
