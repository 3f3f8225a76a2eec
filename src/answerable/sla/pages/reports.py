"""The reports of promises: kept and broken, how long things took, and who held what was broken when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, get
from litestar.params import Parameter

from answerable.infra.web.forms import Form
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.ranges import address, ranges_for
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import Viewer, viewer_of
from answerable.kernel.errors import Invalid
from answerable.kernel.paging import page_request
from answerable.kernel.span import Span, days_between
from answerable.kernel.times import iso, parse_iso
from answerable.kernel.words import N_
from answerable.sla.queries import broken, reports
from answerable.sla.queries.broken import BROKEN
from answerable.sla.queries.reports import Attainment
from answerable.sla.rules import TARGETS
from answerable.sla.rules.written import PRIORITIES

ROWS = 50
MOST = 53  # groups in one table, such as the weeks of a year; CSV has them all
Day = Annotated[str | None, Parameter(query="from")]
LastDay = Annotated[str, Parameter(query="to")]


@dataclass(frozen=True)
class Report:
    """A report: its page, and where its numbers are in the API."""

    path: str
    api: str
    title: str
    words: str


KEPT = Report(
    "/reports/promises",
    "/api/sla/reports/attainment",
    N_("Promises in detail"),
    N_("Answers and solutions that were given in time, of all that were given or are late."),
)
TIMES = Report(
    "/reports/promise-times",
    "/api/sla/reports/times",
    N_("Time taken"),
    N_("How long what was promised took: in the hours of its calendar, and on the clock."),
)
HELD = Report(
    "/reports/promise-breaches",
    "/api/sla/reports/breaches",
    N_("Who held what was late"),
    N_("Broken promises, the latest first, with who had the ticket when."),
)
CATALOGUE = (KEPT, TIMES, HELD)
GROUPS = (
    ("all", N_("All")),
    ("priority", N_("By priority")),
    ("agent", N_("By agent")),
    ("category", N_("By category")),
    ("week", N_("By week")),
)
READ: dict[str, Any] = {"opt": needs("report.read"), "include_in_schema": False}


@get(KEPT.path, **READ)
async def show_kept(request: DeskRequest, first: Day = None, last: LastDay = "") -> Response[bytes]:
    """Show how many promises were kept: all, by priority, agent, category and week."""
    asked = _asked(request, KEPT, first, last)
    rows = await request.scan(reports.attainment, asked.span)
    names = await request.ask(reports.names_of, [row.name for row in rows if row.by == "agent"])
    return _show(request, asked, "sla/kept.html", groups=_grouped(rows), names=names, most=MOST)


@get(TIMES.path, **READ)
async def show_times(request: DeskRequest, first: Day = None, last: LastDay = "") -> Response[bytes]:
    """Show how long what was promised took."""
    asked = _asked(request, TIMES, first, last)
    return _show(request, asked, "sla/times.html", found=await request.scan(reports.times, asked.span))


@get(HELD.path, **READ)
async def show_broken(
    request: DeskRequest, first: Day = None, last: LastDay = "", cursor: str | None = None
) -> Response[bytes]:
    """Show the broken promises, and who had the tickets when."""
    asked = _asked(request, HELD, first, last)
    part = page_request(page=0, size=ROWS, cursor=cursor, count=None, sort=BROKEN)
    return _show(request, asked, "sla/broken.html", found=await request.scan(broken.list_broken, asked.span, part))


ROUTES = (show_kept, show_times, show_broken)


@dataclass(frozen=True)
class _Asked:
    report: Report
    viewer: Viewer
    form: Form
    span: Span
    status: int
    kept: dict[str, str]


def _asked(request: DeskRequest, report: Report, first: str | None, last: str) -> _Asked:
    """Read the range of days; where none is named, a month."""
    viewer = viewer_of(request.scope)
    if first is None:
        month = ranges_for(viewer)[1][1] if not last else {"from": "", "to": last}
        first, last = month["from"], month["to"]
    form = Form([("from", first), ("to", last)])
    try:
        span = days_between(first, last, viewer.zone)
    except Invalid as problem:
        return _Asked(report, viewer, form.refused(problem), Span(), problem.status, {"from": ""})
    kept = {name: value for name, value in (("from", first), ("to", last)) if value}
    return _Asked(report, viewer, form, span, 200, kept or {"from": ""})


def _show(request: DeskRequest, asked: _Asked, template: str, **values: Any) -> Response[bytes]:
    bounds = {"from": asked.span.start, "to": asked.span.end}
    numbers = {name: iso(at) for name, at in bounds.items() if at is not None} | {"format": "csv"}
    return show(
        request,
        template,
        asked.status,
        report=asked.report,
        form=asked.form,
        ranges=ranges_for(asked.viewer),
        asked=asked.kept,
        to=lambda path, **more: address(path, asked.kept | more),
        csv=address(asked.report.api, numbers),
        parse=parse_iso,
        targets=TARGETS,
        **values,
    )


def _grouped(rows: Sequence[Attainment]) -> list[tuple[str, str, list[tuple[str, dict[str, Attainment]]]]]:
    """Return the rows by group and name, a cell for each target; the most urgent and the newest week first."""
    found = []
    for by, title in GROUPS:
        named: dict[str, dict[str, Attainment]] = {}
        for row in rows:
            if row.by == by:
                named.setdefault(row.name, {})[row.target] = row
        lines = list(named.items())
        if by == "priority":
            lines.sort(key=lambda line: PRIORITIES.index(line[0]))
        found.append((by, title, lines[::-1] if by == "week" else lines))
    return found
