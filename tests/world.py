"""A whole desk in one test: real database, real bus, real HTTP application, and a clock that the test sets."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import httpx
import msgspec

from answerable.infra.bus.outbox import envelope, open_envelope
from answerable.infra.database import open_database
from answerable.infra.database.migrate import migrate
from answerable.infra.database.open import FILE
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.infra.stage import Stage, StageClock
from answerable.kernel.actor import Actor
from answerable.kernel.times import SECOND, parse_iso
from answerable.kernel.tx import Row
from answerable.messages.base import Envelope, Event, Message
from answerable.runtime import Desk, wanted_migrations
from answerable.services import features_of
from answerable.settings import Settings
from tests.engines import DATABASES, ENGINE, SCHEMA, shared_cluster
from tests.patience import PATIENCE

T = TypeVar("T")
NO_LIMITS = {f"limits__{name}": 0 for name in ("account", "address", "costly", "at_once")}  # their own tests set them
START = parse_iso("2026-03-02T09:00:00Z")  # a Monday
MOMENT = SECOND // 1000
EVERY_START = ("SIGNING_KEY_MADE",)
TESTER = Actor("tester", "service", frozenset(), frozenset())


class Clock(StageClock):
    """The desk's time, standing still until the test moves it."""

    def __init__(self, now: int = START) -> None:
        super().__init__(now)


class World:
    """A desk and the hands to work it with."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk = desk
        self.clock = clock
        self.db = desk.database
        self.stage = Stage(desk.database, desk.bus, desk.timers, clock)

    @property
    def desks(self) -> Sequence[Desk]:
        """Every process of the desk: here, one."""
        return [self.desk]

    def desk_of(self, feature: str) -> Desk:
        """Return the process in which a feature runs."""
        return self.desk

    @cached_property
    def http(self) -> httpx.AsyncClient:
        """A client of the desk's web application, which is built when a test first asks for it."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, self.desk.app)), base_url="http://desk.test")

    async def close(self) -> None:
        """Close the desk."""
        if "http" in self.__dict__:
            await self.http.aclose()
        await self.desk.stop()

    async def settle(self) -> None:
        """Let every message arrive."""
        await self.desk.bus.settle()

    async def advance(self, **span: float) -> None:
        """Move the clock (``hours=1``, ``minutes=5`` ...), stopping at each instant at which a timer is due."""
        await self.settle()
        units = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
        span_seconds = sum(units[unit] * amount for unit, amount in span.items())
        await self.stage.advance_to(self.clock.now + int(span_seconds * SECOND))

    async def until(self, check: Callable[[], Awaitable[object]], seconds: float = PATIENCE) -> None:
        """Wait until ``check()`` gives something true, looking again after every commit; fails after ``seconds``."""
        async with asyncio.timeout(seconds):
            while not await check():
                await self.db.pulse.wait(self.db.pulse.count, 0.02)

    async def sql(self, statement: str, **values: Any) -> list[Row]:
        """Read rows straight from the tables."""
        return await self.rows(self.desk, statement, **values)

    async def rows(self, desk: Desk, statement: str, **values: Any) -> list[Row]:
        """Read rows straight from the tables of one process."""

        async def query(tx: Any) -> list[Row]:
            rows: list[Row] = await tx.run(statement, **values)
            return rows

        return await desk.database.read(TESTER, query)

    @asynccontextmanager
    async def nothing_can_be_written(self) -> AsyncIterator[None]:
        """Let the store refuse to be written for a while: a full disk, a server that became a copy."""
        if isinstance(self.db, SqliteDatabase):
            self.db._writer.execute("PRAGMA query_only = ON")
            yield
            self.db._writer.execute("PRAGMA query_only = OFF")
            return
        url = self.db.settings.storage.database
        name = url.rpartition("/")[2]
        everybody = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        for read_only in ("on", "off"):
            DATABASES.execute(
                shared_cluster(), f"ALTER DATABASE {name} SET default_transaction_read_only = {read_only}; {everybody}"
            )
            if read_only == "on":
                yield

    async def everything_stored(self) -> bytes:
        """Return what is at rest, readable or not."""
        if isinstance(self.db, SqliteDatabase):
            return b"".join(path.read_bytes() for path in self.db.path.parent.iterdir())
        return repr([await self.sql(f"SELECT * FROM {name}") for name in await self.tables()]).encode()

    async def tables(self, desk: Desk | None = None) -> list[str]:
        """Return the names of all tables (of one process), without the engine's own and those of its text indexes."""
        desk = desk or self.desk
        if isinstance(desk.database, SqliteDatabase):
            found = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        else:
            found = f"SELECT tablename AS name FROM pg_tables WHERE schemaname = '{SCHEMA}' ORDER BY tablename"
        rows = await self.rows(desk, found)
        return [row["name"] for row in rows if not re.search("_fts|_words", row["name"])]

    async def tell(self, *messages: Message, by: Actor = TESTER) -> None:
        """Publish messages as another feature would, and let them arrive."""

        async def publish(tx: Any) -> None:
            for message in messages:
                (tx.publish if isinstance(message, Event) else tx.send)(message)

        await self.db.write(by, publish)
        await self.settle()

    async def log(self, *types: str) -> list[Message]:
        """Return the messages of the event log, oldest first, of some types or all."""
        return [open_envelope(sealed) for sealed in await self.envelopes(*types)]

    async def envelopes(self, *types: str) -> list[Envelope]:
        """Return the envelopes of the event log, oldest first, of some types or all but what every start says."""
        rows = await self.sql("SELECT * FROM bus_outbox ORDER BY position")
        return [envelope(row) for row in rows if (row["type"] in types if types else row["type"] not in EVERY_START)]

    async def redeliver_everything(self) -> None:
        """Let the bus forget how far it has read, as after the worst crash."""

        async def forget(tx: Any) -> None:
            await tx.run("DELETE FROM bus_offset")

        for desk in self.desks:
            await desk.database.write(TESTER, forget)
            await desk.bus.prepare()
        await self.settle()


def settings_for(folder: Path, **values: Any) -> Settings:
    """Return settings for a desk in ``folder``."""
    return Settings().with_values(
        "test",
        **{
            "storage__data_dir": str(folder),
            "storage__secret": "t7" * 8 + "-a-secret-for-tests-only",
            "storage__database": ENGINE.address_of(folder),
            "storage__schema": SCHEMA,
            **NO_LIMITS,
            **values,
        },
    )


def desk_in(folder: Path, settings: Settings, services: Sequence[str], clock: Clock) -> Desk:
    """Return a desk in ``folder``.

    The first on a PostgreSQL database does not look whether that is up to date: it is a copy of one that is, and the
    look takes a session of its own, a fifth of what the start of a desk costs there. Those on SQLite, each start after
    it, and each process of the desk look all the same.
    """
    untouched = bool(settings.storage.database) and ENGINE.is_untouched(folder, settings.storage.database)
    return Desk(settings, services, clock, open_database(settings, clock) if untouched else None)


_FRESH: dict[tuple[str, ...], bytes] = {}


async def _fresh(services: tuple[str, ...]) -> bytes:
    """Return a SQLite file that was brought up to date for some services."""
    with TemporaryDirectory() as folder:
        settings = Settings().with_values("test", storage__data_dir=folder)
        database = open_database(settings, Clock())
        migrate(database, wanted_migrations(features_of(services), database.engine))
        await database.close()
        return (Path(folder) / FILE).read_bytes()


async def lay_out(folder: Path, services: Sequence[str] = ()) -> None:
    """Put what a new desk of some services begins with into a folder, where it is not a desk's already.

    Statement by statement it takes longer than most tests; PostgreSQL copies a database of its own.
    """
    if ENGINE.name == "sqlite":
        key = tuple(services)
        if key not in _FRESH:
            _FRESH[key] = await _fresh(key)
        _put(folder / FILE, _FRESH[key])


def _put(file: Path, content: bytes) -> None:
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o600)


@asynccontextmanager
async def open_world(
    folder: Path, services: Sequence[str] = (), begin: int = START, **values: Any
) -> AsyncIterator[World]:
    """Open a desk in ``folder``; ``values`` are settings as ``section__name``."""
    await lay_out(folder, services)
    clock = Clock(begin)
    desk = desk_in(folder, settings_for(folder, **values), services, clock)
    world = World(desk, clock)
    try:
        await desk.prepare()
        yield world
    finally:
        await world.close()


_KEPT: dict[tuple[Any, ...], tuple[bytes | dict[str, bytes], int, Any]] = {}


@asynccontextmanager
async def open_world_after(
    story: Callable[[World], Awaitable[T]], folder: Path, services: Sequence[str] = (), **values: Any
) -> AsyncIterator[tuple[World, T]]:
    """Open a desk on which a story was played that many tests begin with; give what the story returned, too.

    It is played once for each process and engine, and every test goes on with a copy of its own; what the story returns
    must not change. ``values`` must make no difference to it. It begins a moment early, so that a test whose story took
    no time begins when the others do.
    """
    key = (story.__module__, story.__qualname__, *services, ENGINE.name)
    if key not in _KEPT:
        with TemporaryDirectory() as place:
            before = Path(place)
            async with open_world(before, services, begin=START - MOMENT, **values) as world:
                told = await story(world)
            _KEPT[key] = (_content_of(before), world.clock.now, told)
    content, ended, told = _KEPT[key]
    if isinstance(content, bytes):
        _put(folder / FILE, content)
    else:
        DATABASES.put(ENGINE.address_of(folder), content)
    async with open_world(folder, services, begin=ended + MOMENT, **values) as world:
        yield world, told


def _content_of(folder: Path) -> bytes | dict[str, bytes]:
    address = ENGINE.address_of(folder)
    return DATABASES.rows(address) if address else (folder / FILE).read_bytes()


def json_of(response: httpx.Response) -> Any:
    """Read a JSON answer."""
    return msgspec.json.decode(response.content)
