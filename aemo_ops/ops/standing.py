"""Who collects: this process when the leases are free and the data folder is ours, else it observes and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aemo_ops.errors import FolderRefused, LeaseHeld
from aemo_ops.ops.snapshot import Role
from aemo_ops.store.lease import FOLDER_LOCK, Lease, adopt, adopted, holds_data


@dataclass(frozen=True)
class Standing:
    """Whether this process collects, and in words why not and who does."""

    role: Role = Role.OBSERVING
    reason: str = "starting"
    holder: str = ""
    adopted: bool = False


class Post:
    """The two leases that collecting takes: one engine per home, one writer per data folder.

    `adopting` is told when the data folder has just become ours.
    """

    def __init__(self, home: Path, folder: Path, what: str, adopting: Callable[[Path], None]) -> None:
        self._folder = folder
        self._adopting = adopting
        self._lease = Lease(home / "engine.lock", what)
        self._folder_lease = Lease(folder / FOLDER_LOCK, what)

    @property
    def commands_are_ours(self) -> bool:
        """Whether this process carries out what pages and the command line ask of the home's engine."""
        return self._lease.held

    def settle(self) -> Standing:
        """Take the leases where they are free."""
        try:
            self._lease.take()
        except LeaseHeld:
            who = str(self._lease.holder() or "another process")
            reason = f"{who} collects already; this one shows what it does and passes commands on"
            return Standing(Role.OBSERVING, reason, who, adopted=self._is_adopted())
        try:
            return self._stand_on_folder()
        except FolderRefused as error:
            return Standing(Role.OBSERVING, str(error))

    def _stand_on_folder(self) -> Standing:
        if not adopted(self._folder):
            if holds_data(self._folder):
                reason = (
                    f"{self._folder} holds data files that AEMO Ops did not write; adopt the folder to collect into it"
                )
                return Standing(Role.OBSERVING, reason)
            self.adopt()
        try:
            self._folder_lease.take()
        except LeaseHeld:
            holder = self._folder_lease.holder()
            reason = f"{holder or 'another program'} writes to {self._folder}"
            return Standing(Role.OBSERVING, reason, str(holder or ""), adopted=True)
        return Standing(Role.COLLECTING, reason="", holder="this process", adopted=True)

    def adopt(self) -> str:
        """Make the data folder ours to write; its id."""
        identity = adopt(self._folder)
        self._adopting(self._folder)
        return identity

    def guard(self) -> None:
        """Raise FolderRefused when a lease was lost (its file deleted, and perhaps taken by another): call before writing."""
        if not (self._lease.held and self._folder_lease.held):
            raise FolderRefused(f"the lease on {self._folder} was lost (its lock file is gone); nothing was written")

    def leave(self) -> None:
        self._folder_lease.release()
        self._lease.release()

    def _is_adopted(self) -> bool:
        try:
            return adopted(self._folder) is not None
        except FolderRefused:
            return False
