"""A command of a page, from the click until its answer: followed by its number, whoever carries it out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aemo_ops.ui.model import Model


class Answer:
    """Of the last command that was asked for; `changed` is called when its answer has come.

    `number` is None until the command is written down, `text` until it is carried out.
    """

    def __init__(self, model: Model, changed: Callable[[], None]) -> None:
        self._model = model
        self._changed = changed
        self._asked = 0
        self.number: int | None = None
        self.text: str | None = None

    def ask(self, verb: str, subject: str) -> None:
        self._asked += 1
        self.number = self.text = None
        self._model.command(verb, subject, partial(self._numbered, self._asked))

    def follow(self) -> None:
        """Look for the answer as long as there is none; call it on each new Snapshot."""
        if self.number is not None and self.text is None:
            read = partial(self._model.console.answered, self.number)
            self._model.fetch(read, partial(self._came, self.number), "answers")

    def _numbered(self, asked: int, number: int) -> None:
        if asked == self._asked:  # else another was asked for meanwhile
            self.number = number
            self.follow()

    def _came(self, number: int, text: str | None) -> None:
        if text is not None and number == self.number and self.text is None:
            self.text = text
            self._changed()
