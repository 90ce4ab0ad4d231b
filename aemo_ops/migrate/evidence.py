"""The evidence of a move, from its journal: as data, and as one page that needs nothing else to be read."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import jinja2

from aemo_ops import files
from aemo_ops.clock import Clock
from aemo_ops.masking import MASK, masked, masked_command, masked_facts
from aemo_ops.migrate import labels, stages
from aemo_ops.migrate.copy import digest
from aemo_ops.migrate.step import Phase, Standing, Step
from aemo_ops.store.journal import Journal

_PACKAGES = ("aemo-ops", "pyarrow", "pandas", "numpy", "psutil")
JSON, PAGE = "move.json", "move.html"
# Copies of .env, whole or half written, too. Patterns: git refuses a plain name of a file that it ignores anyway.
_NO_SECRETS = "':(exclude,glob)**/.env*' ':(exclude,glob)**/..env*'"


def report(
    journal: Journal, standings: Sequence[Standing], figures: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Everything that is known of a move, as JSON can hold it. `figures`: rows of before and after."""
    return dict(masked_facts(_told(journal, standings, figures)))


def _told(journal: Journal, standings: Sequence[Standing], figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    begun = next(entry for entry in journal if entry.kind == "move")
    entries = [
        {
            "number": entry.number,
            "at": entry.at,
            "kind": entry.kind,
            "step": entry.facts.get("step", ""),
            "more": (_agreed(entry.facts) if entry.kind == "agreed" else "")
            or entry.facts.get("reason")
            or entry.facts.get("plan")
            or entry.facts.get("word")
            or "",
        }
        for entry in journal.entries
    ]
    return {
        "made": Clock.utc().isoformat(timespec="seconds"),
        "sentence": sentence(standings),
        "versions": {name: version(name) for name in _PACKAGES}
        | {"python": platform.python_version(), "system": platform.platform()},
        "move": dict(begun.facts["inputs"]),
        "steps": [
            {
                "name": one.name,
                "title": one.title,
                "phase": str(one.phase),
                "at": one.at,
                "seconds": _seconds(journal, one.name),
                "reason": one.reason,
                "evidence": dict(one.evidence),
            }
            for one in standings
        ],
        "confirmed": [
            {"step": entry.facts["step"], "word": entry.facts["word"], "at": entry.at, "by": entry.facts.get("by", "")}
            for entry in journal
            if entry.kind == "confirmed"
        ],
        "rollbacks": _rollbacks(journal),
        "figures": [dict(row) for row in figures],
        "left_to_do": left_to_do(standings) or left_after_rollback(journal, standings),
        "journal": {"path": str(journal.path), "broken": journal.broken, "entries": entries},
    }


def sentence(standings: Sequence[Standing], job: str | None = None) -> str:
    """How a move stands, in a sentence; `job` as in `stages`."""
    phases = {one.phase for one in standings}
    if job is not None:
        return stages.sentence(standings, job)
    if phases == {Phase.DONE}:
        return "The move is finished: the new files are what counts, and the old ones are as they were left."
    if phases <= {Phase.UNDONE, Phase.OPEN}:
        if Phase.UNDONE not in phases:
            return "The move has not begun."
        if afterwards := _afterwards(standings):
            return f"The move was rolled back.{afterwards}"
        return "The move was rolled back: everything is as it was before, with every row collected since."
    return stages.sentence(standings, job)


def _rollbacks(journal: Journal) -> list[dict[str, str]]:
    """Each way back that was begun: when (UTC), when its last step was undone, and which steps were."""
    found: list[dict[str, str]] = []
    goes_on = False
    for entry in journal:
        if entry.kind == "undoing":
            if not goes_on:
                found.append({"begun": entry.at, "ended": "", "undone": ""})
            goes_on = True
        elif entry.kind == "undone":
            undone = [found[-1]["undone"], str(entry.facts["step"])]
            found[-1] |= {"ended": entry.at, "undone": ", ".join(filter(None, undone))}
        elif entry.kind in ("intent", "confirmed"):
            goes_on = goes_on and entry.facts["step"] == "rollback"
    return found


def _afterwards(standings: Sequence[Standing]) -> str:
    """What a person must know after a rollback from beyond the switch."""
    facts = next((one.evidence for one in standings if one.name == "switch"), {})
    nobody = "" if facts.get("runs", True) else " No old collector runs: start it again, or nobody collects."
    secrets = (
        f" The old collector was started without {', '.join(facts['without'])}: values that may be secret are never written "
        "down. If it needs one of them (to send alerts, say), end it and start it again where they are set."
        if facts.get("without")
        else ""
    )
    unfilled = f" Not every row could be fetched first: {facts['unfilled']}" if facts.get("unfilled") else ""
    return nobody + secrets + unfilled


def page(told: Mapping[str, Any]) -> str:
    """The report as one self-contained HTML page; everything in it is text, whatever a file or a program was called."""
    text = resources("aemo_ops.migrate").joinpath("evidence.html").read_text()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"label": labels.label, "clock": labels.clock}
    return environment.from_string(text).render(report=told)


def forms(told: Mapping[str, Any]) -> tuple[str, str]:
    """The report as a page, and as JSON."""
    return page(told), json.dumps(told, indent=1, default=str)


def happened(journal: Journal, steps: Sequence[Step]) -> tuple[tuple[str, str], ...]:
    """(real time in UTC, ISO; what was done), in order, a line an entry."""
    titles = {step.name: step.title for step in steps} | {"rollback": "Rollback"}
    lines = []
    for entry in journal:
        title = titles.get(str(entry.facts.get("step", "")), "")
        reason = masked(str(entry.facts.get("reason", "")))
        words = {
            "move": "The move was begun",
            "intent": f"{title}: begun",
            "done": f"{title}: done and verified",
            "failed": f"{title}: failed. {reason}",
            "confirmed": f"{title}: {entry.facts.get('word', '')} was typed by {entry.facts.get('by', '')}",
            "undoing": f"{title}: being undone",
            "undone": f"{title}: undone",
            "agreed": f"{entry.facts.get('by', '')} agreed: {_agreed(entry.facts)}",
        }
        lines.append((entry.at, words.get(entry.kind, entry.kind)))
    return tuple(lines)


def _agreed(facts: Mapping[str, Any]) -> str:
    words = {
        "drop_columns": "columns that belong to no dataset are left out",
        "accept_loss": "rows that cannot be kept are left out",
    }
    return "; ".join(words[name] for name in facts.get("to", ()))


def write(folder: Path, told: Mapping[str, Any]) -> dict[str, str]:
    """Both forms into a folder; name -> sha256. Raises NoSpace, FolderRefused."""
    with files.explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    sums = {}
    for name, text in zip((PAGE, JSON), forms(told), strict=True):
        content = text.encode()
        files.publish(folder / name, lambda sink, content=content: sink.write(content), private=True)  # type: ignore[misc]
        sums[name] = digest(folder / name)
    return sums


def left_to_do(standings: Sequence[Standing]) -> list[str]:
    """What a person may want to do now that the new files count; each line with its command, none of it run."""
    done = {one.name: one for one in standings if one.phase is Phase.DONE}
    if "switch" not in done or "prepare" not in done:
        return []
    prepared = done["prepare"].evidence
    lines = []
    for one in prepared.get("collectors", ()):
        lines.append(
            f"# the old collector is no longer wanted: archive {one['folder']} ({masked_command(one['command'])})"
        )
        lines += [f"# and see that nothing starts it again: {line}" for line in one["stop"]]
    for one in prepared.get("repositories", ()):
        if one["changed"]:
            place = shlex.quote(one["path"])
            lines.append(
                f"# {len(one['changed'])} paths of {one['path']} are not committed (.env and its copies stay out)"
            )
            lines.append(f"git -C {place} add --all -- . {_NO_SECRETS} && git -C {place} commit && git -C {place} push")
    lines += [f"# rebuild {name}: the old paths are baked into it" for name in prepared.get("caches", ())]
    return lines


def left_after_rollback(journal: Journal, standings: Sequence[Standing]) -> list[str]:
    """How the old collector is started again, where a rollback found none to start or started it without its secrets."""
    if not _afterwards(standings):
        return []
    prepared = [entry for entry in journal if entry.kind == "done" and entry.facts["step"] == "prepare"]
    found = prepared[-1].facts["evidence"].get("collectors", ()) if prepared else ()
    roots = [one for one in found if not one.get("begun_by")]  # those begin the others by themselves
    lines = [f"cd {shlex.quote(str(one['folder']))} && {masked_command(one['command'])}" for one in roots]
    return [f"{line}  # with your own value for each {MASK}" if MASK in line else line for line in lines]


def _seconds(journal: Journal, name: str) -> float | None:
    """From the last beginning of a step to its end, None where it did not end."""
    begun = ended = None
    for entry in journal:
        if entry.facts.get("step") == name:
            if entry.kind == "intent":
                begun, ended = datetime.fromisoformat(entry.at), None
            elif entry.kind in ("done", "failed"):
                ended = datetime.fromisoformat(entry.at)
    return (ended - begun).total_seconds() if begun and ended else None
