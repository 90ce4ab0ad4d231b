"""aemo-ops heal, backfill: fetching the past, here, or by whoever collects already."""

from __future__ import annotations

import argparse
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aemo_ops.cli import past
from aemo_ops.cli.printing import ATTENTION, ERROR, GOOD, document, table
from aemo_ops.clock import Clock
from aemo_ops.errors import LeaseHeld, SettingsError
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.healing import in_words, subject_of
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.replacing import Difference, apply, drop_spool, new_spool
from aemo_ops.ops.request import Filled, Plan, Request

_SHOWN = 40


def register(verbs: Any) -> None:
    heal_ = verbs.add_parser("heal", help="fill every known gap that any source can fill")
    heal_.add_argument("--dry-run", action="store_true", help="say what would be fetched; write nothing")
    heal_.add_argument("--json", action="store_true")
    heal_.set_defaults(run=heal)
    backfill_ = verbs.add_parser("backfill", help="fetch a span of the past from Current, Archive and MMSDM")
    past.span(backfill_, required=True)
    backfill_.add_argument("--source", choices=["auto", *map(str, Level)], default="auto")
    backfill_.add_argument(
        "--replace", action="store_true", help="fetch all of the span, show what differs, then replace"
    )
    backfill_.add_argument("--yes", action="store_true", help="with --replace: do not ask")
    backfill_.add_argument("--dry-run", action="store_true", help="say what would be fetched; write nothing")
    workers = backfill_.add_mutually_exclusive_group()
    workers.add_argument("--workers", type=int, default=1, metavar="N", help="processes that parse (default 1)")
    workers.add_argument("--dask", metavar="ADDRESS", help="parse on a Dask cluster, such as tcp://127.0.0.1:8786")
    backfill_.add_argument("--json", action="store_true")
    backfill_.set_defaults(run=backfill)


def heal(chosen: argparse.Namespace) -> int:
    engine = past.engine()
    return _fill(engine, Request(engine.datasets), chosen)


def backfill(chosen: argparse.Namespace) -> int:
    if chosen.until <= chosen.since:
        raise SettingsError(f"--until {chosen.until} is not after --since {chosen.since}")
    if chosen.workers < 1:
        raise SettingsError(f"--workers {chosen.workers}: at least one process has to parse")
    engine = past.engine()
    levels = tuple(Level) if chosen.source == "auto" else (Level(chosen.source),)
    datasets = past.datasets(engine, chosen.dataset)
    if chosen.replace and not chosen.dataset:
        datasets = tuple(dataset for dataset in datasets if not dataset.derived_from)
    request = Request(
        datasets,
        chosen.since,
        chosen.until,
        levels,
        replace=chosen.replace,
        workers=chosen.workers,
        dask=chosen.dask or "",
    )
    return (_replace if chosen.replace else _fill)(engine, request, chosen)


def _fill(engine: Engine, request: Request, chosen: argparse.Namespace) -> int:
    try:
        if chosen.dry_run:
            return _show_plan(engine.backfilling(request).plan(request), chosen.json)
        try:
            results = engine.healing().backfill(request).run(request, Progress(past.say))
        except LeaseHeld as held:
            return _by_holder(engine, "heal", subject_of(request), held, chosen.json)
        return _show(results, chosen.json)
    finally:
        engine.stop()


def _replace(engine: Engine, request: Request, chosen: argparse.Namespace) -> int:
    try:
        if chosen.dry_run:
            return _show_plan(engine.backfilling(request).plan(request), chosen.json)
        spool = new_spool(engine.settings.home)
        differences = engine.backfilling(request).compare(request, Progress(past.say), spool)
        _show_differences(differences, chosen.json)
        if not any(difference.updated or difference.inserted for difference in differences):
            drop_spool(spool)
            return GOOD
        if not chosen.yes and not _confirmed():
            drop_spool(spool)
            print("nothing was changed; repeat with --yes to put AEMO's rows in place", file=sys.stderr)
            return ATTENTION
        try:
            ground = engine.healing().ground
        except LeaseHeld as held:
            return _by_holder(engine, "apply", spool.name, held, chosen.json)
        print(apply(ground, engine.settings.home, spool.name, Progress(past.say)), file=sys.stderr)
        return GOOD
    finally:
        engine.stop()


def _confirmed() -> bool:
    return sys.stdin.isatty() and input("Type replace to put AEMO's rows in place of ours: ").strip() == "replace"


def _by_holder(engine: Engine, verb: str, subject: str, held: LeaseHeld, as_json: bool) -> int:
    """Another process collects: it fills, this one shows how far it is. Ctrl-C ends the showing, not the filling."""
    print(f"{held}; asking it to do this", file=sys.stderr)
    number = engine.command(verb, subject)
    answer = _awaited(lambda: engine.answered(number))
    job = re.match(r"job (\d+) ", answer)
    if job is None:
        raise SettingsError(answer)
    shown = ""
    waiting = threading.Event()
    while (fact := engine.state.facts("job").get(job[1], {})).get("state") in (None, "running", "waiting"):
        line = f"{fact.get('done', 0)} of {fact.get('total', 0)}: {fact.get('text', '')}"
        if line != shown:
            print(line, file=sys.stderr)
        shown = line
        waiting.wait(0.5)
    if fact["state"] == "failed":
        print(fact["text"], file=sys.stderr)
        return ERROR
    told = engine.state.facts("filled").get("last", {}).get("datasets", [])
    if verb == "heal":
        return _show([Filled(**entry) for entry in told], as_json)
    print(fact["text"], file=sys.stderr)
    return GOOD


def _awaited(ask: Callable[[], str | None], seconds: float = 60.0) -> str:
    ends, waiting = Clock.monotonic() + seconds, threading.Event()
    while (answer := ask()) is None:
        if Clock.monotonic() > ends:
            raise SettingsError(f"the process that collects did not answer within {seconds:.0f} s; is it asleep?")
        waiting.wait(0.1)
    return answer


def _show(results: list[Filled], as_json: bool) -> int:
    if as_json:
        document({"datasets": [asdict(result) for result in results]})
    else:
        rows = [
            [
                r.dataset,
                r.requested,
                r.filled,
                r.absent,
                r.failed,
                r.open,
                r.units_left,
                ", ".join(f"{n:,} {s}" for s, n in r.by_source.items()),
            ]
            for r in results
        ]
        table(("dataset", "requested", "filled", "absent", "failed", "open", "units lack", "by source"), rows)
        for reason in dict.fromkeys(reason for result in results for reason in result.reasons):
            print(reason, file=sys.stderr)
        print(in_words(results))
    return ATTENTION if any(result.failed or result.problem for result in results) else GOOD


def _show_plan(plan: Plan, as_json: bool) -> int:
    if as_json:
        files = [{"source": source, "file": name, "bytes": size} for source, name, size in plan.files]
        document({"files": files, "bytes": plan.bytes, "intervals": plan.intervals})
        return GOOD
    for source, name, size in plan.files[:_SHOWN]:
        print(f"{source}: {name} ({size / 1e6:,.1f} MB)")
    if len(plan.files) > _SHOWN:
        print(f"... and {len(plan.files) - _SHOWN:,} more")
    print(plan.words)
    return GOOD


def _show_differences(differences: list[Difference], as_json: bool) -> None:
    if as_json:
        document({"datasets": [asdict(difference) for difference in differences]})
        return
    table(
        ("dataset", "new", "different", "same"), [[d.dataset, d.inserted, d.updated, d.unchanged] for d in differences]
    )
    for difference in differences:
        for key, ours, theirs in difference.samples:
            print(f"{difference.dataset} {key}: ours {ours}; AEMO's {theirs}")
