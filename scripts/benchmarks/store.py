"""Updating a file: +500 new rows and +500 revisions at its tail, by us and by the alternatives; a hole in its middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks import latest, readers, rivals
from benchmarks.machine import missing
from benchmarks.measure import LEAST, Failed, Sample, in_child, repeated, say
from benchmarks.places import Place
from benchmarks.plan import Plan
from benchmarks.rivals import LEGACY, OURS, RIVALS, Rival
from benchmarks.table import Row, Watched

DATA = {"scada30": "big", "scada5": "small"}
UPDATE, MIDDLE, COMPACT = "update at the tail", "fill a hole in the middle", "compact, after some updates"


def prepare(base: Path, plan: Plan) -> None:
    """Make the files that everything starts from, and the new rows, in `base`."""
    for name, size in DATA.items():
        rows = getattr(plan, size)
        say(f"making {name} with {rows:,} rows ...")
        in_child(_make, name, base, rows, plan)
    in_child(_make_others, base, plan)


def run(places: list[Place], base: Path, plan: Plan) -> Iterator[Row | Watched]:
    for place in places:
        if place.refused:
            yield from _refused(place, plan)
        else:
            yield from _updates(place, base, plan)
    yield from latest.run(places[0], base, plan)
    for place in places if plan.rivals_everywhere else places[:1]:
        yield from readers.run(place, base, plan)


def described(name: str, plan: Plan) -> str:
    return f"{name} {getattr(plan, DATA[name]):,} rows"


def _make(name: str, base: Path, rows: int, plan: Plan) -> None:
    """The file of one dataset, its updates and, beside, the rows that its hole lacks."""
    import pyarrow.parquet as pq

    from aemo_ops.market.catalogue import dataset
    from benchmarks import data

    one, hole = dataset(name), data.STEP * plan.middle
    made = data.make(one, base / one.file_name, rows, hole)
    for number in range(1, max(plan.updates, plan.heavy) + 1):
        pq.write_table(data.update(one, number), base / f"{name}-update-{number:04d}")
    for number, filling in enumerate(data.fillings(one, made, hole)):
        pq.write_table(filling, base / f"{name}-filling-{number:04d}")


def _make_others(base: Path, plan: Plan) -> None:
    latest.make(base, plan)
    readers.make(base, plan)


def _refused(place: Place, plan: Plan) -> Iterator[Row | Watched]:
    for name in DATA:
        for what in (UPDATE, MIDDLE, COMPACT) if name == "scada30" else (UPDATE,):
            yield Row(what, place.name, described(name, plan), "everyone", refused=place.refused)


def _updates(place: Place, base: Path, plan: Plan) -> Iterator[Row]:
    for name in DATA:
        fresh = sorted(base.glob(f"{name}-update-*"))
        yield _row(UPDATE, place, base, name, plan, OURS, fresh[: plan.updates])
        for rival in _alternatives(name, place, plan):
            yield _row(UPDATE, place, base, name, plan, rival, fresh[: plan.heavy])
        if name == "scada30":
            fillings = sorted(base.glob(f"{name}-filling-*"))
            yield _row(MIDDLE, place, base, name, plan, OURS, fillings)
            yield _row(COMPACT, place, base, name, plan, OURS, fresh[: plan.updates])


def _alternatives(name: str, place: Place, plan: Plan) -> tuple[Rival, ...]:
    """A short run measures them all once; elsewhere, of the large file, only the one that the goals name."""
    if plan.rivals_everywhere or (name == "scada30" and place.name == "ordinary"):
        return RIVALS
    return (LEGACY,) if name == "scada30" else ()


def _row(what: str, place: Place, base: Path, name: str, plan: Plan, rival: Rival, fresh: list[Path]) -> Row:
    row = partial(Row, what, place.label, described(name, plan), rival.name, note=rival.note)
    if why := missing(rival.module):
        return row(refused=why)
    target = place.folder / f"{name}.parquet"
    say(f"{what}: {name} by {rival.name}, {place.label} ...")
    try:
        _ready(rival, base / target.name, target)
        work = _compacted if what == COMPACT else _measured
        return row(in_child(work, rival.name, target, base / target.name, fresh, plan.patience))
    except Failed as error:
        return row(refused=f"it failed ({error})")
    finally:
        rivals.clear(place.folder)


def _ready(rival: Rival, base: Path, target: Path) -> None:
    if rival.prepare is rivals.copied:
        rivals.copied(base, target)  # here: nothing is imported, nothing is held
    else:
        in_child(rival.prepare, base, target)


def _measured(name: str, target: Path, base: Path, fresh: list[Path], patience: float) -> Sample:
    rival = rivals.EVERY[name]
    rows = [rival.load(path) for path in fresh]
    sample = repeated(partial(rival.update, target), rows, patience, between=partial(rivals.settle, target))
    return replace(sample, problem=_problem(rival, target, base, fresh[: len(sample.seconds)]))


def _compacted(name: str, target: Path, base: Path, fresh: list[Path], patience: float) -> Sample:
    """Each repetition after a part of the updates, which are not timed; the last part comes after all of them."""
    rival, rows = rivals.EVERY[name], iter([rivals.arrow_rows(path) for path in fresh])
    some = max(1, len(fresh) // (LEAST + 1))

    def update() -> None:
        for one in islice(rows, some):
            rival.update(target, one)

    update()
    sample = repeated(rivals.compact, [target] * LEAST, patience, between=update)
    return replace(sample, problem=_problem(rival, target, base, fresh[: some * (LEAST + 1)]))


def _problem(rival: Rival, target: Path, base: Path, fresh: list[Path]) -> str:
    """What is wrong with the file that came out, empty when nothing is."""
    try:
        return _found_wrong(rival, target, base, fresh)
    except Exception as error:  # noqa: BLE001  whatever it is, the figures were taken before
        return f"it cannot be checked ({type(error).__name__}: {error})"


def _found_wrong(rival: Rival, target: Path, base: Path, fresh: list[Path]) -> str:
    import pyarrow.parquet as pq

    from aemo_ops.market.catalogue import dataset_of_file
    from benchmarks import data

    one = dataset_of_file(target.name)
    if rival.result is None or one is None:
        return ""
    if "filling" in fresh[0].name:
        grown = pq.read_metadata(target).num_rows - pq.read_metadata(base).num_rows
        return "" if grown == sum(pq.read_metadata(path).num_rows for path in fresh) else f"it grew by {grown} rows"
    step = data.STEP * len(data.ids(one))
    tail = rival.result(target, data.END - 2 * data.STEP * one.cadence)
    if tail.num_rows != (2 + len(fresh)) * step:
        return f"{tail.num_rows} rows at the tail, not {(2 + len(fresh)) * step}"
    return data.check(tail, 2 * step, one)
