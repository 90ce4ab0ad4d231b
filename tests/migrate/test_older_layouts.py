"""Files of earlier collectors, under their names and in their layouts: rows go over from them, and come back into them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import StepRefused
from aemo_ops.market.catalogue import PRICES5, ROOFTOP30, SCADA5
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate.carry import carry, carry_back, lost
from aemo_ops.migrate.inventory import Wanted
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.steps.copying import Copying
from aemo_ops.migrate.steps.normal import NormalForm
from aemo_ops.migrate.steps.prepare import Prepare
from aemo_ops.migrate.wizard import Wizard
from aemo_ops.store.journal import Journal
from aemo_ops.store.lease import adopt
from aemo_ops.store.parquet import Store
from tests.conftest import NOON
from tests.migrate.comparing import BEGIN, right, table
from tests.migrate.moving import let_rest
from tests.migrate.stepping import quiet

HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    adopt(tmp_path / "new")
    return Store(tmp_path / "new")


def first_hour(dataset: Dataset) -> pa.Table:
    return table(dataset, [row for row in right(dataset) if row[0] <= BEGIN + HOUR])


def as_index(rows: pa.Table, path: Path) -> Path:
    """`spot_hist`: the time as index, names in capitals."""
    rows.to_pandas().rename(columns=str.upper).set_index("SETTLEMENTDATE").to_parquet(path)
    return path


def as_wide(rows: pa.Table, path: Path) -> Path:
    """`rooftop_solar`: a column for each region, each half hour repeated until the next."""
    halves = rows.to_pandas().pivot(index="settlementdate", columns="regionid", values="power")
    fives = pd.concat([halves.set_index(halves.index + n * timedelta(minutes=5)) for n in range(6)]).sort_index()
    fives.reset_index().to_parquet(path, index=False)
    return path


def as_unnamed_index(rows: pa.Table, path: Path) -> Path:
    frame = rows.to_pandas().set_index("settlementdate")
    frame.index.name = None
    frame.to_parquet(path)
    return path


OLDER = [
    (PRICES5, "spot_hist.parquet", as_index),
    (SCADA5, "gen_output.parquet", as_unnamed_index),
    (ROOFTOP30, "rooftop_solar.parquet", as_wide),
]


def keys(rows: list[tuple[object, str, list[float | None]]]) -> set[tuple[object, str]]:
    return {(end, name) for end, name, _ in rows}


@pytest.mark.parametrize(("dataset", "name", "make"), OLDER, ids=[name for _, name, _ in OLDER])
def test_rows_come_over_and_go_back_and_the_file_keeps_its_layout(
    tmp_path: Path, store: Store, dataset: Dataset, name: str, make: object
) -> None:
    (tmp_path / "old").mkdir()
    old = make(first_hour(dataset), tmp_path / "old" / name)  # type: ignore[operator]
    before, schema = pd.read_parquet(old), pq.read_schema(old)
    early = keys([row for row in right(dataset) if row[0] <= BEGIN + HOUR])
    assert carry(dataset, old, store, None, quiet()).inserted == len(early)
    assert store.read(dataset).to_pydict() == first_hour(dataset).to_pydict()
    assert lost(dataset, old, store.path(dataset), NOON) == []

    store.merge(dataset, table(dataset, right(dataset)))  # what was collected since
    late = keys(right(dataset)) - early
    assert carry_back(dataset, store, old, None).inserted == len(late)
    assert lost(dataset, store.path(dataset), old, NOON) == [] and carry_back(dataset, store, old, None).inserted == 0
    after = pd.read_parquet(old)
    assert pq.read_schema(old).names == schema.names and pq.read_schema(old).types == schema.types
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)  # its rows stay as they were
    assert after.index.name == before.index.name


def test_a_value_that_a_wide_file_lacks_beside_others_goes_into_its_row(tmp_path: Path, store: Store) -> None:
    rows = first_hour(ROOFTOP30)
    store.merge(ROOFTOP30, rows)
    lacking = rows.filter(
        pa.array(
            [not (row[0] == BEGIN + HOUR and row[1] == "QLD1") for row in right(ROOFTOP30) if row[0] <= BEGIN + HOUR]
        )
    )
    old = as_wide(lacking, tmp_path / "rooftop_solar.parquet")
    times = len(pd.read_parquet(old))
    assert lost(ROOFTOP30, store.path(ROOFTOP30), old, NOON) == [f"{BEGIN + HOUR} QLD1"]
    assert carry_back(ROOFTOP30, store, old, None).inserted == 1
    after = pd.read_parquet(old).set_index("settlementdate")
    assert len(after) == times
    wanted = next(values[0] for end, name, values in right(ROOFTOP30) if (end, name) == (BEGIN + HOUR, "QLD1"))
    assert after.loc[BEGIN + HOUR, "QLD1"] == wanted


# through the move's own steps --------------------------------------------------------------------------------------------------
def wizard(place: Path, what: Move) -> Wizard:
    journal, clock = Journal(place / "journal.jsonl"), Clock.starting(NOON, 0)
    steps = (Prepare(what, clock, journal), Copying(what, clock, pauses=()), NormalForm(what, clock))
    return Wizard(journal, steps, what.inputs())


def rooftop(place: Path) -> Move:
    (place / "old").mkdir()
    path = place / "old" / "rooftop_solar.parquet"
    as_wide(table(ROOFTOP30, right(ROOFTOP30)), path)
    let_rest(path.parent)
    files = {"rooftop30.parquet": path}
    return Move(place / "old", place / "ssd", (Wanted("rooftop30.parquet", True),), ("no such collector",), files=files)


def test_a_wide_file_is_copied_as_it_is_and_then_gets_its_form(tmp_path: Path) -> None:
    what = rooftop(tmp_path)
    wizard(tmp_path, what).run(quiet())
    assert pq.read_table(what.data / "rooftop30.parquet").to_pydict() == table(ROOFTOP30, right(ROOFTOP30)).to_pydict()
    kept = what.backup / "rooftop30.parquet"
    assert kept.read_bytes() == what.old("rooftop30.parquet").read_bytes()
    assert sorted(path.name for path in what.data.iterdir()) == ["rooftop30.parquet"]
    wizard(tmp_path, what).rollback(quiet())
    assert not what.base.exists()


def test_values_that_its_half_hours_do_not_explain_stop_the_move_until_a_person_agrees(tmp_path: Path) -> None:
    what = rooftop(tmp_path)
    path = what.old("rooftop30.parquet")
    frame = pd.read_parquet(path)
    frame.loc[3, "NSW1"] += 5.0
    frame.to_parquet(path, index=False)
    let_rest(path.parent)
    with pytest.raises(StepRefused, match="1 values between half hours that the half hours do not explain"):
        wizard(tmp_path, what).run(quiet())
    agreed = what.agreeing(["accept_loss"])
    steps = (
        Prepare(agreed, Clock.starting(NOON, 0), Journal(tmp_path / "x")),
        Copying(agreed, Clock.starting(NOON, 0), pauses=()),
    )
    normal = NormalForm(agreed, Clock.starting(NOON, 0))
    journal = Journal(tmp_path / "journal.jsonl")
    found = Wizard(journal, (*steps, normal), what.inputs()).run(quiet())[-1].evidence
    assert found["files"][0]["unlike"] == 1
    assert pq.read_table(what.data / "rooftop30.parquet").to_pydict() == table(ROOFTOP30, right(ROOFTOP30)).to_pydict()
