"""aemo-ops gaps, heal, backfill, findings: what is missing of the past, fetching it, and what looks wrong in it."""

from __future__ import annotations

import argparse
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aemo_ops.cli.printing import ATTENTION, ERROR, GOOD, document, table
from aemo_ops.clock import Clock
from aemo_ops.errors import LeaseHeld, SettingsError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import moment
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.gaps import Gap
from aemo_ops.ops.healing import in_words, subject_of
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.replacing import Difference, apply, new_spool
from aemo_ops.ops.request import Filled, Plan, Request
from aemo_ops.ops.validity import check
from aemo_ops.settings import Settings

_SHOWN = 40


def register(verbs: Any) -> None:
    gaps_ = verbs.add_parser("gaps", help="what is missing of each file, and who can fill it")
    _span(gaps_, required=False)
    gaps_.add_argument("--json", action="store_true")
    gaps_.set_defaults(run=gaps)
    heal_ = verbs.add_parser("heal", help="fill every known gap that any source can fill")
    heal_.add_argument("--dry-run", action="store_true", help="say what would be fetched; write nothing")
    heal_.add_argument("--json", action="store_true")
    heal_.set_defaults(run=heal)
    backfill_ = verbs.add_parser("backfill", help="fetch a span of the past from Current, Archive and MMSDM")
    _span(backfill_, required=True)
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

    findings_ = verbs.add_parser(
        "findings", help="values that look wrong: frozen, out of bounds, not the mean of their six"
    )
    findings_.add_argument("--check", action="store_true", help="look through the files first")
    _span(findings_, required=False)
    findings_.add_argument("--json", action="store_true")
    findings_.set_defaults(run=findings)


def _span(parser: argparse.ArgumentParser, required: bool) -> None:
    parser.add_argument(
        "--dataset", action="append", default=[], metavar="NAME", help="only this file (may be repeated)"
    )
    parser.add_argument(
        "--since", type=_time, required=required, metavar="TIME", help="NEM time; intervals that end after it"
    )
    parser.add_argument(
        "--until", type=_time, required=required, metavar="TIME", help="NEM time; the last interval's end"
    )


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-04-20 or 2026-04-20T13:05") from None
    if time.tzinfo is not None:
        raise argparse.ArgumentTypeError(f"{text!r}: NEM time has no offset; write it without")
    return time


# gaps --------------------------------------------------------------------------------------------------------------------
def gaps(chosen: argparse.Namespace) -> int:
    engine = _engine()
    entries = [_entry(engine, dataset, chosen) for dataset in _datasets(engine, chosen.dataset)]
    if chosen.json:
        document({"datasets": entries})
    else:
        columns = ("dataset", "since", "until", "expected", "complete", "partial", "missing", "absent", "not_due")
        table(columns, [[entry[column] for column in columns] for entry in entries])
        rows = [(e["dataset"], *_told(gap)) for e in entries for gap in e["gaps"]]
        if rows:
            print()
            table(("dataset", "first", "last", "intervals", "keys", "state", "source"), rows[:_SHOWN])
            if len(rows) > _SHOWN:
                print(f"... and {len(rows) - _SHOWN:,} more; --json lists all")
    return ATTENTION if any(entry["partial"] or entry["missing"] for entry in entries) else GOOD


def _entry(engine: Engine, dataset: Dataset, chosen: argparse.Namespace) -> dict[str, Any]:
    found = engine.gaps().of(dataset, chosen.since, chosen.until)
    entry: dict[str, Any] = {"dataset": dataset.name, "since": None, "until": None, "expected": 0}
    counts = {state: found.count(state) if found else 0 for state in Presence}
    if found is not None and len(found.ends):
        entry |= {
            "since": moment(int(found.ends[0])) - dataset.cadence,
            "until": moment(int(found.ends[-1])),
            "expected": found.due,
        }
    entry |= {
        "complete": counts[Presence.COMPLETE],
        "partial": counts[Presence.PARTIAL],
        "missing": counts[Presence.MISSING],
        "absent": counts[Presence.ABSENT],
        "not_due": counts[Presence.NOT_DUE],
        "gaps": [_gap(gap) for gap in engine.gaps().listed(dataset, found)] if found else [],
    }
    return entry


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "first": gap.first, "last": gap.last, "intervals": gap.intervals, "keys": list(gap.keys),
        "state": gap.state.words, "source": gap.source or None, "reason": gap.reason,
    }  # fmt: skip


def _told(gap: dict[str, Any]) -> tuple[Any, ...]:
    keys = ", ".join(gap["keys"][:4]) + (f" and {len(gap['keys']) - 4} more" if len(gap["keys"]) > 4 else "")
    return gap["first"], gap["last"], gap["intervals"], keys or "all", gap["state"], gap["source"] or gap["reason"]


def findings(chosen: argparse.Namespace) -> int:
    engine = _engine()
    ground = engine.ground()
    datasets = _datasets(engine, chosen.dataset)
    if chosen.check:
        until = chosen.until or engine.now()
        text = check(
            engine.store, ground.findings, datasets, chosen.since, until, ground.absences.fallbacks, Progress(_say)
        )
        print(text, file=sys.stderr)
    found = [f for dataset in datasets for f in ground.findings.all(dataset.name)]
    if chosen.json:
        document({"findings": [asdict(finding) for finding in found]})
    else:
        columns = ("dataset", "kind", "id", "first", "last", "detail")
        table(columns, [[getattr(finding, column) for column in columns] for finding in found])
    return ATTENTION if found else GOOD


# heal, backfill ------------------------------------------------------------------------------------------------------------
def heal(chosen: argparse.Namespace) -> int:
    engine = _engine()
    return _fill(engine, Request(engine.datasets), chosen)


def backfill(chosen: argparse.Namespace) -> int:
    if chosen.until <= chosen.since:
        raise SettingsError(f"--until {chosen.until} is not after --since {chosen.since}")
    if chosen.workers < 1:
        raise SettingsError(f"--workers {chosen.workers}: at least one process has to parse")
    engine = _engine()
    levels = tuple(Level) if chosen.source == "auto" else (Level(chosen.source),)
    datasets = _datasets(engine, chosen.dataset)
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
            results = engine.healing().backfill(request).run(request, Progress(_say))
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
        differences = engine.backfilling(request).compare(request, Progress(_say), spool)
        _show_differences(differences, chosen.json)
        if not any(difference.updated or difference.inserted for difference in differences):
            return GOOD
        if not chosen.yes and not _confirmed():
            print(
                f"nothing was changed; repeat with --yes to put AEMO's rows in place ({spool.name} holds them)",
                file=sys.stderr,
            )
            return ATTENTION
        try:
            ground = engine.healing().ground
        except LeaseHeld as held:
            return _by_holder(engine, "apply", spool.name, held, chosen.json)
        print(apply(ground, engine.settings.home, spool.name, Progress(_say)), file=sys.stderr)
        return GOOD
    finally:
        engine.stop()


def _confirmed() -> bool:
    return sys.stdin.isatty() and input("Type replace to put AEMO's rows in place of ours: ").strip() == "replace"


def _by_holder(engine: Engine, verb: str, subject: str, held: LeaseHeld, as_json: bool) -> int:
    """Another process collects: it fills, this one shows how far it is. Ctrl-C ends the showing, not the filling."""
    print(f"{held}; asking it to do this", file=sys.stderr)
    number = engine.command(verb, subject)
    answer = _awaited(lambda: engine.state.answered(number))
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
                ", ".join(f"{n:,} {s}" for s, n in r.by_source.items()),
            ]
            for r in results
        ]
        table(("dataset", "requested", "filled", "absent", "failed", "open", "by source"), rows)
        for reason in dict.fromkeys(reason for result in results for reason in result.reasons):
            print(reason, file=sys.stderr)
        print(in_words(results))
    return ATTENTION if any(result.failed for result in results) else GOOD


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


def _say(done: int, total: int, text: str) -> None:
    print(f"{done} of {total}: {text}", file=sys.stderr)


def _engine() -> Engine:
    settings = Settings.load()
    return Engine(settings, Clock.from_file(settings.clock_file), "aemo-ops")


def _datasets(engine: Engine, names: list[str]) -> tuple[Dataset, ...]:
    return tuple(catalogue.dataset(name) for name in names) or engine.datasets
