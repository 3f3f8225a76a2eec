"""Tickets forget: what an erased person wrote, and the words of closed tickets whose time is over."""

from collections.abc import Mapping

from msgspec.structs import replace

from answerable.infra.bus.redaction import ask_to_scrub, forget_here, redact
from answerable.kernel.errors import Invalid
from answerable.kernel.times import DAY
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.audit import RecordAct
from answerable.messages.base import Message
from answerable.messages.erasure import ERASED, ERASED_PERSON, without_author, without_words
from answerable.messages.tickets import TicketErased
from answerable.tickets import store
from answerable.tickets.rules import Ticket
from answerable.tickets.store import erasure

AT_ONCE = 20  # tickets in one unit of work
LONGEST_KEEPING = 36_500  # days


async def forget_person(tx: Tx, person_id: str) -> None:
    """Forget what a person has on their desk now; their tickets follow, some at a time."""
    known = await store.load_person(tx, person_id)
    if known is not None and known["name"] != ERASED_PERSON:
        await erasure.erase_name_in_history(tx, known["name"], ERASED_PERSON)
    await erasure.erase_belongings(tx, person_id)
    await erasure.queue_erasure(tx, person_id)
    await ask_to_scrub(tx)


async def erase_some(tx: Tx) -> int:
    """Erase what erased people wrote on some tickets; return how many tickets that was.

    Their own words go; what staff said stays, without a name.
    """
    waiting = await erasure.take_to_erase(tx, AT_ONCE)
    for row in waiting:
        ticket = await store.find_ticket(tx, row["ticket_id"])
        if ticket is not None:
            await _forget_on(tx, ticket, row["person_id"])
    return len(waiting)


async def _forget_on(tx: Tx, ticket: Ticket, person_id: str) -> None:
    own = ticket.requester_id == person_id
    if own:
        await erasure.erase_comments_by(tx, ticket.id, person_id, ERASED)
        await _lose_words(tx, ticket, whole=False)

    def less(message: Message) -> Message:
        return without_author(without_words(message) if own else message, person_id)

    await redact(tx, TicketErased.TOPIC, ticket.id, less)


async def _lose_words(tx: Tx, ticket: Ticket, *, whole: bool) -> None:
    left = replace(ticket, title=ERASED, description=ERASED, version=ticket.version + 1)
    await erasure.erase_words(tx, left)
    await forget_here(tx, ticket.id)  # what others said of it
    tx.publish(TicketErased(ticket=left.ref, description=ERASED, whole=whole))


# --- how long words are kept -----------------------------------------------------------------------------------------


async def set_retention(tx: Tx, category: str, keep_days: int) -> None:
    """Set for how many days after they were closed tickets of a category keep their words; 0 for always.

    Raises ``Invalid`` for a category that the desk does not have, and for a number that cannot be.
    """
    if not await store.has_category(tx, category):
        raise Invalid(N_("There is no such category."), errors=("category: is not one of the desk",))
    if not 0 <= keep_days <= LONGEST_KEEPING:
        raise Invalid(N_("That is not a time to keep."), errors=(f"keepDays: must be 0 to {LONGEST_KEEPING}",))
    before = {row["category"]: row["keep_days"] for row in await erasure.list_retention(tx)}.get(category, 0)
    if before == keep_days:
        return
    await erasure.save_retention(tx, category, keep_days)
    changes = {"keepDays": [before, keep_days]}
    tx.send(RecordAct(act="RETENTION_CHANGED", about="category", about_id=category, named=category, changes=changes))


async def set_retentions(tx: Tx, wanted: Mapping[str, int | None]) -> None:
    """Set it for many categories: all, or none. ``None`` is what was no number.

    Raises ``Invalid`` with a complaint for each category whose number cannot be, or that the desk does not have.
    """
    errors: list[str] = []
    for category, keep_days in wanted.items():
        try:
            await set_retention(tx, category, -1 if keep_days is None else keep_days)
        except Invalid as problem:
            errors += [f"{category}: {each.partition(': ')[2]}" for each in problem.errors]
    if errors:
        raise Invalid("That is not a time to keep.", errors=tuple(errors))


async def next_ending(tx: Tx) -> int | None:
    """Return when the time of the next closed ticket is over."""
    found = [
        closed_at + row["keep_days"] * DAY
        for row in await erasure.list_retention(tx)
        if (closed_at := await erasure.oldest_ended(tx, row["category"])) is not None
    ]
    return min(found, default=None)


async def empty_some(tx: Tx) -> int:
    """Take the words out of some closed tickets whose time is over; return how many."""
    for row in await erasure.list_retention(tx):
        ended = await erasure.load_ended(tx, row["category"], tx.now - row["keep_days"] * DAY, AT_ONCE)
        for ticket in ended:
            await erasure.empty_ticket(tx, ticket.id, ERASED)
            await _lose_words(tx, ticket, whole=True)
            await redact(tx, TicketErased.TOPIC, ticket.id, without_words)
        if ended:
            named = f"{len(ended)} of {row['category']}"
            tx.send(RecordAct(act="TICKETS_EMPTIED", about="category", about_id=row["category"], named=named))
            return len(ended)
    return 0
