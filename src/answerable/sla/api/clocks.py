"""The HTTP interface of promises and escalations."""

import msgspec
from litestar import Response, get, post

from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.paging import list_response
from answerable.infra.web.request import DeskRequest, Reply
from answerable.kernel.actor import service
from answerable.kernel.paging import page_request
from answerable.sla import store
from answerable.sla.actions import clocks
from answerable.sla.queries import clocks as queries
from answerable.sla.queries.clocks import ClockView, EscalationView, LateView

SWEEP = 200  # clocks in one unit of work
_DESK = service("sla")


class CheckOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """How to check; a dry run finds, and changes nothing."""

    dry_run: bool = False


@post("/api/sla/check", status_code=200, opt=needs("sla.manage"), tags=["SLA"])
async def check_promises(request: DeskRequest, data: CheckOrder | None = None) -> Response[list[LateView]]:
    """Look at every promise that is due now, then list the open tickets whose resolution is late, the longest first.

    What the time did to a promise is told in the name of the desk, not of the person who asks.
    """
    if data is None or not data.dry_run:
        while await request.database.write(_DESK, clocks.look_at_due_clocks, SWEEP) == SWEEP:
            pass
    return await request.post(_listed, queries.list_late)


@get(["/api/escalations/logs", "/api/assign/escalations"], opt=needs("escalation.read"), tags=["SLA"])
async def list_escalations(
    request: DeskRequest, page: int = 0, size: int = 100, cursor: str | None = None, count: str | None = None
) -> Response[list[EscalationView]]:
    """List the escalations, newest first."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=store.ESCALATIONS)
    found = await request.scan(queries.list_escalations, part)
    return list_response(request, found, found.rows)


@get(
    ["/api/escalations/manager/{manager_id:str}", "/api/assign/escalations/manager/{manager_id:str}"],
    opt=needs("escalation.read"),
    tags=["SLA"],
)
async def list_escalations_of_manager(
    request: DeskRequest,
    manager_id: str,
    page: int = 0,
    size: int = 100,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[EscalationView]]:
    """List the escalations to one manager, newest first; for that manager and for administrators."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=store.ESCALATIONS)
    found = await request.scan(queries.escalations_of_manager, manager_id, part)
    return list_response(request, found, found.rows)


@get("/api/tickets/{ticket_id:str}/sla", opt=needs(SIGNED_IN), tags=["SLA"])
async def read_clocks(request: DeskRequest, ticket_id: str) -> list[ClockView]:
    """Read the promises on a ticket and, for each, the events that explain it."""
    return await request.ask(queries.clocks_of_ticket, ticket_id)


ROUTES = (check_promises, list_escalations, list_escalations_of_manager, read_clocks)


def _listed(late: list[LateView]) -> Reply[list[LateView]]:
    return Reply(late, headers={"X-Total-Count": str(len(late))})
