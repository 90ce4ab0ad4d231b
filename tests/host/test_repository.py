"""A repository is read as git tells it, and never written; what git says when it cannot is shown."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.host.repository import look


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "a dashboard"
    place.mkdir()
    (place / "app.py").write_text("pass\n")
    for words in (
        ["init", "-q", "-b", "trunk"],
        ["add", "app.py"],
        ["-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", "-C", str(place), *words], check=True)
    return place


def test_branch_commit_and_what_is_not_committed_are_told(repository: Path) -> None:
    commit = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    found = look(repository)
    assert (found.branch, found.commit, found.changed) == ("trunk", commit, ())
    assert str(found) == f"{repository}: trunk at {commit[:12]}, clean"
    (repository / ".env").write_text("SMTP_PASSWORD=canary-71c0\n")
    (repository / "app.py").write_text("changed\n")
    found = look(repository)
    assert set(found.changed) == {"app.py", ".env"} and "2 paths not committed" in str(found)
    assert "canary" not in str(found) + repr(found)


def test_nothing_is_written_not_even_the_index(repository: Path) -> None:
    (repository / "app.py").touch()
    before = {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*") if path.is_file()}
    look(repository)
    assert {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*") if path.is_file()} == before


def test_no_repository_and_no_git_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StepRefused, match=r"`git -C .*` ended with 128: .*not a git repository"):
        look(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepRefused, match=r"`git .*` could not be asked: .*git"):
        look(tmp_path)


def test_rubbish_of_another_git_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nhead -c 200 /dev/urandom\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert look(tmp_path).path == tmp_path
