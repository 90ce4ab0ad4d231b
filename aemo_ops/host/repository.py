"""A git repository as it stands: read and written down, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aemo_ops.host.said import said


@dataclass(frozen=True)
class Repository:
    """`changed`: paths that are not committed, as git tells them, relative to the repository; `.env` may be one of them."""

    path: Path
    branch: str
    commit: str
    changed: tuple[str, ...]

    def __str__(self) -> str:
        state = f"{len(self.changed)} paths not committed" if self.changed else "clean"
        return f"{self.path}: {self.branch} at {self.commit[:12]}, {state}"


def look(path: Path) -> Repository:
    """Raises StepRefused where git is not there, says that this is no repository, or does not answer."""
    git = ("git", "-C", str(path), "--no-optional-locks")
    branch = said([*git, "rev-parse", "--abbrev-ref", "HEAD"]).strip()
    commit = said([*git, "rev-parse", "HEAD"]).strip()
    lines = said([*git, "status", "--porcelain=v1", "-z"]).split("\0")
    return Repository(path, branch, commit, tuple(line[3:] for line in lines if len(line) > 3))
