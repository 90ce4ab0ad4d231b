"""The field for a word that must be typed, in a low window: its button, and the answer beside it."""

from __future__ import annotations

from collections.abc import Iterator

import panel as pn
import pytest
from markupsafe import Markup
from playwright.sync_api import Browser, expect

from aemo_ops.ui.board import Board
from aemo_ops.ui.moving import pieces
from tests.ui.browsing import answers, free_port
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
TALL = Markup('<div style="height: 900px">what is told above</div>')


class Served:
    """A page with one field; `asked` is what its button sent, and it is answered with a refusal."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str]] = []

    def page(self) -> Board:
        self.board = Board(Markup('<div class="card" data-slot="card"></div>'), on_click=self._clicked)
        self.fill("")
        return self.board

    def fill(self, answer: str) -> None:
        self.board.fill({"card": TALL + pieces.asked("switch", "SWITCH", "Switch over", off=False, answer=answer)})

    def _clicked(self, verb: str, subject: str) -> None:
        self.asked.append((verb, subject))
        self.fill("another process works at this move")


@pytest.fixture
def served() -> Iterator[Served]:
    port = free_port()
    made = Served(f"http://localhost:{port}/app")
    server = pn.serve({"app": made.page}, port=port, show=False, threaded=True)
    try:
        until(lambda: answers(made.url), "it answers")
        yield made
    finally:
        server.stop()


def test_only_the_right_word_opens_the_button_and_every_answer_is_in_sight_beside_the_field(
    served: Served, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(served.url)
    field, button = page.get_by_label("Type SWITCH to go on"), page.get_by_role("button", name="Switch over")
    for wrong, answer in (
        ("", "The button opens when SWITCH stands in the field."),
        ("switch", "Not SWITCH: type it in capitals"),
        ("SWITCHED", "Not SWITCH: type it in capitals"),
    ):
        field.fill(wrong)
        field.press("Enter")
        expect(page.get_by_text(answer)).to_be_in_viewport()
        expect(button).to_be_disabled()
    field.fill(" SWITCH ")
    expect(button).to_be_enabled()
    assert served.asked == []
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("another process works at this move")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    assert served.asked == [("switch", '{"word":" SWITCH "}')]
    expect(button).to_be_enabled()  # what was typed stays, and so does what it opened
    field.press("Backspace")
    expect(page.get_by_role("alert")).to_have_count(0)  # it was about another word
    page.context.close()
