"""The least that anything on this framework must do for a durable POST: read JSON, and store two rows in one commit.

No accounts, no rules, no history, no search, and nothing that follows. What comes while a commit runs is stored by the
next one together, as the desk does it. ``python -m bench.bare URL PORT`` serves it; the tables are those of
``bench.postgres``.
"""

import asyncio
import sys
import uuid
from typing import Any

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Response, get, post

MOST = 100
STORE = """WITH stored AS (INSERT INTO ticket SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
INSERT INTO outbox (body) SELECT * FROM unnest($4::text[])"""


class Draft(msgspec.Struct):
    """What somebody asks for."""

    title: str
    description: str
    category: str
    priority: str


class Store:
    """Stores what comes in groups, one after the other, on one connection."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Draft, asyncio.Future[str]]] = []
        self._running: asyncio.Task[None] | None = None
        self._connection: Any = None

    async def open(self, url: str) -> None:
        """Connect."""
        self._connection = await asyncpg.connect(url)

    async def add(self, draft: Draft) -> str:
        """Store a draft; return its id when it is durable."""
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((draft, done))
        if self._running is None:
            self._running = asyncio.create_task(self._store())
        return await done

    async def _store(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            ids = [str(uuid.uuid4()) for _ in group]
            titles = [draft.title for draft, _ in group]
            texts = [draft.description for draft, _ in group]
            await self._connection.execute(STORE, ids, titles, texts, texts, timeout=10)
            for (_, done), id_ in zip(group, ids, strict=True):
                done.set_result(id_)
        self._running = None


def main() -> None:
    store = Store()

    @post("/")
    async def add(data: Draft) -> Response[dict[str, str]]:
        return Response({"id": await store.add(data), "title": data.title}, status_code=201)

    @get("/healthz")
    async def healthy() -> str:
        return "yes"

    async def begin() -> None:
        await store.open(sys.argv[1])

    app = Litestar([add, healthy], openapi_config=None, on_startup=[begin])
    quiet: dict[str, Any] = {"access_log": False, "log_level": "error"}
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), http="httptools", loop="uvloop", **quiet)


if __name__ == "__main__":
    main()
