"""What the commands about the past share: the span and the files they are about, the engine, how progress is told."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from aemo_ops.clock import Clock
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.ops.engine import Engine
from aemo_ops.settings import Settings


def span(parser: argparse.ArgumentParser, required: bool) -> None:
    parser.add_argument(
        "--dataset", action="append", default=[], metavar="NAME", help="only this file (may be repeated)"
    )
    parser.add_argument(
        "--since", type=time, required=required, metavar="TIME", help="NEM time; intervals that end after it"
    )
    parser.add_argument(
        "--until", type=time, required=required, metavar="TIME", help="NEM time; the last interval's end"
    )


def time(text: str) -> datetime:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-04-20 or 2026-04-20T13:05") from None
    if told.tzinfo is not None:
        raise argparse.ArgumentTypeError(f"{text!r}: NEM time has no offset; write it without")
    return told


def say(done: int, total: int, text: str) -> None:
    print(f"{done} of {total}: {text}", file=sys.stderr)


def engine() -> Engine:
    settings = Settings.load()
    return Engine(settings, Clock.from_file(settings.clock_file), "aemo-ops")


def datasets(whose: Engine, names: list[str]) -> tuple[Dataset, ...]:
    """The named ones, or all that are kept."""
    return tuple(catalogue.dataset(name) for name in names) or whose.datasets
