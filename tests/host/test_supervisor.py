"""Whoever would start a process again is found; a command that is missing or talks rubbish is told, and nothing is changed."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.host import supervisor
from aemo_ops.host.processes import Found, Identity

FOUND = Found(
    Identity(4711, 1.0, "/usr/bin/python3"),
    ("python3", "/opt/tools/run_unified_collector.py", "--quiet"),
    Path("/opt/tools"), "me", (), (), parent=4000,
)  # fmt: skip


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("line", "stop"),
    [
        ("0::/system.slice/collector.service", "sudo systemctl disable --now collector.service"),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/c.service",
            "systemctl --user disable --now c.service",
        ),
    ],
)
def test_a_systemd_unit_is_found(commands: Path, tmp_path: Path, line: str, stop: str) -> None:
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711" / "cgroup").write_text(f"{line}\n")
    (found,) = supervisor.supervisors(FOUND, tmp_path)
    assert (found.kind, found.stop) == ("systemd", stop)


@pytest.mark.parametrize("line", ["0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope", "0::/", ""])
def test_a_terminal_is_no_supervisor(commands: Path, tmp_path: Path, line: str) -> None:
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711" / "cgroup").write_text(line)
    assert supervisor.supervisors(FOUND, tmp_path) == []


@pytest.mark.parametrize("pid", ["4711", "4000"])
def test_a_launchd_job_is_found_by_the_process_or_its_parent(
    commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: str
) -> None:
    command(
        commands,
        "launchctl",
        f"printf 'PID\\tStatus\\tLabel\\n-\\t0\\torg.example.other\\n{pid}\\t0\\torg.example.collector\\n'",
    )
    monkeypatch.setattr(sys, "platform", "darwin")
    (found,) = supervisor.supervisors(FOUND, tmp_path)
    assert (found.kind, found.name) == ("launchd", "org.example.collector") and "bootout" in found.stop


def test_a_line_of_crontab_is_found_and_a_commented_one_is_not(commands: Path, tmp_path: Path) -> None:
    line = "*/5 * * * * cd /opt/tools && python3 run_unified_collector.py"
    command(commands, "crontab", f"echo '# {line}'; echo '{line}'; echo '0 4 * * * backup'")
    assert [(one.kind, one.name) for one in supervisor.supervisors(FOUND, tmp_path)] == [("cron", line)]


@pytest.mark.parametrize(
    "said", ["canary-5c1", "'canary-5c1 x'", '"canary-5c1;x"y', "canary-5c1\\ canary-5c1", "a'canary-5c1'"]
)
def test_what_a_line_of_crontab_sets_is_not_told(commands: Path, tmp_path: Path, said: str) -> None:
    line = f"0 * * * * SMTP_PASSWORD={said} python3 run_unified_collector.py --token={said} --all"
    (tmp_path / "said").write_text(line)
    command(commands, "crontab", f"cat '{tmp_path / 'said'}'")
    os.environ["PATH"] += os.pathsep + "/bin"
    (found,) = supervisor.supervisors(FOUND, tmp_path)
    assert found.name == "0 * * * * SMTP_PASSWORD=*** python3 run_unified_collector.py --token=*** --all"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("--password canary-5c1", "--password ***"),
        ("-p canary-5c1", "-p ***"),
        ("--url https://me:canary-5c1@example.org/", "--url https://***@example.org/"),
        ("--url 'https://example.org/?sig=canary-5c1'", "--url 'https://example.org/?sig=***'"),
        ("--header 'Authorization: Bearer canary-5c1'", "--header 'Authorization: ***'"),
        ("--interval=270 --log /tmp/a.log", "--interval=270 --log /tmp/a.log"),
    ],
)
def test_no_secret_of_any_form_in_a_line_of_crontab_is_told(
    commands: Path, tmp_path: Path, given: str, shown: str
) -> None:
    (tmp_path / "said").write_text(f"0 * * * * python3 run_unified_collector.py {given}")
    command(commands, "crontab", f"cat '{tmp_path / 'said'}'")
    os.environ["PATH"] += os.pathsep + "/bin"
    (found,) = supervisor.supervisors(FOUND, tmp_path)
    assert found.name == f"0 * * * * python3 run_unified_collector.py {shown}"


def test_no_crontab_is_no_trouble(commands: Path, tmp_path: Path) -> None:
    assert supervisor.supervisors(FOUND, tmp_path) == []
    command(commands, "crontab", "echo 'no crontab for me' >&2; exit 1")
    assert supervisor.supervisors(FOUND, tmp_path) == []


def test_a_command_that_fails_is_shown_with_what_it_said(
    commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(commands, "crontab", "echo 'you may not'; exit 3")
    with pytest.raises(StepRefused, match=r"`crontab -l` ended with 3: you may not"):
        supervisor.supervisors(FOUND, tmp_path)
    (commands / "crontab").unlink()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(StepRefused, match="`launchctl list` could not be asked"):
        supervisor.supervisors(FOUND, tmp_path)
    command(commands, "launchctl", "head -c 300 /dev/urandom; echo")
    os.environ["PATH"] += os.pathsep + "/usr/bin"
    assert supervisor.supervisors(replace(FOUND, parent=1), tmp_path) == []
    command(commands, "launchctl", "sleep 30")
    monkeypatch.setattr("aemo_ops.host.said._SECONDS", 0.2)
    with pytest.raises(StepRefused, match="timed out"):
        supervisor.supervisors(FOUND, tmp_path)
