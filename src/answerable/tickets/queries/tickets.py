"""Reads for screens and lists. Whatever a caller may not see does not exist for them, also not in counts."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from answerable.kernel.errors import Invalid, Missing
from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, encode_cursor, total_text
from answerable.kernel.times import iso, iso_or_none
from answerable.kernel.tx import Row, Tx
from answerable.kernel.words import N_
from answerable.tickets import rules, store
from answerable.tickets.rules import Comment, Ticket
from answerable.tickets.rules.filter import TicketFilter

_write_json = msgspec.json.Encoder().encode
MAX_LINES = 1000  # comments or history lines in one answer


class TicketView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A ticket as clients see it."""

    id: str
    number: int
    title: str
    description: str
    category: str
    priority: str
    status: str
    created_by: str
    assigned_to: str | None
    created_at: str
    updated_at: str
    resolved_at: str | None
    closed_at: str | None
    sla_due_at: str | None
    sla_breached: bool
    version: int


class CommentView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A comment as clients see it."""

    id: str
    comment: str
    commented_by: str
    commented_by_name: str
    role: str
    internal: bool
    commented_at: str


class HistoryView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A line of a ticket's history."""

    id: str
    ticket_id: str
    action: str
    performed_by: str
    description: str
    created_at: str


class TimelineView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A line of the timeline: ``type`` is HISTORY or COMMENT."""

    type: str
    action: str
    performed_by: str
    message: str
    timestamp: str


def view(ticket: Ticket) -> TicketView:
    """Show a ticket."""
    return TicketView(
        id=ticket.id,
        number=ticket.number,
        title=ticket.title,
        description=ticket.description,
        category=ticket.category,
        priority=ticket.priority,
        status=ticket.status,
        created_by=ticket.requester_id,
        assigned_to=ticket.agent_id,
        created_at=iso(ticket.created_at),
        updated_at=iso(ticket.updated_at),
        resolved_at=iso_or_none(ticket.resolved_at),
        closed_at=iso_or_none(ticket.closed_at),
        sla_due_at=iso_or_none(ticket.sla_due_at),
        sla_breached=bool(ticket.sla_breached),
        version=ticket.version,
    )


@lru_cache(maxsize=512)  # the newest tickets are on everybody's first page; at most some 20 MB
def view_json(ticket: Ticket) -> bytes:
    """Write a ticket as clients see it."""
    return _write_json(view(ticket))


def comment_view(comment: Comment, author_name: str) -> CommentView:
    """Show a comment."""
    return CommentView(
        id=comment.id,
        comment=comment.body,
        commented_by=comment.author_id,
        commented_by_name=author_name,
        role=comment.author_role,
        internal=bool(comment.internal),
        commented_at=iso(comment.created_at),
    )


async def get_ticket(tx: Tx, ticket_id: str) -> Ticket:
    """Read one ticket. Raises ``Missing``."""
    return rules.as_seen(tx.actor, await store.load_ticket(tx, ticket_id))


async def list_tickets(tx: Tx, wanted: TicketFilter, page: PageRequest) -> Page[Ticket]:
    """Read a page of the tickets that the caller may see."""
    if page.cursor and not all(isinstance(part, int) for part in page.cursor):
        raise _bad_cursor()
    return await store.list_tickets(tx, wanted, page)


async def find_tickets(tx: Tx, words: str, most: int) -> list[Ticket]:
    """Read the newest few tickets that the caller may see and that have some words or a number."""
    return await store.find_tickets(tx, words, most)


async def tickets_of_user(tx: Tx, user_id: str, wanted: TicketFilter, page: PageRequest) -> Page[Ticket]:
    """Read a person's tickets. Raises ``Missing`` where the caller is neither that person nor staff."""
    if user_id != tx.actor.id and not rules.may_note(tx.actor):
        raise Missing(N_("There is no such list."))
    return await list_tickets(tx, wanted, page)


async def tickets_of_agent(tx: Tx, agent_id: str, wanted: TicketFilter, page: PageRequest) -> Page[Ticket]:
    """Read an agent's tickets. Raises ``Missing`` where the caller is neither that agent nor a manager."""
    if agent_id != tx.actor.id and not tx.actor.may("ticket.read_all"):
        raise Missing("There is no such list.")
    return await list_tickets(tx, wanted, page)


async def list_comments(tx: Tx, ticket_id: str, page: PageRequest) -> Page[CommentView]:
    """Read the comments that the caller may see, oldest first."""
    ticket = await store.load_ticket(tx, ticket_id)
    # By id, not by number: numbers count what is said on the whole desk, and a cursor can be read.
    comment_id = _after(page, "")
    after = await store.load_comment_number(tx, ticket.id, comment_id)
    if comment_id and not after:
        raise _bad_cursor()
    rows = await store.list_comments(tx, ticket.id, after, page.size + 1)
    shown = [_comment_of(row) for row in rows[: page.size]]
    last = rows[page.size - 1]["id"] if len(rows) > page.size else None
    total = total_text(await store.count_comments(tx, ticket.id, COUNT_CAP + 1))
    return Page(shown, encode_cursor("comments", None, last) if last is not None else None, total)


async def list_history(tx: Tx, ticket_id: str, page: PageRequest) -> Page[HistoryView]:
    """Read a ticket's history, oldest first."""
    ticket = await store.load_ticket(tx, ticket_id)
    after = _after(page, "")
    rows = await store.list_history(tx, ticket.id, after, page.size + 1)
    shown = [_history_of(row) for row in rows[: page.size]]
    last = rows[page.size - 1]["id"] if len(rows) > page.size else None
    total = total_text(await store.count_history(tx, ticket.id, COUNT_CAP + 1))
    return Page(shown, encode_cursor("history", None, last) if last is not None else None, total)


async def list_timeline(tx: Tx, ticket_id: str) -> Sequence[TimelineView]:
    """Read history and comments as one story, oldest first; of very long stories the first ``MAX_LINES`` of each."""
    ticket = await store.load_ticket(tx, ticket_id)
    lines = [(row["created_at"], 0, row) for row in await store.list_history(tx, ticket.id, "", MAX_LINES)]
    lines += [(row["created_at"], 1, row) for row in await store.list_comments(tx, ticket.id, 0, MAX_LINES)]
    lines.sort(key=lambda line: line[:2])
    return [_timeline_of(row) for _, _, row in lines]


async def list_categories(tx: Tx) -> list[str]:
    """Read the category codes."""
    return await store.list_categories(tx)


def _after(page: PageRequest, start: str) -> str:
    """Return the key in the cursor, ``start`` where there is none; it must be of the same kind."""
    if page.cursor is None:
        return start
    key = page.cursor[1]
    if not isinstance(key, type(start)):  # a cursor is not signed: somebody may have written it themselves
        raise _bad_cursor()
    return key


def _bad_cursor() -> Invalid:
    return Invalid("The cursor is not valid.", errors=("cursor: not a cursor of this list",))


def _comment_of(row: Row) -> CommentView:
    return CommentView(
        id=row["id"],
        comment=row["body"],
        commented_by=row["author_id"],
        commented_by_name=row["author_name"],
        role=row["author_role"],
        internal=bool(row["internal"]),
        commented_at=iso(row["created_at"]),
    )


def _history_of(row: Row) -> HistoryView:
    return HistoryView(
        id=row["id"],
        ticket_id=row["ticket_id"],
        action=row["action"],
        performed_by=row["performed_by"],
        description=row["description"],
        created_at=iso(row["created_at"]),
    )


def _timeline_of(row: Row) -> TimelineView:
    if "body" in row.keys():  # noqa: SIM118  # a database row, not a dict
        note = "INTERNAL_NOTE" if row["internal"] else "COMMENT_ADDED"
        return TimelineView(
            type="COMMENT",
            action=note,
            performed_by=row["author_id"],
            message=row["body"],
            timestamp=iso(row["created_at"]),
        )
    return TimelineView(
        type="HISTORY",
        action=row["action"],
        performed_by=row["performed_by"],
        message=row["description"],
        timestamp=iso(row["created_at"]),
    )
