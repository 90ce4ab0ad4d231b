"""Paths are set, secrets stay and are never shown, and what was there comes back."""

from __future__ import annotations

from pathlib import Path

import dotenv
import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.migrate import env

CANARY = "canary-3f77"
BEFORE = f"""# the dashboard
SMTP_PASSWORD="{CANARY}"
export SPOT_HIST_FILE=/old/data 2/prices30.parquet
GEN_OUTPUT_FILE='/old/scada30.parquet'

OTHER={CANARY}=with=signs
"""


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    (tmp_path / "backup").mkdir()
    return tmp_path / "backup"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "dash" / ".env"
    path.parent.mkdir()
    path.write_text(BEFORE)
    path.chmod(0o644)
    return path


def test_paths_are_set_and_all_else_is_kept(path: Path, backup: Path) -> None:
    base = Path("/Volumes/A disk/aemo's $data")
    wanted = env.change(path, env.paths(base))
    assert path.read_text() == BEFORE
    env.write(wanted, backup)
    read = dotenv.dotenv_values(path, interpolate=False)
    assert {name: read[name] for name in env.NAMES} == env.paths(base)
    assert read["SMTP_PASSWORD"] == CANARY and read["OTHER"] == f"{CANARY}=with=signs"
    assert read["SPOT_HIST_FILE"] == f"{base}/data/prices5.parquet"
    assert path.read_text().startswith("# the dashboard\n") and path.stat().st_mode & 0o777 == 0o600
    assert env.change(path, env.paths(base)).nothing


def test_what_is_shown_has_the_changed_lines_and_no_secret(path: Path) -> None:
    wanted = env.change(path, {"SPOT_HIST_FILE": "/new/data/prices5.parquet"})
    assert wanted.shown == (
        "- export SPOT_HIST_FILE=/old/data 2/prices30.parquet",
        "+ export SPOT_HIST_FILE=/new/data/prices5.parquet",
    )
    assert CANARY not in repr(wanted.shown) and "read by other users" in wanted.warnings[0]


def test_a_second_line_of_the_same_name_goes_or_it_would_win(path: Path, backup: Path) -> None:
    path.write_text("DATA_DIR=/a\nDATA_DIR=/b\n")
    env.write(env.change(path, {"DATA_DIR": "/new"}), backup)
    assert path.read_text() == "DATA_DIR=/new\n"


def test_what_was_there_comes_back_as_it_was_before_the_first_write(path: Path, backup: Path) -> None:
    for base in ("/one", "/two"):
        kept = env.write(env.change(path, env.paths(Path(base))), backup)
        assert kept and kept.stat().st_mode & 0o777 == 0o600 and kept.read_text() == BEFORE
    assert env.restore(path, backup) and path.read_text() == BEFORE
    assert not env.restore(path, backup)


def test_what_an_earlier_move_kept_is_not_what_a_later_one_brings_back(path: Path, backup: Path) -> None:
    for number, content in enumerate(("A=1\n", "A=2\n", "A=3\n")):
        path.write_text(content)
        env.set_aside(path, backup)
        env.write(env.change(path, env.paths(Path(f"/{number}"))), backup)
    assert env.restore(path, backup) and path.read_text() == "A=3\n"
    assert [one.read_text() for one in sorted((backup / env.FOLDER).glob("*.env.before-*"))] == ["A=1\n", "A=2\n"]


def test_a_file_that_is_not_there_is_made_for_this_user_only(tmp_path: Path, backup: Path) -> None:
    path = tmp_path / ".env"
    assert env.write(env.change(path, {"DATA_DIR": "/new"}), backup) is None
    assert path.read_text() == "DATA_DIR=/new\n" and path.stat().st_mode & 0o777 == 0o600


def test_links_folders_and_rubbish_are_refused_without_their_content(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(StepRefused, match="is a link"):
        env.change(link, {})
    with pytest.raises(StepRefused, match="no file"):
        env.change(tmp_path / "dash", {})
    path.write_bytes(b"A=\xff\xfe" + CANARY.encode())
    with pytest.raises(StepRefused, match="cannot be read") as refused:
        env.change(path, {})
    assert CANARY not in str(refused.value)


def test_what_was_edited_during_the_move_is_kept_beside(path: Path, backup: Path) -> None:
    env.write(env.change(path, env.paths(Path("/new"))), backup)
    path.write_text(path.read_text() + "MY_OWN_LINE=1\n")
    assert env.restore(path, backup) and path.read_text() == BEFORE
    (edited,) = (backup / env.FOLDER).iterdir()
    assert "MY_OWN_LINE=1" in edited.read_text() and edited.stat().st_mode & 0o777 == 0o600


def test_another_variable_that_names_the_old_folder_is_told_and_not_changed(path: Path) -> None:
    path.write_text("PRICES=/old/data 2/prices5.parquet\nDATA_DIR=/old/data 2\n")
    wanted = env.change(path, {"DATA_DIR": "/new"}, Path("/old/data 2"))
    assert (
        "PRICES still names /old/data 2" in wanted.warnings[-1] and "PRICES=/old/data 2/prices5.parquet" in wanted.text
    )


def test_no_copy_lies_where_a_repository_would_take_it_along(path: Path, backup: Path) -> None:
    other = path.parent.with_name("other") / ".env"
    other.parent.mkdir()
    other.write_text(f"B={CANARY}\n")
    for one in (path, other):
        env.write(env.change(one, env.paths(Path("/new"))), backup)
        one.write_text(one.read_text() + "MY_OWN_LINE=1\n")
        assert list(one.parent.iterdir()) == [one]
    kept = list((backup / env.FOLDER).iterdir())
    assert {one.read_text() for one in kept} == {BEFORE, f"B={CANARY}\n"}
    assert (backup / env.FOLDER).stat().st_mode & 0o777 == 0o700
    assert all(env.restore(one, backup) and list(one.parent.iterdir()) == [one] for one in (path, other))
    assert other.read_text() == f"B={CANARY}\n"
