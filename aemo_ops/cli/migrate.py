"""aemo-ops migrate: carries files and their collectors from one folder to another, step by step; each can be gone back from."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aemo_ops.cli.printing import ATTENTION, ERROR, GOOD, document, table
from aemo_ops.clock import Clock
from aemo_ops.errors import SettingsError, Unconfirmed
from aemo_ops.migrate import evidence, stages
from aemo_ops.migrate.dashboard import Dashboard
from aemo_ops.migrate.inventory import USUAL, Wanted
from aemo_ops.migrate.move import MOST_HOURS, PATTERNS, Move
from aemo_ops.migrate.rehearsal import rehearse
from aemo_ops.migrate.step import Phase, Standing
from aemo_ops.migrate.steps.switch import Switch
from aemo_ops.migrate.undertaking import Undertaking
from aemo_ops.migrate.wizard import BACK
from aemo_ops.ops.jobs import Progress
from aemo_ops.settings import Settings, folder

_SAID = 2.0  # real seconds between two lines of progress


def register(verbs: Any) -> None:
    parser = verbs.add_parser(
        "migrate", help="move files and collectors to another folder: plan, run, status, rollback"
    )
    deeds = parser.add_subparsers(dest="deed", required=True, metavar="DEED")
    plan_ = deeds.add_parser("plan", help="what the next step would do; changes nothing")
    _what(plan_)
    plan_.set_defaults(run=plan)
    run_ = deeds.add_parser("run", help="go on, to the end or through one step; Ctrl-C stops at a safe point")
    _what(run_)
    run_.add_argument("--step", metavar="NAME", help="stop after this step")
    run_.add_argument(
        "--rehearse",
        type=Path,
        metavar="DIR",
        nargs="?",
        const=Path(),
        help="on copies in DIR; starts and stops nothing",
    )
    run_.add_argument("--anew", action="store_true", help="another move, though the last one is finished")
    run_.set_defaults(run=run)
    for name, deed, meaning in (
        ("status", status, "how the move stands; exit 1 while it is under way, 2 where something failed"),
        ("rollback", rollback, "undo what was done, last first; no row collected since is lost"),
        ("report", report, "the evidence, as a page and as JSON"),
    ):
        one = deeds.add_parser(name, help=meaning)
        one.set_defaults(run=deed)
        if name == "status":
            one.add_argument("--json", action="store_true")
        if name == "rollback":
            one.add_argument("--yes", action="store_true", help="do not ask for the word")
        if name == "report":
            one.add_argument("--folder", type=Path, metavar="DIR", help="default: AEMO_OPS_HOME/move/evidence")


def _what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", type=folder, metavar="DIR", help="where the files are now")
    parser.add_argument("--to", dest="base", type=folder, metavar="DIR", help="gets data, logs and backup below it")
    parser.add_argument(
        "--required",
        action="append",
        metavar="FILE",
        help="a file that must be there, not the usual ones (repeat)",
    )
    parser.add_argument("--optional", action="append", metavar="FILE", help="a further file that may be there (repeat)")
    parser.add_argument(
        "--file",
        action="append",
        metavar="NAME=PATH",
        help="a file of the set that lies elsewhere, or under another name (repeat); others are looked for nearby",
    )
    parser.add_argument(
        "--without",
        action="append",
        metavar="NAME[=REASON]",
        help="a file of the set that is left out, and why (repeat)",
    )
    parser.add_argument(
        "--pattern",
        action="append",
        metavar="TEXT",
        help=f"in the old collector's command line; default {', '.join(PATTERNS)}",
    )
    parser.add_argument("--env-file", type=folder, metavar="FILE", help="settings of the program that reads the files")
    parser.add_argument(
        "--dashboard", nargs=2, metavar=("TEXT", "URL"), help="what is in that program's command line, and its page"
    )
    parser.add_argument("--repository", action="append", type=folder, metavar="DIR", default=[], help="note its state")
    parser.add_argument("--drop-columns", action="store_true", help="columns that belong to no dataset may go")
    parser.add_argument(
        "--accept-loss", action="store_true", help="rows that cannot be kept (unreadable keys, impossible times) may go"
    )
    parser.add_argument("--watch-hours", type=_hours, default=24.0, metavar="N", help="after the switch (default 24)")


def _hours(text: str) -> float:
    value = float(text)
    if not 0 <= value <= MOST_HOURS:
        raise ValueError(text)
    return value


def _move(chosen: argparse.Namespace) -> Move | None:
    """What the options say; None where they say nothing: then it is the move that was begun."""
    if chosen.source is None and chosen.base is None:
        return None
    if chosen.source is None or chosen.base is None:
        raise SettingsError("a move has two ends: give both --from and --to")
    wanted = {one.name: one for one in [Wanted(name, True) for name in chosen.required or ()] or USUAL}
    wanted |= {name: Wanted(name, False) for name in chosen.optional or ()}
    files, without = _pairs(chosen.file), _pairs(chosen.without)
    if unknown := sorted((files.keys() | without.keys()) - wanted.keys()):
        raise SettingsError(f"{', '.join(unknown)} is no file of the set; there are {', '.join(wanted)}")
    if empty := [name for name, path in files.items() if not path]:
        raise SettingsError(f"--file {empty[0]} names no path: write --file {empty[0]}=PATH")
    if both := sorted(files.keys() & without.keys()):
        raise SettingsError(f"{', '.join(both)} cannot be taken from a place and left out: give --file or --without")
    if not all(chosen.pattern or PATTERNS):
        raise SettingsError("an empty --pattern would mean every program of this machine")
    return Move(
        chosen.source,
        chosen.base,
        tuple(wanted.values()),
        tuple(chosen.pattern or PATTERNS),
        chosen.drop_columns,
        chosen.env_file,
        tuple(chosen.repository),
        chosen.watch_hours,
        Dashboard(*chosen.dashboard) if chosen.dashboard else None,
        {name: folder(path) for name, path in files.items()},
        {name: reason or "left out on the command line" for name, reason in without.items()},
        chosen.accept_loss,
    )


def _pairs(told: list[str] | None) -> dict[str, str]:
    """NAME=WORDS, given several times."""
    return {name: words for name, _, words in (one.partition("=") for one in told or ())}


def plan(chosen: argparse.Namespace) -> int:
    """The plan of the step that is next, and the names of those after it, which depend on what it finds."""
    move = Undertaking(Settings.load(), _move(chosen))
    blocked = 0
    for step, standing in zip(move.steps, move.standings(), strict=True):
        print(f"{step.title}: {standing.phase}")
        if standing.phase is Phase.DONE:
            continue
        if blocked:
            continue
        blocked = 1
        print(_indented(step.plan()))
        if reason := step.check():
            print(_indented(f"Cannot begin: {reason}"))
            return ATTENTION
    return GOOD


def run(chosen: argparse.Namespace) -> int:
    settings = Settings.load()
    if chosen.rehearse is not None:
        return _rehearse(settings, chosen)
    with _leaving(Undertaking(settings, _move(chosen), "aemo-ops migrate run", chosen.anew)) as move:
        if loud := move.alarm():
            print(loud, file=sys.stderr)
        if chosen.source is None and {one.phase for one in move.standings()} <= {Phase.UNDONE, Phase.OPEN}:
            raise SettingsError("the last move was rolled back: to begin it again, or another, give --from and --to")
        if chosen.step and chosen.step not in {step.name for step in move.steps}:
            raise SettingsError(f"no step {chosen.step!r}; there are {', '.join(step.name for step in move.steps)}")
        progress, waits = _stoppable(), _once()
        while True:
            try:
                move.go(progress, chosen.step, waits)
                break
            except Unconfirmed as reason:
                if not _confirmed(move, reason):
                    return ATTENTION
        print(evidence.sentence(move.standings()))
        return GOOD


@contextmanager
def _leaving(move: Undertaking) -> Iterator[Undertaking]:
    """Once the old collector has ended, ours ends with this command: that must be said."""
    with move:
        try:
            yield move
        finally:
            if Switch.name in {one.name for one in move.standings() if one.phase is Phase.DONE}:
                print(
                    "This command ends, and the collecting that it did ends with it: start the app (scripts/run) or "
                    f"`aemo-ops collect` now. Both collect into {move.move.data}.",
                    file=sys.stderr,
                )


def _once() -> Callable[[str], None]:
    """Prints what is waited for, each time that is something else."""
    said = [""]

    def waits(reason: str) -> None:
        if reason != said[0]:
            print(reason, file=sys.stderr)
        said[0] = reason

    return waits


def _stoppable() -> Progress:
    """Ctrl-C stops at the next safe point; a second one at once, which the journal survives too."""
    progress = Progress(_say())

    def stop(number: int, frame: object) -> None:
        if progress.cancelled:
            raise KeyboardInterrupt
        print("stopping at the next safe point (Ctrl-C again: at once) ...", file=sys.stderr)
        progress.cancel()

    signal.signal(signal.SIGINT, stop)
    return progress


def _confirmed(move: Undertaking, reason: Unconfirmed) -> bool:
    step = move.wizard.next()
    assert step is not None
    print(f"{step.title}:\n{_indented(step.plan())}\n{reason}", file=sys.stderr)
    word = _asked(f"Type {step.word} to go on, anything else to stop here: ")
    if word != step.word:
        left = move.alarm() or "Nothing was changed; both collectors go on when it is run again."
        print(left, file=sys.stderr)
        return False
    move.wizard.confirm(step.name, word)
    return True


def _rehearse(settings: Settings, chosen: argparse.Namespace) -> int:
    move = _move(chosen)
    if move is None:
        raise SettingsError("a rehearsal needs --from and --to, as the move itself")
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # its copies go on the way out
    scratch = None if chosen.rehearse == Path() else chosen.rehearse
    told = rehearse(settings, move, scratch, Progress(_say()))
    table(
        ("step", "seconds", "outcome"),
        [(one.title, round(one.seconds, 1), one.outcome) for one in told.steps],
    )
    print(told.sentence)
    return GOOD if told.ok else ATTENTION


def status(chosen: argparse.Namespace) -> int:
    move = Undertaking(Settings.load())
    standings = move.standings()
    job = stages.elsewhere(standings) if move.holder() else None
    if chosen.json:
        document(
            {
                "from": move.move.source,
                "to": move.move.base,
                "sentence": evidence.sentence(standings, job),
                "alarm": move.alarm(),
                "journal": {"path": move.journal.path, "broken": move.journal.broken},
                "steps": [
                    {"name": one.name, "title": one.title, "phase": str(one.phase), "at": one.at, "reason": one.reason}
                    for one in standings
                ],
            }
        )
    else:
        print(f"{move.move.source} -> {move.move.base}")
        rows = [(one.title, stages.word(one, job), one.at, one.reason) for one in standings]
        table(("step", "state", "since (UTC)", "reason"), rows)
        if move.journal.broken:
            print(f"The journal can only be read: {move.journal.broken}")
        print(move.alarm() or evidence.sentence(standings, job))
    return ERROR if move.journal.broken else _code(standings)


def _code(standings: list[Standing]) -> int:
    phases = {one.phase for one in standings}
    if phases & {Phase.FAILED, Phase.BEGUN, Phase.UNDOING}:
        return ERROR
    return GOOD if phases == {Phase.DONE} or phases <= {Phase.UNDONE, Phase.OPEN} else ATTENTION


def rollback(chosen: argparse.Namespace) -> int:
    with Undertaking(Settings.load(), what="aemo-ops migrate rollback") as move:
        if loud := move.alarm():
            print(loud, file=sys.stderr)
        begun = [one for one in move.standings() if one.phase not in (Phase.OPEN, Phase.UNDONE)]
        if not begun:
            print("Nothing is to be undone.")
            return GOOD
        print("\n".join(move.wizard.rollback_plan()), file=sys.stderr)
        if not chosen.yes and _asked(f"Type {BACK} to go back, anything else to leave it as it is: ") != BACK:
            print("Nothing was changed.", file=sys.stderr)
            return ATTENTION
        move.wizard.confirm_back(BACK)
        standings = move.wizard.rollback(Progress(_say()))
        print(evidence.sentence(standings))
        todo = evidence.left_after_rollback(move.journal, standings)
        print("\n".join(todo), end="\n" if todo else "")
        return ATTENTION if todo else GOOD


def report(chosen: argparse.Namespace) -> int:
    move = Undertaking(Settings.load())
    folder = chosen.folder.absolute() if chosen.folder else move.folder / "evidence"
    evidence.write(folder, move.report(measured=True))
    print(folder / evidence.PAGE)
    return GOOD


def _asked(prompt: str) -> str:
    """What a person types; Ctrl-C is no word."""
    print(prompt, end="", file=sys.stderr, flush=True)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline().strip()
    except KeyboardInterrupt:
        return ""
    finally:
        signal.signal(signal.SIGINT, before)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _say() -> Any:
    """Prints progress to stderr, not more often than once in two seconds, with the rate of what is counted in bytes."""
    last, first = [0.0], [Clock.monotonic()]

    def say(done: int, total: int, text: str) -> None:
        now = Clock.monotonic()
        if now - last[0] < _SAID:
            return
        last[0] = now
        if total > 1_000_000:
            rate = done / max(now - first[0], 0.001)
            left = f", {(total - done) / rate:,.0f} s left" if rate else ""
            print(f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB, {rate / 1e6:,.0f} MB/s{left}: {text}", file=sys.stderr)
        else:
            print(f"{done} of {total}: {text}" if total else text, file=sys.stderr)

    return say
