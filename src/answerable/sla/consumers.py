"""What happens to promises because something happened to a ticket. Instants are those of the events."""

from msgspec.structs import replace

from answerable.infra.bus.redaction import redact
from answerable.kernel.tx import Tx
from answerable.messages.erasure import without_words
from answerable.messages.sla import SlaEvent
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketErased,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.messages.users import PersonEvent
from answerable.sla.actions import clocks


def _when(tx: Tx) -> int:
    return tx.cause.time if tx.cause else tx.now


async def promise(tx: Tx, event: TicketCreated) -> None:
    """A new ticket: its first response and its resolution are promised."""
    await clocks.promise(tx, event.ticket)


async def follow_status(tx: Tx, event: StatusChanged) -> None:
    """Waiting pauses, resolving keeps, cancelling gives up, reopening takes up again."""
    await clocks.follow_status(tx, event.ticket, _when(tx))


async def hear(tx: Tx, event: CommentAdded) -> None:
    """A public answer keeps the promise of one, a question makes the next; notes among staff do neither."""
    if not event.internal:
        await (clocks.hear_staff if event.from_staff else clocks.hear_requester)(tx, event.ticket, _when(tx))


async def note_agent(tx: Tx, event: TicketAssigned | TicketUnassigned) -> None:
    """Another agent, or none: who had the ticket when is kept, no clock is reset."""
    await clocks.note_holder(tx, event.ticket, _when(tx))


async def note_update(tx: Tx, event: TicketUpdated) -> None:
    """Another priority or category may have other promises; other changes only go to the mirror."""
    if "priority" in event.changed or "category" in event.changed:
        former = replace(
            event.ticket,
            priority=event.former_priority or event.ticket.priority,
            category=event.former_category or event.ticket.category,
        )
        await clocks.apply_update(tx, event.ticket, former, _when(tx))
    else:
        await clocks.note_ticket(tx, event.ticket, _when(tx))


async def forget_words(tx: Tx, event: TicketErased) -> None:
    """The words of a ticket are gone, also from what was said of its promises."""
    await clocks.note_ticket(tx, event.ticket, _when(tx))
    await redact(tx, SlaEvent.TOPIC, event.ticket.id, without_words)


async def note_manager(tx: Tx, event: PersonEvent) -> None:
    """Keep the list of those who can be called in, and everybody's name."""
    await clocks.note_name(tx, event.user_id, event.name)
    await clocks.note_manager(tx, event.user_id, event.roles, int(event.active))
