"""The life of a ticket, told by its events as the tickets and SLA features tell it."""

from typing import Any

from msgspec.structs import replace

from answerable.infra.bus.outbox import open_envelope
from answerable.kernel.actor import service
from answerable.messages import CATALOGUE
from answerable.messages.base import Envelope
from answerable.messages.sla import SlaBreached, SlaPaused, SlaResumed, SlaStarted
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCancelled,
    TicketClosed,
    TicketCreated,
    TicketEvent,
    TicketRef,
    TicketReopened,
    TicketResolved,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.reporting.feature import feature
from tests.people import TestPerson
from tests.world import World, json_of


class Tale:
    """A ticket, and what happens to it at the desk's time."""

    def __init__(self, world: World, ticket_id: str = "t-1", priority: str = "MEDIUM") -> None:
        self.world = world
        self.reopenings = 0
        self.resolved_at: int | None = None
        self.ref = TicketRef(
            id=ticket_id,
            number=1,
            title="The printer is on fire",
            category="HARDWARE",
            priority=priority,
            status="CREATED",
            requester_id="una",
            agent_id=None,
            created_at=world.clock.now,
        )

    async def raised(self) -> "Tale":
        await self.world.tell(TicketCreated(ticket=self.ref, created_by="una"))
        return self

    def _moved(self, status: str, agent_id: str | None) -> list[TicketEvent]:
        former = self.ref.status
        self.ref = replace(self.ref, status=status, agent_id=agent_id)
        if former == status:
            return []
        return [StatusChanged(ticket=self.ref, former_status=former, status=status)]

    async def assigned(self, agent_id: str) -> None:
        former = self.ref.agent_id
        events = self._moved("ASSIGNED", agent_id)
        told = TicketAssigned(ticket=self.ref, former_agent_id=former, assigned_by=None, automatic=True)
        await self.world.tell(*events, told)

    async def unassigned(self) -> None:
        former = self.ref.agent_id or ""
        events = self._moved("CREATED", None)
        await self.world.tell(*events, TicketUnassigned(ticket=self.ref, former_agent_id=former, reason="gone"))

    async def moved(self, status: str) -> None:
        await self.world.tell(*self._moved(status, self.ref.agent_id))

    async def resolved(self) -> None:
        events = self._moved("RESOLVED", self.ref.agent_id)
        self.resolved_at = self.world.clock.now
        told = TicketResolved(ticket=self.ref, resolved_at=self.resolved_at, resolved_by=self.ref.agent_id or "")
        await self.world.tell(*events, told)

    async def closed(self) -> None:
        events = self._moved("CLOSED", self.ref.agent_id)
        await self.world.tell(*events, TicketClosed(ticket=self.ref, closed_at=self.world.clock.now, automatic=False))

    async def reopened(self) -> None:
        self.reopenings += 1
        events = self._moved("IN_PROGRESS", self.ref.agent_id)
        told = TicketReopened(ticket=self.ref, resolved_at=self.resolved_at, reopenings=self.reopenings)
        await self.world.tell(*events, told)

    async def cancelled(self) -> None:
        events = self._moved("CANCELLED", self.ref.agent_id)
        await self.world.tell(*events, TicketCancelled(ticket=self.ref, cancelled_by="una"))

    async def given_priority(self, priority: str) -> None:
        former = self.ref.priority
        self.ref = replace(self.ref, priority=priority)
        await self.world.tell(TicketUpdated(ticket=self.ref, changed=["priority"], former_priority=former))

    async def commented(self, *, by_staff: bool, internal: bool = False) -> None:
        author = (self.ref.agent_id or "abe") if by_staff else self.ref.requester_id
        await self.world.tell(
            CommentAdded(
                ticket=self.ref,
                comment_id=f"c-{self.world.clock.now}",
                author_id=author,
                author_name=author,
                from_staff=by_staff,
                internal=internal,
            )
        )

    async def promised(self, minutes: int, cycle: int = 1, target: str = "RESOLUTION") -> None:
        now = self.world.clock.now
        await self.world.tell(
            SlaStarted(
                ticket=self.ref,
                target=target,
                cycle=cycle,
                started_at=now,
                due_at=now + minutes * 60_000_000,
                policy="default",
            )
        )

    async def breached(self, cycle: int = 1, target: str = "RESOLUTION") -> None:
        now = self.world.clock.now
        await self.world.tell(
            SlaBreached(ticket=self.ref, target=target, cycle=cycle, due_at=now, breached_at=now + 250_000)
        )

    async def paused(self) -> None:
        await self.world.tell(SlaPaused(ticket=self.ref, target="RESOLUTION", cycle=1))

    async def resumed(self, minutes: int) -> None:
        due_at = self.world.clock.now + minutes * 60_000_000
        await self.world.tell(SlaResumed(ticket=self.ref, target="RESOLUTION", cycle=1, due_at=due_at))


async def report(world: World, who: TestPerson, name: str, **parameters: str) -> Any:
    """Read a report as JSON."""
    answer = await world.http.get(f"/api/{name}", params=parameters, headers=who.headers)
    assert answer.status_code == 200, answer.text
    return json_of(answer)


async def row_of(world: World, ticket_id: str = "t-1") -> dict[str, Any]:
    """Return what reporting knows of a ticket."""
    return dict((await world.sql("SELECT * FROM reporting_ticket WHERE ticket_id = :id", id=ticket_id))[0])


async def deliver_bare(world: World, message: Envelope) -> None:
    """Hand a message to reporting, past the inbox: as if it came only now, or a second time."""
    handler = feature().consumers[CATALOGUE[message.type]]
    await world.db.deliver(service("reporting"), lambda tx: handler(tx, open_envelope(message)), message)
