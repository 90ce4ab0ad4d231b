"""The Migration page: a stepper, a tab for each stage, Rollback always in reach. What is true stands in the journal, not here."""

from __future__ import annotations

import json
from pathlib import Path

import panel as pn
from markupsafe import Markup

from aemo_ops.errors import AemoOpsError
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.stages import ALL, STAGES, State, current, states
from aemo_ops.migrate.stages import sentence as stage_sentence
from aemo_ops.migrate.status import Status
from aemo_ops.migrate.step import Phase
from aemo_ops.ui import tiles
from aemo_ops.ui.board import Board, card, stack
from aemo_ops.ui.model import DEED, Model
from aemo_ops.ui.moving import copying, finish, parallel, pieces, prepare, stepper, switch
from aemo_ops.ui.report import Deliver, Report

_LINES = 40  # of what happened
_LAYOUT = Markup(
    '<div class="top"><div><h1>Move the files and their collector</h1><p class="lead" data-slot="sentence"></p></div>'
    '<div class="deeds" data-slot="deeds"></div></div><div data-slot="banner"></div><div data-slot="back"></div>'
    '<div data-slot="stepper"></div><div data-slot="progress"></div><div class="cards" data-slot="stage"></div>'
)
_HAPPENED = Markup('<h2>What happened <small>real times, newest first</small></h2><div data-slot="happened"></div>')


class Migration:
    """Built when first opened; `refresh` on a new Snapshot or a new state of the move, `tick` every second."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._tab = ""  # chosen by hand; empty: the stage that wants something
        self._stage = ""
        self._back = False
        self._rows = ""
        self._suggested = model.console.suggested_move()
        self._top = Board(_LAYOUT, on_click=self._click)
        self._happened = Board(_HAPPENED)
        self._reports = pn.Column(Report(self._make_report), visible=False, sizing_mode="stretch_width", margin=0)
        self.view = stack(self._top, self._reports, card(self._happened, margin=(12, 0, 0, 0)))
        self._show()

    def refresh(self) -> None:
        self._show()

    def tick(self) -> None:
        self._model.console.move.look()
        self._show()

    def _click(self, verb: str, subject: str) -> None:
        desk = self._model.console.move
        self._model.calm(DEED)
        match verb:
            case "tab":
                self._tab = subject
            case "rows":
                self._rows = subject
            case "open_back" | "close_back":
                self._back = verb == "open_back"
            case "look":
                self._model.ask(lambda: desk.consider(self._chosen(subject), anew=self._model.move.over))
            case "go":
                self._tab = ""
                self._model.ask(lambda: desk.go(subject))
            case "switch":
                self._model.ask(lambda: desk.go("switch", _word(subject)))
            case "agree":
                self._model.ask(lambda: desk.agree(subject))
            case "rollback":
                self._model.ask(lambda: desk.go_back(_word(subject)), then=lambda _nothing: self._close_back())
            case "cancel":
                desk.cancel()
        self._show()

    def _close_back(self) -> None:
        self._back = False
        self._show()

    def _chosen(self, told: str) -> Move:
        return prepare.chosen(json.loads(told), self._model.move.asked or self._suggested)

    def _make_report(self, deliver: Deliver) -> None:
        self._model.ask(self._report, lambda made: deliver(*made))

    def _report(self) -> tuple[str, str, str]:
        """The page, the JSON, and why there are none: the tab that waits for them shows that."""
        try:
            return *self._model.console.move.report(), ""
        except AemoOpsError as error:
            return "", "", str(error)

    # what is seen -----------------------------------------------------------------------------------------------------------
    def _show(self) -> None:
        status = self._model.move
        wants = current(status.standings, status.job).key if status.standings else "prepare"
        if wants != self._stage:  # the move went on, here or in another browser: follow it
            self._stage, self._tab = wants, ""
        shown = self._tab or wants
        undo = any(one.phase not in (Phase.OPEN, Phase.UNDONE) for one in status.standings) and not status.considered
        deeds = (
            tiles.button("open_back", "Roll back …", kind="danger", off=status.doing is not None)
            if undo
            else tiles.EMPTY
        )
        self._top.fill(
            {
                "sentence": Markup.escape(sentence(status)),
                "deeds": deeds,
                "banner": self._banner(status),
                "back": switch.back(status, self._answer(status))
                if self._back and undo and not status.doing
                else tiles.EMPTY,
                "stepper": stepper.stepper(status, shown),
                "progress": pieces.progress(status.doing) if status.doing else tiles.EMPTY,
                "stage": self._stage_markup(status, shown),
            }
        )
        if self._reports.visible != bool(status.happened):
            self._reports.visible = bool(status.happened)
        self._happened.fill({"happened": _feed(status)})

    def _answer(self, status: Status) -> str:
        """To the word that was typed last: told beside its field too, for a banner may be out of sight there."""
        return self._model.refused or (status.said if status.failed and status.doing is None else "")

    def _banner(self, status: Status) -> Markup:
        block = Markup('<div class="banner {}" role="{}"><p>{}</p></div>')
        blocks = []
        if status.alarm and status.doing is None:
            blocks.append(block.format("stale", "alert", status.alarm))
        if status.broken:
            told = f"The move's journal can only be read: {status.broken}. Nothing can be done with it; the files are untouched."
            blocks.append(block.format("stale", "alert", told))
        if status.elsewhere:
            told = f"{status.elsewhere} works at this move; this page shows how it stands, and can go on when it has ended."
            blocks.append(block.format("calm", "status", told))
        if status.said not in ("", status.sentence) and status.doing is None and not self._model.problem:
            blocks.append(
                block.format("stale" if status.failed else "calm", "alert" if status.failed else "status", status.said)
            )
        return tiles.EMPTY.join(blocks)

    def _stage_markup(self, status: Status, shown: str) -> Markup:
        if shown == "prepare" or not status.standings:
            return prepare.show(status, self._suggested, Path(self._model.snapshot.folder))
        wants = current(status.standings, status.job)
        keys = [one.key for one in STAGES]
        if keys.index(shown) > keys.index(wants.key):
            title = next(one.title for one in STAGES if one.key == shown)
            told = f"It opens when {wants.title} is done and verified."
            return pieces.card(title, pieces.marks([pieces.mark("wait", told)]), "not yet")
        match shown:
            case "copy":
                return copying.show(status)
            case "parallel":
                return parallel.show(status, self._rows)
            case "switch":
                return switch.show(status, self._answer(status))
            case _:
                return finish.show(status)


def sentence(status: Status) -> str:
    """The page's first sentence: what is moved where, how that stands, whether there is anything to do."""
    if status.move is None:
        return "No move was begun. Say where the old files are and where they shall go; nothing is touched until you press Prepare."
    ends = f"{brief(status.move.source)} → {brief(status.move.base)}."
    if status.considered:
        barred = status.look is not None and status.look.reason
        if barred:
            return f"{ends} It cannot begin as it stands: see why, below."
        return f"{ends} Not begun yet: read what was found, then press Prepare."
    if status.doing:
        return f"{ends} {status.doing.title} is going on; you may close this page."
    phases = {one.name: one.phase for one in status.standings}
    if status.over:
        return f"{ends} {status.sentence}"
    who = "The new collector is in charge." if phases["switch"] is Phase.DONE else "The old collector is in charge."
    stage = current(status.standings)
    ready = stage.key == "finish" and status.look is not None and not status.look.reason
    stands = states(status.standings, status.job)[stage.key]
    if ready and stands in (State.NEXT, State.PARTLY):
        return f"{ends} {who} The watching is over: press Finish."
    return f"{ends} {who} {stage_sentence(status.standings, status.job)}"


def brief(path: Path) -> str:
    """The end of a path, by which a person knows it."""
    return f"…/{'/'.join(path.parts[-2:])}" if len(path.parts) > 3 else str(path)


def short(status: Status) -> str:
    """For the header and the side bar, empty where no move is under way."""
    if status.alarm and not status.doing:
        return "a switchover was not finished"
    if not status.under_way:
        return ""
    if status.job == ALL:
        return "move: rolling back is going on"
    stage = current(status.standings, status.job)
    stands = states(status.standings, status.job)[stage.key]
    verb = "was" if stands is State.STOPPED else "has" if stands is State.FAILED else "is"
    return f"move: {stage.title.lower()} {verb} {stands}"


def _word(subject: str) -> str:
    return str(json.loads(subject).get("word", ""))


def _feed(status: Status) -> Markup:
    row = Markup('<li><span class="when">{}</span><span>{}</span></li>')
    items = [row.format(pieces.when(at), what) for at, what in status.happened[:_LINES]]
    empty = Markup('<p class="empty">Nothing yet. The first line is written when the move begins.</p>')
    return Markup('<ol class="feed two">{}</ol>').format(tiles.EMPTY.join(items)) if items else empty
