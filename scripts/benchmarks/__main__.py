"""scripts/bench: us against the alternatives, on the same data, in one run.

    scripts/bench store|gaps|copy|ui|backfill|all [--quick] [--json FILE] [--folder DIR]
    scripts/bench --install        the alternatives that can be had, into .venv

`--quick` ends within a minute: smaller data, the same code. `--folder` is where it works (default: the system's folder for
temporary files); a folder of its own is made in it and removed at the end. `--rows`, `--updates` and `--reader-updates` change
the sizes of the plan. Exit code: 0 when all that could be measured was, 2 for a wrong call.

What cannot be measured is told as "not measured here: <reason>"; nothing takes its place.

The JSON document:
- `command`, `quick`, `started` (UTC), `seconds` (the whole run), `plan` (every size and count)
- `machine`: system, processor, cores, memory_bytes, memory_free_bytes, load, python, versions {package: version or null}
- `places`: [{name, kind (of filesystem), clones (true where it has reflinks), refused}]
- `rows`: [{what, place, data, who, note, refused, seconds [each repetition], median, ratio (median / our median), peak_bytes,
  idle_bytes (before the first repetition: interpreter, imports, new rows), peak_ratio, written_bytes [each], written_ratio,
  problem (what is wrong with the file that came out)}]; from `seconds` on null where `refused` says why
- `readers`: [{place, data, who, updates, seconds, reads, failed, refused, readers [{who, reads, failures {kind: count}, example,
  refused}]}]
- `goals`: [{what, against, goal, measured, reached, refused}]; `reached` is null in a run that is not of full size
- `not_measured`: [{subject, reason}] for whole subjects
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import copy, gaps, goals, machine, places, store, table
from benchmarks.places import Place
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.table import NOT_MEASURED, Goal, Row, Watched

REFUSED = {"gaps": gaps.refused, "copy": copy.refused, "ui": copy.refused, "backfill": copy.refused}
SUBJECTS = ("store", *REFUSED, "all")


def main() -> None:
    arguments = _arguments()
    plan = _plan(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal; everything of ours is removed"))
    began = time.monotonic()
    document: dict[str, Any] = {
        "command": f"scripts/bench {' '.join(sys.argv[1:])}",
        "quick": arguments.quick,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": asdict(plan),
        "machine": machine.facts(),
    }
    print(_heading(document), flush=True)
    document["not_measured"] = refused = _refused(arguments.subject)
    if arguments.subject in ("store", "all") or not refused:
        document |= _measure(arguments.subject, plan, arguments.folder)
    document["seconds"] = round(time.monotonic() - began, 1)
    print(f"{document['seconds']} s in all")
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Us against the alternatives, in one run.")
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--quick", action="store_true", help="smaller data, the same code; ends within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="work in DIR, on the filesystem that it is on")
    parser.add_argument("--rows", type=int, nargs=2, metavar=("BIG", "SMALL"), help="rows of scada30 and of scada5")
    parser.add_argument("--updates", type=int, metavar="N", help="updates by us")
    parser.add_argument("--reader-updates", type=int, metavar="N", help="updates under readers")
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = QUICK if arguments.quick else FULL
    if arguments.rows:
        big, small = arguments.rows
        plan = replace(plan, big=big, small=small, readers_rows=min(plan.readers_rows, small))
    if arguments.updates:
        plan = replace(plan, updates=arguments.updates)
    if arguments.reader_updates:
        plan = replace(plan, reader_updates=arguments.reader_updates)
    return plan


def _measure(subject: str, plan: Plan, parent: Path | None) -> dict[str, object]:
    """Everything that needs the files, told and as a part of the document."""
    folder = Path(tempfile.mkdtemp(prefix="aemo-ops-bench-", dir=parent))
    rows: list[Row] = []
    runs: list[Watched] = []
    try:
        with ExitStack() as stack:
            where = list(_places(stack, subject, folder, plan))
            for found in _found(subject, where, folder / "base", plan):
                (rows if isinstance(found, Row) else runs).append(found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    full = (plan.big, plan.small) == (FULL.big, FULL.small)
    reached = [
        *(goals.store(rows, runs) if subject != "gaps" else ()),
        *(goals.gap_scans(rows) if subject != "store" else ()),
    ]
    parts = [table.figures(rows), table.watched(runs), table.goals(reached, full)]
    print(*filter(None, parts), sep="\n\n", end="\n\n")
    return {
        "places": [{"name": p.name, "kind": p.kind, "clones": p.clones, "refused": p.refused} for p in where],
        "rows": [_row(rows, row) for row in rows],
        "readers": [_run(run) for run in runs],
        "goals": [_goal(goal, full) for goal in reached],
    }


def _places(stack: ExitStack, subject: str, folder: Path, plan: Plan) -> Iterator[Place]:
    base = folder / "base"
    base.mkdir()
    store.prepare(base, plan)
    yield places.ordinary(folder)
    if subject != "gaps":
        size = 16 * sum(path.stat().st_size for path in base.iterdir())
        yield stack.enter_context(places.reflink(folder, size))


def _found(subject: str, where: list[Place], base: Path, plan: Plan) -> Iterator[Row | Watched]:
    if subject != "gaps":
        yield from store.run(where, base, plan)
    if subject != "store" and not gaps.refused():
        yield from gaps.run(where[0], base, plan)


def _refused(subject: str) -> list[dict[str, str]]:
    """The subjects that cannot be measured at all, and why."""
    asked = ((name, why()) for name, why in REFUSED.items() if subject in (name, "all"))
    found = [{"subject": name, "reason": why} for name, why in asked if why]
    for one in found:
        print(f"{one['subject']}: {NOT_MEASURED}: {one['reason']}")
    print(flush=True)
    return found


def _heading(document: dict[str, Any]) -> str:
    facts: dict[str, Any] = document["machine"]
    versions = [f"{name} {version or 'absent'}" for name, version in facts["versions"].items()]
    gigabytes = [f"{facts[name] / 1e9:.0f} GB" for name in ("memory_bytes", "memory_free_bytes")]
    return "\n".join(
        [
            f"{document['command']}, {document['started']}",
            f"{facts['cores']} cores ({facts['processor']}), load {facts['load']}; {gigabytes[0]}, {gigabytes[1]} free",
            f"{facts['system']}, Python {facts['python']}: {', '.join(versions)}",
        ]
    )


def _row(rows: list[Row], row: Row) -> dict[str, object]:
    sample, ours = row.sample, table.ours_among(rows, row)
    written = sample and table.written(sample)
    return {
        "what": row.what,
        "place": row.place,
        "data": row.data,
        "who": row.who,
        "note": row.note,
        "refused": row.refused,
        "seconds": sample and sample.seconds,
        "median": sample and sample.median,
        "ratio": sample and table.ratio(sample.median, ours and ours.median),
        "peak_bytes": sample and sample.peak,
        "idle_bytes": sample and sample.idle,
        "peak_ratio": sample and table.ratio(sample.peak, ours and ours.peak),
        "written_bytes": sample and sample.written,
        "written_ratio": sample and table.ratio(written, ours and table.written(ours)),
        "problem": sample and sample.problem,
    }


def _run(run: Watched) -> dict[str, object]:
    readers = [{**asdict(tally), "failures": dict(tally.failures)} for tally in run.tallies]
    told = {name: value for name, value in asdict(run).items() if name != "tallies"}
    return told | {"reads": run.reads, "failed": run.failed, "readers": readers}


def _goal(goal: Goal, full: bool) -> dict[str, object]:
    return asdict(goal) | {"reached": goal.reached if full else None}


if __name__ == "__main__":
    main()
