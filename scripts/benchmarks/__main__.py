"""scripts/bench: us against the alternatives, on the same data, in one run.

    scripts/bench store|gaps|copy|ui|year|backfill|all [--quick] [--json FILE] [--folder DIR]
    scripts/bench --install        the alternatives that can be had, into .venv

`--quick` ends within a minute: smaller data, the same code. `--folder` is where it works (default: the system's folder for
temporary files); a folder of its own is made in it and removed at the end. `--rows`, `--updates`, `--reader-updates`, `--bytes`,
`--intervals`, `--days`, `--pages` and `--clicks` change the sizes of the plan. Exit code: 0 when all that could be measured
was, 2 for a wrong call.

What cannot be measured is told as "not measured here: <reason>"; nothing takes its place.

The JSON document:
- `command`, `quick`, `started` (UTC), `seconds` (the whole run), `plan` (every size and count)
- `machine`: system, processor, cores, memory_bytes, memory_free_bytes, load, python, versions {package: version or null}
- `places`: [{name, kind (of filesystem), clones (true where it has reflinks), refused}], those that the subjects work in
- `rows`: [{what, place, data, who, note, refused, seconds [each repetition], median, ratio (median / our median), peak_bytes,
  idle_bytes (before the first repetition: interpreter, imports, new rows), peak_ratio, written_bytes [each], written_ratio,
  problem (what is wrong with the file that came out)}]; from `seconds` on null where `refused` says why, memory also for
  commands of the system, whose own nobody tells
- `readers`: [{place, data, who, updates, seconds, reads, failed, refused, readers [{who, reads, failures {kind: count}, example,
  refused}]}]
- `figures` of pages: [{what, place, data, who, unit (seconds or bytes), statistic (of the values: median, most, 95th percentile,
  or growth, from the first to the second), values [each], measured (the statistic), ratio (measured / ours), note, refused}]
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
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, table
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.subjects import SUBJECTS
from benchmarks.table import NOT_MEASURED, Figure, Goal, Results, Row, Watched
from benchmarks.workshop import Workshop

ALL = "all"


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
    asked = list(SUBJECTS) if arguments.subject == ALL else [arguments.subject]
    refused = _refused(asked)
    document["not_measured"] = [{"subject": name, "reason": why} for name, why in refused.items()]
    if names := [name for name in asked if name not in refused]:
        document |= _measure(names, plan, arguments.folder)
    document["seconds"] = round(time.monotonic() - began, 1)
    print(f"{document['seconds']} s in all")
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Us against the alternatives, in one run.")
    parser.add_argument("subject", choices=(*SUBJECTS, ALL))
    parser.add_argument("--quick", action="store_true", help="smaller data, the same code; ends within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="work in DIR, on the filesystem that it is on")
    parser.add_argument("--rows", type=int, nargs=2, metavar=("BIG", "SMALL"), help="rows of scada30 and of scada5")
    parser.add_argument("--updates", type=int, metavar="N", help="updates by us")
    parser.add_argument("--reader-updates", type=int, metavar="N", help="updates under readers")
    parser.add_argument("--bytes", type=int, metavar="N", help="bytes of the files that are copied")
    parser.add_argument("--pages", type=int, metavar="N", help="pages opened and closed")
    parser.add_argument("--intervals", type=int, metavar="N", help="intervals of the monthly table")
    parser.add_argument("--days", type=int, nargs=2, metavar=("SHORT", "LONG"), help="days fetched from Archive")
    parser.add_argument("--clicks", type=int, metavar="N", help="clicks of each kind, an even number")
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
    if arguments.bytes:
        plan = replace(plan, copied=arguments.bytes)
    if arguments.pages:
        plan = replace(plan, pages=arguments.pages)
    if arguments.intervals:
        plan = replace(plan, month_intervals=arguments.intervals)
    if arguments.days:
        plan = replace(plan, archive_days=tuple(arguments.days))
    if arguments.clicks:
        plan = replace(plan, clicks=arguments.clicks)
    return plan


def _measure(names: list[str], plan: Plan, parent: Path | None) -> dict[str, object]:
    """What these subjects found, told and as a part of the document."""
    folder = Path(tempfile.mkdtemp(prefix="aemo-ops-bench-", dir=parent))
    try:
        with ExitStack() as stack:
            shop = Workshop(folder, plan, stack)
            found = Results.of([one for name in names for one in SUBJECTS[name].run(shop)])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    reached = [goal for name in names for goal in SUBJECTS[name].goals(found)]
    parts = [table.figures(found.rows), table.watched(found.runs), table.pages(found.figures)]
    parts.append(table.goals(reached, plan.full))
    print(*filter(None, parts), sep="\n\n", end="\n\n")
    return {
        "places": [{"name": p.name, "kind": p.kind, "clones": p.clones, "refused": p.refused} for p in shop.places],
        "rows": [_row(found.rows, row) for row in found.rows],
        "readers": [_run(run) for run in found.runs],
        "figures": [_figure(found.figures, figure) for figure in found.figures],
        "goals": [_goal(goal, plan.full) for goal in reached],
    }


def _refused(names: list[str]) -> dict[str, str]:
    """Those of the subjects that cannot be measured at all, and why."""
    refused = {name: why for name in names if (why := SUBJECTS[name].refused())}
    for name, why in refused.items():
        print(f"{name}: {NOT_MEASURED}: {why}")
    print(flush=True)
    return refused


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


def _figure(figures: Sequence[Figure], one: Figure) -> dict[str, object]:
    return asdict(one) | {"measured": one.measured, "ratio": table.page_ratio(figures, one)}


def _goal(goal: Goal, full: bool) -> dict[str, object]:
    return asdict(goal) | {"reached": goal.reached if full else None}


if __name__ == "__main__":
    main()
