"""What tickets do because something happened elsewhere."""

from answerable.kernel.tx import Tx
from answerable.messages.sla import (
    SlaAtRisk,
    SlaBreached,
    SlaFulfilled,
    SlaPaused,
    SlaRecomputed,
    SlaResumed,
    SlaStarted,
)
from answerable.messages.tickets import AssignTicket, RaisePriority
from answerable.messages.users import PersonErased, PersonEvent
from answerable.tickets import actions, store
from answerable.tickets.actions import erasure
from answerable.tickets.store.own import mirror_answer_due

RESOLUTION = "RESOLUTION"
ANSWERS = ("FIRST_RESPONSE", "NEXT_RESPONSE")  # of the two, one runs at a time


async def assign_ticket(tx: Tx, command: AssignTicket) -> None:
    """The assignment has decided."""
    await actions.accept_assignment(
        tx, command.ticket_id, command.agent_id, command.assigned_by, command.agent_sequence
    )


async def raise_priority(tx: Tx, command: RaisePriority) -> None:
    """A promise is in danger: the ticket becomes more urgent."""
    await actions.raise_priority(tx, command.ticket_id, command.priority)


async def know_person(tx: Tx, event: PersonEvent) -> None:
    """Keep the mirror of people; tickets of an agent who is gone go back into the queue."""
    assert tx.cause is not None  # a consumer always has one
    known = await store.load_person(tx, event.user_id)
    if known is not None and known["last_sequence"] > tx.cause.sequence:
        return  # the assignment had heard something newer when it chose them, and it comes here too
    is_agent = "AGENT" in event.roles
    await store.save_person(tx, event.user_id, event.name, int(is_agent), int(event.active), tx.cause.sequence)
    if not event.active:
        await actions.release_tickets_of(tx, event.user_id, "the agent was deactivated")
    elif not is_agent:
        await actions.release_tickets_of(tx, event.user_id, "the agent has left the team")


async def forget_person(tx: Tx, event: PersonErased) -> None:
    """Somebody is to be forgotten."""
    await erasure.forget_person(tx, event.user_id)


async def note_start(tx: Tx, event: SlaStarted) -> None:
    """A resolution clock runs; a later cycle begins with a clean sheet."""
    if event.target == RESOLUTION:
        await store.mirror_promise(tx, event.ticket.id, event.due_at)
    elif event.target in ANSWERS:
        await mirror_answer_due(tx, event.ticket.id, event.due_at)


async def note_due(tx: Tx, event: SlaResumed | SlaRecomputed) -> None:
    """The deadline is another one."""
    if event.target == RESOLUTION:
        await store.mirror_due(tx, event.ticket.id, event.due_at)
    elif event.target in ANSWERS:
        await mirror_answer_due(tx, event.ticket.id, event.due_at)


async def note_pause(tx: Tx, event: SlaPaused) -> None:
    """While paused there is no deadline."""
    if event.target == RESOLUTION:
        await store.mirror_due(tx, event.ticket.id, None)
    elif event.target in ANSWERS:
        await mirror_answer_due(tx, event.ticket.id, None)


async def note_breach(tx: Tx, event: SlaBreached) -> None:
    """The resolution promise was broken."""
    if event.target == RESOLUTION:
        await store.mirror_breach(tx, event.ticket.id, 1)


async def note_risk(tx: Tx, event: SlaAtRisk) -> None:
    """Most of the time to resolve it is used."""
    if event.target == RESOLUTION:
        await store.mirror_risk(tx, event.ticket.id, 1)


async def note_end(tx: Tx, event: SlaFulfilled) -> None:
    """A promise has ended, in time or late; where it was one of an answer, nobody owes it any more."""
    if event.target == RESOLUTION:
        await store.mirror_risk(tx, event.ticket.id, 0)
    elif event.target in ANSWERS:
        await mirror_answer_due(tx, event.ticket.id, None)
