"""What the agents' workspace shows: its lists, the counts of its views, and one ticket with all that belongs to it."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

import msgspec
from markupsafe import Markup
from msgspec import structs

from answerable.infra.web.markdown import render
from answerable.kernel.paging import Page, PageRequest, encode_cursor
from answerable.kernel.tx import Row, Tx
from answerable.tickets import rules, store
from answerable.tickets.queries.tickets import list_categories
from answerable.tickets.rules import SYSTEM, Ticket
from answerable.tickets.rules.hands import Hands, hands_of
from answerable.tickets.rules.views import MOST_FILTERS, VIEWS, WorkFilter, filter_of

MOST_COUNTED = 1000
TAIL = 60  # of a long conversation, the last messages and the last events
MOST_LINES = 1000
MOST_AGENTS = 200
OTHERS = 5
NOBODY = ""
NOTHING = "0"  # is the newest comment where there is none
_MARKS = re.compile(r"[*_`#>~|\[\]]+")
_STEP = re.compile(r"(\S+) → (\S+)")


class WorkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket in a list. ``promise`` is at-risk, breached, paused or empty; ``words`` what was said last."""

    id: str
    number: int
    title: str
    status: str
    priority: str
    requester_id: str
    requester: str
    agent: str
    at: int
    promise: str
    due: int | None
    words: str
    speaker: str  # "", "me" or "note"
    unread: bool
    version: int


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A list with what stands around it: the views with their counts, and the person's own filters.

    What a part of the page does not show is not read for it, and empty here.
    """

    wanted: WorkFilter
    rows: Sequence[WorkRow] = ()
    next_cursor: str | None = None
    views: Sequence[tuple[str, int]] = ()
    filters: Sequence["SavedFilter"] = ()
    agents: Sequence["Agent"] = ()
    categories: Sequence[str] = ()


class SavedFilter(msgspec.Struct, frozen=True):
    """A filter that somebody keeps; ``count`` is ``None`` where counting would be a search."""

    id: str
    name: str
    query: str
    count: int | None


class Agent(msgspec.Struct, frozen=True):
    """Somebody who can have tickets, with how many they have open."""

    id: str
    name: str
    open: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A message, a note, or a mark: one line of what happened. ``steps`` are (what, from, to)."""

    kind: str
    key: str
    at: int
    by: str
    name: str
    body: Markup = Markup()
    asked: bool = False  # said by the requester
    action: str = ""
    words: str = ""
    steps: Sequence[tuple[str, str, str]] = ()
    fresh: bool = False  # came in while whoever looks was doing something else


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """One ticket with all that belongs to it. ``newest`` and ``happened`` say how far this screen has read."""

    ticket: Ticket
    hands: Hands
    entries: Sequence[Entry]
    earlier: bool
    newest: str
    happened: str
    requester: str
    agent: str
    promise: str
    others: Sequence[Row]
    here: Sequence[Row]
    draft: Row | None
    agents: Sequence[Agent]
    categories: Sequence[str]


async def list_rows(tx: Tx, wanted: WorkFilter, page: PageRequest) -> Page[WorkRow]:
    """Read a page of a list."""
    rows = await store.list_work(tx, wanted, page)
    shown = [_row_of(row, tx.actor.id) for row in rows[: page.size]]
    cursor = None
    if len(rows) > page.size:
        last = rows[page.size - 1]
        cursor = encode_cursor(wanted.order, _sort_value(last, wanted.order), last["number"])
    return Page(shown, cursor)


async def listing(tx: Tx, wanted: WorkFilter, page: PageRequest) -> Listing:
    """Read a page of a list with what stands around it."""
    found, around = await list_rows(tx, wanted, page), await list_views(tx, wanted)
    return structs.replace(
        around,
        rows=found.rows,
        next_cursor=found.next_cursor,
        agents=await list_agents(tx),
        categories=await list_categories(tx),
    )


async def list_alone(tx: Tx, wanted: WorkFilter, page: PageRequest) -> Listing:
    """Read a page of a list without what stands around it: what reads itself again whenever a ticket changes."""
    found = await list_rows(tx, wanted, page)
    return Listing(wanted=wanted, rows=found.rows, next_cursor=found.next_cursor)


async def list_views(tx: Tx, wanted: WorkFilter) -> Listing:
    """Read what stands above a list: the views and the person's own filters, with their counts."""
    saved = [
        (row, filter_of(_parameters(row["query"]), tx.actor)) for row in await store.list_filters(tx, MOST_FILTERS)
    ]
    cheap = [one for _, one in saved if not one.q]
    counts = await store.count_work(tx, [*(WorkFilter(view=name) for name in VIEWS), *cheap], MOST_COUNTED + 1)
    of_saved = iter(counts[len(VIEWS) :])
    return Listing(
        wanted=wanted,
        views=list(zip(VIEWS, counts, strict=False)),
        filters=[
            SavedFilter(row["id"], row["name"], one.query, None if one.q else next(of_saved)) for row, one in saved
        ],
    )


async def count_mine(tx: Tx) -> int:
    """Count what waits for the caller: their own tickets, or, who has none, those without an agent."""
    view = "mine" if tx.actor.may("ticket.work") else "unassigned"
    return (await store.count_work(tx, [WorkFilter(view=view)], 100))[0]


async def list_agents(tx: Tx) -> list[Agent]:
    """Read whom the caller can give tickets to."""
    if not tx.actor.may("ticket.manage"):
        return []
    return [Agent(row["id"], row["name"], row["open"]) for row in await store.list_agents(tx, MOST_AGENTS)]


async def list_here(tx: Tx, ticket_id: str) -> tuple[list[Row], str]:
    """Read who else looks at a ticket that the caller may see, and a text that changes when the ticket does."""
    ticket = await store.load_ticket(tx, ticket_id)
    said = await store.list_last_comments(tx, ticket.id, 1)
    return await store.list_here(tx, ticket.id, 20), f"{said[0]['id'] if said else NOTHING}.{ticket.version}"


async def screen(tx: Tx, ticket_id: str, known: tuple[str, str] | None, lines: int) -> Screen:
    """Read one ticket with all that belongs to it. Raises ``Missing`` where the caller may not see it.

    ``known`` is how far an earlier screen had read (``newest``, ``happened``): what is newer is marked as fresh.
    """
    ticket = await store.load_ticket(tx, ticket_id)
    said = await store.list_last_comments(tx, ticket.id, lines + 1)
    done = await store.list_last_history(tx, ticket.id, lines + 1)
    requester = await store.load_person(tx, ticket.requester_id)
    agent = await store.load_person(tx, ticket.agent_id) if ticket.agent_id else None
    hands = hands_of(tx.actor, ticket)
    read = None if known is None else (await store.load_comment_number(tx, ticket.id, known[0]), known[1])
    entries, earlier = _entries(tx, ticket, said, done, read, lines)
    if not earlier:
        entries.insert(0, _description(ticket, requester["name"] if requester else NOBODY))
    return Screen(
        ticket=ticket,
        hands=hands,
        entries=entries,
        earlier=earlier,
        newest=said[0]["id"] if said else NOTHING,
        happened=done[0]["id"] if done else "",
        requester=requester["name"] if requester else NOBODY,
        agent=agent["name"] if agent else NOBODY,
        promise=promise_of(ticket.status, ticket.sla_due_at, ticket.sla_breached, await store.load_risk(tx, ticket.id)),
        others=await store.list_others_of(tx, ticket.requester_id, ticket.id, OTHERS),
        here=await store.list_here(tx, ticket.id, 20),
        draft=await store.load_draft(tx, ticket.id),
        agents=await list_agents(tx) if hands.assign else [],
        categories=await list_categories(tx) if hands.edit else [],
    )


def _description(ticket: Ticket, name: str) -> Entry:
    return Entry(
        kind="message",
        key="description",
        at=ticket.created_at,
        by=ticket.requester_id,
        name=name,
        body=render(ticket.description),
        asked=True,
    )


def _entries(
    tx: Tx, ticket: Ticket, said: list[Row], done: list[Row], known: tuple[int, str] | None, lines: int
) -> tuple[list[Entry], bool]:
    """Return the tail of the conversation, oldest first, and whether there is more before it."""
    cut = [rows[lines - 1]["created_at"] for rows in (said, done) if len(rows) > lines]
    since = max(cut, default=-1)
    number, event = known if known is not None else (2**62, "~")
    me = tx.actor.id
    found = [
        (row["created_at"], 0, _message(row, ticket, fresh=row["number"] > number)) for row in reversed(said[:lines])
    ]
    found += [
        (row["created_at"], 1, _mark(row, fresh=row["id"] > event and row["performed_by"] != me))
        for row in reversed(done[:lines])
        if row["action"] != "TICKET_CREATED" or row["performed_by"] != ticket.requester_id
    ]
    found.sort(key=lambda one: one[:2])  # what was said, then what followed from it
    return [entry for at, _, entry in found if at >= since], bool(cut)


def _message(row: Row, ticket: Ticket, *, fresh: bool) -> Entry:
    return Entry(
        kind="note" if row["internal"] else "message",
        key=f"said-{row['id']}",
        at=row["created_at"],
        by=row["author_id"],
        name=row["author_name"] or NOBODY,
        body=render(row["body"]),
        asked=row["author_id"] == ticket.requester_id,
        fresh=fresh,
    )


def _mark(row: Row, *, fresh: bool) -> Entry:
    words = row["description"]
    steps = []
    for part in words.split(", "):
        step = _STEP.search(part)
        steps.append((part.split(" ", 1)[0].lower(), step[1] if step else "", step[2] if step else ""))
    return Entry(
        kind="mark",
        key=f"done-{row['id']}",
        at=row["created_at"],
        by="" if row["performed_by"] == SYSTEM else row["performed_by"],
        name=row["performer_name"] or NOBODY,
        action=row["action"],
        words=words.partition(" to ")[2] if row["action"] == "TICKET_ASSIGNED" else words.partition(": ")[2],
        steps=steps,
        fresh=fresh,
    )


def promise_of(status: str, due_at: int | None, breached: int, at_risk: int) -> str:
    """Return how the promise to resolve a ticket stands, as far as that matters: empty where all is well."""
    if status not in rules.OPEN_STATUSES:
        return ""
    if breached:
        return "breached"
    if status == "WAITING" and due_at is None:
        return "paused"
    return "at-risk" if at_risk else ""


def _row_of(row: Row, me: str) -> WorkRow:
    said = row["said"] if row["said"] is not None else row["description"]
    mine = row["said_by"] == me
    return WorkRow(
        id=row["id"],
        number=row["number"],
        title=row["title"],
        status=row["status"],
        priority=row["priority"],
        requester_id=row["requester_id"],
        requester=row["requester_name"] or NOBODY,
        agent=row["agent_name"] or NOBODY,
        at=row["updated_at"],
        promise=promise_of(row["status"], row["sla_due_at"], row["sla_breached"], row["sla_at_risk"]),
        due=row["sla_due_at"],
        words=" ".join(_MARKS.sub("", said).split())[:160],
        speaker="me" if mine else "note" if row["said_internal"] else "",
        unread=not mine and (row["seen"] is None or row["seen"] < (row["said_number"] or 0)),
        version=row["version"],
    )


def _sort_value(row: Row, sort: str) -> int:
    name = sort.lstrip("-")
    if name == "slaDueAt":
        due: int | None = row["sla_due_at"]
        return store.NO_DUE if due is None else due
    columns = {"updatedAt": "updated_at", "priority": "priority_rank", "createdAt": "number"}
    return int(row[columns[name]])


def _parameters(query: str) -> dict[str, str]:
    return dict(parse_qsl(query))
