"""What is known of one ticket, and how each event adds to it.

Events of one topic come in order as a rule, but one that failed may come late, and the SLA's may overtake the
ticket's own. So nothing here depends on the order: states carry the sequence number of the message that said them and
only a newer one replaces them, earliest instants and highest numbers win, and periods add up.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from answerable.kernel.times import SECOND
from answerable.messages.tickets import TicketRef

OPEN = ("CREATED", "ASSIGNED", "IN_PROGRESS", "WAITING")
DONE = ("RESOLVED", "CLOSED")
STATUSES = (*OPEN, *DONE, "CANCELLED")  # in the order of a ticket's life
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as the reports see it. Instants are UTC microseconds.

    ``first_response_at`` is the first public word of staff, or the resolve where that came first; it is set once and
    for all. ``resolved_at`` and ``closed_at`` are forgotten when the ticket is opened again. ``sla_due_at`` is the
    deadline of the resolution now, ``None`` while paused; ``sla_breached`` and ``breached_at`` are about the
    resolution promise in its current cycle. The sequences say which message was the newest to speak on a matter;
    with ``last_sequence`` 0 the ticket's own feature has not spoken yet, and the ticket is not counted.
    """

    ticket_id: str
    status: str
    priority: str
    category: str
    requester_id: str
    agent_id: str | None
    created_at: int
    first_response_at: int | None = None
    resolved_at: int | None = None
    closed_at: int | None = None
    reopenings: int = 0
    waiting_periods: int = 0
    sla_due_at: int | None = None
    sla_cycle: int = 0
    sla_breached: int = 0
    breached_at: int | None = None
    last_sequence: int = 0
    resolved_sequence: int = 0
    closed_sequence: int = 0
    sla_sequence: int = 0
    number: int = 0
    title: str = ""

    @property
    def resolution(self) -> int | None:
        """Return how long the ticket took, from raised to resolved, in microseconds; ``None`` while it is not."""
        if self.status not in DONE or self.resolved_at is None:
            return None
        return max(0, self.resolved_at - self.created_at)  # a machine's clock may be set back


def stub(ticket: TicketRef) -> Facts:
    """Begin with a ticket that is not counted before its own feature has spoken."""
    return Facts(
        ticket_id=ticket.id,
        status=ticket.status,
        priority=ticket.priority,
        category=ticket.category,
        requester_id=ticket.requester_id,
        agent_id=ticket.agent_id,
        created_at=ticket.created_at,
    )


# --- the ticket's own events ---------------------------------------------------------------------------------------


def stands(facts: Facts, ticket: TicketRef, sequence: int) -> Facts:
    """Note how the ticket stands after message ``sequence``."""
    if sequence <= facts.last_sequence:
        return facts
    return replace(
        facts,
        status=ticket.status,
        priority=ticket.priority,
        category=ticket.category,
        agent_id=ticket.agent_id,
        number=ticket.number,
        title=ticket.title,
        last_sequence=sequence,
    )


def responded(facts: Facts, at: int) -> Facts:
    """Note that staff answered the requester; only the first time counts, also after the ticket is opened again."""
    if facts.first_response_at is not None and facts.first_response_at <= at:
        return facts
    return replace(facts, first_response_at=at)


def began_waiting(facts: Facts) -> Facts:
    """Note one more period of waiting for the requester."""
    return replace(facts, waiting_periods=facts.waiting_periods + 1)


def resolved(facts: Facts, at: int, sequence: int) -> Facts:
    """Note the resolve, which is also a response where there was none before."""
    if sequence > facts.resolved_sequence:
        facts = replace(facts, resolved_at=at, resolved_sequence=sequence)
    return responded(facts, at)


def closed(facts: Facts, at: int, sequence: int) -> Facts:
    """Note the end."""
    if sequence <= facts.closed_sequence:
        return facts
    return replace(facts, closed_at=at, closed_sequence=sequence)


def reopened(facts: Facts, reopenings: int, sequence: int) -> Facts:
    """Note that the ticket was opened again, for the ``reopenings``-th time."""
    if sequence > facts.resolved_sequence:
        facts = replace(facts, resolved_at=None, resolved_sequence=sequence)
    if sequence > facts.closed_sequence:
        facts = replace(facts, closed_at=None, closed_sequence=sequence)
    return replace(facts, reopenings=max(facts.reopenings, reopenings))


# --- the resolution promise ----------------------------------------------------------------------------------------


def promised(facts: Facts, cycle: int, due_at: int | None, sequence: int) -> Facts:
    """Note that the clock runs; a later cycle begins with a clean sheet."""
    if cycle > facts.sla_cycle:
        facts = replace(facts, sla_cycle=cycle, sla_breached=0, breached_at=None)
    return due(facts, due_at, sequence)


def due(facts: Facts, due_at: int | None, sequence: int) -> Facts:
    """Note the deadline, ``None`` while the clock is paused."""
    if sequence <= facts.sla_sequence:
        return facts
    return replace(facts, sla_due_at=due_at, sla_sequence=sequence)


def broken(facts: Facts, cycle: int, due_at: int) -> Facts:
    """Note that the promise of a cycle was broken; a cycle that is over does not count any more.

    Reports stamp a breach at the deadline that was missed (SLA rule 9), however late it was noticed.
    """
    if cycle < facts.sla_cycle:
        return facts
    if cycle == facts.sla_cycle and facts.breached_at is not None:
        due_at = min(due_at, facts.breached_at)
    return replace(facts, sla_cycle=cycle, sla_breached=1, breached_at=due_at)


# --- counting ------------------------------------------------------------------------------------------------------


class Tally(msgspec.Struct, frozen=True):
    """How many ``tickets`` are alike, and how long the ``measured`` (resolved) ones of them took together.

    ``assigned`` and ``breached`` are 0 or 1; the durations are kept as whole ``seconds`` and the ``micros`` beyond.
    The numbers may be negative in a change.
    """

    status: str
    priority: str
    assigned: int
    breached: int
    tickets: int = 0
    measured: int = 0
    seconds: int = 0
    micros: int = 0

    @property
    def cell(self) -> tuple[str, str, int, int]:
        """Return what the tickets have in common."""
        return self.status, self.priority, self.assigned, self.breached

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return what is counted of them."""
        return self.tickets, self.measured, self.seconds, self.micros


def tally_of(facts: Facts) -> Tally | None:
    """Return what one ticket counts for, ``None`` while it is not counted."""
    if not facts.last_sequence:
        return None
    took = facts.resolution
    seconds, micros = divmod(took or 0, SECOND)
    assigned = int(facts.agent_id is not None)
    return Tally(facts.status, facts.priority, assigned, facts.sla_breached, 1, int(took is not None), seconds, micros)


def movement(before: Facts, after: Facts) -> list[Tally]:
    """Return what a change of one ticket adds to the counters, in the counters' order; nothing where nothing moves."""
    return [Tally(*cell, *numbers) for cell, numbers in _difference(tally_of(before), tally_of(after))]


class AgentTally(msgspec.Struct, frozen=True):
    """How many ``tickets`` of an agent are alike, how many of them are resolved, and how many had a first response."""

    agent_id: str
    status: str
    priority: str
    breached: int
    tickets: int = 0
    measured: int = 0
    responded: int = 0

    @property
    def cell(self) -> tuple[str, str, str, int]:
        """Return what the tickets have in common."""
        return self.agent_id, self.status, self.priority, self.breached

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return what is counted of them."""
        return self.tickets, self.measured, self.responded


def agent_tally_of(facts: Facts) -> AgentTally | None:
    """Return what one ticket counts for at its agent, ``None`` while it is not counted or has none."""
    if not facts.last_sequence or facts.agent_id is None:
        return None
    measured, responded = facts.resolution is not None, facts.first_response_at is not None
    return AgentTally(
        facts.agent_id, facts.status, facts.priority, facts.sla_breached, 1, int(measured), int(responded)
    )


def movement_of_agents(before: Facts, after: Facts) -> list[AgentTally]:
    """Return what a change of one ticket adds to the counters of agents, in the counters' order."""
    found = _difference(agent_tally_of(before), agent_tally_of(after))
    return [AgentTally(*cell, *numbers) for cell, numbers in found]


def _difference(old: Tally | AgentTally | None, new: Tally | AgentTally | None) -> list[tuple[Any, list[int]]]:
    if old == new:
        return []
    sums: dict[Any, list[int]] = {}
    for sign, tally in ((-1, old), (1, new)):
        if tally is not None:
            so_far = sums.get(tally.cell, [0] * len(tally.numbers))
            sums[tally.cell] = [sum_ + sign * number for sum_, number in zip(so_far, tally.numbers, strict=True)]
    return sorted(sums.items())
