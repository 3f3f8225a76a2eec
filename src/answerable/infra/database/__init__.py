"""The database switch: one interface (``port.DeskDatabase``), one adapter per engine, chosen by measurement."""

from answerable.infra.database.errors import StorageFault
from answerable.infra.database.open import open_database
from answerable.infra.database.port import DeskDatabase

__all__ = ["DeskDatabase", "StorageFault", "open_database"]
