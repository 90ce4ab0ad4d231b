"""The facts of this machine that a figure depends on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psutil

PACKAGES = ("pandas", "pyarrow", "numpy", "duckdb", "polars", "fastparquet", "deltalake", "nemosis")


def facts() -> dict[str, object]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": _cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "memory_free_bytes": psutil.virtual_memory().available,
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def missing(module: str) -> str:
    """Why `module` cannot take part, empty when it can."""
    try:
        found = find_spec(module)
    except (ImportError, ValueError) as error:
        return f"{module} cannot be imported ({error})"
    return "" if found else f"{module} is not installed (scripts/bench --install)"


def filesystem(folder: Path) -> str:
    """The type of the filesystem that holds `folder`, "unknown" where the system does not tell."""
    folder = folder.resolve()
    mounts = [mount for mount in psutil.disk_partitions(all=True) if folder.is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint)).fstype if mounts else "unknown"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
