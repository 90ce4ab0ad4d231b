"""The engine: collects whatever pages come and go, once, and says why when it may not."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import FolderRefused
from aemo_ops.market.catalogue import PRICES5, SCADA5
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.cycles import BATCH, BUDGET
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.freshness import State
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.snapshot import Role
from aemo_ops.replica import Outage, Replica
from aemo_ops.store.lease import adopt
from tests.conftest import IN_CURRENT, NOON
from tests.ops.truth import in_file
from tests.waiting import until

Make = Callable[..., Engine]
_STAMP = re.compile(r"_(20\d{10})")


def test_a_cycle_asks_one_listing_per_directory_and_once_per_file_within_its_budget(
    whole_site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(whole_site.url, still)
    results, waiting = engine.once()
    directories = {report.directory for report in (c.report for c in engine.settle().collectors.values())}
    listings = [path for path in whole_site.requests if path.endswith("/")]
    files = [path for path in whole_site.requests if not path.endswith("/")]
    assert sorted(listings) == sorted(directories)
    assert len(files) == len(set(files)) == sum(result.merged_files for result in results)
    assert len(whole_site.requests) <= BUDGET
    assert waiting > 2000
    whole_site.forget()
    whole_site.clock = Clock.starting(NOON + timedelta(minutes=5), 0)
    engine.once()
    again = [path for path in whole_site.requests if not path.endswith("/")]
    # A DispatchIS and a SCADA file every five minutes, two of rooftop a half hour; nothing that was read before.
    assert 2 <= len(again) <= 6
    assert not set(again) & set(files)


def test_after_a_stop_everything_that_current_holds_is_caught_up(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still, datasets=("prices5", "prices30"))
    engine.start()
    until(lambda: engine.store.extent(PRICES5).rows == IN_CURRENT * 5, "all files of Current are merged", 60)
    until(lambda: not engine._jobs.active("catch-up"), "the catch-up ends")
    files = [path for path in site.requests if not path.endswith("/")]
    assert len(files) == len(set(files)) == IN_CURRENT
    job = engine.snapshot().jobs[0]
    until(lambda: engine.snapshot().jobs[0].state == "done", "the job says that it is done")
    assert job.kind == "catch-up"
    assert sorted({time for time, _ in in_file(engine, PRICES5)}) == [
        NOON.replace(minute=5) - timedelta(minutes=5 * at) for at in range(IN_CURRENT - 1, -1, -1)
    ]


def test_the_catch_up_takes_the_newest_files_of_all_reports_first(
    whole_site: Replica, still: Clock, engine_at: Make
) -> None:
    cycles = engine_at(whole_site.url, still).settle()
    with cycles.cycle(len(cycles.collectors)):
        for name in cycles.collectors:
            cycles.collect(name)
    before, steps = len(whole_site.requests), 0

    def told(done: int, total: int, text: str) -> None:
        nonlocal steps
        steps += 1
        if steps == 30:
            progress.cancel()

    progress = Progress(told)
    cycles.catch_up(progress, 0.0)
    asked = whole_site.requests[before:]
    firsts = [datetime.strptime(match[1], "%Y%m%d%H%M") for path in asked[::BATCH] if (match := _STAMP.search(path))]
    assert len(firsts) == 30
    # A rooftop file is an hour and a half late, and its name tells the end of its half hour.
    assert all(later - earlier <= timedelta(hours=2) for earlier, later in itertools.pairwise(firsts))
    assert {path.split("/")[3] for path in asked} == {"DispatchIS_Reports", "Dispatch_SCADA", "ROOFTOP_PV"}
    assert firsts[0] - firsts[-1] < timedelta(hours=16)


def test_cycles_keep_their_beat_without_drift(site: Replica, engine_at: Make) -> None:
    from aemo_ops.ops.schedule import Schedule

    schedule, period = Schedule(), timedelta(minutes=4.5)
    schedule.every(period, lambda: None, "dispatchis", NOON)
    runs, now = [], NOON
    for _ in range(100):
        for task in schedule.due(now):
            runs.append(now)
            assert (task.next - NOON) % period == timedelta(0)
        now += timedelta(seconds=7)
    assert len(runs) == 3
    assert schedule.due(NOON + timedelta(hours=8)) and not schedule.due(
        NOON + timedelta(hours=8)
    )  # one, after eight hours of sleep


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(days=1), timedelta(days=400)])
def test_a_clock_that_is_set_back_does_not_stop_collection(step: timedelta) -> None:
    from aemo_ops.ops.schedule import Schedule

    schedule, period = Schedule(), timedelta(minutes=4.5)
    task = schedule.every(period, lambda: None, "dispatchis", NOON)
    schedule.due(NOON)
    back = NOON - step
    assert schedule.due(back)
    assert back < task.next <= back + period
    assert not schedule.due(back)


def test_run_now_keeps_the_beat() -> None:
    from aemo_ops.ops.schedule import Schedule

    schedule, period = Schedule(), timedelta(minutes=4.5)
    task = schedule.every(period, lambda: None, "dispatchis", NOON)
    schedule.due(NOON)
    schedule.hasten("dispatchis", NOON + timedelta(minutes=1))
    assert schedule.due(NOON + timedelta(minutes=1))
    assert task.next == NOON + period


def test_stop_start_run_now_and_dry_run_do_what_they_say(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still, datasets=("scada5",))
    engine.start()
    until(lambda: engine.snapshot().jobs and engine.snapshot().jobs[0].state == "done", "the catch-up ends", 60)

    def ask(verb: str, subject: str = "dispatch_scada") -> str:
        number = engine.command(verb, subject)
        until(lambda: engine.state.answered(number) is not None, f"the answer to {verb}")
        return str(engine.state.answered(number))

    assert "would read nothing" in ask("dry_run")
    assert ask("stop") == "dispatch_scada: stopped"
    until(lambda: engine.snapshot().collectors[0].state == "stopped", "the snapshot says stopped")
    before = engine.store.latest(SCADA5)
    site.clock = Clock.starting(NOON + timedelta(minutes=5), 0)
    assert "would read 1 file (" in ask("dry_run")
    assert engine.store.latest(SCADA5) == before
    assert "1 file read" in ask("run_now")
    assert engine.store.latest(SCADA5) == before + timedelta(minutes=5)  # type: ignore[operator]
    assert engine.snapshot().collectors[0].wanted is False
    assert ask("start") == "dispatch_scada: started"
    assert "no collector called" in ask("start", "nonsense")
    assert "unknown command" in ask("explode")


def test_who_asks_all_collectors_is_answered_once_with_a_line_for_each(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(site.url, still, datasets=("scada5", "prices5", "rooftop30"))
    names = ["dispatchis", "dispatch_scada", "rooftop_pv"]
    engine.start()
    for verb in ("run_now", "dry_run", "stop", "retry"):
        number = engine.command(verb, "all")
        until(lambda number=number: engine.answered(number) is not None, f"the answer to {verb}", 60)  # type: ignore[misc]
        said = str(engine.answered(number)).splitlines()
        assert sorted(line.split(":")[0].split()[0] for line in said) == sorted(names)


def test_to_stop_the_engine_ends_a_cycle_after_the_files_that_are_on_their_way(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    """Stopped while NEMWEB sends the first file of a cycle of 40: what came is merged, what was asked is answered."""
    engine = engine_at(site.url, still)
    number = engine.command("run_now", "all")
    begun, stopping = threading.Lock(), threading.Thread(target=engine.stop)
    fetch = engine.client.fetch

    def first(entry: Listing) -> bytes:
        if begun.acquire(blocking=False):  # by one of the two that fetch
            stopping.start()
        until(lambda: engine.stopped, "it is to end")
        return fetch(entry)

    engine.client.fetch = first  # type: ignore[assignment, method-assign]
    engine.start()
    until(lambda: engine.stopped, "the first file is asked for", 60)
    stopping.join()
    files = [path for path in site.requests if path.endswith(".zip")]
    assert 1 <= len(files) <= 2  # two are fetched at once
    assert engine.store.extent(PRICES5).rows == len(files) * 5
    assert engine.store.extent(SCADA5).rows == 0
    answers = dict(line.split(": ", 1) for line in str(engine.answered(number)).splitlines())
    assert f"{len(files)} file" in answers.pop("dispatchis")
    assert set(answers.values()) == {"not run: AEMO Ops ends"}


def test_stopped_is_a_wish_that_outlives_the_process(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still)
    engine.state.want("dispatch_scada", False)
    engine.start()
    until(lambda: engine.store.extent(PRICES5).rows, "the other collectors run")
    until(lambda: engine.snapshot().cycle is not None, "a cycle is over")
    assert engine.store.extent(SCADA5).rows == 0


def test_watchers_are_told_and_can_leave(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still)
    told: list[int] = []
    leave = engine.watch(lambda: told.append(engine.snapshot().version))
    engine.start()
    until(lambda: engine.snapshot().cycle, "the first cycle")
    assert told == sorted(told) and told
    leave()
    count = len(told)
    engine.command("stop", "all")
    until(lambda: all(not c.wanted for c in engine.snapshot().collectors), "the command is carried out")
    assert len(told) == count


def test_a_folder_with_foreign_data_is_observed_until_it_is_adopted(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path
) -> None:
    data = tmp_path / "live"
    data.mkdir()
    pq.write_table(PRICES5.schema.empty_table(), data / "prices5.parquet")
    before = (data / "prices5.parquet").read_bytes()
    engine = engine_at(site.url, still, data=data)
    engine.start()
    until(lambda: "adopt the folder" in engine.snapshot().reason, "it says why it does not collect")
    assert not engine.snapshot().adopted
    with pytest.raises(FolderRefused):
        engine.once()
    assert sorted(path.name for path in data.iterdir()) == ["prices5.parquet"]
    assert (data / "prices5.parquet").read_bytes() == before
    assert site.requests == []
    engine.command("adopt")
    until(lambda: engine.store.extent(PRICES5).rows, "it collects once adopted")
    until(lambda: engine.snapshot().role is Role.COLLECTING, "the snapshot says so")


def test_an_unreadable_file_is_unknown_and_the_other_datasets_go_on(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path
) -> None:
    adopt(tmp_path / "data")
    (tmp_path / "data" / "prices5.parquet").write_bytes(b"rubbish")
    engine = engine_at(site.url, still)
    engine.start()
    until(lambda: engine.store.extent(SCADA5).rows, "the others collect")
    until(
        lambda: any(e.kind == "failed" and e.subject == "prices5" for e in engine.snapshot().events), "the feed says so"
    )
    tile = next(d for d in engine.snapshot().datasets if d.name == "prices5")
    assert tile.freshness.state == State.UNKNOWN
    assert "restore it from a backup" in tile.freshness.reason
    assert (tmp_path / "data" / "prices5.parquet").read_bytes() == b"rubbish"


def test_a_file_changed_by_another_program_is_noticed(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still, datasets=("prices5",))
    engine.start()
    until(lambda: engine.store.extent(PRICES5).rows == IN_CURRENT * 5, "the catch-up ends", 60)
    until(lambda: not engine._jobs.active("catch-up"), "the catch-up ends")
    assert not [e for e in engine.snapshot().events if e.kind == "changed"]
    path = engine.store.path(PRICES5)
    pq.write_table(pq.read_table(path).slice(0, 10), path)
    until(lambda: [e for e in engine.snapshot().events if e.kind == "changed"], "the change is told")
    until(lambda: engine.snapshot().datasets[0].rows == 10, "the tile shows the file as it is")


def test_our_own_reads_and_writes_are_no_foreign_change(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still, datasets=("prices5", "prices30"))
    engine.start()
    until(lambda: engine.store.extent(PRICES5).rows == IN_CURRENT * 5, "much is written", 60)
    for _ in range(50):
        engine.store.read(PRICES5)
    until(lambda: not engine._jobs.active("catch-up"), "the catch-up ends")
    assert not [e for e in engine.snapshot().events if e.kind == "changed"]


@pytest.mark.parametrize("outage", [Outage.REFUSE, Outage.CLOSE])
def test_an_outage_is_a_state_in_words_and_ends_by_itself(
    site: Replica, still: Clock, engine_at: Make, outage: Outage
) -> None:
    site.faults.outage = outage
    engine = engine_at(site.url, still, datasets=("prices5",), update_minutes=0.01)
    engine.clock = Clock.starting(NOON, 1)
    engine.start()
    wanted = "refused" if outage is Outage.REFUSE else "failed"
    until(lambda: [c for c in engine.snapshot().collectors if c.state == wanted], "the collector says what is wrong")
    site.faults.outage = None
    until(lambda: engine.store.extent(PRICES5).rows, "it collects again")
    until(lambda: engine.snapshot().collectors[0].state == "idle", "the state is well again")


OTHER = """
import sys, threading
from pathlib import Path
from aemo_ops.clock import Clock
from aemo_ops.ops.engine import Engine
from aemo_ops.settings import Settings
settings = Settings(home=Path(sys.argv[1]), data_path=Path(sys.argv[2]), nemweb_url=sys.argv[3], catchup_gap=0.001)
engine = Engine(settings, Clock.from_file(Path(sys.argv[4])), "the other")
engine.start()
print("started", flush=True)
threading.Event().wait(300)
"""


@pytest.fixture
def other(site: Replica, still: Clock, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts an engine in a process of its own."""
    started: list[subprocess.Popen[str]] = []
    still.write(tmp_path / "clock.json")

    def start(home: Path, data: Path, failpoints: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(home), str(data), site.url, str(tmp_path / "clock.json")],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "AEMO_OPS_FAILPOINTS": failpoints},
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_of_two_processes_one_collects_the_other_says_who_and_passes_commands_on(
    site: Replica, still: Clock, engine_at: Make, other: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    process = other(home, data)
    until(lambda: (home / "engine.lock").exists() and (data / "prices5.parquet").exists(), "the other collects", 60)
    engine = engine_at(site.url, still)
    engine.start()
    until(lambda: f"process {process.pid} (the other) collects" in engine.snapshot().reason, "it says who")
    assert engine.snapshot().role is Role.OBSERVING
    until(lambda: engine.snapshot().datasets[0].rows, "it shows what the other does")
    number = engine.command("stop", "dispatchis")
    until(lambda: engine.state.answered(number), "the holder carries the command out")
    assert engine.state.answered(number) == "dispatchis: stopped"
    until(
        lambda: any(c.name == "dispatchis" and c.state == "stopped" for c in engine.snapshot().collectors), "it shows"
    )
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: engine.snapshot().role is Role.COLLECTING, "it takes over when the holder is gone")


def test_two_homes_do_not_write_one_folder(
    site: Replica, still: Clock, engine_at: Make, other: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = other(tmp_path / "other-home", tmp_path / "data")
    until(lambda: (tmp_path / "data" / ".aemo-ops.lock").exists(), "the other holds the folder", 60)
    until(lambda: "pid" in (tmp_path / "data" / ".aemo-ops.lock").read_text(), "its name is in the lock")
    engine = engine_at(site.url, still)
    engine.start()
    until(lambda: f"process {process.pid} (the other) writes to" in engine.snapshot().reason, "it says who writes")
    assert engine.snapshot().role is Role.OBSERVING


POINTS = [
    "collect.fetched",
    "collect.parsed",
    "merge.before_publish",
    "publish.before_replace",
    "publish.after_replace",
    "collect.merged",
    "derive.marked_partial",
    "derive.merged",
    "collect.before_mark",
    "collect.marked",
]
TAKE = (
    OTHER.split("engine.start()")[0]
    + """
own = engine.settle().collectors["dispatchis"]
own.take(own.fetch(own.waiting()[:13]))
"""
)


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_each_point_between_listing_and_mark_loses_nothing(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path, point: str
) -> None:
    """Killed there, run again: the same files, cell by cell, and the same partial marks, as a run that nobody killed."""
    still.write(tmp_path / "clock.json")
    places = [str(tmp_path / "home"), str(tmp_path / "data"), site.url, str(tmp_path / "clock.json")]
    killed = subprocess.run(
        [sys.executable, "-c", TAKE, *places], env={**os.environ, "AEMO_OPS_FAILPOINTS": f"{point}=kill"}, check=False
    )
    assert killed.returncode == -9
    engine = engine_at(site.url, still)
    calm = engine_at(site.url, still, home=tmp_path / "calm-home", data=tmp_path / "calm")
    own = calm.settle().collectors["dispatchis"]
    entries = own.waiting()[:13]
    own.take(own.fetch(entries))
    own = engine.settle().collectors["dispatchis"]
    own.take(own.fetch([entry for entry in own.waiting() if entry in entries]))
    assert not set(entries) & set(own.waiting())
    ledgers = engine.settle().ledger, calm.settle().ledger
    for dataset in engine.datasets:
        assert in_file(engine, dataset) == in_file(calm, dataset)
        marks = [ledger.partial(dataset.name, NOON - timedelta(days=3), NOON + timedelta(days=1)) for ledger in ledgers]
        assert marks[0] == marks[1]


def test_what_a_killed_process_left_half_written_is_swept(
    site: Replica, still: Clock, engine_at: Make, tmp_path: Path
) -> None:
    adopt(tmp_path / "data")
    (tmp_path / "data" / ".scada5.parquet.partial").write_bytes(b"half")
    (tmp_path / "data" / "somebody's.partial").write_bytes(b"theirs")
    engine_at(site.url, still).settle()
    assert not (tmp_path / "data" / ".scada5.parquet.partial").exists()
    assert (tmp_path / "data" / "somebody's.partial").exists()


def test_a_file_full_of_dead_bytes_is_compacted_in_a_quiet_cycle(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(site.url, still, datasets=("scada5",))
    cycles = engine.settle()
    own = cycles.collectors["dispatch_scada"]
    for entry in reversed(own.waiting()[:6]):
        own.take(own.fetch([entry]))
    rows, size = in_file(engine, SCADA5), engine.store.extent(SCADA5).size
    monkeypatch.setattr("aemo_ops.store.splice.compaction.DEAD_AT_LEAST", 1)
    assert engine.store.burden(SCADA5) > 1
    with cycles.cycle(0):
        pass
    assert in_file(engine, SCADA5) == rows
    assert engine.store.extent(SCADA5).size < size
    assert engine.store.burden(SCADA5) < 1
    assert engine.state.events(1)[0][2] == "compacted"


@pytest.mark.parametrize(("burden", "compacted"), [(3.0, False), (5.0, True)])
def test_where_no_cycle_is_quiet_a_file_is_compacted_before_dead_bytes_pile_up(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch, burden: float, compacted: bool
) -> None:
    engine = engine_at(site.url, still, datasets=("scada5",))
    cycles = engine.settle()
    own = cycles.collectors["dispatch_scada"]
    for entry in reversed(own.waiting()[1:7]):
        own.take(own.fetch([entry]))
    monkeypatch.setattr("aemo_ops.store.splice.compaction.DEAD_SHARE", 0)
    with cycles.cycle(1) as results:
        cycles.collect("dispatch_scada")
        dead = engine.store.burden(SCADA5) * (8 << 20)
        monkeypatch.setattr("aemo_ops.store.splice.compaction.DEAD_AT_LEAST", dead / burden)
    assert results[0].rows.inserted > 0
    assert (engine.store.burden(SCADA5) < 1) == compacted


def test_a_compaction_that_fails_is_said_and_spoils_no_cycle(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(site.url, still, datasets=("scada5",))
    cycles = engine.settle()
    own = cycles.collectors["dispatch_scada"]
    for entry in reversed(own.waiting()[:3]):
        own.take(own.fetch([entry]))
    rows = in_file(engine, SCADA5)
    monkeypatch.setattr("aemo_ops.store.splice.compaction.DEAD_AT_LEAST", 1)

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aemo_ops.files.flush", full)
    with cycles.cycle(0):
        pass
    assert engine.state.facts("cycle")["last"]["number"] == 1
    (event,) = engine.state.events(1)
    assert event[2:4] == ("failed", "scada5")
    assert "no space left" in event[4]
    assert in_file(engine, SCADA5) == rows


def test_a_state_file_of_another_program_is_said_so(still: Clock, engine_at: Make, tmp_path: Path) -> None:
    from aemo_ops.errors import StoreCorrupt

    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "state.sqlite").write_text(json.dumps({"not": "a database"}) * 200)
    with pytest.raises(StoreCorrupt, match=r"state\.sqlite"):
        engine_at("http://127.0.0.1:1", still)


def test_an_unexpected_error_is_shown_with_its_id_and_the_engine_goes_on(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(site.url, still, datasets=("prices5",))

    def stumble() -> bool:
        raise RuntimeError("a stone in the way")

    monkeypatch.setattr("aemo_ops.ops.engine._STUMBLE", 0.01)
    monkeypatch.setattr(engine, "_look", stumble)
    engine.start()
    until(lambda: any("a stone in the way" in problem for problem in engine.snapshot().problems), "it is shown")
    (problem,) = engine.snapshot().problems
    name = problem.split("unexpected error, ")[1].split(" ")[0]
    assert any(f"({name})" in line for line in engine.log(400))
    monkeypatch.undo()
    until(lambda: not engine.snapshot().problems, "it goes on")


def test_a_full_disk_under_the_data_is_said_and_what_was_missed_is_collected_later(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(site.url, still, datasets=("prices5",))

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    cycles = engine.settle()
    with monkeypatch.context() as broken:
        broken.setattr("aemo_ops.files.flush", full)
        with cycles.cycle(1) as results:
            cycles.collect("dispatchis")
    assert "no space left" in results[0].failed["prices5"]
    assert engine.store.extent(PRICES5).rows == 0
    assert "no space left" in engine.state.facts("collector")["dispatchis"]["error"]
    with cycles.cycle(1) as results:
        cycles.collect("dispatchis")
    assert not results[0].failed
    assert engine.store.extent(PRICES5).rows > 100


def test_an_unwritable_data_folder_is_said_and_observed(still: Clock, engine_at: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    engine = engine_at("http://127.0.0.1:1", still, data=tmp_path / "file" / "data")
    engine.start()
    until(
        lambda: str(tmp_path / "file") in engine.snapshot().reason + "".join(engine.snapshot().problems), "it is said"
    )
    assert engine.snapshot().role is Role.OBSERVING


def test_findings_that_are_asked_for_again_and_again_open_their_database_once(
    site: Replica, still: Clock, engine_at: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    engine = engine_at(site.url, still)
    engine.settle()
    opened: list[object] = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: opened.append(a) or connect(*a, **k))
    assert [engine.findings() for _ in range(3)] == [[], [], []]
    assert len(opened) == 1
