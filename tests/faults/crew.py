"""People at work through the gateway, whatever happens, who write down what they were told was done.

A POST is repeated with its key until it is acknowledged. Other changes are tried once: what was not acknowledged may
have happened or not.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from tests.processes import hire

PATIENCE = 8.0  # of a client, in seconds
PAUSE = 0.05
LEAST = 5  # tickets, comments, changes that must have been acknowledged
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
PROMISE = "A promise that is not kept"  # tickets that no agent answers
# What a change is called in the history of the ticket.
LINES = {
    "IN_PROGRESS": "STATUS_CHANGED",
    "WAITING": "STATUS_CHANGED",
    "RESOLVED": "TICKET_RESOLVED",
    "close": "TICKET_CLOSED",
    "reopen": "TICKET_REOPENED",
    "cancel": "TICKET_CANCELLED",
    "assign": "TICKET_ASSIGNED",
}


@dataclass
class Notes:
    """What people were told, and what they were not."""

    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)  # title -> ticket
    comments: dict[str, str] = field(default_factory=dict)  # words -> comment id
    done: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # ticket, line of its history, person
    unsure: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def enough(self) -> bool:
        """Tell whether there was something to lose."""
        return min(len(self.tickets), len(self.comments), self.done.total()) >= LEAST

    def __str__(self) -> str:
        acknowledged = f"{len(self.tickets)} tickets, {len(self.comments)} comments, {self.done.total()} changes"
        return f"acknowledged: {acknowledged}; perhaps: {self.unsure.total()}; answers: {dict(self.answers)}"


class Person:
    """Somebody who does one thing after the other. ``pending`` is the POST that nobody has acknowledged yet."""

    def __init__(self, name: str, seed: str, notes: Notes, crew: "Crew") -> None:
        self.name = name
        self.random = Random(f"{seed} {name}")
        self.notes = notes
        self.crew = crew
        self.id = ""
        self.headers: dict[str, str] = {}
        self.said = 0
        self.pending: tuple[str, str, dict[str, Any]] | None = None

    async def act(self, client: httpx.AsyncClient) -> None:
        """Do one thing."""
        raise NotImplementedError

    async def work(self, client: httpx.AsyncClient, enough: asyncio.Event) -> None:
        """Do things until it is enough."""
        while not enough.is_set():
            await self._act_or_wait(client, self.act)

    async def finish(self, client: httpx.AsyncClient) -> None:
        """Bring to its end what is pending."""
        while self.pending is not None:
            await self._act_or_wait(client, self._say_again)

    async def _act_or_wait(
        self, client: httpx.AsyncClient, act: Callable[[httpx.AsyncClient], Awaitable[None]]
    ) -> None:
        try:
            await (self._say_again(client) if self.pending else act(client))
        except httpx.TransportError:
            self.notes.answers[0] += 1
        await asyncio.sleep(PAUSE)

    async def read(self, client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
        """Read a list; an empty one where the desk cannot answer now."""
        answer = await client.get(path, headers=self.headers)
        self._note(answer, f"GET {path}")
        return list(answer.json()) if answer.status_code == 200 else []

    async def say(self, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
        """POST something under a new key; it stays pending until it is acknowledged."""
        self.said += 1
        self.pending = (f"{self.name}-{self.said}", path, body)
        await self._say_again(client)

    async def _say_again(self, client: httpx.AsyncClient) -> None:
        assert self.pending is not None
        key, path, body = self.pending
        answer = await client.post(path, json=body, headers={**self.headers, "Idempotency-Key": key})
        self._note(answer, f"POST {path}")
        if answer.status_code == 201:
            self._acknowledged(body, answer.json())
            if self.random.random() > 0.1:  # else the client did not get it: the same is said once more
                self.pending = None
        elif 400 <= answer.status_code < 500:  # such as a comment on a ticket that was closed meanwhile
            self.pending = None

    def _acknowledged(self, body: dict[str, Any], made: dict[str, Any]) -> None:
        if "comment" in body:
            before: Any = self.notes.comments.setdefault(body["comment"], made["id"])
        else:
            before = self.notes.tickets.setdefault(body["title"], made)["id"]
        if before != made["id"]:
            self.notes.wrong.append(f"{body}: acknowledged as {before} and, with the same key, as {made['id']}")

    async def change(self, client: httpx.AsyncClient, ticket: str, verb: str, body: Any = None) -> None:
        """Change a ticket, once."""
        path = f"/api/tickets/{ticket}/{'status' if verb in ('IN_PROGRESS', 'WAITING', 'RESOLVED') else verb}"
        line = (ticket, LINES[verb], self.id)
        try:
            answer = await client.put(path, json=body, headers=self.headers)
        except httpx.TransportError as error:
            self.notes.unsure[line] += not isinstance(error, httpx.ConnectError)  # then nobody has heard of it
            raise
        self._note(answer, f"PUT {path}")
        if answer.status_code == 200:
            self.notes.done[line] += 1
        elif answer.status_code >= 500:
            self.notes.unsure[line] += 1

    def _note(self, answer: httpx.Response, what: str) -> None:
        self.notes.answers[answer.status_code] += 1
        expected = answer.is_success or answer.status_code in (403, 404, 409, 503)
        if not expected:
            self.notes.wrong.append(f"{what} by {self.name}: {answer.status_code} {answer.text[:300]}")


class Customer(Person):
    """Raises tickets, comments on them, opens them again, takes them back."""

    async def act(self, client: httpx.AsyncClient) -> None:
        if self.random.random() < 0.5 or not self.crew.tickets_of(self):
            title = f"Trouble {self.name}-{self.said + 1}"
            draft = {"title": title, "description": f"All about {title}.", "category": "OTHER"}
            await self.say(client, "/api/tickets", {**draft, "priority": self.random.choice(PRIORITIES)})
            return
        ticket = self.random.choice(self.crew.tickets_of(self)[-6:])
        if self.random.random() < 0.6:
            words = {"comment": f"Word {self.name}-{self.said + 1}"}
            await self.say(client, f"/api/tickets/{ticket}/comments", words)
        else:
            await self.change(client, ticket, self.random.choice(("reopen", "reopen", "cancel")))


class Agent(Person):
    """Works on what is assigned: starts, answers, waits, resolves, closes."""

    async def act(self, client: httpx.AsyncClient) -> None:
        status = self.random.choice(("ASSIGNED", "IN_PROGRESS", "IN_PROGRESS", "WAITING", "RESOLVED"))
        path = f"/api/tickets?assignedTo={self.id}&status={status}&size=20"
        found = [ticket for ticket in await self.read(client, path) if not ticket["title"].startswith(PROMISE)]
        if not found:
            return
        ticket = self.random.choice(found)["id"]
        if status == "ASSIGNED" or status == "WAITING":
            await self.change(client, ticket, "IN_PROGRESS", {"status": "IN_PROGRESS"})
        elif status == "RESOLVED":
            await self.change(client, ticket, "close")
        elif self.random.random() < 0.3:
            words = {"comment": f"Word {self.name}-{self.said + 1}", "internal": self.random.random() < 0.3}
            await self.say(client, f"/api/tickets/{ticket}/comments", words)
        else:
            status = self.random.choice(("WAITING", "RESOLVED", "RESOLVED"))
            await self.change(client, ticket, status, {"status": status})


class Boss(Person):
    """Gives tickets to other agents, and cancels some."""

    async def act(self, client: httpx.AsyncClient) -> None:
        tickets = [ticket["id"] for ticket in self.notes.tickets.values()]
        if not tickets:
            return
        ticket = self.random.choice(tickets[-10:])
        if self.random.random() < 0.8:
            agent = self.random.choice([each for each in self.crew.people if isinstance(each, Agent)])
            await self.change(client, ticket, "assign", {"agentId": agent.id})
        else:
            await self.change(client, ticket, "cancel")
        await asyncio.sleep(4 * PAUSE)  # the others do most of the work


class Crew:
    """All who work."""

    def __init__(self, seed: int) -> None:
        self.notes = Notes()
        self._enough = asyncio.Event()
        kinds = {"una": Customer, "ugo": Customer, "udo": Customer, "abe": Agent, "ann": Agent, "max": Boss}
        self.people = [kind(name, str(seed), self.notes, self) for name, kind in kinds.items()]

    def tickets_of(self, person: Person) -> list[str]:
        """Return the tickets of a customer."""
        return [t["id"] for t in self.notes.tickets.values() if t["createdBy"] == person.id]

    async def hire(self, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
        """Sign everybody in."""
        for person in self.people:
            roles = {Agent: ("AGENT",), Boss: ("MANAGER",)}.get(type(person), ())
            person.headers = await hire(client, admin, person.name.title(), *roles)
            person.id = (await client.get("/api/auth/me", headers=person.headers)).json()["id"]

    async def work(self, url: str) -> None:
        """Let everybody work until ``stop``."""
        await asyncio.gather(*(self._with_client(url, person, "work") for person in self.people))

    async def stop(self, url: str) -> None:
        """Let everybody stop, and bring to an end what they have begun."""
        self._enough.set()
        await asyncio.gather(*(self._with_client(url, person, "finish") for person in self.people))

    async def _with_client(self, url: str, person: Person, what: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            await (person.work(client, self._enough) if what == "work" else person.finish(client))
