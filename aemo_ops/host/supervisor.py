"""Who would start a process again when it ends: a launchd job, a systemd unit, a line of crontab. Shown, never changed."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aemo_ops.host.processes import Found
from aemo_ops.host.said import said
from aemo_ops.masking import masked

_CGROUP = Path("/proc")
_UNIT = re.compile(r"/([^/]+\.service)(?:/|$)")
_NO_CRONTAB = "no crontab"


@dataclass(frozen=True)
class Supervisor:
    """`stop` and `start`: what a person types to end it for good, and to bring it back; empty where that is an edit."""

    kind: str
    name: str
    stop: str
    start: str


def supervisors(found: Found, proc: Path = _CGROUP) -> list[Supervisor]:
    """Whoever supervises a process, or has a line that starts its program. Raises StepRefused, with what a command said."""
    told = list(_unit(found, proc))
    if sys.platform == "darwin":
        told += _launchd(found)
    return told + list(_cron(found))


def _unit(found: Found, proc: Path) -> Iterator[Supervisor]:
    try:
        groups = (proc / str(found.identity.pid) / "cgroup").read_text()
    except OSError:
        return
    for line in groups.splitlines():
        units = [name for name in _UNIT.findall(line) if not name.startswith("user@")]
        if units:
            manager = "systemctl --user" if "/user@" in line else "sudo systemctl"
            yield Supervisor(
                "systemd", units[-1], f"{manager} disable --now {units[-1]}", f"{manager} enable --now {units[-1]}"
            )
            return


def _launchd(found: Found) -> Iterator[Supervisor]:
    """Lines of `launchctl list`: pid, status, label; the job of the process, or of the one that started it."""
    for line in said(["launchctl", "list"]).splitlines():
        fields = line.split("\t")
        if len(fields) == 3 and fields[0] in (str(found.identity.pid), str(found.parent)):
            label = fields[2]
            yield Supervisor(
                "launchd",
                label,
                f"launchctl bootout gui/$UID/{label}",
                f"launchctl bootstrap gui/$UID PATH_OF/{label}.plist",
            )


def _cron(found: Found) -> Iterator[Supervisor]:
    """Lines of this user's crontab that name the program's script, or its last word; its secrets are masked."""
    if shutil.which("crontab") is None:
        return
    words = [word for word in found.command[1:] if len(word) > 3 and not word.startswith("-")]
    names = {Path(word).name for word in words[:2]}
    for line in said(["crontab", "-l"], _NO_CRONTAB).splitlines():
        if not line.lstrip().startswith("#") and any(name in line for name in names):
            yield Supervisor("cron", masked(line.strip()), "", "")
