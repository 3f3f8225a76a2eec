"""Reports of promises and the back-test over HTTP; tables also as CSV."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter
from litestar.response import Stream

from answerable.infra.web.grants import needs
from answerable.infra.web.paging import list_headers, list_response
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.infra.web.sheet import MEDIA_TYPE, Format, csv_headers, csv_lines, csv_response, takes_csv
from answerable.kernel.paging import MAX_SIZE, PageRequest, decode_cursor, page_request
from answerable.kernel.span import Span, read_span
from answerable.sla.queries import broken, reports
from answerable.sla.queries.apart import Backtests
from answerable.sla.queries.backtest import BacktestView
from answerable.sla.queries.broken import BROKEN, BrokenLine, BrokenView
from answerable.sla.queries.reports import Attainment, Times

READ, TAGS = needs("report.read", also=[MEDIA_TYPE]), ["SLA reports"]
From = Annotated[str | None, Parameter(query="from", description="Only tickets raised then or later.")]
To = Annotated[str | None, Parameter(query="to", description="Only tickets raised before.")]


class Draft(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Calendars and policies as a TOML text."""

    text: str


@get("/api/sla/reports/attainment", opt=READ, tags=TAGS)
async def attainment(
    request: DeskRequest, start: From = None, end: To = None, shape: Format = None
) -> Response[list[Attainment]]:
    """Tell how many promises were kept and broken: all, by priority, agent, category and week."""
    rows = await request.scan(reports.attainment, read_span(start, end))
    return await _table(request, Attainment, rows, "sla-attainment", shape)


@get("/api/sla/reports/times", opt=READ, tags=TAGS)
async def times(
    request: DeskRequest, start: From = None, end: To = None, shape: Format = None
) -> Response[list[Times]]:
    """Tell how long what was promised took, in business and in calendar hours: median and 90th percentile."""
    rows = await request.scan(reports.times, read_span(start, end))
    return await _table(request, Times, rows, "sla-times", shape)


@get("/api/sla/reports/breaches", opt=READ, tags=TAGS)
async def breaches(
    request: DeskRequest,
    start: From = None,
    end: To = None,
    shape: Format = None,
    page: int = 0,
    size: int | None = None,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[BrokenView]]:
    """List the broken promises with who had the ticket when, the newest first; CSV without a ``size`` holds all."""
    span = read_span(start, end)
    part = page_request(page=page, size=MAX_SIZE if size is None else size, cursor=cursor, count=count, sort=BROKEN)
    as_csv = await takes_csv(request, shape)
    if as_csv and size is None:
        return _whole(_all_broken(request, span, part), "sla-breaches")
    found = await request.scan(broken.list_broken, span, part)
    if not as_csv:
        return list_response(request, found, found.rows)
    answer = csv_response("sla-breaches", BrokenLine, broken.lines_of(found.rows))
    answer.headers.update(list_headers(request, found))
    return answer


@post("/api/sla/backtest", status_code=200, opt=needs("sla.manage"), tags=TAGS)
async def backtest(request: DeskRequest, data: Draft, start: From = None, end: To = None) -> Response[BacktestView]:
    """Replay the real history under a draft, beside what holds; nothing is written."""
    tests: Backtests = request.parts["backtests"]
    settings, now = request.desk_settings, request.database.clock()
    return respond(Reply(await tests.run(settings, data.text, read_span(start, end), now)))


ROUTES = (attainment, times, breaches, backtest)


async def _table(
    request: DeskRequest, kind: type[msgspec.Struct], rows: list[Any], name: str, shape: str | None
) -> Response[Any]:
    return csv_response(name, kind, rows) if await takes_csv(request, shape) else respond(Reply(rows))


def _whole(lines: AsyncIterator[bytes], name: str) -> Response[Any]:
    return Stream(lines, headers=csv_headers(name), media_type=MEDIA_TYPE)


async def _all_broken(request: DeskRequest, span: Span, part: PageRequest) -> AsyncIterator[bytes]:
    """Write every broken promise, a page at a time, so that a long list needs no memory."""
    first = True
    while True:
        found = await request.scan(broken.list_broken, span, part)
        yield "".join(csv_lines(BrokenLine, broken.lines_of(found.rows), header=first)).encode()
        if found.next_cursor is None:
            return
        part, first = PageRequest(MAX_SIZE, cursor=decode_cursor(found.next_cursor, BROKEN)), False
