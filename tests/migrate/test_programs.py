"""Which of the programs that look alike is the collector of the folder that is moved."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aemo_ops.host import processes
from aemo_ops.migrate import programs
from aemo_ops.migrate.candidates import likely
from aemo_ops.migrate.programs import Program
from tests.conftest import NOON
from tests.migrate.moving import damaged
from tests.waiting import until

Start = Callable[..., int]
NAME = "unified_collector-5531"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program of that name with further words; its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*words: str) -> int:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", NAME, *words]))
        return started[-1].pid

    yield begin
    for one in started:
        one.kill()
        one.wait()


def test_a_collector_that_names_another_folder_of_data_is_left_alone(start: Start, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        damaged(folder)
    (tmp_path / "empty").mkdir()
    ours = {start("--data", str(mine)), start(f"--data={mine}"), start(), start("--log", str(tmp_path / "empty"))}
    start("--data", str(other))
    start(f"--data={other}")
    assert {one.identity.pid for one in programs.look([NAME], [mine])} == ours
    assert len(programs.look([NAME])) == 6


def test_what_another_one_began_is_ended_with_it_and_not_started_by_itself(tmp_path: Path) -> None:
    """As `bash -c` and `uv run` do: the name is in the command lines of both."""
    inner = f"{sys.executable} -c 'import time; time.sleep(60)' {NAME}"
    wrapper = subprocess.Popen(["bash", "-c", f"{inner}; true"])
    try:
        until(lambda: len(programs.look([NAME])) == 2, "both run")
        known = programs.look([NAME])
        outer = next(one for one in known if one.identity.pid == wrapper.pid)
        inside = next(one for one in known if one is not outer)
        assert (outer.begun_by, inside.begun_by) == (0, wrapper.pid)
        assert programs.to_start([inside, outer], []) == [outer]
        assert programs.to_start(known, [inside]) == programs.to_start(known, [outer]) == []
        assert [Program.of(one.facts()) for one in known] == known
    finally:
        for one in known:
            processes.stop(one.identity, 10)
        wrapper.wait(10)


def test_what_a_terminal_tells_of_itself_is_not_missed_when_a_program_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = dict.fromkeys(("COLUMNS", "LINES", "SHLVL", "TERM_SESSION_ID", "_"), "1")
    for name in (*terminal, "A_SETTING"):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, "-c", "import time; time.sleep(60)", NAME]
    first = subprocess.Popen(command, env={**os.environ, **terminal, "A_SETTING": "x"})
    try:
        until(lambda: [one.identity.pid for one in programs.look([NAME])] == [first.pid], "it runs")
        (known,) = programs.look([NAME])
    finally:
        first.kill()
        first.wait()
    assert {"COLUMNS", "A_SETTING"} <= set(known.names)
    again, missing = known.again(tmp_path / "its.log")
    try:
        assert missing == ["A_SETTING"] and again.running
    finally:
        processes.stop(again.identity, 10)


def test_files_that_somebody_writes_while_no_program_is_known_by_name_are_told(start: Start) -> None:
    now, files = NOON, {"prices5.parquet": NOON - timedelta(minutes=3), "old.json": NOON - timedelta(days=9)}
    told = programs.nameless(["no such thing"], [], files, now)
    assert "prices5.parquet was written at 11:58:00 NEM time" in told and "'no such thing'" in told
    assert "wait until 12:08" in told
    assert programs.nameless(["no such thing"], [], files, now + timedelta(minutes=8)) == ""
    assert programs.nameless(["no such thing"], [], {}, now) == ""
    start()
    until(lambda: bool(programs.look([NAME])), "it runs")
    assert programs.nameless([NAME], programs.look([NAME]), files, now) == ""


def test_a_program_that_has_a_file_open_but_is_not_known_by_name_is_told(tmp_path: Path) -> None:
    """Between two of its writes it has none open: the switchover would not find it."""
    path = tmp_path / "scada5.parquet"
    writer = subprocess.Popen(
        [sys.executable, "-c", f"import time; f = open({str(path)!r}, 'w'); time.sleep(60)", "mine"]
    )
    try:
        until(lambda: bool(programs.look(["no such thing"], [tmp_path])), "it has the file open")
        running = programs.look(["no such thing"], [tmp_path])
        told = programs.nameless(["no such thing"], running, {}, NOON)
        assert f"process {writer.pid}" in told and "its command line holds no 'no such thing'" in told
        assert programs.nameless(["mine"], running, {}, NOON) == ""
    finally:
        writer.kill()
        writer.wait()


def test_the_likely_folder_is_what_a_running_collector_names_and_its_words_tell_it_apart(
    start: Start, tmp_path: Path
) -> None:
    assert likely([NAME], NOON) is None
    damaged(tmp_path / "data 2")
    start("--data", str(tmp_path / "data 2"))
    found = likely([NAME], NOON)
    assert found is not None and found.folder == tmp_path / "data 2"
    assert found.pattern == f"{NAME} --data {tmp_path / 'data 2'}"
    damaged(tmp_path / "other")
    start("--data", str(tmp_path / "other"))
    for folder in (tmp_path / "other", tmp_path / "data 2"):
        mine = likely([NAME], NOON, folder)
        assert mine is not None and mine.folder == folder and mine.pattern.endswith(str(folder))
