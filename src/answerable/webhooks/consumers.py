"""What webhooks do because something happened elsewhere."""

from answerable.kernel.tx import Tx
from answerable.messages.base import Event
from answerable.messages.tickets import TicketErased
from answerable.messages.users import PersonErased
from answerable.webhooks import actions


async def tell(tx: Tx, event: Event) -> None:
    """Something happened that programs may want to know."""
    await actions.tell(tx, event)


async def forget_person(tx: Tx, event: PersonErased) -> None:
    """Somebody is to be forgotten."""
    await actions.forget(tx, event.user_id, 0)


async def forget_ticket(tx: Tx, event: TicketErased) -> None:
    """The words of a ticket are gone."""
    await actions.forget(tx, event.ticket.id, event.ticket.version)
