"""Reads for those who ask: their tickets, one of them, what they have raised already, and whom to raise one for."""

from collections.abc import Sequence
from dataclasses import dataclass

from answerable.kernel.errors import Invalid, Missing
from answerable.kernel.paging import decode_cursor, encode_cursor
from answerable.kernel.tx import Tx
from answerable.tickets import store
from answerable.tickets.rules import Ticket, own
from answerable.tickets.rules.own import Standing
from answerable.tickets.store import own as rows

PARTS = ("open", "done", "all")
PER_PAGE = 30
MESSAGES = 50
PEOPLE = 8
ALIKE = 4
LOOKED_AT = 100  # of a person's open tickets, the newest, when looking for one that is alike
COUNTED = 99
_LIST = "own"
_TALK = "talk"
_MARKS = ("TICKET_RESOLVED", "TICKET_CLOSED", "TICKET_REOPENED", "TICKET_CANCELLED")


@dataclass(frozen=True, slots=True)
class OwnRow:
    """One of the caller's tickets in their list. ``answered_by`` is who said the last word, if it was not them."""

    ticket: Ticket
    standing: Standing
    agent: str
    answered_by: str
    answered_at: int


@dataclass(frozen=True, slots=True)
class OwnList:
    """A page of the caller's tickets; ``open_count`` stops at ``COUNTED`` + 1."""

    rows: list[OwnRow]
    next_cursor: str | None
    open_count: int
    any_at_all: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the conversation: something said (``kind`` "said"), or a mark such as TICKET_RESOLVED."""

    kind: str
    at: int
    id: str
    author_id: str = ""
    author: str = ""
    body: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class OwnTicket:
    """A ticket as its requester sees it; ``earlier`` is the cursor of what was said before."""

    ticket: Ticket
    standing: Standing
    requester: str
    agent: str
    entries: list[Entry]
    earlier: str | None
    is_newest: bool


@dataclass(frozen=True, slots=True)
class Alike:
    """An open ticket that may be about the same thing."""

    id: str
    number: int
    title: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody whom a ticket may be raised for."""

    id: str
    name: str


async def list_own(tx: Tx, part: str, words: str, cursor: str | None) -> OwnList:
    """Read a page of the caller's own tickets. Raises ``Invalid`` for a part that there is not."""
    if part not in PARTS:
        raise Invalid("There is no such list.", errors=(f"show: must be one of {', '.join(PARTS)}",))
    after = _turn(cursor)
    tickets = await rows.list_own(tx, part, " ".join(words.split()), after, PER_PAGE + 1)
    following = None
    if len(tickets) > PER_PAGE:
        last = tickets[PER_PAGE - 1]
        following = encode_cursor(_LIST, int(part == "open" and last.status in own.YOURS), last.number)
    shown = await _with_words(tx, tickets[:PER_PAGE])
    count = await rows.count_own(tx, "open", COUNTED)
    return OwnList(
        shown,
        following,
        count,
        bool(shown) or count > 0 or await rows.count_own(tx, "done", 0) > 0,
    )


async def _with_words(tx: Tx, tickets: Sequence[Ticket]) -> list[OwnRow]:
    ids = [ticket.id for ticket in tickets]
    due = await rows.load_answers_due(tx, ids)
    last = await rows.last_public_comments(tx, ids)
    names = await rows.load_names(tx, sorted({t.agent_id for t in tickets if t.agent_id}))
    shown = []
    for ticket in tickets:
        said = last.get(ticket.id)
        theirs = said is not None and said["author_id"] != tx.actor.id
        shown.append(
            OwnRow(
                ticket,
                own.standing(ticket, None if theirs else due.get(ticket.id), tx.now),
                names.get(ticket.agent_id or "", ""),
                said["author_name"] if said is not None and theirs else "",
                said["created_at"] if said is not None and theirs else 0,
            )
        )
    return shown


async def get_own(tx: Tx, ticket_id: str, cursor: str | None) -> OwnTicket:
    """Read a ticket as its requester sees it. Raises ``Missing`` for a ticket that is not the caller's own."""
    ticket = await store.load_ticket(tx, ticket_id)
    if ticket.requester_id != tx.actor.id:
        raise Missing("There is no such ticket.")
    before = await _number_in(tx, ticket.id, cursor)
    said = await rows.list_newest_comments(tx, ticket.id, before, MESSAGES + 1)
    earlier = encode_cursor(_TALK, None, said[MESSAGES - 1]["id"]) if len(said) > MESSAGES else None
    names = await rows.load_names(tx, sorted({ticket.requester_id, ticket.agent_id or ""}))
    entries = [
        Entry(
            "said",
            row["created_at"],
            row["id"],
            row["author_id"],
            row["author_name"],
            row["body"],
            own=row["author_id"] == ticket.requester_id,
        )
        for row in reversed(said[:MESSAGES])
    ]
    requester = names.get(ticket.requester_id, tx.actor.name)
    if earlier is None:
        entries.insert(
            0, Entry("said", ticket.created_at, ticket.id, ticket.requester_id, requester, ticket.description, own=True)
        )
    entries += await _marks(tx, ticket, entries[0].at, entries[-1].at if before is not None else tx.now)
    entries.sort(key=lambda entry: entry.at)
    # The mirror of the promises follows a moment later: whoever has just been answered is owed nothing.
    answered = before is None and bool(said) and said[0]["author_id"] != ticket.requester_id
    due = {} if answered else await rows.load_answers_due(tx, [ticket.id])
    return OwnTicket(
        ticket,
        own.standing(ticket, due.get(ticket.id), tx.now),
        requester,
        names.get(ticket.agent_id or "", ""),
        entries,
        earlier,
        before is None,
    )


async def _marks(tx: Tx, ticket: Ticket, since: int, until: int) -> list[Entry]:
    """Return what happened that its requester is told of, in the time that is shown."""
    return [
        Entry(row["action"], row["created_at"], row["id"], own=row["performed_by"] == ticket.requester_id)
        for row in await store.list_history(tx, ticket.id, "", 1000)
        if row["action"] in _MARKS and since <= row["created_at"] <= until
    ]


async def list_alike(tx: Tx, title: str, requester_id: str | None) -> list[Alike]:
    """Find open tickets of the caller (or, for staff, of ``requester_id``) that may be about the same as ``title``."""
    requester = tx.actor.id
    if requester_id and tx.actor.may("ticket.create_for_others"):
        requester = requester_id
    found = await rows.list_open_words(tx, requester, LOOKED_AT)
    places = own.alike(title, [(row["title"], row["beginning"]) for row in found])[:ALIKE]
    return [Alike(r["id"], r["number"], r["title"], r["created_at"]) for r in (found[place] for place in places)]


async def find_people(tx: Tx, words: str) -> list[Found]:
    """Find people by name. The route asks for ``ticket.create_for_others``."""
    if not words.strip():
        return []
    return [Found(row["id"], row["name"]) for row in await rows.find_people(tx, words, PEOPLE)]


async def get_person(tx: Tx, person_id: str) -> Found | None:
    """Read the name of somebody who is active; ``None`` where there is no such person."""
    row = await store.load_person(tx, person_id)
    return Found(row["id"], row["name"]) if row is not None and row["active"] else None


def _turn(cursor: str | None) -> tuple[int, int] | None:
    if not cursor:
        return None
    turn, number = decode_cursor(cursor, _LIST)
    if not isinstance(turn, int) or not isinstance(number, int):
        raise _bad_cursor()
    return turn, number


async def _number_in(tx: Tx, ticket_id: str, cursor: str | None) -> int | None:
    """Return the number of the comment that a cursor names: cursors can be read, and numbers count the whole desk."""
    if not cursor:
        return None
    _, key = decode_cursor(cursor, _TALK)
    number = await store.load_comment_number(tx, ticket_id, key) if isinstance(key, str) else 0
    if not number:
        raise _bad_cursor()
    return number


def _bad_cursor() -> Invalid:
    return Invalid("The cursor is not valid.", errors=("cursor: not a cursor of this list",))
