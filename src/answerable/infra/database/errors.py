"""What can go wrong below the features."""

import sqlite3

from answerable.kernel.errors import Unavailable

# What the machine does to us (https://sqlite.org/rescode.html); a wrong statement of ours is no such thing.
_FAULTS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def is_fault(error: Exception) -> bool:
    """Tell whether the store failed, rather than the code that uses it."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _FAULTS


class StorageFault(Unavailable):
    """The store cannot take or give data right now: disk full, file read-only, locked, unreachable."""

    TOLD = "The desk cannot get at its data right now. Nothing was changed; please try again soon."

    def __init__(self, detail: str) -> None:
        """Keep ``detail`` for the log; callers of the API see a general sentence."""
        super().__init__(self.TOLD, retry_after=2)
        self.detail = detail


class OutcomeUnknown(StorageFault):
    """The store was lost at the moment of truth: the work may be done or not."""

    TOLD = (
        "The connection to the database was lost while this was being stored, so it may be done or not. "
        "Please look before you repeat it; with an Idempotency-Key you can repeat it safely."
    )
