"""aemo-ops doctor: what this program sees of itself, its folders and its source, and what is wrong with them."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aemo_ops.cli.printing import ATTENTION, GOOD, document, table
from aemo_ops.clock import Clock, stamp
from aemo_ops.errors import AemoOpsError
from aemo_ops.market import catalogue
from aemo_ops.nemweb.client import Client
from aemo_ops.settings import Settings
from aemo_ops.store.lease import FOLDER_LOCK, Lease, adopted, holds_data
from aemo_ops.store.parquet import Store
from aemo_ops.store.state import State

_LITTLE_SPACE = 2 * 10**9


def register(verbs: Any) -> None:
    parser = verbs.add_parser("doctor", help="check settings, folders, files and the way to NEMWEB")
    parser.add_argument("--offline", action="store_true", help="ask NEMWEB nothing")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=doctor)


def doctor(chosen: argparse.Namespace) -> int:
    settings = Settings.load()
    findings = [*_settings(settings), *_folders(settings), *_files(settings), *_holders(settings)]
    if not chosen.offline:
        findings += _source(settings)
    if chosen.json:
        document({"findings": [{"about": about, "ok": ok, "finding": text} for about, ok, text in findings]})
    else:
        table(("about", "", "finding"), [(about, "ok" if ok else "LOOK", text) for about, ok, text in findings])
    return GOOD if all(ok for _, ok, _ in findings) else ATTENTION


Finding = tuple[str, bool, str]


def _settings(settings: Settings) -> Iterator[Finding]:
    clock = Clock.from_file(settings.clock_file)
    yield "NEM time", True, stamp(clock.now()) + ("" if settings.clock_file is None else f" at speed {clock.speed:g}")
    for name, value, origin in settings.effective():
        yield name, True, f"{value} (from {origin})"


def _folders(settings: Settings) -> Iterator[Finding]:
    for what, folder in (("state folder", settings.home), ("data folder", settings.data_path)):
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        free = shutil.disk_usage(existing).free
        yield (
            what,
            free > _LITTLE_SPACE,
            f"{folder}, {free / 1e9:,.1f} GB free" + ("" if folder.exists() else ", not made yet"),
        )
    yield "adoption", *_adoption(settings.home / "state.sqlite", settings.data_path)


def _adoption(state: Path, folder: Path) -> tuple[bool, str]:
    identity = adopted(folder)
    if identity:
        return True, f"adopted as {identity}"
    if holds_data(folder):
        return False, "holds data of another program; `aemo-ops collect --adopt` makes it ours to write"
    if state.exists() and State(state).collected_into(folder):
        return False, "was collected into before and is empty or not there now; is the volume connected?"
    return True, "empty; adopted when collecting starts"


def _files(settings: Settings) -> Iterator[Finding]:
    store = Store(settings.data_path)
    for dataset in catalogue.chosen(settings.datasets):
        try:
            extent = store.extent(dataset)
        except AemoOpsError as error:
            yield dataset.file_name, False, str(error)
            continue
        text = f"{extent.rows:,} rows, {extent.size / 1e6:,.1f} MB, to {extent.latest}" if extent.rows else "no row yet"
        yield dataset.file_name, True, text


def _holders(settings: Settings) -> Iterator[Finding]:
    for what, path in (("engine", settings.home / "engine.lock"), ("writer", settings.data_path / FOLDER_LOCK)):
        holder = Lease(path, "doctor").holder()
        yield what, True, f"{holder} holds it" if holder else "nobody collects"


def _source(settings: Settings) -> Iterator[Finding]:
    client = Client(settings.nemweb_url)
    for report in catalogue.collected(catalogue.chosen(settings.datasets)):
        try:
            files = client.files(report)
            yield report.name, True, f"{len(files):,} files in Current, to {files[-1].name}"
        except AemoOpsError as error:
            yield report.name, False, str(error)
