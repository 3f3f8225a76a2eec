"""THE WIRING: settings -> database, bus, features -> web application, consumers, timers."""

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from litestar import Litestar

from answerable.infra.bus.local import LocalBus
from answerable.infra.bus.outbox import last_position
from answerable.infra.database import DeskDatabase, open_database
from answerable.infra.database.migrate import Migration, migrate, migrations_of
from answerable.infra.database.open import system_clock
from answerable.infra.pruning import pruning
from answerable.infra.secret import with_secret
from answerable.infra.timers import Timers
from answerable.infra.web.app import build_app
from answerable.infra.web.edge import Edge
from answerable.kernel.actor import Actor
from answerable.kernel.manifest import Feature
from answerable.services import features_of
from answerable.settings import Settings

T = TypeVar("T")


class Desk:
    """One process of the desk: some services on one database and one bus."""

    def __init__(
        self, settings: Settings, services: Sequence[str] = (), clock: Callable[[], int] = system_clock
    ) -> None:
        """Open the database, bring it up to date and put the parts together; nothing runs yet.

        Raises ``Invalid`` for settings or a database that cannot be used.
        """
        self.settings = with_secret(with_schema(settings, services))
        self.features: list[Feature] = features_of(services)
        self.database: DeskDatabase = open_database(self.settings, clock)
        migrate(self.database, wanted_migrations(self.features, self.database.engine))
        self.bus = LocalBus(self.database, self.features)
        self.timers = Timers(self.database, self.bus, self.features, pruning(self.database))
        self.state: dict[str, Any] = {name: value for f in self.features for name, value in f.state.items()}

    @cached_property
    def litestar(self) -> Litestar:
        """Return the web application, built when it is first asked for: commands do without."""
        return build_app(self.features, self.settings, **self.state, database=self.database, bus=self.bus, desk=self)

    @cached_property
    def app(self) -> Edge:
        """Return what a web server serves."""
        identify = next((f.identify for f in self.features if f.identify), None)
        return Edge(self.litestar, self.database, self.settings, identify)

    async def prepare(self) -> None:
        """Do what features want done before the doors open."""
        for feature in self.features:
            if feature.on_start:
                await feature.on_start(self.database)
        await self.bus.prepare()

    async def start(self) -> None:
        """Prepare, then deliver messages and run timers in the background."""
        await self.prepare()
        await self.bus.start()
        self.timers.start()
        self.database.watch_others()

    async def stop(self) -> None:
        """Stop timers and bus, finish what was accepted, close the database."""
        await self.timers.stop()
        await self.bus.stop()
        await self.database.close()

    async def is_empty(self) -> bool:
        """Tell whether nothing has ever happened here."""
        return await self.database.read(Actor("runtime", "service"), last_position) == 0

    async def audit(self) -> list[str]:
        """Compare every feature's figures with a recount; return a line per difference."""
        found: list[str] = []
        for feature in self.features:
            if feature.audit:
                found += await self.database.scan(Actor(feature.name, "service"), feature.audit)
        return found


def wanted_migrations(features: Sequence[Feature], engine: str) -> list[Migration]:
    """Read the migrations of the bus and of some features for an engine."""
    owned = [("bus", "answerable.infra.bus"), *((f.name, f"answerable.{f.name}") for f in features)]
    return [migration for owner, package in owned for migration in migrations_of(owner, package, engine)]


def with_schema(settings: Settings, services: Sequence[str]) -> Settings:
    """Return settings that name a schema: of the whole desk, or of the services that run alone."""
    return (
        settings
        if settings.storage.schema
        else settings.with_values("services", storage__schema="_".join(services) or "answerable")
    )


async def with_desk(settings: Settings, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Open a desk for one piece of work (a command beside a running server), then close it."""
    desk = Desk(settings)
    try:
        await desk.prepare()
        return await work(desk)
    finally:
        await desk.stop()
