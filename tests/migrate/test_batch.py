"""Several files are copied as one deed: in order, told as one, and stopped together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, local

import numpy as np
import pytest

from aemo_ops import files
from aemo_ops.errors import Cancelled, StepRefused, VerificationFailed, WriterActive
from aemo_ops.migrate import batch
from aemo_ops.migrate.batch import copy_all
from aemo_ops.ops.jobs import Jobs, Progress
from tests.waiting import until

CHUNK = 1_000
SIZES = {"prices5": 3_500, "scada30": 40_000, "empty": 0, "scada5": 20_017}
Pairs = list[tuple[Path, Path]]


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pairs:
    monkeypatch.setattr(files, "CHUNK", CHUNK)
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    for number, (name, size) in enumerate(SIZES.items()):
        (old / name).write_bytes(np.random.default_rng(number).bytes(size))
    return [(old / name, new / name) for name in SIZES]


def quiet() -> Progress:
    return Progress(lambda *_: None)


def left(pairs: Pairs) -> list[Path]:
    return sorted(pairs[0][1].parent.iterdir())


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_all_are_copied_and_told_in_the_order_they_were_given(pairs: Pairs, workers: int) -> None:
    proofs = copy_all(pairs, quiet(), workers)
    assert [proof.path for proof in proofs] == [target for _, target in pairs]
    assert all(target.read_bytes() == source.read_bytes() for source, target in pairs)
    assert [proof.size for proof in proofs] == list(SIZES.values())
    assert left(pairs) == sorted(target for _, target in pairs)


def test_nothing_to_copy_is_no_error() -> None:
    assert copy_all([], quiet()) == []


def test_the_largest_come_first_so_that_none_is_left_alone_at_the_end(pairs: Pairs) -> None:
    told: list[str] = []
    copy_all(pairs, Progress(lambda _done, _total, text: told.append(text)), workers=1)
    begun = [text.removeprefix("opening ") for text in told if text.startswith("opening")]
    assert begun == ["scada30", "scada5", "prices5", "empty"]


def test_the_progress_is_that_of_all(pairs: Pairs) -> None:
    told: list[tuple[int, int]] = []
    copy_all(pairs, Progress(lambda done, total, _text: told.append((done, total))))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {sum(SIZES.values())}
    assert told[-1] == (sum(SIZES.values()),) * 2


def test_two_are_copied_at_the_same_time(pairs: Pairs) -> None:
    """The largest waits in its middle for the next one to be there."""
    largest, next_ = pairs[1], pairs[3]

    def tell(done: int, _total: int, text: str) -> None:
        if text == f"copying {next_[0].name}":
            met.set()

    def wait(name: str) -> None:
        if name == "copy.before_flush" and not met.is_set():
            assert met.wait(30)

    met = Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "failpoint", wait)
        copy_all([largest, next_], Progress(tell), workers=2)
    assert met.is_set()


def test_a_pair_that_is_refused_is_refused_before_anything_is_written(pairs: Pairs) -> None:
    pairs[2][0].unlink()
    with pytest.raises(StepRefused, match="does not exist"):
        copy_all(pairs, quiet())
    assert left(pairs) == []


def test_two_files_are_not_copied_to_one_name(pairs: Pairs) -> None:
    with pytest.raises(StepRefused, match="two files"):
        copy_all([pairs[0], (pairs[1][0], pairs[0][1])], quiet())
    assert left(pairs) == []


def grow(pairs: Pairs, number: int) -> Callable[[int, int, str], None]:
    """A telling that has a file written to at every chunk of its copy."""

    def tell(_done: int, _total: int, text: str) -> None:
        if text == f"copying {pairs[number][0].name}":
            with pairs[number][0].open("ab") as file:
                file.write(b"x")

    return tell


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_first_error_stops_the_others_and_leaves_only_what_was_verified(pairs: Pairs, workers: int) -> None:
    with pytest.raises(WriterActive, match="scada30"):
        copy_all(pairs, Progress(grow(pairs, 1)), workers, ())
    assert all(target.read_bytes() == source.read_bytes() for source, target in pairs if target.exists())
    assert set(left(pairs)) <= {target for _, target in pairs if target.name != "scada30"}
    copy_all(pairs, quiet())
    assert len(left(pairs)) == len(pairs)


def test_a_copy_in_its_middle_hears_of_the_error_of_another(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    here, in_its_middle, stop = local(), Event(), Event()
    heard: list[bool] = []

    def act(_name: str) -> None:
        if here.text == "copying scada30":
            in_its_middle.set()
            heard.append(stop.wait(30))
        elif here.text == "copying prices5":
            assert in_its_middle.wait(30)
            pairs[0][0].write_bytes(b"other")

    monkeypatch.setattr(batch, "Event", lambda: stop)
    monkeypatch.setattr(files, "failpoint", act)
    with pytest.raises(WriterActive, match="prices5"):
        copy_all(pairs[:2], Progress(lambda _done, _total, text: setattr(here, "text", text)), 2, ())
    assert heard == [True] and left(pairs) == []


def test_an_error_is_not_hidden_by_the_stop_of_the_others(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    def flip(name: str) -> None:
        partial = pairs[3][1].with_name(".scada5.partial")
        if name == "copy.before_flush" and partial.exists():
            partial.write_bytes(bytes(partial.stat().st_size))

    monkeypatch.setattr(files, "failpoint", flip)
    with pytest.raises(VerificationFailed, match="scada5"):
        copy_all(pairs, quiet(), workers=4)


def test_a_cancel_stops_all_and_leaves_no_part(pairs: Pairs) -> None:
    stop = Event()

    def tell(done: int, _total: int, _text: str) -> None:
        if done > 15_000:
            stop.set()

    with pytest.raises(Cancelled):
        copy_all(pairs, Progress(tell, stop))
    assert not [path for path in left(pairs) if path.name.endswith(".partial")]
    assert all(target.read_bytes() == source.read_bytes() for source, target in pairs if target.exists())


def test_a_cancel_is_heard_while_a_next_try_is_waited_for(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, pause = Event(), Progress.pause

    def cancelled(progress: Progress, seconds: float) -> bool:
        stop.set()
        return pause(progress, seconds)

    monkeypatch.setattr(Progress, "pause", cancelled)
    with pytest.raises(Cancelled):
        copy_all(pairs[:1], Progress(grow(pairs, 0), stop), 1, (3600,))


def test_it_runs_as_a_job_whose_bytes_are_told(pairs: Pairs) -> None:
    jobs = Jobs(lambda: None)
    number = jobs.start("copy", "copy", lambda progress: f"{len(copy_all(pairs, progress))} files", "bytes")
    until(lambda: not jobs.active("copy"), "the job ends")
    (state,) = jobs.states()
    assert (state.number, state.state, state.text) == (number, "done", "4 files")
    assert state.done == state.total == sum(SIZES.values())
