"""A failed read or deed is told as long as it is true."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import SettingsError, StoreCorrupt
from aemo_ops.migrate.house import House
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Replica
from aemo_ops.ui.model import DEED, Model


@pytest.fixture
def model(engine_at: Callable[..., Engine], site: Replica, still: Clock) -> Model:
    settings = engine_at(site.url, still).settings
    return Model(House(lambda: settings, "a test"))


def came(model: Model, what: str, error: Exception | None = None) -> None:
    """A read, or a deed, ends."""
    done: Future[Any] = Future()
    if error:
        done.set_exception(error)
    else:
        done.set_result(None)
    model._deliver(done, lambda _nothing: None, what)


def test_a_failed_read_is_told_until_the_same_one_succeeds(model: Model) -> None:
    came(model, "rows of prices5", StoreCorrupt("prices5.parquet: a part of it cannot be read."))
    came(model, "costs", OSError("no such folder"))
    came(model, "rows of rooftop30")
    assert model.problem == "prices5.parquet: a part of it cannot be read. no such folder"
    came(model, "rows of prices5")
    assert model.problem == "no such folder"
    came(model, "costs")
    assert model.problem == ""


def test_a_refused_deed_is_told_until_another_is_asked_for(model: Model) -> None:
    came(model, DEED, SettingsError("Say the folder to move to."))
    came(model, "costs")
    assert model.problem == "Say the folder to move to."
    model.ask(lambda: None)
    assert model.problem == ""


def test_an_error_that_nobody_foresaw_is_told_and_logged(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    came(model, "ledger", ZeroDivisionError("division by zero"))
    assert "ZeroDivisionError" in model.problem
    assert "a page could not read or do: ledger" in caplog.text and "ZeroDivisionError" in caplog.text
