"""What was asked on the Gaps page is followed by its command's number, and told where it was asked."""

from __future__ import annotations

from aemo_ops.ops.healing import HEAL
from aemo_ops.ui.asked import DAYS, LIST, TOP, Asked
from aemo_ops.ui.filling import last
from tests.ui.made import SNAPSHOT, Stub, with_heal


def test_a_fill_waits_until_its_own_job_is_there() -> None:
    stub = Stub()
    asked = Asked(stub.model)
    assert asked.answer(SNAPSHOT) == ""
    asked.ask("fill", HEAL, "some days", LIST)
    assert stub.commands == [(HEAL, "some days")]
    assert "it begins within a second" in asked.answer(with_heal(asked=0))  # another's is none of ours
    stub.answers[7] = "job 2 fills gaps"
    asked.follow()
    assert asked.answer(with_heal(asked=7)) == ""
    assert asked.answer(SNAPSHOT) == ""  # another start of the engine forgets its jobs: it is not refused by that


def test_a_refused_fill_says_so_for_good_whatever_else_happens() -> None:
    stub = Stub()
    asked = Asked(stub.model)
    asked.ask("fill_all", HEAL, "", TOP)
    stub.answers[7] = "gaps are being filled already; wait for that, or cancel it"
    asked.follow()
    for snapshot in (SNAPSHOT, with_heal(asked=0), with_heal(asked=0, state="done")):
        assert "Not done: gaps are being filled already; wait for that, or cancel it." in asked.answer(snapshot)


def test_what_was_not_asked_here_is_told_on_top() -> None:
    stub = Stub()
    asked = Asked(stub.model)
    assert asked.place(last(with_heal(asked=0))) == TOP
    asked.ask("fill", HEAL, "these days", DAYS)
    mine = with_heal(asked=7, state="done")
    assert asked.place(last(mine)) == DAYS
    assert asked.place(last(with_heal(asked=0, snapshot=mine))) == TOP  # by itself, an hour later
    assert asked.place(last(with_heal(asked=12, snapshot=mine))) == TOP  # in another browser


def test_a_cancel_stands_where_its_fill_was_until_nothing_is_filled_any_more() -> None:
    stub = Stub()
    asked = Asked(stub.model)
    asked.ask("fill", HEAL, "a gap", LIST)
    asked.ask("cancel", "cancel", "1", TOP)
    stub.answers[8] = "cancelling"
    asked.follow()
    running = with_heal(asked=7)
    assert asked.answered_at == LIST and asked.place(last(running)) == LIST
    assert "Cancelling" in asked.answer(running)
    assert asked.answer(with_heal(asked=7, state="cancelled")) == ""
