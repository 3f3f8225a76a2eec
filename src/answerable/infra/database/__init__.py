"""The database switch: one interface (``kernel.tx.Database``), one adapter per engine, chosen by measurement."""

from answerable.infra.database.errors import StorageFault
from answerable.infra.database.open import open_database
from answerable.infra.database.sqlite import SqliteDatabase

__all__ = ["SqliteDatabase", "StorageFault", "open_database"]
