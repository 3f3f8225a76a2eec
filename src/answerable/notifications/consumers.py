"""What notifications do because something happened elsewhere."""

from answerable.kernel.tx import Tx
from answerable.messages.sla import SlaEvent
from answerable.messages.tickets import TicketErased, TicketEvent
from answerable.messages.users import LanguageChosen, PersonErased, PersonEvent
from answerable.messages.webhooks import WebhookDisabled
from answerable.notifications import actions
from answerable.notifications.rules import Person


async def notify(tx: Tx, event: TicketEvent | SlaEvent) -> None:
    """Something happened to a ticket."""
    await actions.notify(tx, event)


async def tell_admins(tx: Tx, event: WebhookDisabled) -> None:
    """Something happened that administrators have to look after."""
    await actions.tell_admins(tx, event)


async def know_person(tx: Tx, event: PersonEvent) -> None:
    """A person is new or changed."""
    roles = " ".join(sorted(event.roles))
    person = Person(id=event.user_id, name=event.name, email=event.email, roles=roles, active=int(event.active))
    await actions.know_person(tx, person)


async def know_language(tx: Tx, event: LanguageChosen) -> None:
    """A person chose their language."""
    await actions.know_language(tx, event.user_id, event.language)


async def forget_ticket(tx: Tx, event: TicketErased) -> None:
    """The words of a ticket are gone."""
    await actions.forget_ticket(tx, event.ticket.id)


async def forget_person(tx: Tx, event: PersonErased) -> None:
    """Somebody is to be forgotten."""
    await actions.forget_person(tx, event.user_id)
