"""Who collects: this process when the leases are free and the data folder is ours, else it observes and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aemo_ops.errors import FolderRefused, LeaseHeld
from aemo_ops.ops.snapshot import Role
from aemo_ops.store.lease import ADOPTION, FOLDER_LOCK, Lease, adopt, adopted, holds_data


@dataclass(frozen=True)
class Standing:
    """Whether this process collects, and in words why not and who does."""

    role: Role = Role.OBSERVING
    reason: str = "starting"
    holder: str = ""
    adopted: bool = False


class Post:
    """The two leases that collecting takes: one engine per home, one writer per data folder.

    `adopting` is told when the data folder has just become ours, `known` says whether this home collected into it before:
    only a folder that is new to it is adopted without being asked. The id with which it is first stood on counts for the
    life of a Post: a path whose volume was taken out leads to another folder, or to none, and neither is to be written to.
    """

    def __init__(
        self, home: Path, folder: Path, what: str, adopting: Callable[[Path], None], known: Callable[[Path], bool]
    ) -> None:
        self._folder = folder
        self._adopting = adopting
        self._known = known
        self._identity: str | None = None
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
            return Standing(Role.OBSERVING, str(error), adopted=self._is_adopted())

    def _stand_on_folder(self) -> Standing:
        if lost := self.lost:
            # On a volume that comes back the file is the same and our lock on it may not be: take it anew then.
            self._folder_lease.release()
            return Standing(Role.OBSERVING, lost, adopted=True)
        if not adopted(self._folder):
            if holds_data(self._folder):
                reason = (
                    f"{self._folder} holds data files that AEMO Ops did not write; adopt the folder to collect into it"
                )
                return Standing(Role.OBSERVING, reason)
            if self._known(self._folder):
                reason = (
                    f"{self._folder} was collected into before and is empty or not there now (a volume that is not "
                    "connected?); nothing was written. It goes on by itself when its files are back; to begin anew "
                    "without them, adopt the folder."
                )
                return Standing(Role.OBSERVING, reason)
            self.adopt()
        try:
            self._folder_lease.take()
        except LeaseHeld:
            holder = self._folder_lease.holder()
            reason = f"{holder or 'another program'} writes to {self._folder}"
            return Standing(Role.OBSERVING, reason, str(holder or ""), adopted=True)
        self._identity = adopted(self._folder)
        return Standing(Role.COLLECTING, reason="", holder="this process", adopted=True)

    @property
    def lost(self) -> str:
        """In words, why the folder is not the one that was stood on (any more); empty where it is, or none was yet."""
        try:
            if self._identity is None or adopted(self._folder) == self._identity:
                return ""
        except FolderRefused as error:
            return str(error)
        if not self._folder.is_dir():
            return (
                f"{self._folder} is not there any more (a volume that was taken out?); nothing was written. It goes on by "
                "itself when the folder is back."
            )
        return (
            f"{self._folder} is not the folder that was collected into: its {ADOPTION} is gone or another's (a volume that "
            "was taken out?); nothing was written. It goes on by itself when that folder is back; to collect into this "
            "one, start AEMO Ops anew."
        )

    def adopt(self) -> str:
        """Make the data folder ours to write; its id. Raises FolderRefused where the one that was stood on is not there."""
        if lost := self.lost:
            raise FolderRefused(lost)
        identity = adopt(self._folder)
        self._adopting(self._folder)
        return identity

    def guard(self) -> None:
        """Raise FolderRefused when the folder is another, or a lease was lost (its file deleted, and perhaps taken by another):
        call before writing.
        """
        if lost := self.lost:
            raise FolderRefused(lost)
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
