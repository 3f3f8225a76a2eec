"""A desk of people and tickets over HTTP, and the hands to work it with."""

from collections.abc import Sequence
from typing import Any

import httpx

from tests.people import TestPerson, make_person
from tests.world import World, json_of

DRAFT = {
    "title": "Printer on fire",
    "description": "It burns, and I need it today.",
    "category": "HARDWARE",
    "priority": "HIGH",
}


async def everybody_comes(world: World) -> Sequence[TestPerson]:
    """Let the people of a ticket desk come."""
    return [
        await make_person(world, "USER", name="Una User"),
        await make_person(world, "USER", name="Otto User"),
        await make_person(world, "AGENT", name="Abe Agent"),
        await make_person(world, "AGENT", name="Bea Agent"),
        await make_person(world, "MANAGER", name="Max Manager"),
        await make_person(world, "ADMIN", name="Ada Admin"),
    ]


class TicketDesk:
    """Una and Otto ask, Abe and Bea answer, Max manages, Ada rules; all with real tokens."""

    def __init__(self, world: World, people: Sequence[TestPerson] = ()) -> None:
        self.world = world
        if people:
            self.una, self.otto, self.abe, self.bea, self.max, self.ada = people

    async def hire(self) -> "TicketDesk":
        """Bring everybody in."""
        self.una, self.otto, self.abe, self.bea, self.max, self.ada = await everybody_comes(self.world)
        return self

    async def call(self, who: TestPerson | None, method: str, path: str, **parts: Any) -> httpx.Response:
        """Send a request as somebody; ``path`` is complete or begins behind ``/api``."""
        whole = path if path.startswith(("/api", "/ticket-service")) else f"/api{path}"
        headers = {**(who.headers if who else {}), **parts.pop("headers", {})}
        return await self.world.http.request(method, whole, headers=headers, **parts)

    async def get(self, who: TestPerson | None, path: str, **params: Any) -> httpx.Response:
        """Read something."""
        return await self.call(who, "GET", path, params=params or None)

    async def read(self, who: TestPerson, path: str, **params: Any) -> Any:
        """Read something that is there."""
        answer = await self.get(who, path, **params)
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    async def raised(self, who: TestPerson | None = None, **changes: Any) -> dict[str, Any]:
        """Raise a ticket, as Una where nobody is named."""
        answer = await self.call(who or self.una, "POST", "/tickets", json=DRAFT | changes)
        assert answer.status_code == 201, answer.text
        ticket: dict[str, Any] = json_of(answer)
        return ticket

    async def put(self, who: TestPerson, path: str, **body: Any) -> dict[str, Any]:
        """Change something that can be changed."""
        answer = await self.call(who, "PUT", path, json=body or None)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = json_of(answer)
        return shown

    async def given(self, ticket: dict[str, Any], agent: TestPerson | None = None) -> dict[str, Any]:
        """Let the manager give a ticket to an agent, Abe where nobody is named."""
        return await self.put(self.max, f"/tickets/{ticket['id']}/assign", agentId=(agent or self.abe).id)

    async def moved(self, ticket: dict[str, Any], *statuses: str) -> dict[str, Any]:
        """Let the manager move a ticket through some statuses."""
        for status in statuses:
            ticket = await self.put(self.max, f"/tickets/{ticket['id']}/status", status=status)
        return ticket

    async def said(self, who: TestPerson, ticket: dict[str, Any], comment: str, **more: Any) -> dict[str, Any]:
        """Say something on a ticket."""
        answer = await self.call(who, "POST", f"/tickets/{ticket['id']}/comments", json={"comment": comment, **more})
        assert answer.status_code == 201, answer.text
        shown: dict[str, Any] = json_of(answer)
        return shown
