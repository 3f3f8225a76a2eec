"""Tickets for the tests of promises: what the tickets feature would say about them."""

from msgspec.structs import replace

from answerable.kernel.actor import Actor
from answerable.kernel.times import HOUR, MINUTE, parse_iso
from answerable.messages.base import Event
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketCreated,
    TicketRef,
    TicketReopened,
    TicketResolved,
    TicketUpdated,
)
from answerable.messages.users import UserRegistered
from answerable.sla import store
from answerable.sla.rules import Clock, Metric
from tests.world import START, TESTER, World

__all__ = ["HOUR", "MINUTE", "START", "Story", "at", "clock_of", "manager", "metrics_of", "ref"]


def at(text: str) -> int:
    """Read ``"13:00"`` as that time of the tests' Monday."""
    return parse_iso(f"2026-03-02T{text}Z")


def ref(ticket_id: str = "t1", priority: str = "HIGH", status: str = "CREATED", **values: object) -> TicketRef:
    made = TicketRef(
        id=ticket_id,
        number=1001,
        title="Printer on fire",
        category="HARDWARE",
        priority=priority,
        status=status,
        requester_id="una",
        agent_id=None,
        created_at=START,
    )
    return replace(made, **values)


def manager(person_id: str, *roles: str, active: bool = True) -> UserRegistered:
    return UserRegistered(
        user_id=person_id, name=person_id, email=f"{person_id}@desk.test", roles=[*roles] or ["MANAGER"], active=active
    )


class Story:
    """One ticket and what is told about it."""

    def __init__(self, world: World, ticket_id: str = "t1", priority: str = "HIGH") -> None:
        self.world = world
        self.ref = ref(ticket_id, priority, created_at=world.clock.now)
        self.resolved_at: int | None = None

    async def raised(self, created_by: str = "una") -> "Story":
        await self._tell(TicketCreated(ticket=self.ref, created_by=created_by))
        return self

    async def becomes(self, status: str) -> None:
        former = self.ref.status
        self.ref = replace(self.ref, status=status)
        events: list[Event] = [StatusChanged(ticket=self.ref, former_status=former, status=status)]
        if status == "RESOLVED":
            self.resolved_at = self.world.clock.now
            events.append(TicketResolved(ticket=self.ref, resolved_at=self.resolved_at, resolved_by="abe"))
        elif former in ("RESOLVED", "CLOSED") and status != "CLOSED":
            events.append(TicketReopened(ticket=self.ref, resolved_at=self.resolved_at, reopenings=1))
        await self._tell(*events)

    async def becomes_category(self, category: str) -> None:
        former = self.ref.category
        self.ref = replace(self.ref, category=category)
        await self._tell(
            TicketUpdated(
                ticket=self.ref, changed=["category"], former_priority=self.ref.priority, former_category=former
            )
        )

    async def becomes_priority(self, priority: str) -> None:
        former = self.ref.priority
        self.ref = replace(self.ref, priority=priority)
        await self._tell(TicketUpdated(ticket=self.ref, changed=["priority"], former_priority=former))

    async def answered(self, *, internal: bool = False) -> None:
        await self._comment("abe", from_staff=True, internal=internal)

    async def asked(self) -> None:
        await self._comment("una", from_staff=False, internal=False)

    async def _comment(self, author: str, *, from_staff: bool, internal: bool) -> None:
        await self._tell(
            CommentAdded(
                ticket=self.ref,
                comment_id="c",
                author_id=author,
                author_name=author,
                from_staff=from_staff,
                internal=internal,
            )
        )

    async def _tell(self, *events: Event, by: Actor = TESTER) -> None:
        await self.world.tell(*events, by=by)

    async def told(self, target: str | None = None) -> list[tuple[str, str, int]]:
        """Return what the SLA feature said of this ticket: (type, target, cycle)."""
        return [
            (event.TYPE, event.target, event.cycle)  # type: ignore[attr-defined]
            for event, sealed in zip(await self.world.log(), await self.world.envelopes(), strict=True)
            if sealed.topic == "answerable.sla"
            and sealed.key == self.ref.id
            and (target is None or event.target == target)  # type: ignore[attr-defined]
        ]


async def clock_of(world: World, target: str, cycle: int = 1, ticket_id: str = "t1") -> Clock:
    rows = await world.sql(
        "SELECT * FROM sla_clock WHERE ticket_id = :t AND target = :target AND cycle = :cycle",
        t=ticket_id,
        target=target,
        cycle=cycle,
    )
    return store.clock_of(rows[0])


async def metrics_of(world: World, clock: Clock) -> list[Metric]:
    return await world.db.read(TESTER, store.load_metrics, clock.id)
