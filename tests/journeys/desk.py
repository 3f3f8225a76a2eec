"""A whole desk over HTTP for stories: everybody signed in, today's paths or those of older clients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from answerable.infra.bus.verify import verify_log
from answerable.runtime import Desk
from tests.apart import open_apart
from tests.kafka import Broker
from tests.people import PASSWORD, TestPerson, make_person
from tests.world import World, json_of, open_world

LASTING: Any = {"auth__access_seconds": 10**8, "storage__keep_messages_days": 10**4}  # stories take weeks
DRAFT = {
    "title": "Printer on fire",
    "description": "It burns, and I need it today.",
    "category": "HARDWARE",
    "priority": "HIGH",
}
# What the inbox remembers and how far the bus has read are the bus's own business.
BOOKKEEPING = ("bus_offset", "bus_inbox", "bus_writer")
KEPT = {
    **dict.fromkeys(("auth", "users"), "/user-service"),
    **dict.fromkeys(("tickets", "reports", "dashboard", "categories"), "/ticket-service"),
    **dict.fromkeys(("assign", "agent", "agents", "sla", "escalations"), "/assignment-service/api"),
    "notifications": "/notification-service",
}


class Client:
    """Speaks to the desk as somebody, on today's paths or (``kept``) on those of clients that came before."""

    def __init__(self, world: World, *, kept: bool = False) -> None:
        self.world = world
        self._kept = kept

    def address(self, path: str) -> str:
        """Return the address of a local path such as ``/tickets``."""
        prefix = KEPT[path.split("/")[1].partition("?")[0]] if self._kept else "/api"
        return prefix + path

    async def send(self, who: TestPerson | None, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request, let everything that follows from a change happen, return the answer."""
        headers = who.headers if who else {}
        parts: dict[str, Any] = {"params": query} if query else {}
        if body is not None:
            parts["json"] = body
        answer = await self.world.http.request(method, self.address(path), headers=headers, **parts)
        assert answer.status_code < 500, answer.text
        if method != "GET":
            await self.world.settle()
        return answer

    async def do(self, who: TestPerson | None, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request that is granted, return what it answers."""
        answer = await self.send(who, method, path, body, **query)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return json_of(answer)

    async def refused(self, who: TestPerson | None, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request that is refused, return the status and the message."""
        answer: httpx.Response = await self.send(who, method, path, body, **query)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, json_of(answer)["message"]

    async def get(self, who: TestPerson, path: str, **query: Any) -> Any:
        """Read something."""
        return await self.do(who, "GET", path, **query)

    async def raised(self, who: TestPerson, **changes: Any) -> dict[str, Any]:
        """Raise a ticket and return it as it is once everybody has heard of it."""
        ticket = await self.do(who, "POST", "/tickets", DRAFT | changes)
        return await self.ticket(who, ticket)

    async def ticket(self, who: TestPerson, ticket: dict[str, Any]) -> dict[str, Any]:
        """Read a ticket again."""
        found: dict[str, Any] = await self.get(who, f"/tickets/{ticket['id']}")
        return found

    async def status(self, who: TestPerson, ticket: dict[str, Any], status: str) -> dict[str, Any]:
        """Set a ticket's status and read it again."""
        await self.do(who, "PUT", f"/tickets/{ticket['id']}/status", {"status": status})
        return await self.ticket(who, ticket)

    async def said(self, who: TestPerson, ticket: dict[str, Any], comment: str, *, internal: bool = False) -> None:
        """Say something on a ticket."""
        await self.do(who, "POST", f"/tickets/{ticket['id']}/comments", {"comment": comment, "internal": internal})

    async def told(self, who: TestPerson) -> list[str]:
        """Return what a person was told since they were last asked, oldest first."""
        notices = await self.get(who, "/notifications", unread="true", size=1000)
        await self.do(who, "PUT", "/notifications/read-all")
        assert {notice["userId"] for notice in notices} <= {who.id}
        return [notice["type"] for notice in reversed(notices)]

    async def workload(self, who: TestPerson) -> dict[str, int]:
        """Return how many open tickets each agent has, by name."""
        return {agent["name"]: agent["activeTickets"] for agent in await self.get(who, "/agents/workload")}


@asynccontextmanager
async def company(
    folder: Path, *, kept: bool = False, apart: Broker | None = None, **settings: Any
) -> AsyncIterator[Client]:
    """Open a desk, with its services ``apart`` where there is a broker between them; it must be sound at the end."""
    values = {**LASTING, **settings}
    async with open_apart(folder, apart, **values) if apart else open_world(folder, **values) as world:
        yield Client(world, kept=kept)
        await expect_sound(world)


async def signed_in(client: Client, *roles: str, name: str) -> TestPerson:
    """Add a person who signs in with their password, as people do."""
    person = await make_person(client.world, *roles, name=name)
    answer = await client.do(None, "POST", "/auth/login", {"email": person.email, "password": PASSWORD})
    headers = {"Authorization": f"{answer['tokenType']} {answer['token']}"}
    return TestPerson(person.id, person.name, person.email, person.actor, headers, answer["token"])


async def snapshot(world: World, desk: Desk) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of one process."""
    names = [name for name in await world.tables(desk) if name not in BOOKKEEPING]
    return {n: sorted((tuple(row) for row in await world.rows(desk, f"SELECT * FROM {n}")), key=repr) for n in names}


async def expect_sound(world: World) -> None:
    """Check what must hold at any time: figures, event log, nothing parked, and nothing happens twice."""
    await world.settle()
    checked = 0
    for desk in world.desks:
        assert await desk.audit() == []
        messages, differences = await verify_log(desk.database)
        checked += messages
        assert differences == []
        assert await world.rows(desk, "SELECT * FROM bus_retry") == []
    assert checked > 0
    twice = "SELECT 1 FROM notifications_delivery GROUP BY message_id, person_id, channel HAVING COUNT(*) > 1"
    assert await world.sql(twice) == []
    before = [await snapshot(world, desk) for desk in world.desks]
    await world.redeliver_everything()
    for desk, was in zip(world.desks, before, strict=True):
        now = await snapshot(world, desk)
        assert {name for name in was if was[name] != now[name]} == set(), "delivered again, something changed"
