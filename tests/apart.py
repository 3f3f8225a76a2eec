"""The services apart in one test: six desks with a database each, real HTTP between them, a real broker between all."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from answerable.infra.web.wire import DeskProtocol
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Row
from answerable.messages.base import Envelope
from answerable.runtime import Desk
from answerable.services import SERVICES, service_of
from tests.kafka import Broker, settings_on
from tests.world import Clock, World, desk_in, lay_out, settings_for

ALL = [name for name in SERVICES if name != "mirror"]  # which serves nobody
SECRET = "known to the gateway and the services, 4711 times"
_TABLE = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(bus|[a-z]+)_")


class ApartWorld(World):
    """Looks like one desk: questions go to the service that knows, time and messages move in all of them."""

    def __init__(self, desks: dict[str, Desk], clock: Clock) -> None:
        super().__init__(desks["gateway"], clock)
        self.by_service = desks
        self.db = desks["users"].database  # where people are made

    @property
    def desks(self) -> Sequence[Desk]:
        """Every process of the desk."""
        return list(self.by_service.values())

    def desk_of(self, feature: str) -> Desk:
        """Return the process in which a feature runs."""
        return self.by_service[service_of()[feature]]

    async def settle(self) -> None:
        """Let every message arrive, and what follows from it."""
        while any([await desk.bus.settle() for desk in self.desks]):
            pass

    async def advance(self, **span: float) -> None:
        """Move the clock on, stopping at each instant at which a timer of any service is due."""
        await self.settle()
        units = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
        until = self.clock.now + int(sum(units[unit] * amount for unit, amount in span.items()) * SECOND)
        idle = 0
        while True:
            asked = [(desk, await desk.timers.earliest()) for desk in self.desks]
            waiting = [(at[0], at[1], desk) for desk, at in asked if at is not None and at[0] <= until]
            if not waiting:
                break
            due, timer, desk = min(waiting, key=lambda one: one[0])
            self.clock.now = max(self.clock.now, due)
            done = await timer.run(desk.database)
            await self.settle()
            idle = 0 if done else idle + 1
            assert idle <= 3, f"the timer {timer.name} is due but does nothing"
        self.clock.now = max(self.clock.now, until)

    async def sql(self, statement: str, **values: Any) -> list[Row]:
        """Read rows from the database of the service whose table the statement names."""
        table = _TABLE.search(statement)
        assert table, statement
        if table[1] == "bus":
            return [row for desk in self.desks for row in await self.rows(desk, statement, **values)]
        return await self.rows(self.desk_of(table[1]), statement, **values)

    async def envelopes(self, *types: str) -> list[Envelope]:
        """Return what all services have said, in the order of time."""
        return sorted(await super().envelopes(*types), key=lambda sealed: sealed.id)

    async def close(self) -> None:
        """Close the gateway; the services are closed by whoever opened them."""
        await super().close()


@asynccontextmanager
async def open_apart(
    folder: Path, broker: Broker, clock: Clock | None = None, *, running: bool = False, **values: Any
) -> AsyncIterator[ApartWorld]:
    """Open all services, each alone, and a gateway before them; ``running``, messages travel by themselves."""
    clock = clock or Clock()
    desks: dict[str, Desk] = {}
    shared = settings_on(broker, peers__secret=SECRET, **values)
    async with AsyncExitStack() as stack:
        peers: dict[str, str] = {}
        for service in sorted(ALL, key=lambda name: name == "gateway"):  # the gateway comes last
            settings = settings_for(folder / service, **shared, **(peers if service == "gateway" else {}))
            await lay_out(folder / service, [service])
            desk = desks[service] = desk_in(folder / service, settings, [service], clock)
            if service != "gateway":
                stack.push_async_callback(desk.stop)
                peers[f"peers__{service}"] = await stack.enter_async_context(serving(desk))
            await (desk.start() if running else desk.prepare())
        world = ApartWorld(desks, clock)
        stack.push_async_callback(world.close)
        if not running:
            await world.settle()  # the gateway hears of the keys
        yield world


@asynccontextmanager
async def serving(desk: Desk) -> AsyncIterator[str]:
    """Serve a desk on a free port of this machine, in this loop; give its address."""
    async with serving_app(desk.app) as address:
        yield address


@asynccontextmanager
async def serving_app(app: Any, protocol: type[DeskProtocol] = DeskProtocol) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port of this machine, in this loop; give its address."""
    config = uvicorn.Config(
        app, http=protocol, lifespan="off", log_config=None, ws="none", access_log=False, proxy_headers=False
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    listening = socket.create_server(("127.0.0.1", 0))
    await server.startup(sockets=[listening])
    ticking = asyncio.ensure_future(server.main_loop())
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown(sockets=[listening])
