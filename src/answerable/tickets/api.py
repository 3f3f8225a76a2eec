"""The HTTP interface of tickets."""

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, get, patch, post, put
from litestar.params import Parameter

from answerable.infra.web.described import says
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.paging import list_response, written_list
from answerable.infra.web.request import DeskRequest, JsonAnswer, Reply, respond
from answerable.kernel.errors import Invalid
from answerable.kernel.paging import PageRequest, page_request
from answerable.tickets import actions, queries, rules
from answerable.tickets.actions import erasure
from answerable.tickets.queries import CommentView, HistoryView, TicketView, TimelineView, retention
from answerable.tickets.queries.retention import KeepingView
from answerable.tickets.rules import Changes, Comment, Draft, Ticket
from answerable.tickets.rules.filter import DEFAULT_SORT, TicketFilter, clean_sort
from answerable.tickets.rules.ticket import COMMENT, DESCRIPTION, TITLE

AUTO_ASSIGN_SECONDS = 2.0

AssignedTo = Annotated[str | None, Parameter(query="assignedTo", description="An agent's id.")]
CreatedBy = Annotated[str | None, Parameter(query="createdBy", description="A requester's id.")]


Title = Annotated[str, says(minLength=TITLE[0], maxLength=TITLE[1])]
Description = Annotated[str, says(minLength=DESCRIPTION[0], maxLength=DESCRIPTION[1])]


class TicketDraft(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a ticket is raised with."""

    title: Title
    description: Description
    category: str
    priority: str
    requester_id: str | None = None


class TicketChanges(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What may be changed about a ticket; what is left out stays."""

    title: Title | None = None
    description: Description | None = None
    category: str | None = None
    priority: str | None = None


class NewStatus(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The status to move to."""

    status: str


class Assignee(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The agent to give a ticket to."""

    agent_id: Annotated[str, says(minLength=1)]


class NewComment(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Something to say; ``internal`` for staff only."""

    comment: Annotated[str, says(minLength=COMMENT[0], maxLength=COMMENT[1])]
    internal: bool = False


class CategoryList(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The categories that new tickets may have, in their order."""

    categories: list[str]


class Keeping(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Days after a ticket was closed; 0 for always."""

    keep_days: int


@post("/api/tickets", opt=needs("ticket.create"), tags=["Tickets"])
async def create_ticket(request: DeskRequest, data: TicketDraft) -> Response[TicketView]:
    """Raise a ticket, for oneself or, as staff, for a requester."""
    draft = Draft(
        title=data.title,
        description=data.description,
        category=data.category,
        priority=data.priority.upper(),
        requester_id=data.requester_id,
    )
    return await request.post(_created, actions.create_ticket, draft)


@get("/api/tickets", opt=needs(SIGNED_IN), tags=["Tickets"])
async def list_tickets(
    request: DeskRequest,
    status: str | None = None,
    priority: str | None = None,
    category: str | None = None,
    assigned_to: AssignedTo = None,
    created_by: CreatedBy = None,
    q: str | None = None,
    sort: str | None = None,
    page: int = 0,
    size: int = 10,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[TicketView]]:
    """List the tickets that the caller may see, newest first unless ``sort`` says otherwise."""
    wanted = TicketFilter(
        status or None,
        priority or None,
        category or None,
        assigned_to or None,
        created_by or None,
        q or None,
        clean_sort(sort),
    )
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=wanted.sort)
    ask = request.ask if wanted.is_plain and not part.exact_count and part.offset == 0 else request.scan
    found = await ask(queries.list_tickets, wanted, part)
    return written_list(request, found, [queries.view_json(ticket) for ticket in found.rows])


@get("/api/tickets/{ticket_id:str}", opt=needs(SIGNED_IN), tags=["Tickets"])
async def get_ticket(request: DeskRequest, ticket_id: str) -> Response[TicketView]:
    """Read one ticket."""
    ticket = await request.ask(queries.get_ticket, ticket_id)
    return JsonAnswer(queries.view_json(ticket), 200, {"ETag": f'"{ticket.version}"'})


@get("/api/tickets/user/{user_id:str}", opt=needs(SIGNED_IN), tags=["Tickets"])
async def list_user_tickets(
    request: DeskRequest,
    user_id: str,
    page: int = 0,
    size: int = 10,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[TicketView]]:
    """List the tickets of a requester."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=DEFAULT_SORT)
    found = await request.scan(queries.tickets_of_user, user_id, TicketFilter(created_by=user_id), part)
    return written_list(request, found, [queries.view_json(ticket) for ticket in found.rows])


@get("/api/tickets/agent/{agent_id:str}", opt=needs(SIGNED_IN), tags=["Tickets"])
async def list_agent_tickets(
    request: DeskRequest,
    agent_id: str,
    page: int = 0,
    size: int = 10,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[TicketView]]:
    """List the tickets of an agent."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=DEFAULT_SORT)
    found = await request.scan(queries.tickets_of_agent, agent_id, TicketFilter(assigned_to=agent_id), part)
    return written_list(request, found, [queries.view_json(ticket) for ticket in found.rows])


@get("/api/tickets/status/{status:str}", opt=needs(SIGNED_IN), tags=["Tickets"])
async def list_status_tickets(
    request: DeskRequest,
    status: str,
    page: int = 0,
    size: int = 10,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[TicketView]]:
    """List the tickets in a status."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=DEFAULT_SORT)
    found = await request.scan(queries.list_tickets, TicketFilter(status=rules.known_status(status)), part)
    return written_list(request, found, [queries.view_json(ticket) for ticket in found.rows])


@patch("/api/tickets/{ticket_id:str}", opt=needs(SIGNED_IN) | {"if_match": True}, tags=["Tickets"])
async def update_ticket(request: DeskRequest, ticket_id: str, data: TicketChanges) -> Response[TicketView]:
    """Change title, description, category (requester until somebody works on it, staff always) or priority (staff)."""
    changes = Changes(
        title=data.title,
        description=data.description,
        category=data.category,
        priority=data.priority.upper() if data.priority else data.priority,
    )
    return respond(_shown(await request.act(actions.update_ticket, ticket_id, changes, request.expected_version())))


@put("/api/tickets/{ticket_id:str}/status", opt=needs(SIGNED_IN) | {"if_match": True}, tags=["Tickets"])
async def set_status(request: DeskRequest, ticket_id: str, data: NewStatus) -> Response[TicketView]:
    """Move a ticket on in its life: IN_PROGRESS, WAITING, RESOLVED."""
    return respond(_shown(await request.act(actions.set_status, ticket_id, data.status, request.expected_version())))


@put("/api/tickets/{ticket_id:str}/assign", opt=needs("ticket.manage") | {"if_match": True}, tags=["Tickets"])
async def assign_ticket(
    request: DeskRequest,
    ticket_id: str,
    agent: Annotated[str | None, Parameter(query="agentId", description="The agent; or in the body.")] = None,
    data: Assignee | None = None,
) -> Response[TicketView]:
    """Give a ticket to an agent, named by ``agentId`` in the query or in the body."""
    agent_id = agent or (data.agent_id if data else None)
    if not agent_id:
        raise Invalid("Name the agent.", errors=("agentId: is missing",))
    return respond(_shown(await request.act(actions.assign_ticket, ticket_id, agent_id, request.expected_version())))


@put("/api/tickets/{ticket_id:str}/close", opt=needs(SIGNED_IN) | {"if_match": True}, tags=["Tickets"])
async def close_ticket(request: DeskRequest, ticket_id: str) -> Response[TicketView]:
    """Close a resolved ticket."""
    return respond(_shown(await request.act(actions.close_ticket, ticket_id, request.expected_version())))


@put("/api/tickets/{ticket_id:str}/reopen", opt=needs(SIGNED_IN) | {"if_match": True}, tags=["Tickets"])
async def reopen_ticket(request: DeskRequest, ticket_id: str) -> Response[TicketView]:
    """Open a resolved or closed ticket again."""
    return respond(_shown(await request.act(actions.reopen_ticket, ticket_id, request.expected_version())))


@put("/api/tickets/{ticket_id:str}/cancel", opt=needs(SIGNED_IN) | {"if_match": True}, tags=["Tickets"])
async def cancel_ticket(request: DeskRequest, ticket_id: str) -> Response[TicketView]:
    """Take an open ticket back."""
    return respond(_shown(await request.act(actions.cancel_ticket, ticket_id, request.expected_version())))


@post("/api/tickets/{ticket_id:str}/auto-assign", status_code=200, opt=needs("ticket.manage"), tags=["Tickets"])
async def auto_assign(request: DeskRequest, ticket_id: str) -> Response[TicketView]:
    """Let the desk choose an agent now; answers the ticket as it stands then, unassigned where nobody is free."""
    await request.post(_shown, actions.ask_for_agent, ticket_id)
    loop = asyncio.get_running_loop()
    give_up, pause = loop.time() + AUTO_ASSIGN_SECONDS, 0.002
    while (ticket := await request.ask(queries.get_ticket, ticket_id)).status == "CREATED" and loop.time() < give_up:
        if not request.parts["bus"].running:
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return respond(_shown(ticket))  # not the answer kept for an Idempotency-Key: that one had no agent yet


@post("/api/tickets/{ticket_id:str}/comments", opt=needs(SIGNED_IN), tags=["Tickets"])
async def add_comment(request: DeskRequest, ticket_id: str, data: NewComment) -> Response[CommentView]:
    """Say something on a ticket, or note something among staff."""
    return await request.post(_said, actions.add_comment, ticket_id, data.comment, int(data.internal))


@get("/api/tickets/{ticket_id:str}/comments", opt=needs(SIGNED_IN), tags=["Tickets"])
async def list_comments(
    request: DeskRequest, ticket_id: str, size: int = queries.MAX_LINES, cursor: str | None = None
) -> Response[list[CommentView]]:
    """Read the comments of a ticket, oldest first; internal notes for staff only."""
    found = await request.ask(queries.list_comments, ticket_id, _lines(size, cursor, "comments"))
    return list_response(request, found, found.rows)


@get("/api/tickets/{ticket_id:str}/history", opt=needs(SIGNED_IN), tags=["Tickets"])
async def list_history(
    request: DeskRequest, ticket_id: str, size: int = queries.MAX_LINES, cursor: str | None = None
) -> Response[list[HistoryView]]:
    """Read what happened to a ticket and who did it, oldest first."""
    found = await request.ask(queries.list_history, ticket_id, _lines(size, cursor, "history"))
    return list_response(request, found, found.rows)


@get("/api/tickets/{ticket_id:str}/timeline", opt=needs(SIGNED_IN), tags=["Tickets"])
async def list_timeline(request: DeskRequest, ticket_id: str) -> list[TimelineView]:
    """Read history and comments as one story, oldest first."""
    return list(await request.ask(queries.list_timeline, ticket_id))


@get("/api/categories", opt=needs(SIGNED_IN), tags=["Tickets"])
async def list_categories(request: DeskRequest) -> list[str]:
    """List the categories that a new ticket may have."""
    return await request.ask(queries.list_categories)


@put("/api/categories", opt=needs("category.edit"), tags=["Tickets"])
async def set_categories(request: DeskRequest, data: CategoryList) -> list[str]:
    """Set the categories that new tickets may have; existing tickets keep theirs."""
    return await request.act(actions.set_categories, data.categories)


@get("/api/categories/retention", opt=needs("category.edit"), tags=["Tickets"])
async def list_retention(request: DeskRequest) -> list[KeepingView]:
    """List for how many days after they were closed tickets of each category keep their words; 0 for always."""
    return await request.ask(retention.list_retention)


@put("/api/categories/{code:str}/retention", opt=needs("category.edit"), tags=["Tickets"])
async def set_retention(request: DeskRequest, code: str, data: Keeping) -> list[KeepingView]:
    """Set for how many days after they were closed tickets of a category keep their words; 0 for always."""
    await request.act(erasure.set_retention, code, data.keep_days)
    return await request.ask(retention.list_retention)


ROUTES = (
    create_ticket,
    list_tickets,
    get_ticket,
    list_user_tickets,
    list_agent_tickets,
    list_status_tickets,
    update_ticket,
    set_status,
    assign_ticket,
    close_ticket,
    reopen_ticket,
    cancel_ticket,
    auto_assign,
    add_comment,
    list_comments,
    list_history,
    list_timeline,
    list_categories,
    set_categories,
    list_retention,
    set_retention,
)


def _created(ticket: Ticket) -> Reply[TicketView]:
    headers = {"Location": f"/api/tickets/{ticket.id}", "ETag": f'"{ticket.version}"'}
    return Reply(queries.view(ticket), 201, headers)


def _shown(ticket: Ticket) -> Reply[TicketView]:
    return Reply(queries.view(ticket), headers={"ETag": f'"{ticket.version}"'})


def _said(result: tuple[Comment, str]) -> Reply[CommentView]:
    return Reply(queries.comment_view(*result), 201)


def _lines(size: int, cursor: str | None, name: str) -> PageRequest:
    return page_request(page=0, size=size, cursor=cursor, count=None, sort=name)
