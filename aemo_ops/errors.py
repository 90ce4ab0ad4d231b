"""Every error raised on purpose, as a tree.

AemoOpsError
├── SourceError            what AEMO's site gave us, or did not
│   ├── NemwebUnavailable  no answer, a server error, a cut or slow body       (transient)
│   │   └── SizeDiffers    a zip that is whole by its answer, and not of the listed size
│   ├── NemwebRefused      403, 429, a timed 503: the site asks us to wait     (transient)
│   ├── NemwebGone         404: the file is not there (any more)
│   ├── ListingRejected    the page is no directory listing of that report     (transient)
│   └── ReportRejected     this file, as received, does not parse
├── StoreError             what happened to a file of ours
│   ├── StoreLocked        another program holds the file's lock               (transient)
│   ├── SchemaMismatch     the file does not keep its dataset's contract
│   │   ├── Encrypted      it cannot be read without its key
│   │   └── RowsLeftOut    its normal form would lack rows that stand in it; a person has to agree first
│   ├── RowsRefused        rows with a value that no row of a file may have
│   ├── StoreCorrupt       the file cannot be read
│   ├── FolderRefused      the folder is not ours to write, or not writable
│   └── NoSpace            the disk is full                                    (transient)
├── MigrationError         what the move did not do
│   ├── StepRefused        not as things stand; nothing was changed
│   │   ├── NotYet         ... and it passes by itself                            (transient)
│   │   └── Unconfirmed    ... a person has to type a word first
│   ├── WriterActive       somebody writes to a file that is being copied      (transient)
│   ├── UnreadableNow      a file to be copied cannot be read, or is not whole (transient)
│   ├── VerificationFailed what is on the disk is not what should be there
│   └── Cancelled          stopped as asked, at a safe point
├── LeaseHeld              another process is the one that collects
└── SettingsError          a setting is unknown or has a wrong value

`transient` says whether trying the same again, unchanged, may succeed.
"""

from aemo_ops.masking import masked


class AemoOpsError(Exception):
    transient = False

    def __str__(self) -> str:
        """Whoever shows it, it tells no secret: what other programs and settings say is quoted in messages."""
        return masked(super().__str__())


class SourceError(AemoOpsError):
    pass


class NemwebUnavailable(SourceError):
    transient = True


class SizeDiffers(NemwebUnavailable):
    """Cut on the way, or listed wrong: the next try may be better, but not for ever."""

    transient = False


class NemwebRefused(SourceError):
    """NEMWEB's rate limit. `retry_after` is in real seconds, None where the site named none."""

    transient = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NemwebGone(SourceError):
    pass


class ListingRejected(SourceError):
    transient = True


class ReportRejected(SourceError):
    pass


class StoreError(AemoOpsError):
    pass


class StoreLocked(StoreError):
    transient = True


class SchemaMismatch(StoreError):
    pass


class Encrypted(SchemaMismatch):
    pass


class RowsLeftOut(SchemaMismatch):
    pass


class RowsRefused(StoreError):
    pass


class StoreCorrupt(StoreError):
    pass


class FolderRefused(StoreError):
    pass


class NoSpace(StoreError):
    transient = True


class MigrationError(AemoOpsError):
    pass


class StepRefused(MigrationError):
    pass


class NotYet(StepRefused):
    transient = True


class Unconfirmed(StepRefused):
    pass


class WriterActive(MigrationError):
    transient = True


class UnreadableNow(MigrationError):
    transient = True


class VerificationFailed(MigrationError):
    pass


class Cancelled(MigrationError):
    pass


class LeaseHeld(AemoOpsError):
    pass


class SettingsError(AemoOpsError):
    pass
