"""What agents do at their desk: answer and move on in one step, change many, leave a draft, be seen by colleagues."""

from dataclasses import dataclass

from answerable.kernel.errors import Conflict, Invalid, Refused, Stale
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.tickets import store
from answerable.tickets.actions import tickets as verbs
from answerable.tickets.rules import Changes, Ticket, views
from answerable.tickets.rules.hands import can_resolve
from answerable.tickets.rules.sight import may_work
from answerable.tickets.rules.ticket import COMMENT

HERE = 25 * SECOND  # a browser says every ten seconds that somebody is still there
WRITING = 12 * SECOND


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody wants to say. ``known`` is the id of the newest comment that they have read.

    ``internal`` is 1 for a note among staff; ``then`` is what follows: RESOLVED, WAITING, or nothing.
    """

    text: str
    internal: int
    known: str
    then: str = ""


async def answer(tx: Tx, ticket_id: str, said: Answer) -> Ticket:
    """Say something, begin the work with it where nobody has, and resolve or wait where that is wanted.

    Raises ``Stale`` where others have said something that whoever answers has not read.
    """
    ticket = await store.load_ticket(tx, ticket_id)
    newest = await store.list_last_comments(tx, ticket.id, 1)
    known = await store.load_comment_number(tx, ticket.id, said.known)
    crossed = [row for row in newest if row["number"] > known and row["author_id"] != tx.actor.id]
    if crossed:
        raise Stale(N_("A newer message has arrived. Read it, then send yours or change it."))
    made, _ = await verbs.add_comment(tx, ticket.id, said.text, said.internal)
    await store.delete_draft(tx, ticket.id)
    await store.note_reader(tx, ticket.id, made.number, tx.now + HERE, 0)
    ticket = await store.load_ticket(tx, ticket.id)
    if said.internal:
        return ticket
    if ticket.status == "ASSIGNED" and may_work(tx.actor, ticket):
        ticket = await verbs.set_status(tx, ticket.id, "IN_PROGRESS", None)
    if said.then and said.then != ticket.status:
        ticket = await move(tx, ticket.id, said.then, None)
    return ticket


async def move(tx: Tx, ticket_id: str, to: str, expected: int | None) -> Ticket:
    """Bring a ticket to a status by the verb that leads there; what nobody has begun is begun before it is solved."""
    ticket = await store.load_ticket(tx, ticket_id)
    if to == "IN_PROGRESS" and ticket.status in ("RESOLVED", "CLOSED"):
        return await verbs.reopen_ticket(tx, ticket_id, expected)
    if to == "RESOLVED" and ticket.status == "ASSIGNED" and can_resolve(ticket):
        ticket = await verbs.set_status(tx, ticket_id, "IN_PROGRESS", expected)
        return await verbs.set_status(tx, ticket_id, "RESOLVED", ticket.version)
    return await verbs.set_status(tx, ticket_id, to, expected)


@dataclass(frozen=True, slots=True)
class Deed:
    """One change for one ticket or many: ``status``, ``priority``, ``category`` or ``agent``, and what it becomes."""

    field: str
    value: str


async def do(tx: Tx, ticket_id: str, deed: Deed, expected: int | None) -> tuple[Ticket, Ticket]:
    """Do one change; return the ticket before and after it."""
    before = await store.load_ticket(tx, ticket_id)
    if deed.field == "status":
        after = await move(tx, ticket_id, deed.value, expected)
    elif deed.field == "agent":
        if not tx.actor.may("ticket.manage"):
            raise Refused(N_("Only a manager can give a ticket to somebody."))
        after = await verbs.assign_ticket(tx, ticket_id, deed.value, expected)
    elif deed.field in ("priority", "category"):
        after = await verbs.update_ticket(tx, ticket_id, Changes(**{deed.field: deed.value}), expected)
    else:
        raise Invalid(N_("There is no such change."))
    return before, after


async def put_back(tx: Tx, number: int, deed: Deed, expected: int) -> Ticket:
    """Take back a change of one of many tickets, named by its number, if nobody has changed it since."""
    ticket = await store.load_numbered(tx, number)
    return (await do(tx, ticket.id, deed, expected))[1]


async def be_here(tx: Tx, ticket_id: str, seen: str, writing: int) -> None:
    """Say that the actor looks at a ticket, has seen its comments up to that with the id ``seen``, and may be typing.

    ``writing`` is 1 while they do.
    """
    ticket = await store.load_ticket(tx, ticket_id)
    number = await store.load_comment_number(tx, ticket.id, seen)
    await store.note_reader(tx, ticket.id, number, tx.now + HERE, tx.now + WRITING if writing else 0)


async def keep_draft(tx: Tx, ticket_id: str, text: str, internal: int) -> int:
    """Keep what the actor has typed so far; an empty text is forgotten. Returns when, in microseconds."""
    ticket = await store.load_ticket(tx, ticket_id)
    body = text[: COMMENT[1]].replace("\x00", "")
    if body.strip():
        await store.save_draft(tx, ticket.id, body, internal)
    else:
        await store.delete_draft(tx, ticket.id)
    return tx.now


async def save_filter(tx: Tx, name: str, wanted: views.WorkFilter) -> None:
    """Keep a filter of the actor under a name. Raises ``Invalid`` for no name, ``Conflict`` for too many."""
    tidy = views.clean_name(name)
    if len(await store.list_filters(tx, views.MOST_FILTERS)) >= views.MOST_FILTERS:
        raise Conflict(f"You have {views.MOST_FILTERS} filters already. Delete one first.")
    await store.insert_filter(tx, tidy, wanted.query)


async def delete_filter(tx: Tx, filter_id: str) -> tuple[str, str] | None:
    """Forget a filter of the actor; return its name and query where it was there."""
    row = await store.delete_filter(tx, filter_id)
    return (row["name"], row["query"]) if row else None
