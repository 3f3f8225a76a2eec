"""What reporting learns from each event."""

from answerable.kernel.tx import Tx
from answerable.messages.sla import SlaBreached, SlaPaused, SlaRecomputed, SlaResumed, SlaStarted
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketClosed,
    TicketEvent,
    TicketReopened,
    TicketResolved,
)
from answerable.messages.users import PersonEvent
from answerable.reporting import actions, store
from answerable.reporting.rules import Facts, facts

RESOLUTION = "RESOLUTION"


async def note_state(tx: Tx, event: TicketEvent) -> None:
    """Whatever happened, the event says how the ticket stands now."""
    sequence = _sequence(tx)
    await actions.record(tx, event.ticket, lambda known: facts.stands(known, event.ticket, sequence))


async def note_status(tx: Tx, event: StatusChanged) -> None:
    """The status is another one; waiting for the requester may have begun."""
    sequence = _sequence(tx)

    def learn(known: Facts) -> Facts:
        known = facts.stands(known, event.ticket, sequence)
        return facts.began_waiting(known) if event.status == "WAITING" else known

    await actions.record(tx, event.ticket, learn)


async def note_comment(tx: Tx, event: CommentAdded) -> None:
    """Somebody said something: the first public word of staff is the response."""
    sequence, at = _sequence(tx), _time(tx)

    def learn(known: Facts) -> Facts:
        known = facts.stands(known, event.ticket, sequence)
        return facts.responded(known, at) if event.from_staff and not event.internal else known

    await actions.record(tx, event.ticket, learn)


async def note_resolve(tx: Tx, event: TicketResolved) -> None:
    """The ticket was answered for good."""
    sequence = _sequence(tx)

    def learn(known: Facts) -> Facts:
        return facts.resolved(facts.stands(known, event.ticket, sequence), event.resolved_at, sequence)

    await actions.record(tx, event.ticket, learn)


async def note_close(tx: Tx, event: TicketClosed) -> None:
    """The ticket was closed."""
    sequence = _sequence(tx)

    def learn(known: Facts) -> Facts:
        return facts.closed(facts.stands(known, event.ticket, sequence), event.closed_at, sequence)

    await actions.record(tx, event.ticket, learn)


async def note_reopening(tx: Tx, event: TicketReopened) -> None:
    """The ticket is open again: its outcome no longer counts."""
    sequence = _sequence(tx)

    def learn(known: Facts) -> Facts:
        return facts.reopened(facts.stands(known, event.ticket, sequence), event.reopenings, sequence)

    await actions.record(tx, event.ticket, learn)


async def note_promise(tx: Tx, event: SlaStarted) -> None:
    """A resolution clock runs."""
    if event.target == RESOLUTION:
        sequence = _sequence(tx)
        await actions.record(tx, event.ticket, lambda known: facts.promised(known, event.cycle, event.due_at, sequence))


async def note_deadline(tx: Tx, event: SlaResumed | SlaRecomputed) -> None:
    """The resolution deadline is another one."""
    if event.target == RESOLUTION:
        sequence = _sequence(tx)
        await actions.record(tx, event.ticket, lambda known: facts.due(known, event.due_at, sequence))


async def note_pause(tx: Tx, event: SlaPaused) -> None:
    """While paused there is no deadline."""
    if event.target == RESOLUTION:
        sequence = _sequence(tx)
        await actions.record(tx, event.ticket, lambda known: facts.due(known, None, sequence))


async def note_breach(tx: Tx, event: SlaBreached) -> None:
    """The resolution promise was broken."""
    if event.target == RESOLUTION:
        await actions.record(tx, event.ticket, lambda known: facts.broken(known, event.cycle, event.due_at))


async def note_person(tx: Tx, event: PersonEvent) -> None:
    """Keep the names of agents."""
    if "AGENT" in event.roles:
        await store.save_agent(tx, event.user_id, event.name, int(event.active), _sequence(tx))
    else:
        await store.retire_agent(tx, event.user_id, event.name, _sequence(tx))


def _sequence(tx: Tx) -> int:
    assert tx.cause is not None  # a consumer always has one
    return tx.cause.sequence


def _time(tx: Tx) -> int:
    assert tx.cause is not None
    return tx.cause.time
