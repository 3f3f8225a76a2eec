"""The ground that world after world stands on for a moment: one desk, on which a history is played and taken back."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from answerable.assignment.actions import set_availability
from answerable.assignment.rules import Availability
from answerable.gateway.live import Hub
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.kernel.actor import Actor, service
from answerable.kernel.ids import uuid7
from tests.people import TestPerson, make_person
from tests.world import TESTER, World, open_world_after

# Who is on every desk. Nobody takes tickets by themselves: a ticket is where the history puts it.
CAST = {
    "una": "USER",
    "sam": "USER",
    "tom": "USER",
    "abe": "AGENT",
    "bea": "AGENT",
    "cal": "AGENT",
    "mia": "MANAGER",
    "max": "MANAGER",
    "ada": "ADMIN",
    "eve": "ADMIN",
}
VIEWERS = {"USER": "una", "AGENT": "abe", "MANAGER": "mia", "ADMIN": "ada"}


class StillIds:
    """Ids that depend on nothing but the instant, and how many were made in it: what happens at other times is free to
    differ, and all that happens at the same time has the same id in every world."""

    def __init__(self) -> None:
        self.made: defaultdict[int, int] = defaultdict(int)

    def make(self, now: int) -> str:
        count = self.made[now]
        self.made[now] += 1
        return uuid7(now // 1000, count, blake2b(b"%d %d" % (now, count), digest_size=8).hexdigest())


class _TakenBack(Exception):
    """Ends a world."""


class Ground:
    """A desk on which one history at a time stands, in a transaction that is never committed."""

    def __init__(self, world: World, people: dict[str, TestPerson]) -> None:
        self.world = world
        self.people = people
        self.ids = StillIds()
        self.began = world.clock.now
        parts: tuple[Any, ...] = (world.db, getattr(world.db, "_runner", None))
        for part in parts:
            if part is not None:
                part._ids = self.ids
        self.hub: Hub = world.desk.parts["live"]

    def actor(self, name: str) -> Actor:
        return self.people[name].actor

    @asynccontextmanager
    async def one_world(self) -> AsyncIterator[None]:
        """Hold what is played inside for as long as the block lasts."""
        await self._forget()
        try:
            async with self.world.db.bulk(10**9):
                yield
                raise _TakenBack
        except _TakenBack:
            pass
        finally:
            await self._forget()

    async def _forget(self) -> None:
        """Let what is kept in memory forget the world before."""
        world, bus = self.world, self.world.desk.bus
        world.clock.now = self.began
        self.ids.made.clear()
        bus._heard = None  # type: ignore[attr-defined]
        await bus.prepare()
        self.hub._ring.clear()
        self.hub._newest = self.hub._floor = 0
        world.db.pulse.beat()

    def find_words(self) -> None:
        """Let the text indexes know what was written (they do so at each commit, and here is none)."""
        if isinstance(self.world.db, SqliteDatabase):
            self.world.db._text_indexes.take_up_new_rows(self.world.db._writer)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back what is done inside. On PostgreSQL it stays: both worlds go on with it in the same way."""
        database = self.world.db
        if not isinstance(database, SqliteDatabase):
            yield
            return
        made = dict(self.ids.made)
        database._writer.execute("SAVEPOINT asked")
        try:
            yield
        finally:
            database._writer.execute("ROLLBACK TO asked")
            database._writer.execute("RELEASE asked")
            self.ids.made = defaultdict(int, made)
            database.pulse.beat()

    async def write(self, name: str, verb: Any, *args: Any, **values: Any) -> Any:
        """Let somebody do something (a feature, where the name is none of the cast), and everybody hear of it."""
        actor = self.actor(name) if name in self.people else service(name)
        made = await self.world.db.write(actor, verb, *args, **values)
        await self.world.settle()
        return made


@asynccontextmanager
async def open_ground(folder: Path) -> AsyncIterator[Ground]:
    """Open a desk where the cast is, and nothing else."""
    async with open_world_after(the_cast_is_there, folder, auth__access_seconds=30 * 86400) as (world, people):
        yield Ground(world, people)


async def the_cast_is_there(world: World) -> dict[str, TestPerson]:
    made = {name: await make_person(world, role, name=f"{name.title()} {role.title()}") for name, role in CAST.items()}
    idle = Availability(available=False, capacity=None, skills=None)
    for person in made.values():
        if "AGENT" in person.actor.roles:
            await world.db.write(person.actor, set_availability, person.id, idle)
    await world.db.write(TESTER, _number_far_apart, 0)
    await world.settle()
    return made


async def _number_far_apart(tx: Any, last: int) -> None:
    await tx.run("UPDATE tickets_counter SET last = :last WHERE name = 'ticket'", last=last)


async def number_from(ground: Ground, last: int) -> None:
    """Let the next ticket have the number after ``last``.

    Numbers count all tickets of a desk, as the contract wants; so worlds have to be told which comes next.
    """
    await ground.world.db.write(TESTER, _number_far_apart, last)
