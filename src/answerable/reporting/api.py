"""The HTTP interface of reports and dashboard: each one as JSON, or as CSV where the client asks for it."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response, get
from litestar.di import Provide
from litestar.params import Parameter
from litestar.response import Stream

from answerable.infra.web.grants import needs
from answerable.infra.web.paging import list_headers, list_response
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.sheet import MEDIA_TYPE, Format, csv_headers, csv_lines, csv_response, takes_csv
from answerable.infra.web.words import zone_of
from answerable.kernel.errors import Invalid
from answerable.kernel.paging import MAX_SIZE, Page, PageRequest, decode_cursor, page_request
from answerable.kernel.span import Span, read_span
from answerable.reporting import queries
from answerable.reporting.queries import (
    AGENTS,
    BREACHES,
    AgentReport,
    Attainment,
    Breach,
    Dashboard,
    PriorityCount,
    ResolutionTime,
    StatusCount,
    Step,
    Summary,
)
from answerable.reporting.rules import Figures

R = TypeVar("R", bound=msgspec.Struct)

From = Annotated[
    str | None, Parameter(query="from", description="Only tickets created then or later: an ISO-8601 date or instant.")
]
To = Annotated[
    str | None, Parameter(query="to", description="Only tickets created before: an ISO-8601 date or instant.")
]


def span_of(start: From = None, end: To = None) -> Span:
    """Read the time range of a report."""
    return read_span(start, end)


async def shape_of(request: DeskRequest, shape: Format = None) -> bool:
    """Read whether a report is wanted as CSV; that is an act then."""
    return await takes_csv(request, shape)


READS: dict[str, Any] = {
    "opt": needs("report.read", also=[MEDIA_TYPE]),
    "dependencies": {
        "span": Provide(span_of, sync_to_thread=False),
        "as_csv": Provide(shape_of),
    },
    "tags": ["Reports"],
}


@get("/api/reports/tickets-by-status", **READS)
async def tickets_by_status(request: DeskRequest, span: Span, as_csv: bool) -> Response[list[StatusCount]]:
    """Count the tickets in each status, in the order of a ticket's life."""
    rows = queries.by_status(await _figures(request, span))
    return _table(StatusCount, rows, "tickets-by-status", as_csv)


@get("/api/reports/tickets-by-priority", **READS)
async def tickets_by_priority(request: DeskRequest, span: Span, as_csv: bool) -> Response[list[PriorityCount]]:
    """Count the tickets of each priority, from LOW to CRITICAL."""
    rows = queries.by_priority(await _figures(request, span))
    return _table(PriorityCount, rows, "tickets-by-priority", as_csv)


@get("/api/reports/avg-resolution-time", **READS)
async def avg_resolution_time(request: DeskRequest, span: Span, as_csv: bool) -> Response[ResolutionTime]:
    """Tell how long resolved tickets took, in minutes from raised to resolved: mean and median."""
    return _record(await request.scan(queries.resolution_time, span), "avg-resolution-time", as_csv)


@get("/api/reports/sla-breaches", **READS)
async def sla_breaches(
    request: DeskRequest,
    span: Span,
    as_csv: bool,
    page: int = 0,
    size: int | None = None,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[Breach]]:
    """List the tickets whose promised resolution was missed, the latest first; CSV without a ``size`` holds all."""
    part = page_request(page=page, size=MAX_SIZE if size is None else size, cursor=cursor, count=count, sort=BREACHES)
    if as_csv and size is None:
        return _whole(_all_breaches(request, span, part), "sla-breaches")
    return _page(request, Breach, await request.scan(queries.list_breaches, span, part), "sla-breaches", as_csv)


@get("/api/reports/agents", **READS)
async def agents(
    request: DeskRequest,
    span: Span,
    as_csv: bool,
    page: int = 0,
    size: int = MAX_SIZE,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[AgentReport]]:
    """Tell how each agent is doing, by name: agents who are active, and former ones who still have tickets."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=AGENTS)
    found = await request.scan(queries.list_agents, span, part)
    return _page(request, AgentReport, found, "agents", as_csv)


@get("/api/reports/sla-attainment", **READS)
async def sla_attainment(request: DeskRequest, span: Span, as_csv: bool) -> Response[list[Attainment]]:
    """Tell how many promised resolutions were kept and missed, for each priority."""
    rows = queries.attainment(await _figures(request, span))
    return _table(Attainment, rows, "sla-attainment", as_csv)


@get("/api/reports/over-time", **READS)
async def over_time(
    request: DeskRequest,
    span: Span,
    as_csv: bool,
    zone: Annotated[str, Parameter(description="Where the days begin, such as Europe/Berlin.")] = "UTC",
) -> Response[list[Step]]:
    """Tell what was raised, solved and late in each day of a span; in weeks or months where it is long."""
    place = zone_of(zone)
    if place is None:
        raise Invalid("zone must be a time zone.", errors=("zone: must be a time zone such as Europe/Berlin",))
    return _table(Step, (await request.scan(queries.over_time, span, place)).rows, "over-time", as_csv)


@get("/api/reports/summary", **READS)
async def summary(request: DeskRequest, span: Span, as_csv: bool) -> Response[Summary]:
    """Sum the desk up."""
    return _record(queries.summary(await _figures(request, span)), "summary", as_csv)


@get("/api/dashboard/summary", **READS)
async def dashboard(request: DeskRequest, span: Span, as_csv: bool) -> Response[Dashboard]:
    """Show the desk at a glance."""
    return _record(queries.dashboard(await _figures(request, span)), "dashboard", as_csv)


ROUTES = (
    tickets_by_status,
    tickets_by_priority,
    avg_resolution_time,
    sla_breaches,
    agents,
    sla_attainment,
    over_time,
    summary,
    dashboard,
)


async def _figures(request: DeskRequest, span: Span) -> Figures:
    """Read the counters at once, or count a span away from the event loop."""
    return await (request.ask if span.is_always else request.scan)(queries.read_figures, span)


def _table(kind: type[R], rows: Sequence[R], name: str, as_csv: bool) -> Response[list[R]]:
    return csv_response(name, kind, rows) if as_csv else _json(rows)


def _record(record: R, name: str, as_csv: bool) -> Response[R]:
    return csv_response(name, type(record), [record]) if as_csv else _json(record)


def _page(request: DeskRequest, kind: type[R], page: Page[R], name: str, as_csv: bool) -> Response[list[R]]:
    if not as_csv:
        response = list_response(request, page, page.rows)
        response.headers["Vary"] = "Accept"
        return response
    response = csv_response(name, kind, page.rows)
    response.headers.update(list_headers(request, page))
    return response


def _json(content: object) -> Response[Any]:
    return Response(msgspec.json.encode(content), headers={"Vary": "Accept"}, media_type="application/json")


def _whole(lines: AsyncIterator[bytes], name: str) -> Response[Any]:
    return Stream(lines, headers=csv_headers(name), media_type=MEDIA_TYPE)


async def _all_breaches(request: DeskRequest, span: Span, part: PageRequest) -> AsyncIterator[bytes]:
    """Write every breach, a page at a time, so that a long list needs no memory."""
    first = True
    while True:
        found = await request.scan(queries.list_breaches, span, part)
        yield "".join(csv_lines(Breach, found.rows, header=first)).encode()
        if found.next_cursor is None:
            return
        part, first = PageRequest(MAX_SIZE, cursor=decode_cursor(found.next_cursor, BREACHES)), False
