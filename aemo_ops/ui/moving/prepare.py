"""Prepare: what is to be moved and where to, what lies there, who writes it; then the new place is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from aemo_ops.errors import SettingsError
from aemo_ops.migrate.labels import minute
from aemo_ops.migrate.move import MOST_HOURS, Move
from aemo_ops.migrate.status import Status
from aemo_ops.migrate.step import Phase
from aemo_ops.settings import folder
from aemo_ops.ui import tiles, words
from aemo_ops.ui.moving import pieces


def show(status: Status, suggested: Move, collects: Path) -> Markup:
    """The form until the move is begun; then what was found. `collects`: where the app collects now."""
    found = pieces.evidence(status, "prepare")
    if found and status.standing("prepare").phase is Phase.DONE:
        return pieces.card("What was found", _found(found), f"newest interval {minute(found['newest'])} NEM")
    parts = [pieces.card("What is moved, and where to", form(status.asked or suggested, status))]
    if status.move:
        ask = tiles.button(
            "go", "Prepare the new place", "prepare", "", kind="main", off=not pieces.ready(status, "prepare")
        )
        barred = status.look is not None and status.look.reason
        told = tiles.EMPTY if barred else _notes(status, status.move, collects) + pieces.plan(status, "prepare")
        inside = pieces.checks(status, "prepare") + told + ask
        # Above the form, which may fill a small window: whoever looks must see what came of it.
        parts.insert(0, pieces.card("Before anything is done", inside, "nothing is written until you press the button"))
    return tiles.EMPTY.join(parts)


def _notes(status: Status, move: Move, collects: Path) -> Markup:
    """What becomes of the folder that the app collects into now, and of an earlier move."""
    told = []
    if collects not in (move.data, move.source):
        told.append(
            f"The app collects into {collects} now, and from the parallel run on into {move.data}. What is in {collects} stays."
        )
    if status.gives_up:
        told.append(
            f"The move to {status.gives_up} is finished. Once this one is prepared, that one can no longer be rolled back."
        )
    return pieces.marks(pieces.mark("note", line) for line in told)


def form(move: Move, status: Status) -> Markup:
    """Fields for what a person may choose; Look sends them."""
    off = Markup(" disabled") if status.under_way or status.doing else tiles.EMPTY
    field = Markup(
        '<label class="{}">{}<input name="{}" value="{}" autocomplete="off" spellcheck="false"{}><small>{}</small></label>'
    )
    fields = [
        field.format("whole", "From: the folder that the old collector writes", "source", move.source, off,
                     "The move only reads its files. Only a rollback after the switchover writes there: what was collected since."),
        field.format("whole", "To: a folder on a local disk", "base", move.base, off,
                     "Gets data, logs and backup inside."),
        field.format("", "The old collector's command line holds", "patterns", ", ".join(move.patterns), off,
                     "A part of its command, by which it is recognised; several with commas between."),
        field.format("short", "Hours to watch after the switchover", "watch_hours", f"{move.watch_hours:g}", off,
                     "Hours of market time."),
        field.format("", "Settings (.env) of the dashboard that reads the files", "env_file", move.env_file or "", off,
                     "Optional. At the switchover its path is changed to the new folder; the old text is kept."),
    ]  # fmt: skip
    agree = Markup(
        '<label class="agree"><input type="checkbox" name="drop_columns"{}{}> Columns that belong to no dataset may be left out '
        "of the new files</label>"
    ).format(Markup(" checked") if move.drop_columns else tiles.EMPTY, off)
    files = _files(move, status, off)
    look = Markup(
        '<div class="deeds"><button type="button" class="{}" data-verb="look" data-subject="" data-sends="form"{}>'
        "Look at it</button></div>"
    ).format("" if status.move else "main", off)
    return Markup('<div class="fields" data-form>{}{}{}{}</div>').format(tiles.EMPTY.join(fields), agree, files, look)


def _files(move: Move, status: Status, off: Markup) -> Markup:
    """The files of the set as they were found, each with fields for another place and for a reason to leave it out."""
    if status.look is None or not status.look.files:
        return tiles.EMPTY
    field = Markup(
        '<input name="{}:{}" value="{}" placeholder="{}" aria-label="{}: {}" autocomplete="off" spellcheck="false"{}>'
    )
    both = Markup("{}<br>{}")
    rows = [
        (
            one["name"],
            both.format(Markup('<span class="{}">{}</span>').format(_tone(one), one["state"]), one["fate"]),
            Markup('<span title="{}">{}</span>').format(one["path"], words.middle(one["path"]) if one["state"] != "absent" else ""),
            _holds(one),
            both.format(
                field.format("file", one["name"], move.files.get(one["name"], ""), "take it from here", one["name"],
                             "another place", off),
                field.format("without", one["name"], move.without.get(one["name"], ""), "or leave it out because",
                             one["name"], "reason to leave it out", off),
            ),
        )
        for one in status.look.files
    ]  # fmt: skip
    head = ("File", "What will happen", "Found at", "Holds", "Change")
    note = Markup(
        "<small>Files that are not in the folder above were looked for nearby and where the programs' settings point.</small>"
    )
    return Markup('<div class="whole files"><b>The files</b> {}{}</div>').format(note, pieces.table(head, rows))


def _holds(one: Mapping[str, Any]) -> Markup:
    """How much is in a file, and of which intervals."""
    if one["state"] != "there":
        return tiles.EMPTY
    rows = f"{words.counted(one['rows'], 'row')}, " if one["rows"] is not None else ""
    span = f"{minute(one['first'])} to {minute(one['last'])}" if one["last"] else ""
    return Markup("{}{}<br><small>{}</small>").format(rows, words.size(one["size"]), span)


def _tone(one: Mapping[str, Any]) -> str:
    if one["state"] == "there":
        return "fresh"
    return "muted" if not one["required"] or one["state"] == "left out" else "stale"


def chosen(told: Mapping[str, Any], suggested: Move) -> Move:
    """The move that the form says. Raises SettingsError."""
    try:
        hours = float(told["watch_hours"])
    except ValueError:
        hours = -1.0
    if not 0 <= hours <= MOST_HOURS:
        raise SettingsError(
            f"{told['watch_hours']!r} hours to watch: it should be a number from 0 to {MOST_HOURS:.0f}."
        )
    folders = {name: str(told[name]).strip() for name in ("source", "base", "env_file")}
    for name, what in (("source", "the folder to move from"), ("base", "the folder to move to")):
        if not folders[name]:
            raise SettingsError(f"Say {what}.")
    patterns = tuple(part.strip() for part in str(told["patterns"]).split(",") if part.strip())
    for text in filter(None, folders.values()):
        try:
            folder(text)
        except ValueError as error:
            raise SettingsError(f"{text!r} is no path: {error}.") from error
        if not Path(text).expanduser().is_absolute():
            raise SettingsError(
                f"{text!r} is no whole path: write it from its beginning, such as /Volumes/... or ~/..."
            )
    files, without = (_of_files(told, what) for what in ("file", "without"))
    for name, text in files.items():
        if not Path(text).expanduser().is_absolute():
            raise SettingsError(f"{text!r}, for {name}, is no whole path: write it from its beginning.")
    if both := sorted(files.keys() & without.keys()):
        raise SettingsError(f"{', '.join(both)}: say where to take it from, or why it is left out; not both.")
    return replace(
        suggested,
        source=folder(folders["source"]),
        base=folder(folders["base"]),
        env_file=folder(folders["env_file"]) if folders["env_file"] else None,
        patterns=patterns or suggested.patterns,
        watch_hours=hours,
        drop_columns=bool(told["drop_columns"]),
        files={name: folder(text) for name, text in files.items()},
        without=without,
    )


def _of_files(told: Mapping[str, Any], what: str) -> dict[str, str]:
    """File -> what the form says in its field of this kind, where it says something."""
    texts = {name.partition(":")[2]: str(text).strip() for name, text in told.items() if name.startswith(f"{what}:")}
    return {name: text for name, text in texts.items() if text}


def _found(found: Mapping[str, Any]) -> Markup:
    rows = [
        (
            one["name"],
            one["state"] if one["kind"] == "declared" else f"{one['state']}, {one['kind']}: stays",
            Markup('<span title="{}">{}</span>').format(one["path"], words.middle(one["path"]))
            if one.get("path")
            else "",
            words.size(one["size"]) if one["state"] == "there" else "",
            f"{one['rows']:,}" if one["rows"] is not None else "",
            minute(one["first"]),
            minute(one["last"]),
        )
        for one in found["items"]
    ]
    files = pieces.table(("File", "State", "Found at", "Size", "Rows", "First interval", "Last"), rows, (3, 4))
    lines = [pieces.mark("note", f"Old collector: {_program(one)}") for one in found["collectors"]]
    lines = lines or [pieces.mark("note", "No old collector runs on this machine.")]
    lines += [pieces.mark("note", f"Folder looked at: {one}") for one in found["candidates"]]
    for one in found["repositories"]:
        dirty = f"{len(one['changed'])} paths not committed" if one["changed"] else "clean"
        lines.append(pieces.mark("note", f"Repository {one['path']}: {one['branch']} {one['commit']}, {dirty}"))
    lines += [pieces.mark("note", f"{path}: rebuild it after the switchover") for path in found["caches"]]
    return files + pieces.marks(lines)


def _program(one: Mapping[str, Any]) -> str:
    held = f"; started again by {', '.join(one['held_by'])}" if one["held_by"] else ""
    return f"process {one['identity']['pid']}, {' '.join(one['command'])}{held}"
