"""What the services have stored, read beside them: each has a SQLite file or a schema of its own."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec

from answerable.infra.bus.outbox import open_envelope
from answerable.messages.base import Envelope, Message
from answerable.services import service_of
from tests.faults.schedule import SERVICES

Found = dict[str, Any]
_COLUMNS = tuple(name for name in Envelope.__struct_fields__ if name != "origin")


class Stores:
    """Reads what is stored, and what people see as ``headers`` say who they are."""

    def __init__(self, folder: Path, postgres: str, http: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self.folder = folder
        self.http = http
        self.headers = headers
        self._postgres = postgres

    async def rows(self, service: str, query: str) -> list[Found]:
        """Read from the database of a service."""
        if not self._postgres:
            with closing(sqlite3.connect(self.folder / service / "answerable.sqlite")) as db:
                db.row_factory = sqlite3.Row
                return [dict(row) for row in db.execute(query).fetchall()]
        connection = await asyncpg.connect(self._postgres, server_settings={"search_path": service})
        try:
            return [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def sql(self, statement: str) -> list[Found]:
        """Read from the service to which the table behind the first FROM belongs."""
        feature = statement.partition("FROM ")[2].split()[0].partition("_")[0]
        return await self.rows(service_of()[feature], statement)

    async def envelopes(self) -> list[Envelope]:
        """Return what all services have said, each in its order."""
        return [sealed for service in SERVICES for sealed in await self.outbox(service)]

    async def outbox(self, service: str) -> list[Envelope]:
        """Return what a service has said."""
        rows = await self.rows(service, f"SELECT {', '.join(_COLUMNS)} FROM bus_outbox ORDER BY position")
        return [msgspec.convert(row, Envelope) for row in rows]

    async def log(self, *types: str) -> Sequence[Message]:
        """Return the messages of some types."""
        return [open_envelope(sealed) for sealed in await self.envelopes() if sealed.type in types]
