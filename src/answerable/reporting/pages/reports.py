"""The reports: a range of days, a chart, the table behind it, and the same numbers as CSV from the API."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from answerable.infra.web.forms import Form
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.ranges import address, ranges_for
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import Viewer, viewer_of
from answerable.kernel.errors import Invalid, Missing
from answerable.kernel.paging import PageRequest, page_request
from answerable.kernel.span import ALWAYS, Span, days_between
from answerable.kernel.times import iso
from answerable.kernel.words import N_
from answerable.reporting import queries
from answerable.reporting.pages.catalogue import CATALOGUE, REPORTS, Report
from answerable.reporting.pages.showing import tools_for

ROWS = 50
BARS = 15  # agents in a chart; the table has them all
Day = Annotated[str | None, Parameter(query="from")]
LastDay = Annotated[str, Parameter(query="to")]


@dataclass(frozen=True)
class Found:
    """The rows of a report as the API writes them, the sums of a list that is drawn, and the cursor of further rows."""

    rows: Sequence[Any]
    sums: Sequence[Any] = ()
    step: str = "day"
    cursor: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    titles: dict[str, Any] = field(default_factory=dict)


@get("/reports", opt=needs("report.read"), include_in_schema=False)
async def show_summary(request: DeskRequest, first: Day = None, last: LastDay = "", view: str = "") -> Response[bytes]:
    """Show the summary."""
    return await _show(request, REPORTS["summary"], first, last, view)


@get("/reports/{name:str}", opt=needs("report.read"), include_in_schema=False)
async def show_report(
    request: DeskRequest, name: str, first: Day = None, last: LastDay = "", view: str = "", cursor: str | None = None
) -> Response[bytes]:
    """Show a report."""
    if name not in REPORTS or name == "summary":
        raise Missing(N_("There is no such report."))
    return await _show(request, REPORTS[name], first, last, view, cursor)


ROUTES = [show_summary, show_report]


async def _show(
    request: DeskRequest, report: Report, first: str | None, last: str, view: str, cursor: str | None = None
) -> Response[bytes]:
    viewer = viewer_of(request.scope)
    ranges = ranges_for(viewer)
    if first is None:
        # What needs a look at every ticket begins with a month of them; all time is one click further.
        month = ranges[1][1] if report.name == "agents" and not last else {"from": "", "to": last}
        first, last = month["from"], month["to"]
    form, span, status = Form([("from", first), ("to", last)]), ALWAYS, 200
    try:
        span = days_between(first, last, viewer.zone)
    except Invalid as problem:
        form, status = form.refused(problem), problem.status
    drawn = view != "table"
    found = await _read(request, report, span, viewer, cursor, drawn=drawn)
    asked = {name: value for name, value in (("from", first), ("to", last)) if value} if status == 200 else {}
    asked = asked or {"from": ""}
    return show(
        request,
        "reporting/report.html",
        status,
        report=report,
        reports=CATALOGUE,
        found=found,
        form=form,
        view="chart" if drawn else "table",
        ranges=ranges,
        asked=asked,
        to=lambda path, **more: address(path, asked | more),
        csv=address(report.api, _api_range(report, span, viewer) | {"format": "csv"}),
        most=BARS,
        **tools_for(viewer),
    )


async def _read(
    request: DeskRequest, report: Report, span: Span, viewer: Viewer, cursor: str | None, *, drawn: bool
) -> Found:
    if report.name == "over-time":
        course = await request.scan(queries.over_time, span, viewer.zone)
        return Found(_written(course.rows), step=course.step)
    if report.name == "avg-resolution-time":
        return Found(_written([await request.scan(queries.resolution_time, span)]))
    if report.name == "sla-breaches":
        part = _part(cursor, queries.BREACHES)
        late = await request.scan(queries.list_breaches, span, part)
        figures = await (request.ask if span.is_always else request.scan)(queries.read_figures, span)
        names = await request.ask(queries.names_of_agents, [breach.assigned_to for breach in late.rows])
        titles = await request.ask(queries.titles_of, [breach.ticket_id for breach in late.rows])
        return Found(_written(late.rows), _written(queries.attainment(figures)), "", late.next_cursor, names, titles)
    if report.name == "agents":
        part = _part(cursor, queries.AGENTS)
        if drawn:  # without the times, which the chart does not show
            counts = await request.scan(queries.count_agents, span, part)
            return Found(_written(counts.rows), cursor=counts.next_cursor)
        agents = await request.scan(queries.list_agents, span, part)
        return Found(_written(agents.rows), cursor=agents.next_cursor)
    figures = await (request.ask if span.is_always else request.scan)(queries.read_figures, span)
    made: dict[str, Sequence[Any]] = {
        "summary": [queries.summary(figures)],
        "tickets-by-status": queries.by_status(figures),
        "tickets-by-priority": queries.by_priority(figures),
        "sla-attainment": queries.attainment(figures),
    }
    return Found(_written(made[report.name]))


def _part(cursor: str | None, sort: str) -> PageRequest:
    return page_request(page=0, size=ROWS, cursor=cursor, count=None, sort=sort)


def _written(rows: Sequence[Any]) -> Sequence[Any]:
    written: Sequence[Any] = msgspec.to_builtins(rows)
    return written


def _api_range(report: Report, span: Span, viewer: Viewer) -> dict[str, str]:
    """Return the range as the API reads it: the instants at which the chosen days begin and end for this reader."""
    bounds = {"from": span.start, "to": span.end}
    asked = {name: iso(at) for name, at in bounds.items() if at is not None}
    return asked | ({"zone": viewer.zone.key} if report.name == "over-time" else {})
