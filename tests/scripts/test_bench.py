"""scripts/bench on tiny data: it ends, tells what it measured and what it could not, and leaves nothing behind."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from aemo_ops.market.catalogue import SCADA5
from tests.conftest import ROOT, only_soak
from tests.ui.browsing import chromium
from tests.waiting import until

ABSENT = ("polars", "fastparquet", "deltalake")
COMMAND = (sys.executable, "-P", "-m", "benchmarks")


@dataclass(frozen=True)
class Ran:
    told: str
    document: dict[str, Any]
    left: list[Path]


def bench(*arguments: str, path: tuple[Path, ...] = (), **more: str) -> str:
    """What scripts/bench prints, run by this Python."""
    command = [*COMMAND, *arguments]
    return subprocess.run(command, env=environment(*path, **more), capture_output=True, text=True, check=True).stdout


def environment(*path: Path, **more: str) -> dict[str, str]:
    places = os.pathsep.join(str(one) for one in (*path, ROOT / "scripts", ROOT))
    return {**os.environ, "PYTHONPATH": places, **more}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run on a machine that refuses to mount and lacks some of the alternatives."""
    folder = tmp_path_factory.mktemp("bench")
    commands, modules, work = folder / "commands", folder / "modules", folder / "work"
    for one in (commands, modules, work):
        one.mkdir()
    for name, does in (("mkfs.xfs", "exit 0"), ("mount", "echo permission denied >&2; exit 32")):
        (commands / name).write_text(f"#!/bin/sh\n{does}\n")
        (commands / name).chmod(0o755)
    (modules / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({ABSENT!r}))\n")
    told = bench(
        *("store", "--quick", "--json", str(folder / "found.json"), "--folder", str(work)),
        *("--rows", "20000", "5000", "--updates", "3", "--reader-updates", "2"),
        path=(modules,),
        PATH=f"{commands}{os.pathsep}{os.environ['PATH']}",
    )
    return Ran(told, json.loads((folder / "found.json").read_text()), list(work.iterdir()))


@only_soak
def test_it_prints_medians_and_ratios_and_leaves_nothing_behind(ran: Ran) -> None:
    assert "update at the tail | scada30 20,000 rows | ordinary" in ran.told
    assert "x ours" in ran.told and "figures to reach" in ran.told and "written by ours" in ran.told
    assert ran.left == []


@only_soak
def test_what_cannot_be_measured_is_told_with_its_reason(ran: Ran) -> None:
    for name in ABSENT:
        assert f"not measured here: {name} is not installed (scripts/bench --install)" in ran.told
    assert "not measured here: mount was refused (permission denied)" in ran.told
    place = next(place for place in ran.document["places"] if place["name"] == "reflink")
    assert place["refused"] == "mount was refused (permission denied)"
    assert all(row["median"] is None for row in ran.document["rows"] if row["place"].startswith("reflink"))
    assert all(goal["reached"] is None for goal in ran.document["goals"])  # tiny sizes judge nothing


@only_soak
def test_every_key_of_the_json_is_documented(ran: Ran) -> None:
    keys = set(ran.document) | set(ran.document["machine"])
    keys |= {key for name in ("places", "rows", "readers", "goals") for one in ran.document[name] for key in one}
    keys |= {key for run in ran.document["readers"] for reader in run["readers"] for key in reader}
    assert undocumented(keys) == []


def undocumented(keys: set[str]) -> list[str]:
    documented = ast.get_docstring(ast.parse((ROOT / "scripts" / "benchmarks" / "__main__.py").read_text()))
    assert documented
    return [key for key in sorted(keys) if key not in documented]


@only_soak
def test_ratios_are_those_of_the_same_run_and_results_are_right(ran: Ran) -> None:
    contest = [r for r in ran.document["rows"] if r["what"] == "update at the tail" and r["place"].startswith("ord")]
    rows = {row["who"]: row for row in contest if row["data"] == "scada30 20,000 rows"}
    assert {"ours", "pandas", "pyarrow", "duckdb"} <= set(rows)
    assert len(rows["ours"]["seconds"]) == 3 and rows["ours"]["ratio"] == 1
    assert rows["pandas"]["ratio"] == pytest.approx(rows["pandas"]["median"] / rows["ours"]["median"])
    assert [row for row in ran.document["rows"] if row["problem"]] == []
    ours = next(run for run in ran.document["readers"] if run["who"] == "ours")
    assert ours["updates"] == 2 and ours["failed"] == 0


@only_soak
def test_backfills_are_measured_and_end_with_all_rows(tmp_path: Path) -> None:
    """Where NEMOSIS is not installed."""
    work, modules, found = tmp_path / "work", tmp_path / "modules", tmp_path / "found.json"
    for one in (work, modules):
        one.mkdir()
    (modules / "sitecustomize.py").write_text("import sys\nsys.modules['nemosis'] = None\n")
    sizes = ("--quick", "--intervals", "12", "--days", "1", "1")
    told = bench("backfill", *sizes, "--json", str(found), "--folder", str(work), path=(modules,))
    document = json.loads(found.read_text())
    month, absent, *spans = document["rows"]
    assert (month["data"], month["problem"]) == ("6,720 rows", "")
    assert absent["refused"] == "nemosis is not installed (scripts/bench --install)"
    assert [(row["data"], row["problem"]) for row in spans] == [("1 days, 161,280 rows", "")] * 2
    assert "million rows a second" in told and "not measured here: nemosis" in told
    assert list(work.iterdir()) == []


def test_copies_are_measured_beside_commands_and_are_right(tmp_path: Path) -> None:
    """On a machine without rsync."""
    work, commands, found = tmp_path / "work", tmp_path / "commands", tmp_path / "found.json"
    for one in (work, commands):
        one.mkdir()
    for name in ("cp", "sync", "sha256sum"):
        (commands / name).symlink_to(shutil.which(name) or "absent")
    sizes = ("--quick", "--bytes", "3000000")
    told = bench("copy", *sizes, "--json", str(found), "--folder", str(work), PATH=str(commands))
    document = json.loads(found.read_text())
    rows = {row["who"]: row for row in document["rows"]}
    ours, cp = rows["ours"], rows["cp + sha256sum"]
    assert ours["ratio"] == 1 and cp["ratio"] == pytest.approx(cp["median"] / ours["median"])
    assert [row["problem"] for row in (ours, cp)] == ["", ""] and len(ours["seconds"]) == 3
    assert ours["peak_bytes"] > 0 and cp["peak_bytes"] is None
    assert rows["rsync -c"]["refused"] == "rsync is not installed"
    assert "not measured here: rsync is not installed" in told and "copy & verify | 5 files, 3,000,000 bytes" in told
    assert [goal["measured"] for goal in document["goals"]] == [pytest.approx(cp["ratio"])]
    assert undocumented({key for row in document["rows"] for key in row}) == []
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("who", ["cp + sha256sum", "rsync -c"])
def test_the_commands_notice_a_copy_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from benchmarks.copy import ROADS
    from benchmarks.measure import Failed

    name = who.split()[0]
    real = shutil.which(name) or pytest.skip(f"{name} is not installed")
    commands, sources, target = tmp_path / "commands", tmp_path / "sources", tmp_path / "target"
    for one in (commands, sources, target):
        one.mkdir()
    (sources / "a").write_bytes(b"right")
    (commands / name).write_text(
        f'#!/bin/sh\n{real} "$@"\n[ -e {target}/b ] || printf wrong > {target}/a; : > {target}/b\n'
    )
    (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Failed, match=r"the sums differ|would copy again: a"):
        ROADS[who].make()([sources / "a"], target)


SMALL_PAGE = ("ui", "--quick", "--rows", "20000", "5000", "--pages", "2", "--clicks", "2")


@pytest.mark.browser
@only_soak
@pytest.mark.timeout(600)
def test_the_page_is_measured_beside_a_bare_one(tmp_path: Path) -> None:
    chromium()
    work = tmp_path / "work"
    work.mkdir()
    told = bench(*SMALL_PAGE, "--json", str(tmp_path / "found.json"), "--folder", str(work))
    document = json.loads((tmp_path / "found.json").read_text())
    figures = {(one["what"], one["who"]): one for one in document["figures"]}
    assert [(one["what"], one["refused"]) for one in document["figures"] if one["refused"]] == []
    assert [one["measured"] for one in document["goals"]] != [] and "figures to reach" in told
    for what in ("useful paint, warm", "over the websocket, first load", "server's memory, with browsers open"):
        ours, bare = figures[what, "ours"], figures[what, "a bare Panel page"]
        assert ours["ratio"] == 1 and bare["ratio"] == pytest.approx(bare["measured"] / ours["measured"])
        assert 0 < bare["measured"] < ours["measured"]
    before, after = figures["server's memory, growth over opened and closed pages", "ours"]["values"]
    assert 50e6 < before < after + 50e6
    assert all(len(one["values"]) == 2 for (what, _), one in figures.items() if what.endswith("while it collects"))
    assert undocumented({key for one in document["figures"] for key in one}) == []
    assert list(work.iterdir()) == []


@pytest.mark.browser
@only_soak
@pytest.mark.timeout(120)
def test_a_measuring_of_the_page_that_is_ended_leaves_no_process_and_no_file_behind(tmp_path: Path) -> None:
    chromium()
    work, told = tmp_path / "work", tmp_path / "told"
    work.mkdir()
    with told.open("wb") as sink:
        process = subprocess.Popen([*COMMAND, *SMALL_PAGE, "--folder", str(work)], env=environment(), stderr=sink)
    until(lambda: "useful paint" in told.read_text() or process.poll() is not None, "it measures", 90)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) > 5  # two servers, the replica, the browser and its driver
    process.terminate()
    assert process.wait(60) == 1
    # The tracker of multiprocessing's resources, also one of them, ends once it notices that the others have.
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert list(work.iterdir()) == []


def test_without_a_browser_the_page_is_not_measured_and_the_reason_is_told(tmp_path: Path) -> None:
    told = bench("ui", "--quick", PATH=str(tmp_path), AEMO_OPS_CHROMIUM="")
    assert "ui: not measured here: no Chromium on this machine (AEMO_OPS_CHROMIUM names one)" in told


def test_a_torn_or_unsorted_read_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from benchmarks import data

    first, second = data.update(SCADA5, 1), data.update(SCADA5, 2)
    half = first.num_rows // 2
    whole = pa.concat_tables([first[:half], second])
    assert data.check(whole, half, SCADA5) == ""
    assert data.check(whole[:-1], half, SCADA5).startswith("torn")
    assert data.check(pa.concat_tables([first, second[half:]]), half, SCADA5).startswith("torn")
    assert data.check(pa.concat_tables([second, first[:half]]), half, SCADA5).startswith("unsorted")


def test_the_reflink_filesystem_is_unmounted_and_removed_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from benchmarks import places

    with pytest.raises(KeyboardInterrupt), places.reflink(tmp_path, places.GIGABYTE) as place:
        assert place.refused or place.folder.is_mount()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
