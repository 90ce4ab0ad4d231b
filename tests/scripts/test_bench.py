"""scripts/bench on tiny data: it ends, tells what it measured and what it could not, and leaves nothing behind."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from aemo_ops.market.catalogue import SCADA5
from tests.conftest import ROOT

ABSENT = ("polars", "fastparquet", "deltalake")


@dataclass(frozen=True)
class Ran:
    told: str
    document: dict[str, Any]
    left: list[Path]


def bench(*arguments: str, path: tuple[Path, ...] = (), **environment: str) -> str:
    """What scripts/bench prints, run by this Python."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    places = os.pathsep.join(str(one) for one in (*path, ROOT / "scripts", ROOT))
    return subprocess.run(
        [sys.executable, "-P", "-m", "benchmarks", *arguments],
        env=inherited | {"PYTHONPATH": places} | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


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


def test_it_prints_medians_and_ratios_and_leaves_nothing_behind(ran: Ran) -> None:
    assert "update at the tail | scada30 20,000 rows | ordinary" in ran.told
    assert "x ours" in ran.told and "figures to reach" in ran.told and "written by ours" in ran.told
    assert ran.left == []


def test_what_cannot_be_measured_is_told_with_its_reason(ran: Ran) -> None:
    for name in ABSENT:
        assert f"not measured here: {name} is not installed (scripts/bench --install)" in ran.told
    assert "not measured here: mount was refused (permission denied)" in ran.told
    place = next(place for place in ran.document["places"] if place["name"] == "reflink")
    assert place["refused"] == "mount was refused (permission denied)"
    assert all(row["median"] is None for row in ran.document["rows"] if row["place"].startswith("reflink"))
    assert all(goal["reached"] is None for goal in ran.document["goals"])  # tiny sizes judge nothing


def test_every_key_of_the_json_is_documented(ran: Ran) -> None:
    documented = ast.get_docstring(ast.parse((ROOT / "scripts" / "benchmarks" / "__main__.py").read_text()))
    assert documented
    keys = set(ran.document) | set(ran.document["machine"])
    keys |= {key for name in ("places", "rows", "readers", "goals") for one in ran.document[name] for key in one}
    keys |= {key for run in ran.document["readers"] for reader in run["readers"] for key in reader}
    assert [key for key in sorted(keys) if key not in documented] == []


def test_ratios_are_those_of_the_same_run_and_results_are_right(ran: Ran) -> None:
    contest = [r for r in ran.document["rows"] if r["what"] == "update at the tail" and r["place"].startswith("ord")]
    rows = {row["who"]: row for row in contest if row["data"] == "scada30 20,000 rows"}
    assert {"ours", "pandas", "pyarrow", "duckdb"} <= set(rows)
    assert len(rows["ours"]["seconds"]) == 3 and rows["ours"]["ratio"] == 1
    assert rows["pandas"]["ratio"] == pytest.approx(rows["pandas"]["median"] / rows["ours"]["median"])
    assert [row for row in ran.document["rows"] if row["problem"]] == []
    ours = next(run for run in ran.document["readers"] if run["who"] == "ours")
    assert ours["updates"] == 2 and ours["failed"] == 0


@pytest.mark.parametrize("subject", ["copy", "ui", "backfill"])
def test_a_subject_that_is_not_built_says_so(subject: str) -> None:
    assert f"{subject}: not measured here: not built yet" in bench(subject)


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
