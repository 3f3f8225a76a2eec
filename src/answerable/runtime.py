"""THE WIRING: settings -> database, bus, features -> web application, consumers, timers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from litestar import Litestar

from answerable.infra.bus.open import open_bus
from answerable.infra.bus.outbox import holds_more_than
from answerable.infra.bus.port import Bus, Follows
from answerable.infra.bus.seals import Sealing
from answerable.infra.database import DeskDatabase, open_database
from answerable.infra.database.migrate import Migration, migrate, migrations_of
from answerable.infra.database.open import system_clock
from answerable.infra.probe import Probe
from answerable.infra.pruning import pruning
from answerable.infra.scrubbing import scrubbing
from answerable.infra.secret import with_secret
from answerable.infra.timers import Timers
from answerable.infra.web.app import build_app
from answerable.infra.web.edge import Edge
from answerable.infra.web.inner import InnerDoor
from answerable.infra.web.keys import KeyUse
from answerable.infra.web.lane import lane_around
from answerable.infra.web.problems import problem_page
from answerable.infra.web.viewer import frame_of
from answerable.infra.web.visits import NearVisits
from answerable.kernel.actor import Actor
from answerable.kernel.errors import Invalid
from answerable.kernel.manifest import Feature
from answerable.kernel.scopes import narrowed
from answerable.kernel.tx import Tx
from answerable.messages.users import SigningKeyMade
from answerable.services import features_of, followers_of, service_of
from answerable.settings import Settings

if TYPE_CHECKING:
    from answerable.infra.web.proxy import Proxy

T = TypeVar("T")


class Desk:
    """One process of the desk: some services on one database and one bus."""

    def __init__(
        self,
        settings: Settings,
        services: Sequence[str] = (),
        clock: Callable[[], int] = system_clock,
        database: DeskDatabase | None = None,
    ) -> None:
        """Open the database, bring it up to date and put the parts together; nothing runs yet.

        A ``database`` that is given is open and up to date already.

        Raises ``Invalid`` for settings or a database that cannot be used.
        """
        self.settings = with_secret(with_schema(settings, services))
        self.features: list[Feature] = features_of(services)
        here = {feature.name for feature in self.features}
        self.elsewhere: list[Feature] = [feature for feature in features_of() if feature.name not in here]
        self.proxy: Proxy | None = None
        self.database: DeskDatabase = database or open_database(self.settings, clock)
        if database is None:
            migrate(self.database, wanted_migrations(self.features, self.database.engine))
        self.bus: Bus = open_bus(self.settings, self.database, self.features)
        self.timers = Timers(self.database, self.bus, self.features, pruning(self.database), scrubbing(self.database))
        self.sealing = Sealing(self.database)
        self.services = services
        self.followings: list[Follows] = []
        self.parts: dict[str, Any] = {name: value for f in self.features for name, value in f.state.items()}
        self.parts |= {"bus": self.bus, "probe": Probe(), "desk": self}
        self.parts["acts"] = {act: words for f in [*self.features, *self.elsewhere] for act, words in f.acts.items()}
        self.parts["frame"] = frame_of([*self.features, *self.elsewhere])  # of all pages, wherever they are made

    @cached_property
    def litestar(self) -> Litestar:
        """Return the web application, built when a process first asks for it: commands do without.

        A gateway knows the routes of all features, also of those that run elsewhere.
        """
        features = [*self.features, *self.elsewhere] if self._is_gateway else self.features
        routes = [route for feature in features for route in feature.routes]
        if routes and not self._is_gateway:
            routes += [route for feature in self.elsewhere for route in (*feature.everywhere, *feature.inner)]
        return build_app(tuple(routes), self.settings.server.max_body_bytes)

    @cached_property
    def app(self) -> Edge:
        """Return what a web server serves: everything, or a gateway to services elsewhere, or one behind a gateway.

        Raises ``Invalid`` where the settings do not say what services apart need to know.
        """
        show_problem = partial(problem_page, self.litestar)
        lane = lane_around(self.litestar)
        used = self._local("key_used") or self._local("key_used_from_afar")
        keys = KeyUse(self.database, used) if used else None
        edge = partial(Edge, database=self.database, parts=self.parts, show_problem=show_problem, keys=keys)
        visit = self._local("visit")
        near = NearVisits(self.database, visit, self._local("seen"), self._owner("visit")) if visit else None
        has_peers = self.settings.peers.secret or self.settings.peers.urls
        if not self.elsewhere or (self._local("identify") and not has_peers):
            return edge(lane, identify=self._local("identify"), visits=near, owner=self._owner("identify"))
        if not any(feature.routes for feature in self.features):  # serves nobody but probes: there is no door to guard
            return edge(lane, identify=None)
        inner = InnerDoor(self.settings, self.database.clock, self._anywhere("grants_of"))
        if not self._is_gateway:
            return edge(lane, identify=None, inner=inner)
        from answerable.infra.web.proxy import Proxy  # noqa: PLC0415  # a desk in one piece starts without a client

        own = frozenset(route.fn for feature in self.features for route in feature.everywhere)
        self.proxy = proxy = Proxy(lane, self.litestar, self._owners(), self.settings, inner, own)
        if near is not None:
            return edge(proxy, identify=self._local("identify"), visits=near, owner=self._owner("identify"))
        still_good = self._local("still_good")
        proxy.visits = proxy.ask_for_visits(self.database, self._anywhere("grants_of"), still_good)
        return edge(proxy, identify=self._identify_from_afar(), visits=proxy.visits)

    @property
    def _is_gateway(self) -> bool:
        return any(feature.name == "gateway" for feature in self.features)

    def _local(self, offer: str) -> Any:
        return next((found for f in self.features if (found := getattr(f, offer))), None)

    def _owner(self, offer: str) -> str:
        return next((f.name for f in self.features if getattr(f, offer)), "")

    def _anywhere(self, offer: str) -> Any:
        return next(found for f in (*self.features, *self.elsewhere) if (found := getattr(f, offer)))

    def _identify_from_afar(self) -> Callable[[Tx, str], Awaitable[Actor]]:
        tell, grants_of = self._local("identify_from_afar"), lru_cache(maxsize=4096)(self._anywhere("grants_of"))

        async def identify(tx: Tx, authorization: str) -> Actor:
            actor: Actor = await tell(tx, authorization)
            grants = grants_of(actor.roles)
            return replace(actor, grants=grants if actor.key is None else narrowed(grants, actor.key.scopes))

        return identify

    def _owners(self) -> dict[Any, str]:
        """Return the service behind each route function that runs elsewhere; each must have an address."""
        services = service_of()
        missing = sorted({services[f.name] for f in self.elsewhere if f.routes} - self.settings.peers.urls.keys())
        if missing:
            raise Invalid(f"peers.{missing[0]}: is needed; the gateway has to know where {', '.join(missing)} run.")
        return {route.fn: services[f.name] for f in self.elsewhere for route in f.routes}

    async def prepare(self) -> None:
        """Do what features want done before the doors open."""
        for feature in self.features:
            if feature.on_start:
                await feature.on_start(self.database)
        await self.bus.prepare()

    async def start(self) -> None:
        """Prepare, then deliver messages and run timers in the background.

        Raises ``Invalid`` for settings that cannot be used.
        """
        await self.prepare()
        self.followings = self.make_followings()
        await self.bus.start()
        self.timers.start()
        self.sealing.start()
        for following in self.followings:
            following.start()
        self.database.watch_others()

    def make_followings(self) -> list[Follows]:
        """Return who follows the stream from outside the database, as the settings want; nobody reads yet."""
        return [self.bus.following(each) for each in followers_of(self.settings, self.services)]

    async def stop(self) -> None:
        """Stop followers, timers and bus, finish what was accepted, close the database."""
        for following in self.followings:
            await following.stop()
        await self.timers.stop()
        await self.sealing.stop()
        await self.bus.stop()
        if self.proxy is not None:
            await self.proxy.close()
        await self.database.close()

    async def is_empty(self) -> bool:
        """Tell whether nothing has ever happened here but the start."""
        return not await self.database.read(Actor("runtime", "service"), holds_more_than, SigningKeyMade.TYPE)

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


async def with_desk(settings: Settings, work: Callable[[Desk], Awaitable[T]], services: Sequence[str] = ()) -> T:
    """Open a desk, or some services, for one piece of work (a command beside a running server), then close it."""
    desk = Desk(settings, services)
    try:
        await desk.prepare()
        return await work(desk)
    finally:
        await desk.stop()
