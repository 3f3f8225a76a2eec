"""Which signals an event makes, and who hears them. Signals have no content: they say *changed, read again*.

Who hears of a ticket is who may see it (``tickets/rules/sight.py`` says the same for reading; a test holds the two
together), judged by the ticket as the event carries it. Whoever could see it until this very event hears too, so that
it leaves their screen.
"""

from dataclasses import dataclass

from answerable.kernel.actor import Actor
from answerable.messages.base import Event
from answerable.messages.notifications import NotificationCreated, NotificationErased, NotificationsRead
from answerable.messages.sla import SlaAtRisk, SlaEvent, SlaFulfilled, SlaLevelReached, TicketEscalated
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketEvent,
    TicketRef,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.messages.users import UserChanged

READ_ALL = "ticket.read_all"
READ_QUEUE = "ticket.read_queue"
NOTE = "ticket.note"
PROMISE = "RESOLUTION"


@dataclass(frozen=True, slots=True)
class Signal:
    """``ticket`` (read that one again), ``queue``, ``bell`` or ``refresh`` (read everything again)."""

    name: str
    ticket_id: str | None = None


REFRESH = Signal("refresh")
BELL = Signal("bell")
QUEUE = Signal("queue")


@dataclass(frozen=True, slots=True)
class Audience:
    """Who hears a signal: ``people``, ``agents`` who (still) read the queue, and everybody with one of ``grants``.

    ``only`` is a right that each of them must hold besides.
    """

    people: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    grants: frozenset[str] = frozenset()
    only: str | None = None

    def includes(self, actor: Actor) -> bool:
        """Tell whether this person hears it."""
        if self.only is not None and not actor.may(self.only):
            return False
        if actor.id in self.people or not self.grants.isdisjoint(actor.grants):
            return True
        return actor.id in self.agents and actor.may(READ_QUEUE)


def signals_of(event: Event) -> list[tuple[Signal, Audience]]:
    """Return the signals that an event makes, each with its audience."""
    if isinstance(event, NotificationCreated | NotificationErased | NotificationsRead):
        return [(BELL, Audience(people=frozenset({event.user_id})))]
    if isinstance(event, SlaEvent):
        return [(Signal("ticket", event.ticket.id), _who_sees(event.ticket, only=_only_staff(event)))]
    if not isinstance(event, TicketEvent):
        return []
    was_queued = isinstance(event, StatusChanged) and event.former_status == "CREATED"
    former = event.former_agent_id if isinstance(event, TicketAssigned | TicketUnassigned) else None
    only = NOTE if isinstance(event, CommentAdded) and event.internal else None
    made = [(Signal("ticket", event.ticket.id), _who_sees(event.ticket, only, former, was_queued=was_queued))]
    if isinstance(event, TicketCreated | StatusChanged | TicketUpdated) and (was_queued or _is_queued(event.ticket)):
        made.append((QUEUE, Audience(grants=frozenset({READ_QUEUE, READ_ALL}))))
    return made


def ends_streams(event: UserChanged) -> bool:
    """Tell whether the person's streams must end: anything but the name may have changed what they may see."""
    return bool(set(event.changed) - {"name"})


def _only_staff(event: SlaEvent) -> str | None:
    # Warnings and hand-overs are inner affairs; that an answer was given, the answer itself has told.
    given = isinstance(event, SlaFulfilled) and event.target != PROMISE
    return NOTE if given or isinstance(event, SlaAtRisk | SlaLevelReached | TicketEscalated) else None


def _who_sees(
    ticket: TicketRef, only: str | None = None, former_agent_id: str | None = None, *, was_queued: bool = False
) -> Audience:
    agents = {agent for agent in (ticket.agent_id, former_agent_id) if agent}
    queued = was_queued or _is_queued(ticket)
    return Audience(
        people=frozenset({ticket.requester_id}),
        agents=frozenset(agents),
        grants=frozenset({READ_ALL, READ_QUEUE}) if queued else frozenset({READ_ALL}),
        only=only,
    )


def _is_queued(ticket: TicketRef) -> bool:
    return ticket.agent_id is None and ticket.status == "CREATED"
