"""Real processes: found, told from another of the same pid, asked to end, never killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.host import processes
from aemo_ops.host.processes import Identity
from tests.waiting import until

Start = Callable[..., subprocess.Popen[bytes]]
CANARY = "canary-8f1e"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a Python process that says when it is ready; whatever is left of them is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(code: str = "", *words: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        ready = tmp_path / f"ready{len(started)}"
        whole = f"import pathlib, signal, sys, time\n{code}\npathlib.Path({str(ready)!r}).touch()\ntime.sleep(100)"
        environment = {**os.environ, "SOME_PASSWORD": CANARY}
        started.append(subprocess.Popen([sys.executable, "-c", whole, *words], cwd=cwd, env=environment))
        until(ready.exists, "it is ready")
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def identity(process: subprocess.Popen[bytes]) -> Identity:
    told = psutil.Process(process.pid)
    return Identity(told.pid, told.create_time(), told.exe())


def test_a_collector_is_found_by_its_command_line_with_folder_and_names_but_no_values(
    start: Start, tmp_path: Path
) -> None:
    one, other = start("", "unified_collector-7741", cwd=tmp_path), start("", "something-else")
    found = processes.find(["unified_collector-7741"])
    assert [each.identity for each in found] == [identity(one)]
    assert found[0].folder == tmp_path.resolve() and found[0].command[-1] == "unified_collector-7741"
    assert "SOME_PASSWORD" in found[0].names and CANARY not in repr(found)
    assert other.pid not in [each.identity.pid for each in found]


def test_whoever_writes_into_the_folder_is_found_whatever_its_name_is(start: Start, tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    data.mkdir()
    elsewhere.mkdir()
    (data / "read").touch()
    writer = start(f"held = open({str(data / 'scada5.parquet')!r}, 'wb')")
    start(f"held = open({str(elsewhere / 'x')!r}, 'wb')")
    start(f"held = open({str(data / 'read')!r}, 'rb')")
    found = processes.find([], [data])
    assert [(each.identity.pid, each.files) for each in found] == [(writer.pid, ((data / "scada5.parquet").resolve(),))]


def test_the_searcher_and_whoever_started_it_are_not_found() -> None:
    assert os.getpid() not in [each.identity.pid for each in processes.find([""])]


def test_a_process_that_ends_when_asked_is_gone(start: Start) -> None:
    process = start()
    known = identity(process)
    assert processes.running(known) is not None
    assert processes.stop(known, 20) is True
    assert processes.running(known) is None
    assert processes.stop(known, 0) is True  # asked again


def test_one_that_will_not_end_lives_on(start: Start) -> None:
    process = start("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    assert processes.stop(identity(process), 0.3) is False
    assert process.poll() is None


def test_a_pid_that_is_another_s_by_now_is_left_alone(start: Start) -> None:
    process = start()
    known = identity(process)
    assert processes.running(replace(known, started=known.started - 5)) is None
    assert processes.stop(replace(known, started=known.started - 5), 1) is True
    with pytest.raises(StepRefused, match="left alone"):
        processes.stop(replace(known, program="/usr/bin/another"), 1)
    assert process.poll() is None


def test_what_the_system_does_not_let_us_see_is_said(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start("", "hidden-5520")

    def denied(self: psutil.Process) -> None:
        raise psutil.AccessDenied(self.pid)

    for name in ("cwd", "environ", "exe"):
        monkeypatch.setattr(psutil.Process, name, denied)
    (found,) = processes.find(["hidden-5520"])
    assert found.unseen == "program, folder, environment" and found.folder is None and found.identity.pid == process.pid
    monkeypatch.setattr(psutil.Process, "terminate", denied)
    with pytest.raises(StepRefused, match="may not end it"):
        processes.stop(found.identity, 1)


def test_who_only_looks_at_its_log_and_who_names_it_to_us_are_no_old_collector(tmp_path: Path) -> None:
    log = tmp_path / "unified_collector-9913.log"
    log.touch()
    looker = subprocess.Popen(["tail", "-f", str(log)], stdout=subprocess.DEVNULL)
    ours = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", "aemo_ops.cli", "unified_collector-9913"]
    )
    try:
        assert processes.find(["unified_collector-9913"]) == []
        assert not any(one.identity.pid == looker.pid for one in processes.find([""]))
    finally:
        for one in (looker, ours):
            one.kill()
            one.wait()


def test_the_folder_of_a_log_that_went_away_is_made_again(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "old-collector.log"
    program = [sys.executable, "-c", "print('I run', flush=True); import time; time.sleep(60)"]
    started = processes.start(program, None, {}, log)
    until(lambda: log.read_text() == "I run\n", "it has said so", 30)
    assert processes.stop(started, 10.0)
