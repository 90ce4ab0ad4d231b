"""The row of stages on top of the Migration page; each opens its tab."""

from __future__ import annotations

from markupsafe import Markup

from aemo_ops.migrate.stages import STAGES, State, states
from aemo_ops.migrate.status import Status
from aemo_ops.ui import tiles

_SIGNS = {State.DONE: "✓", State.FAILED: "!", State.STOPPED: "!", State.BACK: "↶", State.BACK_STOPPED: "↶"}


def stepper(status: Status, shown: str) -> Markup:
    """A tab for each stage: its number or sign, its title, and how it stands in a word."""
    told = states(status.standings, status.job)
    tab = Markup(
        '<button type="button" role="tab" class="stage {}" aria-selected="{}" data-verb="tab" data-subject="{}">'
        '<i aria-hidden="true">{}</i><span>{}<small>{}</small></span></button>'
    )
    tabs = [
        tab.format(
            told[one.key].name.lower(), "true" if one.key == shown else "false", one.key,
            _SIGNS.get(told[one.key], str(number)), one.title, told[one.key],
        )
        for number, one in enumerate(STAGES, 1)
    ]  # fmt: skip
    return Markup('<div class="stages" role="tablist" aria-label="Stages of the move">{}</div>').format(
        tiles.EMPTY.join(tabs)
    )
