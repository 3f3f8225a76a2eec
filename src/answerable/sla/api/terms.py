"""Calendars and policies over HTTP. Each change makes a new edition of all of them, or with ``dryRun`` only says what
it would change. All of them share one ETag: who sends it as ``If-Match`` changes nothing that others have changed.
"""

import asyncio
import re
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response, delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from answerable.infra.web.grants import needs
from answerable.infra.web.paging import list_response
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.kernel.errors import Invalid
from answerable.kernel.paging import Page
from answerable.kernel.times import parse_iso
from answerable.sla.actions import terms
from answerable.sla.actions.terms import Outcome
from answerable.sla.queries import terms as queries
from answerable.sla.queries.terms import CalendarView, EditionView, PlanView, PolicyView, TermsView
from answerable.sla.rules import WrittenCalendar, WrittenPolicy, edits, toml
from answerable.sla.rules.edits import Edit

T = TypeVar("T")
_PLACE = re.compile(r"^(calendars|policies)\[\d+\](\.|: )")
READ = needs("sla.manage")
EDIT = needs("sla.edit") | {"if_match": True}
TAGS = ["SLA terms"]
ONLY_SAID = ResponseSpec(PlanView, description="With dryRun: what would change.", generate_examples=False)
DryRun = Annotated[bool, Parameter(query="dryRun", description="Only say what would change.")]
From = Annotated[str | None, Parameter(query="effectiveFrom", description="An instant from now on; by default now.")]


class HolidayOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Holidays to add: those of a country (``DE``), a region of it (``BE``) and some years, or of an iCalendar file."""

    country: str | None = None
    region: str | None = None
    first_year: int | None = None
    last_year: int | None = None
    ics: str | None = None


class TermsOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """All calendars and policies as one TOML text."""

    text: str


@get("/api/sla/calendars", opt=READ, tags=TAGS)
async def list_calendars(request: DeskRequest) -> Response[list[CalendarView]]:
    """List the calendars that hold now."""
    rows, tag = await request.ask(queries.tagged, queries.list_calendars)
    return _whole(request, rows, tag)


@get("/api/sla/calendars/{name:str}", opt=READ, tags=TAGS)
async def get_calendar(request: DeskRequest, name: str) -> Response[CalendarView]:
    """Read a calendar as it holds now."""
    return _one(*await request.ask(queries.tagged, queries.get_calendar, name))


@post("/api/sla/calendars", opt=EDIT, tags=TAGS, responses={200: ONLY_SAID})
async def add_calendar(
    request: DeskRequest, data: WrittenCalendar, dry_run: DryRun = False, effective_from: From = None
) -> Response[Outcome]:
    """Add a calendar; 409 where the name is taken."""
    return await _change(request, edits.add_calendar(data), dry_run, effective_from, 201)


@put("/api/sla/calendars/{name:str}", opt=EDIT, tags=TAGS)
async def put_calendar(
    request: DeskRequest, name: str, data: WrittenCalendar, dry_run: DryRun = False, effective_from: From = None
) -> Response[Outcome | PlanView]:
    """Give a calendar other hours: a new version, which the open tickets follow."""
    return await _change(request, edits.put_calendar(name, data), dry_run, effective_from)


@delete("/api/sla/calendars/{name:str}", status_code=200, opt=EDIT, tags=TAGS)
async def drop_calendar(
    request: DeskRequest, name: str, dry_run: DryRun = False, effective_from: From = None
) -> Response[Outcome | PlanView]:
    """Remove a calendar; 409 while a policy uses it."""
    return await _change(request, edits.drop_calendar(name), dry_run, effective_from)


@post("/api/sla/calendars/{name:str}/holidays", status_code=200, opt=EDIT, tags=TAGS)
async def add_holidays(
    request: DeskRequest, name: str, data: HolidayOrder, dry_run: DryRun = False, effective_from: From = None
) -> Response[Outcome | PlanView]:
    """Copy holidays into a calendar: a country's, or those of an iCalendar file."""
    years = None if data.first_year is None else (data.first_year, data.last_year or data.first_year)
    days = await asyncio.to_thread(queries.holidays_from, data.country, data.region, years, data.ics)
    return await _change(request, edits.add_holidays(name, days), dry_run, effective_from)


@get("/api/sla/policies", opt=READ, tags=TAGS)
async def list_policies(request: DeskRequest) -> Response[list[PolicyView]]:
    """List the policies that hold now, in the order in which they are tried."""
    rows, tag = await request.ask(queries.tagged, queries.list_policies)
    return _whole(request, rows, tag)


@get("/api/sla/policies/{name:str}", opt=READ, tags=TAGS)
async def get_policy(request: DeskRequest, name: str) -> Response[PolicyView]:
    """Read a policy as it holds now."""
    return _one(*await request.ask(queries.tagged, queries.get_policy, name))


@post("/api/sla/policies", opt=EDIT, tags=TAGS, responses={200: ONLY_SAID})
async def add_policy(
    request: DeskRequest,
    data: WrittenPolicy,
    position: int = 1,
    dry_run: DryRun = False,
    effective_from: From = None,
) -> Response[Outcome]:
    """Add a policy, before all others or at a position; 409 where the name is taken."""
    return await _change(request, edits.add_policy(data, position), dry_run, effective_from, 201)


@put("/api/sla/policies/{name:str}", opt=EDIT, tags=TAGS)
async def put_policy(
    request: DeskRequest,
    name: str,
    data: WrittenPolicy,
    position: int | None = None,
    dry_run: DryRun = False,
    effective_from: From = None,
) -> Response[Outcome | PlanView]:
    """Change a policy, or its position: a new version, which the open tickets follow."""
    return await _change(request, edits.put_policy(name, data, position), dry_run, effective_from)


@delete("/api/sla/policies/{name:str}", status_code=200, opt=EDIT, tags=TAGS)
async def drop_policy(
    request: DeskRequest, name: str, dry_run: DryRun = False, effective_from: From = None
) -> Response[Outcome | PlanView]:
    """Remove a policy; one must be left."""
    return await _change(request, edits.drop_policy(name), dry_run, effective_from)


@get("/api/sla/terms", opt=READ, tags=TAGS)
async def read_terms(request: DeskRequest) -> Response[TermsView]:
    """Read everything that holds now as one TOML text, and the change that waits for its instant."""
    return _one(*await request.ask(queries.tagged, queries.read_terms))


@put("/api/sla/terms", opt=EDIT, tags=TAGS)
async def put_terms(
    request: DeskRequest, data: TermsOrder, dry_run: DryRun = False, effective_from: From = None
) -> Response[Outcome | PlanView]:
    """Put a TOML text in the place of everything; a mistake is told with its line, and nothing is changed."""
    edit = edits.all_new(await asyncio.to_thread(toml.read_toml, data.text.encode("utf-8", "replace")))
    return await _change(request, edit, dry_run, effective_from, source=data.text)


@delete("/api/sla/terms/planned", status_code=200, opt=needs("sla.edit"), tags=TAGS)
async def withdraw_terms(request: DeskRequest) -> Outcome:
    """Take back the change that waits for its instant; 409 where none does."""
    return await request.act(terms.withdraw_terms)


@get("/api/sla/terms/history", opt=READ, tags=TAGS)
async def list_editions(request: DeskRequest) -> Response[list[EditionView]]:
    """List the changes of calendars and policies, newest first."""
    return _whole(request, await request.ask(queries.list_editions))


ROUTES = (
    list_calendars,
    get_calendar,
    add_calendar,
    put_calendar,
    drop_calendar,
    add_holidays,
    list_policies,
    get_policy,
    add_policy,
    put_policy,
    drop_policy,
    read_terms,
    put_terms,
    withdraw_terms,
    list_editions,
)


async def _change(
    request: DeskRequest,
    edit: Edit,
    dry_run: bool,
    effective_from: str | None,
    status: int = 200,
    source: str | None = None,
) -> Response[Any]:
    at = None if effective_from is None else _instant(effective_from)
    tag = request.expected_tag()
    try:
        if dry_run:
            planned: PlanView = await request.scan(queries.plan_terms, edit, tag)
            return respond(Reply(planned))
        if request.method == "POST":
            return await request.post(lambda made: Reply(made, status), terms.change_terms, edit, at, source, tag)
        return respond(Reply(await request.act(terms.change_terms, edit, at, source, tag), status))
    except Invalid as error:
        if source is not None:
            raise
        # Only one calendar or policy was sent: a place is one in it.
        told = tuple(_PLACE.sub("", line) for line in error.errors)
        raise Invalid(_PLACE.sub("", error.message), errors=told) from None


def _instant(text: str) -> int:
    try:
        return parse_iso(text)
    except (ValueError, OverflowError):
        told = "must be an instant such as 2026-12-01T00:00:00Z"
        raise Invalid(f"effectiveFrom {told}.", errors=(f"effectiveFrom: {told}",)) from None


def _one(view: T, tag: str) -> Response[T]:
    return respond(Reply(view, headers={"ETag": f'"{tag}"'}))


def _whole(request: DeskRequest, rows: list[Any], tag: str = "") -> Response[Any]:
    answer = list_response(request, Page(rows, total=str(len(rows))), rows)
    if tag:
        answer.headers["ETag"] = f'"{tag}"'
    return answer
