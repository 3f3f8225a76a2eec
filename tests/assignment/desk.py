"""The tickets feature as the tests of assignment play it: it answers commands late, and knows who is gone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from answerable.assignment import actions, queries
from answerable.assignment.rules import Availability
from answerable.infra.bus.outbox import open_envelope
from answerable.kernel.actor import Actor, service
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope, Event
from answerable.messages.tickets import (
    AssignTicket,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketRef,
    TicketReopened,
    TicketUnassigned,
)
from answerable.messages.users import UserChanged, UserRegistered
from answerable.users.rules import grants_of
from tests.world import World, open_world

BOSS = Actor("boss", "person", frozenset({"MANAGER"}), grants_of(["MANAGER"]))
OPEN = ("ASSIGNED", "IN_PROGRESS", "WAITING")


class PlayedDesk:
    """People and tickets, told to the assignment as the users and tickets features would tell them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tickets: dict[str, TicketRef] = {}
        self.people: dict[str, UserRegistered] = {}
        self.gone: set[str] = set()  # what the tickets feature knows of people, which may be more than assignment does
        self._answered = 0
        self._cause: Envelope | None = None

    async def agent(self, name: str, *roles: str) -> str:
        """Add an agent; the id is the name in small letters."""
        person = UserRegistered(
            user_id=name.lower(), name=name, email=f"{name}@desk.test", roles=list(roles or ("AGENT",)), active=True
        )
        self.people[person.user_id] = person
        await self.world.tell(person)
        return person.user_id

    async def set(self, agent_id: str, **wanted: Any) -> None:
        """Change availability, capacity or skills of an agent, as a manager."""
        await self.world.db.write(BOSS, actions.set_availability, agent_id, Availability(**wanted))
        await self.world.settle()

    async def assign(self, ticket_id: str, agent_id: str) -> None:
        """Give a ticket to an agent, as a manager who asks the assignment to."""
        await self.world.db.write(BOSS, actions.assign_to, ticket_id, agent_id)
        await self.world.settle()

    async def change(self, person_id: str, **changes: Any) -> None:
        """Change a person; those who cannot work any more lose their tickets."""
        person = self.people[person_id] = replace(self.people[person_id], **changes)
        await self.world.tell(
            UserChanged(
                user_id=person.user_id,
                name=person.name,
                email=person.email,
                roles=person.roles,
                active=person.active,
                changed=sorted(changes),
            )
        )
        if person.active and "AGENT" in person.roles:
            self.gone.discard(person_id)
        else:
            await self.lose(person_id)

    async def lose(self, person_id: str) -> None:
        """Let the tickets feature know that an agent is gone."""
        self.gone.add(person_id)
        for ticket in [t for t in self.tickets.values() if t.agent_id == person_id and t.status in OPEN]:
            back = replace(ticket, status="CREATED", agent_id=None)
            await self.say(
                StatusChanged(ticket=back, former_status=ticket.status, status="CREATED"),
                TicketUnassigned(ticket=back, former_agent_id=person_id, reason="the agent is gone"),
            )

    async def raise_ticket(self, priority: str = "MEDIUM", category: str = "HARDWARE") -> str:
        """Raise a ticket; the ids are t1, t2 and so on."""
        number = len(self.tickets) + 1
        ticket = TicketRef(
            id=f"t{number}",
            number=number,
            title="Printer on fire",
            category=category,
            priority=priority,
            status="CREATED",
            requester_id="requester",
            agent_id=None,
            created_at=self.world.clock.now,
        )
        await self.say(TicketCreated(ticket=ticket, created_by="requester"))
        return ticket.id

    async def move(self, ticket_id: str, status: str) -> None:
        """Change the status of a ticket."""
        was = self.tickets[ticket_id]
        ticket = replace(was, status=status)
        await self.say(StatusChanged(ticket=ticket, former_status=was.status, status=status))

    async def reopen(self, ticket_id: str) -> None:
        """Open a ticket again, in the queue where its agent is gone."""
        was = self.tickets[ticket_id]
        back = was.agent_id is None or was.agent_id in self.gone
        ticket = replace(was, status="CREATED", agent_id=None) if back else replace(was, status="IN_PROGRESS")
        events: list[Event] = [
            StatusChanged(ticket=ticket, former_status=was.status, status=ticket.status),
            TicketReopened(ticket=ticket, resolved_at=None, reopenings=1),
        ]
        if back and was.agent_id:
            events.append(TicketUnassigned(ticket=ticket, former_agent_id=was.agent_id, reason="the agent is gone"))
        await self.say(*events)

    async def give(self, ticket_id: str, agent_id: str, by: str | None = "boss") -> None:
        """Give a ticket to an agent, whoever has it."""
        was = self.tickets[ticket_id]
        ticket = replace(was, status="ASSIGNED", agent_id=agent_id)
        events: list[Event] = [
            TicketAssigned(ticket=ticket, former_agent_id=was.agent_id, assigned_by=by, automatic=by is None)
        ]
        if was.status != "ASSIGNED":
            events.insert(0, StatusChanged(ticket=ticket, former_status=was.status, status="ASSIGNED"))
        await self.say(*events)

    async def say(self, *events: Any) -> None:
        """Tell what happened to a ticket, and remember it."""
        for event in events:
            self.tickets[event.ticket.id] = event.ticket

        async def publish(tx: Tx) -> None:
            tx.publish(*events)

        await self.world.db.deliver(service("tickets"), publish, self._cause)
        await self.world.settle()

    async def commands(self) -> Sequence[AssignTicket]:
        """Return all that was asked of the tickets feature."""
        return [said for said in await self.world.log("ASSIGN_TICKET") if isinstance(said, AssignTicket)]

    async def answer(self, most: int = 1_000_000) -> None:
        """Answer commands that came, as the tickets feature does, until no more come (or ``most`` are done)."""
        while most > 0 and len(sealed := await self.world.envelopes("ASSIGN_TICKET")) > self._answered:
            self._cause = sealed[self._answered]
            self._answered += 1
            most -= 1
            command = open_envelope(self._cause)
            assert isinstance(command, AssignTicket)
            await self._answer(command)
            self._cause = None

    async def _answer(self, command: AssignTicket) -> None:
        ticket = self.tickets[command.ticket_id]
        if ticket.status in ("CLOSED", "CANCELLED"):
            return
        if ticket.agent_id == command.agent_id and ticket.status != "RESOLVED":
            return
        if command.assigned_by is None and (ticket.agent_id is not None or ticket.status != "CREATED"):
            return
        if command.agent_id in self.gone:
            refusal = TicketUnassigned(ticket=ticket, former_agent_id=command.agent_id, reason="the agent is gone")
            await self.say(refusal)
            return
        await self.give(ticket.id, command.agent_id, command.assigned_by)

    async def held_by(self, agent_id: str) -> list[str]:
        """Return the tickets of an agent."""
        return [t.id for t in self.tickets.values() if t.agent_id == agent_id and t.status in OPEN]

    async def audit(self) -> list[str]:
        """Return what the assignment's own recount finds wrong."""
        return await self.world.db.scan(BOSS, queries.audit)

    async def waiting(self) -> list[str]:
        """Return the tickets that were offered to nobody, in the order of their number."""
        rows = await self.world.sql(
            """SELECT id FROM assignment_ticket
            WHERE status = 'CREATED' AND agent_id IS NULL AND proposed_to IS NULL ORDER BY number"""
        )
        return [row["id"] for row in rows]


@asynccontextmanager
async def open_played_desk(folder: Path, **settings: Any) -> AsyncIterator[PlayedDesk]:
    """Open a desk without the tickets feature, which the test plays."""
    async with open_world(folder, ["users", "assignment"], **settings) as world:
        yield PlayedDesk(world)
