"""What was done stays told: cut lines, changed lines, later versions, full disks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aemo_ops import files
from aemo_ops.errors import NoSpace, StoreCorrupt
from aemo_ops.store.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def told(journal: Journal) -> list[tuple[str, dict[str, object]]]:
    return [(entry.kind, dict(entry.facts)) for entry in journal]


@pytest.fixture
def three(path: Path) -> Path:
    journal = Journal(path)
    for number in range(3):
        journal.append("intent", step="copy", number=number, name="Größe 💾")
    return path


def test_what_was_appended_is_read_again_and_a_person_can_read_it(three: Path) -> None:
    facts = [("intent", {"step": "copy", "number": number, "name": "Größe 💾"}) for number in range(3)]
    assert told(Journal(three)) == facts
    lines = three.read_text().splitlines()
    assert len(lines) == 4 and "Größe 💾" in lines[1]
    assert three.stat().st_mode & 0o777 == 0o600


def test_a_line_that_is_cut_at_any_byte_never_counted_and_the_next_takes_its_place(three: Path) -> None:
    whole = three.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for cut in range(1, len(last) + 1):
        three.write_bytes(whole[:-cut])
        journal = Journal(three)
        assert (len(told(journal)), journal.torn, journal.broken) == (2, len(last) - cut, "")
        journal.append("next")
        assert [kind for kind, _ in told(Journal(three))] == ["intent", "intent", "next"]


def test_a_byte_that_was_changed_in_any_line_is_noticed_and_nothing_more_is_written(three: Path) -> None:
    whole = three.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        three.write_bytes(changed)
        try:
            journal = Journal(three)
        except StoreCorrupt:
            continue  # the opening line
        if changed[at : at + 1] != b"\n" and whole[at : at + 1] == b"\n" and at == len(whole) - 1:
            assert journal.torn  # without its end the last line is a cut one
            continue
        assert journal.broken
        before = three.read_bytes()
        with pytest.raises(StoreCorrupt, match="can only be read"):
            journal.append("next")
        assert three.read_bytes() == before


def test_a_line_that_was_taken_out_swapped_or_doubled_is_noticed(three: Path) -> None:
    lines = three.read_bytes().splitlines(keepends=True)
    first, one, two, three_ = lines
    for changed in ([first, one, three_], [first, two, one, three_], [first, one, one, two], [one, two, three_]):
        three.write_bytes(b"".join(changed))
        assert Journal(three).broken


def test_a_later_version_and_another_file_are_refused(path: Path) -> None:
    for text, why in ((b'{"a": 1}\n', "no entry"), (b"\x00\xff\n", "no entry")):
        path.write_bytes(text)
        assert why in Journal(path).broken
    path.unlink()
    Journal(path).append("intent")
    line = json.loads(path.read_text().splitlines()[0])
    del line["sum"]
    line["facts"]["format"] = 2
    from aemo_ops.store import journal

    path.write_text(json.dumps(line | {"sum": journal._sum(line)}) + "\n")
    with pytest.raises(StoreCorrupt, match="later AEMO Ops"):
        Journal(path)


def test_a_full_disk_stops_before_the_deed_and_leaves_what_was_told(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(three)
    real = os.write

    def half(fd: int, block: memoryview) -> int:
        real(fd, bytes(block)[: len(block) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "write", half)
    with pytest.raises(NoSpace):
        journal.append("next")
    monkeypatch.undo()
    assert len(told(Journal(three))) == 3
    journal.append("after")
    assert [kind for kind, _ in told(Journal(three))][-1] == "after"


@pytest.mark.parametrize("point", ["journal.before_write", "journal.written"])
def test_kill_9_at_an_append_leaves_it_done_or_not_done(three: Path, point: str) -> None:
    code = "import sys, pathlib; from aemo_ops.store.journal import Journal; Journal(pathlib.Path(sys.argv[1])).append('next')"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(three)],
        env={**os.environ, "AEMO_OPS_FAILPOINTS": f"{point}=kill"},
        check=False,
    )
    assert ended.returncode == -9
    journal = Journal(three)
    assert journal.broken == "" and len(told(journal)) == (4 if point == "journal.written" else 3)


def test_nothing_is_written_through_a_link(three: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(three)
    before = three.read_bytes()
    with pytest.raises(Exception, match="link"):
        Journal(link).append("next")
    assert three.read_bytes() == before
