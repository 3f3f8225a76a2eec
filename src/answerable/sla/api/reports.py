"""Reports of promises and the back-test over HTTP; tables also as CSV."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter

from answerable.infra.bus.open import open_history
from answerable.infra.web.grants import needs
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.infra.web.sheet import csv_response, wants_csv
from answerable.sla.queries import backtest as replays
from answerable.sla.queries import reports
from answerable.sla.queries.backtest import BacktestView
from answerable.sla.queries.reports import Attainment, Times
from answerable.sla.rules.replay import TYPES
from answerable.sla.rules.span import read_span
from answerable.sla.rules.toml import read_toml

READ, TAGS = needs("report.read"), ["SLA reports"]
From = Annotated[str | None, Parameter(query="from", description="Only tickets raised then or later.")]
To = Annotated[str | None, Parameter(query="to", description="Only tickets raised before.")]
Format = Annotated[str | None, Parameter(query="format", description="csv or json; else the Accept header decides.")]


class Draft(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Calendars and policies as a TOML text."""

    text: str


@get("/api/sla/reports/attainment", opt=READ, tags=TAGS)
async def attainment(
    request: DeskRequest, start: From = None, end: To = None, shape: Format = None
) -> Response[list[Attainment]]:
    """Tell how many promises were kept and broken: all, by priority, agent, category and week."""
    rows = await request.scan(reports.attainment, read_span(start, end))
    return _table(request, Attainment, rows, "sla-attainment", shape)


@get("/api/sla/reports/times", opt=READ, tags=TAGS)
async def times(
    request: DeskRequest, start: From = None, end: To = None, shape: Format = None
) -> Response[list[Times]]:
    """Tell how long what was promised took, in business and in calendar hours: median and 90th percentile."""
    rows = await request.scan(reports.times, read_span(start, end))
    return _table(request, Times, rows, "sla-times", shape)


@post("/api/sla/backtest", status_code=200, opt=needs("sla.manage"), tags=TAGS)
async def backtest(request: DeskRequest, data: Draft, start: From = None, end: To = None) -> Response[BacktestView]:
    """Replay the real history under a draft, beside what holds; nothing is written."""
    draft, span = read_toml(data.text.encode("utf-8", "replace")), read_span(start, end)
    history = open_history(request.desk_settings, request.scope["state"]["database"], TYPES)
    try:
        return respond(Reply(await replays.backtest(request.database, history, draft, span)))
    finally:
        await history.close()


ROUTES = (attainment, times, backtest)


def _table(
    request: DeskRequest, kind: type[msgspec.Struct], rows: list[Any], name: str, shape: str | None
) -> Response[Any]:
    return csv_response(name, kind, rows) if wants_csv(request, shape) else respond(Reply(rows))
