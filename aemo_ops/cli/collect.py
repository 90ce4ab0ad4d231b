"""aemo-ops collect: the engine without a page."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import Any

from aemo_ops.cli.printing import ATTENTION, GOOD, document, table
from aemo_ops.clock import Clock
from aemo_ops.errors import LeaseHeld
from aemo_ops.market import catalogue
from aemo_ops.ops.collected import Collected
from aemo_ops.ops.engine import Engine
from aemo_ops.settings import Settings

_ANSWER_SECONDS = 600.0


def register(verbs: Any) -> None:
    parser = verbs.add_parser("collect", help="collect from NEMWEB; without --once until stopped")
    parser.add_argument("--once", action="store_true", help="one cycle, then end")
    parser.add_argument("--dry-run", action="store_true", help="say what one cycle would read; write nothing")
    parser.add_argument(
        "--report", action="append", default=[], metavar="NAME", help="only this report (may be repeated)"
    )
    parser.add_argument("--adopt", action="store_true", help="collect into a folder that holds data already")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=collect)


def collect(chosen: argparse.Namespace) -> int:
    settings = Settings.load()
    for name in chosen.report:
        catalogue.report(name)
    engine = Engine(settings, Clock.from_file(settings.clock_file), "aemo-ops collect")
    try:
        if chosen.adopt:
            engine.post.adopt()
        if chosen.dry_run:
            return _dry_run(engine, tuple(chosen.report), chosen.json)
        if chosen.once:
            return _once(engine, tuple(chosen.report), chosen.json)
        return _until_stopped(engine)
    finally:
        engine.stop()


def _dry_run(engine: Engine, names: tuple[str, ...], as_json: bool) -> int:
    told = engine.dry_run(names)
    if as_json:
        document({"reports": [{"report": name, "would": text} for name, text in told.items()]})
    else:
        for name, text in told.items():
            print(f"{name}: {text}")
    return GOOD


def _once(engine: Engine, names: tuple[str, ...], as_json: bool) -> int:
    try:
        results, waiting = engine.once(names)
    except LeaseHeld as held:
        return _ask_holder(engine, names, held)
    cycle = engine.state.facts("cycle")["last"]
    datasets = _datasets(results)
    errors = {name: fact["error"] for name, fact in engine.state.facts("collector").items() if fact.get("error")}
    if as_json:
        document(
            {
                "cycle": cycle["number"],
                "seconds": cycle["seconds"],
                "waiting": waiting,
                "errors": errors,
                "datasets": datasets,
            }
        )
    else:
        columns = ("dataset", "files", "inserted", "updated", "unchanged")
        table(columns, [[entry[column] for column in columns] for entry in datasets])
        for name, error in errors.items():
            print(f"{name}: {error}", file=sys.stderr)
        if waiting:
            print(f"{waiting} older files wait; `aemo-ops collect` reads them, politely, or run this again")
    return ATTENTION if errors else GOOD


def _ask_holder(engine: Engine, names: tuple[str, ...], held: LeaseHeld) -> int:
    """Another process collects: pass the wish on, and say what came of it."""
    print(f"{held}; asking it to run now", file=sys.stderr)
    numbers = [engine.command("run_now", name) for name in names or ("all",)]
    waiting = threading.Event()
    ends = engine.clock.monotonic() + _ANSWER_SECONDS
    answers: list[str | None] = []
    while engine.clock.monotonic() < ends:
        answers = [engine.answered(number) for number in numbers]
        if all(answers):
            print("\n".join(answer for answer in answers if answer))
            return GOOD
        waiting.wait(0.2)
    raise LeaseHeld(f"no answer within {_ANSWER_SECONDS:.0f} s; {held}")


def _until_stopped(engine: Engine) -> int:
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    engine.start()
    print(f"collecting into {engine.settings.data_path}; Ctrl-C ends", file=sys.stderr)
    shown = ""
    while not stopped.wait(1.0):
        snapshot = engine.snapshot()
        line = f"{snapshot.role}: {snapshot.reason}" if snapshot.reason else str(snapshot.role)
        if line != shown:
            print(line, file=sys.stderr)
            shown = line
    return GOOD


def _datasets(results: list[Collected]) -> list[dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    for result in results:
        report = catalogue.report(result.report)
        fed = [dataset.name for dataset in catalogue.fed_by(report)]
        for name in dict.fromkeys([*fed, *result.merges]):
            merge = result.merges.get(name)
            entries[name] = {
                "dataset": name,
                "files": result.files.get(name, 0),
                "inserted": merge.inserted if merge else 0,
                "updated": merge.updated if merge else 0,
                "unchanged": merge.unchanged if merge else 0,
                "rejected": [{"file": file, "reason": reason} for file, reason in result.rejected.items()]
                if name in fed
                else [],
            }
            if name in result.failed:
                entries[name]["failed"] = result.failed[name]
    return list(entries.values())
