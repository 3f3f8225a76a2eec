"""Calendars and policies as forms: what a change would change is shown first; a change is a new edition, or nothing."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import Parameter

from answerable.infra.web.forms import Form, Said, form_of, go, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import viewer_of
from answerable.kernel.errors import Conflict, Invalid, Problem, Stale
from answerable.kernel.times import parse_iso
from answerable.kernel.words import N_
from answerable.sla.actions import terms
from answerable.sla.pages import filling
from answerable.sla.pages.wording import in_words
from answerable.sla.queries import people, pressing
from answerable.sla.queries import terms as queries
from answerable.sla.rules import WrittenTerms, edits, toml
from answerable.sla.rules.calendar import WEEKDAYS
from answerable.sla.rules.edition import CALLED
from answerable.sla.rules.edits import Edit
from answerable.sla.rules.policy import Policy

HOME = "/admin/sla"
READ: dict[str, Any] = {"opt": needs("sla.manage"), "include_in_schema": False}
EDIT: dict[str, Any] = {"opt": needs("sla.edit"), "include_in_schema": False}
POST: dict[str, Any] = {**EDIT, "status_code": 200}
PLAN, PEOPLE = "plan", "people"
EDITION = "edition"  # the field that says of which edition a form was made
DAYS = dict(
    zip(
        WEEKDAYS,
        (
            N_("Monday"),
            N_("Tuesday"),
            N_("Wednesday"),
            N_("Thursday"),
            N_("Friday"),
            N_("Saturday"),
            N_("Sunday"),
        ),
        strict=True,
    )
)


@get(HOME, **READ)
async def show_policies(request: DeskRequest) -> Response[bytes]:
    """Show what is promised, the calendars, and a change that waits for its instant."""
    policies = await request.ask(pressing.list_in_force)
    named = await request.ask(people.names_in, policies)
    return show(
        request,
        "sla/policies.html",
        policies=policies,
        calendars=await request.ask(queries.list_calendars),
        held=await request.ask(queries.read_terms),
        history=(await request.ask(queries.list_editions))[:10],
        warn=request.desk_settings.sla.warn_share,
        always=_always,
        parse=parse_iso,
        in_words=partial(in_words, say=words(request), people=named),
    )


@get(f"{HOME}/text", **EDIT)
async def show_text(request: DeskRequest) -> Response[bytes]:
    """Show everything as one text, to be changed."""
    held, tag = await request.ask(queries.tagged, queries.read_terms)
    return show(request, "sla/text.html", form=Form([("text", held.text), (EDITION, tag)]), plan=None)


@post(f"{HOME}/text", **POST)
async def change_text(request: DeskRequest) -> Response[bytes]:
    """Show what another text would change, or put it in the place of all."""
    form = await form_of(request)
    text = form["text"].replace("\r\n", "\n")
    try:
        edit = edits.all_new(await asyncio.to_thread(toml.read_toml, text.encode("utf-8", "replace")))
        return await _changed(request, form, edit, "sla/text.html", {}, source=text)
    except Stale as problem:
        return show(request, "sla/text.html", 409, form=await _again(request, form, problem), plan=None)
    except Problem as problem:
        lines = problem.errors if problem.errors and problem.errors[0].partition(": ")[0] != "effectiveFrom" else ()
        told = "\n".join(map(words(request), lines)) or problem.message
        refused = form.refused(Invalid(problem.message, errors=(f"text: {told}",)))
        return show(request, "sla/text.html", 400, form=refused, plan=None)


@post(f"{HOME}/withdraw", **POST)
async def withdraw(request: DeskRequest) -> Response[bytes]:
    """Take back the change that waits for its instant."""
    try:
        await request.act(terms.withdraw_terms)
    except Conflict as problem:
        return go(request, HOME, Said(problem.message, "warning"))
    return go(request, HOME, Said(words(request)(N_("The change is taken back."))))


@get(f"{HOME}/calendars/new", **EDIT)
async def new_calendar(request: DeskRequest) -> Response[bytes]:
    """Show an empty calendar."""
    form = Form([("zone", viewer_of(request.scope).zone.key), *((day, "09:00-17:00") for day in WEEKDAYS[:5])])
    return _calendar(request, form, "")


@post(f"{HOME}/calendars/new", **POST)
async def add_calendar(request: DeskRequest) -> Response[bytes]:
    """Add a calendar."""
    form = await form_of(request)
    return await _change_calendar(request, form, "", edits.add_calendar(filling.calendar_of(form)))


@get(f"{HOME}/calendars/{{name:str}}", **EDIT)
async def edit_calendar(request: DeskRequest, name: str) -> Response[bytes]:
    """Show a calendar to be changed. Raises ``Missing``."""
    newest = await request.ask(queries.newest_edition)
    found = filling.fields_of_calendar(edits.find_calendar(newest.terms, name))
    return _calendar(request, Form([*found, (EDITION, newest.tag)]), name)


@post(f"{HOME}/calendars/{{name:str}}", **POST)
async def change_calendar(request: DeskRequest, name: str) -> Response[bytes]:
    """Change a calendar, or remove it."""
    form = await form_of(request)
    if form["do"] == "drop":
        return await _dropped(request, form, edits.drop_calendar(name), f"{HOME}/calendars/{name}")
    return await _change_calendar(request, form, name, edits.put_calendar(name, filling.calendar_of(form)))


@get(f"{HOME}/policies/new", **EDIT)
async def new_policy(request: DeskRequest) -> Response[bytes]:
    """Show an empty policy."""
    return await _policy(request, Form([("position", "1"), ("reopen", "goes on")]), "")


@post(f"{HOME}/policies/new", **POST)
async def add_policy(request: DeskRequest) -> Response[bytes]:
    """Add a policy."""
    form = await form_of(request)
    if form["do"] == PEOPLE:
        return await _policy(request, form, "")
    place = form.number("position") or 0
    return await _change_policy(request, form, "", edits.add_policy(filling.policy_of(form, None), place), place)


@get(f"{HOME}/policies/{{name:str}}", **EDIT)
async def edit_policy(request: DeskRequest, name: str) -> Response[bytes]:
    """Show a policy to be changed. Raises ``Missing``."""
    newest = await request.ask(queries.newest_edition)
    policy = edits.find_policy(newest.terms, name)
    found = filling.fields_of_policy(policy, newest.terms.policies.index(policy) + 1)
    return await _policy(request, Form([*found, (EDITION, newest.tag)]), name)


@post(f"{HOME}/policies/{{name:str}}", **POST)
async def change_policy(request: DeskRequest, name: str) -> Response[bytes]:
    """Change a policy, or remove it."""
    form = await form_of(request)
    if form["do"] == "drop":
        return await _dropped(request, form, edits.drop_policy(name), f"{HOME}/policies/{name}")
    if form["do"] == PEOPLE:
        return await _policy(request, form, name)
    before = edits.find_policy(await request.ask(queries.newest_terms), name)
    place = form.number("position") or 0
    edit = edits.put_policy(name, filling.policy_of(form, before), place)
    return await _change_policy(request, form, name, edit, place)


@get(f"{HOME}/people", **EDIT)
async def find_requesters(
    request: DeskRequest, typed: Annotated[str, Parameter(query="requester-name")] = ""
) -> Response[bytes]:
    """List those who are chosen and others whose name fits, for the field of a policy that says whom it is for."""
    chosen = request.query_params.getall("requester", [])
    found = await request.scan(people.choose, chosen, typed)
    return show(request, "sla/requesters.html", requesters=found, typed=typed.strip())


ROUTES = (
    show_policies,
    show_text,
    change_text,
    withdraw,
    new_calendar,
    add_calendar,
    edit_calendar,
    change_calendar,
    new_policy,
    add_policy,
    edit_policy,
    change_policy,
    find_requesters,
)


def _always(policy: Policy, target: str) -> bool:
    """Tell whether a target's time runs around the clock: then a day of it is one."""
    hours = policy.hours.get(target)
    return hours is None or any(calendar.always for calendar in hours.calendars)


def _calendar(request: DeskRequest, form: Form, name: str, status: int = 200, **more: Any) -> Response[bytes]:
    values = {"plan": None, "added": None, **more}
    return show(request, "sla/calendar.html", status, form=form, name=name, days=DAYS, **values)


async def _policy(request: DeskRequest, form: Form, name: str, status: int = 200, plan: Any = None) -> Response[bytes]:
    values = await _policy_values(request, form, name)
    return show(request, "sla/policy.html", status, form=form, plan=plan, **values)


async def _policy_values(request: DeskRequest, form: Form, name: str) -> dict[str, Any]:
    held: WrittenTerms = await request.ask(queries.newest_terms)
    rows = filling.rows_of_levels(form)
    told = {whom for number in range(rows) for text in form.all(f"level-{number}-notify") for whom in text.split(", ")}
    named = await request.ask(people.names_of, sorted(whom.removeprefix(people.PERSON) for whom in told - set(CALLED)))
    more = max(0, filling.MORE_LEVELS - sum(not form[f"level-{number}-at"].strip() for number in range(rows)))
    return {
        "name": name,
        "calendars": [each.name for each in held.calendars],
        "policies": [each.name for each in held.policies],
        "called": CALLED,
        "most_told": people.MOST_CHOSEN,  # more boxes than a form may have fields
        "named": {f"{people.PERSON}{person}": name for person, name in named.items()},
        "requesters": await request.scan(people.choose, form.all("requester"), form["requester-name"]),
        "typed": form["requester-name"].strip(),
        "rows_shown": min(rows + more, 20),
    }


async def _change_calendar(request: DeskRequest, form: Form, name: str, edit: Edit) -> Response[bytes]:
    if form["do"] == "holidays":
        return await _with_holidays(request, form, name)
    held: WrittenTerms = await request.ask(queries.newest_terms)
    names = [each.name for each in held.calendars]
    place = names.index(name) if name in names else len(names)
    try:
        return await _changed(request, form, edit, "sla/calendar.html", {"name": name, "days": DAYS, "added": None})
    except Stale as problem:
        return _calendar(request, await _again(request, form, problem), name, 409)
    except (Invalid, Conflict) as problem:
        return _calendar(request, form.refused(filling.beside(problem, "calendars", place)), name, 400)


async def _with_holidays(request: DeskRequest, form: Form, name: str) -> Response[bytes]:
    """Add holidays to what is filled in; nothing is stored yet."""
    years = form.number("first_year"), form.number("last_year") or form.number("first_year")
    span = None if years[0] is None or years[1] is None else (years[0], years[1])
    source = "ics_file" if form["ics_file"].strip() else "ics"
    ics = form[source].strip("\ufeff") if form[source].strip() else None
    country = form["country"].strip().upper() or None
    region = form["region"].strip().upper() or None
    try:
        days = await asyncio.to_thread(queries.holidays_from, None if ics else country, region, span, ics)
    except Invalid as problem:
        beside = {"years": "first_year", "firstYear": "first_year", "ics": source}
        told = tuple(
            f"{beside.get(where, where)}: {what}"
            for where, _, what in (error.partition(": ") for error in problem.errors)
        )
        return _calendar(request, form.refused(Invalid(problem.message, errors=told)), name, 400)
    known = filling.holidays_of(form)
    merged = filling.holiday_lines(dict(sorted({**days, **known}.items())))
    kept = {"name", "zone", "always", *WEEKDAYS, "special", "starts", EDITION}
    fields = [(field, form[field]) for field in kept if field in form]
    return _calendar(request, Form([*fields, ("holidays", merged)]), name, added=len(days.keys() - known.keys()))


async def _change_policy(request: DeskRequest, form: Form, name: str, edit: Edit, place: int) -> Response[bytes]:
    try:
        return await _changed(request, form, edit, "sla/policy.html", await _policy_values(request, form, name))
    except Stale as problem:
        return await _policy(request, await _again(request, form, problem), name, 409)
    except (Invalid, Conflict) as problem:
        return await _policy(request, form.refused(filling.beside(problem, "policies", place - 1)), name, 400)


async def _changed(
    request: DeskRequest, form: Form, edit: Edit, template: str, values: Mapping[str, Any], source: str | None = None
) -> Response[bytes]:
    """Show what a change would change, or make it."""
    at, edition = filling.starts_of(form, viewer_of(request.scope).zone), form[EDITION] or None
    if form["do"] == PLAN:
        plan = await request.scan(queries.plan_terms, edit, edition)
        return show(request, template, form=form, plan=plan, **values)
    made = await request.act(terms.change_terms, edit, at, source, edition)
    if not made.changes:
        return go(request, HOME, Said(words(request)(N_("Nothing is different."))))
    return go(request, HOME, Said(words(request)(N_("Edition %(n)s is made.")) % {"n": made.number}))


async def _again(request: DeskRequest, form: Form, problem: Stale) -> Form:
    """Return a form with what others changed meanwhile: who has read that may send it again."""
    newest = await request.ask(queries.newest_edition)
    return form.having(EDITION, newest.tag).refused(problem)


async def _dropped(request: DeskRequest, form: Form, edit: Edit, path: str) -> Response[bytes]:
    try:
        made = await request.act(terms.change_terms, edit, None, None, form[EDITION] or None)
    except (Invalid, Conflict, Stale) as problem:
        return go(request, path, Said(problem.message, "warning"))
    return go(request, HOME, Said(words(request)(N_("Edition %(n)s is made.")) % {"n": made.number}))
