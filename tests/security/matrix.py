"""The permission table of ``docs/permissions.md`` and, for each of its rows, a request that is right in every way.

What may go wrong with such a request is only who sends it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from answerable.infra.web.assets import built_assets
from answerable.kernel.times import HOUR
from answerable.sla.actions import terms
from answerable.sla.rules import WrittenCalendar, WrittenPolicy, edits, own_terms, toml
from answerable.sla.rules.edits import Edit
from answerable.users.actions import keys
from answerable.users.rules.keys import NewKey
from answerable.webhooks import actions as hook_actions
from answerable.webhooks import queries as hooks
from answerable.webhooks.rules import Outcome, Wanted
from tests.forms import HEADERS, with_token
from tests.people import PASSWORD, make_person
from tests.security.asgi import JSON, Answer, ask
from tests.security.company import COLUMNS, NEW_PASSWORD, Company
from tests.security.sse import status_of_stream
from tests.world import TESTER

TABLE = Path(__file__).parents[2] / "docs" / "permissions.md"
DENIED = ("401", "403", "404", "405")


@dataclass(frozen=True)
class Row:
    """One line of the table. ``case`` tells two lines of one route apart."""

    method: str
    path: str
    case: str
    cells: Mapping[str, str]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.method, self.path, self.case

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f" ({self.case})" if self.case else "")


@dataclass(frozen=True)
class Sample:
    """What to send: values of the path's parameters, and a body as JSON or as a form."""

    path: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    query: str = ""

    @property
    def body(self) -> bytes:
        if self.form is not None:
            return urlencode(with_token(self.form)).encode()
        return b"" if self.json is None else msgspec.json.encode(self.json)

    @property
    def headers(self) -> dict[str, str]:
        if self.form is not None:
            return HEADERS
        return {} if self.json is None else JSON

    def target(self, path: str) -> str:
        """Return the address with its parameters."""
        for name, value in self.path.items():
            path = path.replace("{" + name + "}", quote(value, safe=""))
        return path + (f"?{self.query}" if self.query else "")


def read_table() -> list[Row]:
    """Read the rows of the table. Raises ``ValueError`` for a line that does not have its columns."""
    rows = []
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("| `"):
            continue
        if len(cells) != 2 + len(COLUMNS):
            raise ValueError(f"{TABLE}: {len(cells)} cells, not {2 + len(COLUMNS)}: {line}")
        method, path = cells[0].strip("`").split(" ")
        rows.append(Row(method, path, cells[1], dict(zip(COLUMNS, cells[2:], strict=True))))
    return rows


def routes_of(app: Litestar) -> set[tuple[str, str]]:
    """Return method and path of everything that the application answers, but what the framework adds by itself.

    That is OPTIONS, and its own schema pages, which are closed (``infra/web/app.py``).
    """
    return {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute) and not route.path.startswith("/_openapi")
        for method in route.route_handler_map
        if method != "OPTIONS"
    }


async def send(company: Company, row: Row, column: str) -> Answer:
    """Send the row's request as the person of a column."""
    sample = await sample_of(company, row)
    headers = company.headers(column) | sample.headers
    if row.path == "/api/live" and row.cells[column] == "ok":
        return await status_of_stream(company.world, headers)
    return await ask(company.world, row.method, sample.target(row.path), headers, sample.body)


def verdict(answer: Answer) -> str:
    """Return the cell that an answer fits: its status, or ``ok`` for what was done."""
    return "ok" if 200 <= answer.status < 400 else str(answer.status)


async def sample_of(company: Company, row: Row) -> Sample:
    """Prepare a request for a row: whatever it changes is fresh."""
    make = SAMPLES.get(row.key)
    if make is None:
        if "{" in row.path or (row.method != "GET" and row.key not in EMPTY):
            raise LookupError(f"tests/security/matrix.py has no sample for {row}: add one to SAMPLES")
        return Sample()
    return await make(company)


Maker = Callable[[Company], Awaitable[Sample]]


def _plain(json: Any = None, form: Mapping[str, str] | None = None, query: str = "", **path: str) -> Maker:
    """The same request each time; ``$agent`` stands for the id of that column's person."""

    async def make(company: Company) -> Sample:
        def fill(value: Any) -> Any:
            if isinstance(value, str) and value.startswith("$"):
                return company[value[1:]].id
            return {name: fill(part) for name, part in value.items()} if isinstance(value, dict) else value

        return Sample(fill(path), fill(json), form, query)

    return make


def _ticket(
    status: str = "ASSIGNED", json: Any = None, query: str = "", form: Mapping[str, str] | None = None
) -> Maker:
    """A fresh ticket of the owner, in some state."""

    async def make(company: Company) -> Sample:
        filled = await _plain(json, query=query)(company)
        return Sample({"ticket_id": await company.ticket(status)}, filled.json, form, query)

    return make


def _ticket_form(**form: str) -> Maker:
    """A form about a fresh ticket of the owner that the agent has; ``$agent`` stands for a person's id."""

    async def make(company: Company) -> Sample:
        filled = {name: company[value[1:]].id if value[:1] == "$" else value for name, value in form.items()}
        return Sample({"ticket_id": await company.ticket()}, form=filled)

    return make


def _key(form: Mapping[str, str] | None = None) -> Maker:
    """A fresh key that acts for the owner."""

    async def make(company: Company) -> Sample:
        made = await company.world.db.write(company["owner"].actor, keys.make_key, NewKey("Export", ("live:read",)))
        return Sample({"key_id": made.id}, form=form)

    return make


def _hook(json: Any = None, form: Mapping[str, str] | None = None) -> Maker:
    """A fresh webhook with a delivery that was given up."""

    async def make(company: Company) -> Sample:
        db, admin = company.world.desk_of("webhooks").database, company["admin"].actor
        [*others] = await db.read(admin, hooks.list_endpoints)
        for other in others:
            await db.write(admin, hook_actions.remove_endpoint, other.id)
        wanted = Wanted(company.fresh("Chat room"), "https://example.com/hook", ("TICKET_CREATED",))
        made = await db.write(admin, hook_actions.make_endpoint, wanted)
        await db.write(admin, hook_actions.ping, made.endpoint.id)
        claimed = await db.write(admin, hook_actions.claim, ())
        assert claimed is not None
        await db.write(admin, hook_actions.note_outcome, claimed[1], Outcome(500, "", "answered 500", 1))
        path = {"endpoint_id": made.endpoint.id, "delivery_id": claimed[1].id}
        return Sample(path, json, form)

    return make


async def _many(company: Company) -> Sample:
    return Sample(form={"ticket": f"{await company.ticket()} 2", "deed": "priority", "priority": "HIGH"})


async def _registration(company: Company) -> Sample:
    email = company.fresh("new") + "@desk.test"
    return Sample(json={"name": "Nora New", "email": email, "password": NEW_PASSWORD})


async def _new_person(company: Company) -> Sample:
    return Sample(json={"name": "Nora New", "email": company.fresh("hired") + "@desk.test", "roles": ["AGENT"]})


async def _leaver(company: Company) -> Sample:
    person = await make_person(company.world, name="Leo Leaver", email=company.fresh("leaver") + "@desk.test")
    return Sample({"user_id": person.id})


async def _leaver_form(company: Company) -> Sample:
    email = company.fresh("leaver") + "@desk.test"
    person = await make_person(company.world, name="Leo Leaver", email=email)
    return Sample({"person_id": person.id}, form={"email": email})


async def _login(company: Company) -> Sample:
    return Sample(json={"email": company["owner"].email, "password": PASSWORD})


async def _refresh(company: Company) -> Sample:
    return Sample(json={"refreshToken": await company.refresh_token()})


async def _forgotten(company: Company) -> Sample:
    return Sample(json={"email": company["owner"].email})


async def _new_password(company: Company) -> Sample:
    return Sample(json={"token": await company.reset_token(), "newPassword": NEW_PASSWORD})


async def _new_password_form(company: Company) -> Sample:
    return Sample(form={"token": await company.reset_token(), "password": NEW_PASSWORD})


async def _reset_page(company: Company) -> Sample:
    return Sample(query="token=" + await company.reset_token())


async def _login_form(company: Company) -> Sample:
    return Sample(form={"email": company["owner"].email, "password": PASSWORD})


async def _registration_form(company: Company) -> Sample:
    email = company.fresh("new") + "@desk.test"
    return Sample(form={"name": "Nora New", "email": email, "password": NEW_PASSWORD})


async def _browser(company: Company) -> Sample:
    return Sample({"session_id": await company.browser()}, form={})


async def _session(company: Company) -> Sample:
    return Sample({"session_id": await company.browser()})


async def _second_factor(company: Company) -> Sample:
    return Sample({"user_id": await company.second_factor()})


async def _second_factor_form(company: Company) -> Sample:
    return Sample({"person_id": await company.second_factor()}, form={})


async def _verification(company: Company) -> Sample:
    return Sample(json={"token": await company.verify_token()})


async def _verification_form(company: Company) -> Sample:
    return Sample(form={"token": await company.verify_token()})


async def _verify_page(company: Company) -> Sample:
    return Sample(query="token=" + await company.verify_token())


async def _notice(company: Company) -> Sample:
    return Sample({"notice_id": await company.notice()})


async def _notice_form(company: Company) -> Sample:
    return Sample({"notice_id": await company.notice()}, form={})


async def _failed_mail_form(company: Company) -> Sample:
    message, person = await company.failed_mail()
    return Sample({"message_id": message, "person_id": person}, form={})


async def _draft_form_for_owner(company: Company) -> Sample:
    return Sample(form=_DRAFT | {"requesterId": company["owner"].id})


async def _failed_mail(company: Company) -> Sample:
    message, person = await company.failed_mail()
    return Sample({"message_id": message, "person_id": person})


async def _working(company: Company) -> Sample:
    if not company.world.desk.bus.running:
        await company.world.desk.bus.start()
    return Sample()


async def _asset(company: Company) -> Sample:
    return Sample({"name": next(iter(built_assets()), "desk.css")})


async def _edited(company: Company, edit: Edit, ahead: int = 0) -> None:
    at = company.world.clock.now + ahead if ahead else None
    await company.world.db.write(TESTER, terms.change_terms, edit, at)


async def _unused_calendar(company: Company) -> Sample:
    name = company.fresh("Spare ")
    await _edited(company, edits.add_calendar(WrittenCalendar(name=name, always=True)))
    return Sample({"name": name})


async def _unused_policy(company: Company) -> Sample:
    name = company.fresh("Spare ")
    await _edited(
        company,
        edits.add_policy(msgspec.convert(_POLICY | {"name": name, "when": {"requester": [name]}}, WrittenPolicy), 1),
    )
    return Sample({"name": name})


async def _new_calendar(company: Company) -> Sample:
    return Sample(json={"name": company.fresh("Office "), "zone": "Europe/Berlin", "week": {"mon": ["09:00-17:00"]}})


async def _new_policy(company: Company) -> Sample:
    name = company.fresh("Gold ")
    return Sample(json=_POLICY | {"name": name, "when": {"category": [name]}}, query="position=1")


async def _planned(company: Company) -> Sample:
    now = company.world.clock.now
    if not await company.world.sql("SELECT 1 AS one FROM sla_edition WHERE effective_from > :now", now=now):
        name = company.fresh("Later ")
        await _edited(company, edits.add_calendar(WrittenCalendar(name=name, always=True)), ahead=HOUR)
    return Sample()


_POLICY_FORM = {
    "position": "1",
    "priority": "HIGH",
    "RESOLUTION-HIGH": "9h",
    "RESOLUTION-calendars": "always",
    "reopen": "goes on",
    "do": "plan",
}
_POLICY = {
    "name": "default",
    "when": {"requester": ["nobody"]},
    "targets": {"RESOLUTION": {"times": {"HIGH": "4h"}, "calendars": ["always"]}},
}


async def _assignment_form(company: Company) -> Sample:
    return Sample(form={"ticket": await company.ticket(), "agent": company["other agent"].id})


async def _invitation_form(company: Company) -> Sample:
    email = company.fresh("invited") + "@desk.test"
    return Sample(form={"name": "Nora New", "email": email, "roles": "AGENT"})


async def _parked_event(company: Company) -> Sample:
    return Sample({"message_id": await company.parked_event()})


_ADMIN = {"token": "x" * 43, "name": "Eve Evil", "email": "eve@desk.test", "password": PASSWORD}
_DRAFT = {"title": "Printer on fire", "description": "It burns, help.", "category": "HARDWARE", "priority": "LOW"}

SAMPLES: dict[tuple[str, str, str], Maker] = {
    ("GET", "/static/{name}", ""): _asset,
    ("GET", "/readyz", ""): _working,
    ("POST", "/api/auth/register", ""): _registration,
    ("POST", "/api/auth/verify", ""): _verification,
    ("POST", "/api/auth/setup", ""): _plain(_ADMIN),
    ("POST", "/api/auth/login", ""): _login,
    ("POST", "/api/auth/refresh", ""): _refresh,
    ("POST", "/api/auth/logout", "with a refresh token"): _refresh,
    ("POST", "/api/auth/logout", "everywhere"): _plain({"everywhere": True}),
    ("POST", "/api/auth/forgot-password", ""): _forgotten,
    ("POST", "/api/auth/reset-password", ""): _new_password,
    ("PATCH", "/api/auth/me", ""): _plain({"name": "Another Name"}),
    ("POST", "/api/auth/change-password", ""): _plain({"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}),
    ("GET", "/api/users/{user_id}", "the owner"): _plain(user_id="$owner"),
    ("GET", "/api/users/{user_id}", "the admin"): _plain(user_id="$admin"),
    ("POST", "/api/users/admin", ""): _new_person,
    ("PATCH", "/api/users/admin/{user_id}", ""): _plain({"name": "Another Name"}, user_id="$owner"),
    ("POST", "/api/auth/login/second", ""): _plain({"challenge": "x" * 43, "code": "123456"}),
    ("POST", "/api/auth/second-factor/offer", ""): _plain({"password": PASSWORD}),
    ("POST", "/api/auth/second-factor/confirm", ""): _plain({"code": "123456"}),
    ("POST", "/api/auth/second-factor/recovery-codes", ""): _plain({"password": PASSWORD, "code": "123456"}),
    ("POST", "/api/auth/second-factor/off", ""): _plain({"password": PASSWORD, "code": "123456"}),
    ("POST", "/api/users/admin/{user_id}/second-factor/reset", "of somebody"): _second_factor,
    ("POST", "/admin/people/{person_id}/second/reset", "of somebody"): _second_factor_form,
    ("DELETE", "/api/auth/sessions/{session_id}", "the owner's"): _session,
    ("POST", "/login/second", ""): _plain(form={"code": "123456"}),
    ("POST", "/profile/second/offer", ""): _plain(form={"password": PASSWORD}),
    ("POST", "/profile/second/confirm", ""): _plain(form={"code": "123456"}),
    ("POST", "/profile/second/codes", ""): _plain(form={"password": PASSWORD, "code": "123456"}),
    ("POST", "/profile/second/off", ""): _plain(form={"password": PASSWORD, "code": "123456"}),
    ("GET", "/api/users/admin/{user_id}/export", ""): _plain(user_id="$owner"),
    ("GET", "/services/kept/{person_id}", "for services alone"): _plain(person_id="$owner"),
    ("DELETE", "/api/users/admin/{user_id}", ""): _leaver,
    ("GET", "/admin/people/{person_id}/export", ""): _plain(person_id="$owner"),
    ("GET", "/admin/people/{person_id}/erase", ""): _plain(person_id="$owner"),
    ("POST", "/admin/people/{person_id}/erase", ""): _leaver_form,
    ("POST", "/admin/categories/keep", ""): _plain(form={"days-OTHER": "90"}),
    ("GET", "/api/categories/retention", ""): _plain(),
    ("PUT", "/api/categories/{code}/retention", ""): _plain({"keepDays": 365}, code="OTHER"),
    ("POST", "/login", ""): _login_form,
    ("POST", "/logout", ""): _plain(form={}),
    ("POST", "/register", ""): _registration_form,
    ("POST", "/forgot", ""): _plain(form={"email": "una@desk.test"}),
    ("POST", "/profile/name", ""): _plain(form={"name": "Another Name"}),
    ("POST", "/profile/password", ""): _plain(form={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}),
    ("POST", "/profile/preferences", ""): _plain(form={"theme": "dark", "density": "compact", "language": "de"}),
    ("POST", "/profile/sessions/end-others", ""): _plain(form={}),
    ("POST", "/profile/sessions/{session_id}/end", "the owner's"): _browser,
    ("GET", "/setup", ""): _plain(query="token=x"),
    ("POST", "/setup", ""): _plain(form=_ADMIN),
    ("GET", "/reset", ""): _reset_page,
    ("POST", "/reset", ""): _new_password_form,
    ("GET", "/verify", ""): _verify_page,
    ("POST", "/verify", ""): _verification_form,
    ("POST", "/api/tickets", "for oneself"): _plain(_DRAFT),
    ("POST", "/api/tickets", "for the owner"): _plain(_DRAFT | {"requesterId": "$owner"}),
    ("GET", "/api/tickets/{ticket_id}", "assigned"): _ticket(),
    ("GET", "/api/tickets/{ticket_id}", "in the queue"): _ticket("CREATED"),
    ("PATCH", "/api/tickets/{ticket_id}", "title, assigned"): _ticket(json={"title": "Smoke too"}),
    ("PATCH", "/api/tickets/{ticket_id}", "title, in the queue"): _ticket("CREATED", {"title": "Smoke too"}),
    ("PATCH", "/api/tickets/{ticket_id}", "priority, in the queue"): _ticket("CREATED", {"priority": "CRITICAL"}),
    ("GET", "/api/tickets/user/{user_id}", "the owner"): _plain(user_id="$owner"),
    ("GET", "/api/tickets/agent/{agent_id}", "the agent"): _plain(agent_id="$agent"),
    ("GET", "/api/tickets/status/{status}", ""): _plain(status="ASSIGNED"),
    ("PUT", "/api/tickets/{ticket_id}/status", "assigned"): _ticket("ASSIGNED", {"status": "IN_PROGRESS"}),
    ("PUT", "/api/tickets/{ticket_id}/status", "to cancelled"): _ticket("ASSIGNED", {"status": "CANCELLED"}),
    ("PUT", "/api/tickets/{ticket_id}/assign", "body"): _ticket("ASSIGNED", {"agentId": "$other agent"}),
    ("PUT", "/api/tickets/{ticket_id}/close", "resolved"): _ticket("RESOLVED"),
    ("PUT", "/api/tickets/{ticket_id}/reopen", "closed"): _ticket("CLOSED"),
    ("PUT", "/api/tickets/{ticket_id}/cancel", "assigned"): _ticket(),
    ("POST", "/api/tickets/{ticket_id}/auto-assign", ""): _ticket(),
    ("POST", "/api/tickets/{ticket_id}/comments", "assigned"): _ticket(json={"comment": "Any news?"}),
    ("POST", "/api/tickets/{ticket_id}/comments", "internal note"): _ticket(
        json={"comment": "Not again.", "internal": True}
    ),
    ("GET", "/api/tickets/{ticket_id}/comments", "assigned"): _ticket(),
    ("GET", "/api/tickets/{ticket_id}/history", "assigned"): _ticket(),
    ("GET", "/api/tickets/{ticket_id}/timeline", "assigned"): _ticket(),
    ("GET", "/api/tickets/{ticket_id}/sla", "assigned"): _ticket(),
    ("GET", "/api/tickets/{ticket_id}/sla", "in the queue"): _ticket("CREATED"),
    ("GET", "/tickets/{ticket_id}", "assigned"): _ticket(),
    ("GET", "/tickets/{ticket_id}", "in the queue"): _ticket("CREATED"),
    ("POST", "/queue/apply", "a ticket of the agent"): _many,
    ("POST", "/queue/undo", ""): _plain(form={"field": "priority", "was": ""}),
    ("POST", "/queue/tickets/{ticket_id}/reply", "assigned"): _ticket_form(text="We are at it.", kind="reply"),
    ("POST", "/queue/tickets/{ticket_id}/set", "status, assigned"): _ticket_form(field="status", value="IN_PROGRESS"),
    ("POST", "/queue/tickets/{ticket_id}/set", "agent, assigned"): _ticket_form(field="agent", value="$other agent"),
    ("POST", "/queue/tickets/{ticket_id}/here", "assigned"): _ticket_form(newest="0", writing="yes"),
    ("POST", "/queue/tickets/{ticket_id}/draft", "assigned"): _ticket_form(text="We are", kind="reply"),
    ("POST", "/queue/filters", ""): _plain(form={"name": "Urgent", "back": "/queue?view=open&priority=HIGH"}),
    ("POST", "/queue/filters/{filter_id}/delete", ""): _plain(form={}, filter_id="none"),
    ("GET", "/sla/tickets/{ticket_id}/panel", "assigned"): _ticket(),
    ("POST", "/assignment/availability", ""): _plain(form={"available": "no"}),
    ("PUT", "/api/categories", ""): _plain({"categories": ["HARDWARE", "OTHER"]}),
    ("POST", "/tickets", "for oneself"): _plain(form=_DRAFT),
    ("POST", "/tickets", "for the owner"): _draft_form_for_owner,
    ("POST", "/tickets/preview", ""): _plain(form=_DRAFT),
    ("GET", "/tickets/people", ""): _plain(query="for=o"),
    ("POST", "/my/{ticket_id}/answer", "assigned"): _ticket(form={"comment": "Any news?"}),
    ("POST", "/my/{ticket_id}/solved", "resolved"): _ticket("RESOLVED", form={"comment": ""}),
    ("POST", "/my/{ticket_id}/reopen", "closed"): _ticket("CLOSED", form={"comment": "Still on fire."}),
    ("GET", "/my/{ticket_id}/cancel", "assigned"): _ticket(),
    ("POST", "/my/{ticket_id}/cancel", "assigned"): _ticket(form={}),
    ("POST", "/api/assign/{ticket_id}", ""): _ticket("CREATED", {"agentId": "$agent"}),
    ("GET", "/api/agent/{agent_id}", "the agent"): _plain(agent_id="$agent"),
    ("PUT", "/api/agent/{agent_id}/availability", "available"): _plain({"available": False}, agent_id="$agent"),
    ("PUT", "/api/agent/{agent_id}/availability", "capacity"): _plain({"capacity": 7}, agent_id="$agent"),
    ("POST", "/api/sla/check", ""): _plain({"dryRun": False}),
    ("GET", "/api/sla/calendars/{name}", ""): _plain(name="always"),
    ("POST", "/api/sla/calendars", ""): _new_calendar,
    ("PUT", "/api/sla/calendars/{name}", ""): _plain({"name": "always", "always": True}, name="always"),
    ("DELETE", "/api/sla/calendars/{name}", ""): _unused_calendar,
    ("POST", "/api/sla/calendars/{name}/holidays", ""): _plain({"country": "DE", "firstYear": 2026}, name="always"),
    ("GET", "/api/sla/policies/{name}", ""): _plain(name="default"),
    ("POST", "/api/sla/policies", ""): _new_policy,
    ("PUT", "/api/sla/policies/{name}", ""): _plain(_POLICY | {"when": {}}, name="default"),
    ("DELETE", "/api/sla/policies/{name}", ""): _unused_policy,
    ("PUT", "/api/sla/terms", ""): _plain({"text": toml.write_toml(own_terms())}),
    ("DELETE", "/api/sla/terms/planned", ""): _planned,
    ("POST", "/api/sla/backtest", ""): _plain({"text": toml.write_toml(own_terms())}),
    ("GET", "/api/escalations/manager/{manager_id}", "the manager"): _plain(manager_id="$manager"),
    ("GET", "/api/escalations/manager/{manager_id}", "another manager"): _plain(manager_id="$stale"),
    ("GET", "/api/assign/escalations/manager/{manager_id}", "the manager"): _plain(manager_id="$manager"),
    ("GET", "/api/assign/escalations/manager/{manager_id}", "another manager"): _plain(manager_id="$stale"),
    ("PUT", "/api/notifications/{notice_id}/read", "the owner's"): _notice,
    ("PUT", "/api/notifications/preferences", ""): _plain(
        [{"type": "TICKET_CREATED", "channel": "email", "enabled": False}]
    ),
    ("GET", "/notifications/{notice_id}", "the owner's"): _notice,
    ("POST", "/notifications/{notice_id}/read", "the owner's"): _notice_form,
    ("POST", "/notifications/read-all", ""): _plain(form={}),
    ("POST", "/notifications/preferences", ""): _plain(form={"TICKET_CREATED.email": "yes"}),
    ("POST", "/admin/mails/{message_id}/{person_id}/retry", "failed"): _failed_mail_form,
    ("POST", "/api/notifications/mail/{message_id}/{person_id}/retry", "failed"): _failed_mail,
}

# The pages of managers and administrators.
SAMPLES |= {
    ("GET", "/reports/{name}", "agents"): _plain(name="agents"),
    ("GET", "/assignment/tickets/{ticket_id}/assign", "assigned"): _ticket(),
    ("POST", "/assignment/assign", "assigned"): _assignment_form,
    ("GET", "/assignment/agents/{agent_id}", "the agent"): _plain(agent_id="$agent"),
    ("POST", "/assignment/agents/{agent_id}/availability", "the agent"): _plain(
        form={"available": "no", "capacity": "7", "skills": ""}, agent_id="$agent"
    ),
    ("GET", "/assignment/agents/{agent_id}/leaving", "the agent"): _plain(agent_id="$agent"),
    ("POST", "/admin/people", ""): _invitation_form,
    ("GET", "/admin/people/{person_id}", "the owner"): _plain(person_id="$owner"),
    ("POST", "/admin/people/{person_id}", "the owner"): _plain(
        form={"name": "Another Name", "roles": "USER"}, person_id="$owner"
    ),
    ("GET", "/admin/people/{person_id}/deactivate", "the owner"): _plain(person_id="$owner"),
    ("POST", "/admin/people/{person_id}/deactivate", "the owner"): _plain(form={}, person_id="$stranger"),
    ("POST", "/admin/people/{person_id}/activate", "the owner"): _plain(form={}, person_id="$owner"),
    ("POST", "/admin/sla/text", ""): _plain(form={"text": toml.write_toml(own_terms()), "do": "plan"}),
    ("POST", "/admin/sla/backtest", ""): _plain(form={"text": toml.write_toml(own_terms()), "from": "", "to": ""}),
    ("POST", "/admin/sla/withdraw", ""): _plain(form={}),
    ("POST", "/admin/sla/calendars/new", ""): _plain(form={"name": "Fridays", "fri": "09:00-17:00", "do": "plan"}),
    ("GET", "/admin/sla/calendars/{name}", ""): _plain(name="always"),
    ("POST", "/admin/sla/calendars/{name}", ""): _plain(
        form={"name": "always", "always": "yes", "do": "plan"}, name="always"
    ),
    ("POST", "/admin/sla/policies/new", ""): _plain(form=_POLICY_FORM | {"name": "Urgent"}),
    ("GET", "/admin/sla/policies/{name}", ""): _plain(name="default"),
    ("POST", "/admin/sla/policies/{name}", ""): _plain(form=_POLICY_FORM | {"name": "default"}, name="default"),
    ("POST", "/admin/categories", ""): _plain(form={"all": "HARDWARE OTHER"}),
    ("GET", "/admin/events/{message_id}", "parked"): _parked_event,
    ("POST", "/admin/events/retry", ""): _plain(form={}),
}

# Keys of programs.
_KEY: dict[str, Any] = {"name": "Nightly export", "scopes": ["tickets:read"]}
_KEY_FORM = {"name": "Nightly export", "scopes": "tickets:read"}
SAMPLES |= {
    ("POST", "/api/keys", "for oneself"): _plain(_KEY),
    ("POST", "/api/keys", "for the owner"): _plain(_KEY | {"personId": "$owner"}),
    ("POST", "/api/keys", "with a role"): _plain(_KEY | {"role": "MANAGER"}),
    ("DELETE", "/api/keys/{key_id}", "the owner's"): _key(),
    ("POST", "/profile/keys", ""): _plain(form=_KEY_FORM),
    ("POST", "/profile/keys/{key_id}/revoke", "the owner's"): _key(form={}),
    ("POST", "/admin/keys", ""): _plain(form=_KEY_FORM | {"role": "USER"}),
    ("POST", "/admin/keys/{key_id}/revoke", "the owner's"): _key(form={}),
}

# Webhooks.
_HOOK: dict[str, Any] = {"name": "Chat room", "url": "https://example.com/hook", "events": ["TICKET_CREATED"]}
_HOOK_FORM = {"name": "Chat room", "url": "https://example.com/hook", "events": "TICKET_CREATED"}
SAMPLES |= {
    ("POST", "/api/webhooks", ""): _plain(_HOOK),
    ("GET", "/api/webhooks/{endpoint_id}", "one"): _hook(),
    ("PUT", "/api/webhooks/{endpoint_id}", "one"): _hook(_HOOK),
    ("DELETE", "/api/webhooks/{endpoint_id}", "one"): _hook(),
    ("PUT", "/api/webhooks/{endpoint_id}/pause", "one"): _hook(),
    ("PUT", "/api/webhooks/{endpoint_id}/resume", "one"): _hook(),
    ("POST", "/api/webhooks/{endpoint_id}/secret", "one"): _hook(),
    ("POST", "/api/webhooks/{endpoint_id}/test", "one"): _hook(),
    ("GET", "/api/webhooks/{endpoint_id}/deliveries", "one"): _hook(),
    ("POST", "/api/webhooks/{endpoint_id}/deliveries/{delivery_id}/again", "one that is done"): _hook(),
    ("POST", "/admin/webhooks", ""): _plain(form=_HOOK_FORM),
    ("GET", "/admin/webhooks/{endpoint_id}", "one"): _hook(),
    ("POST", "/admin/webhooks/{endpoint_id}", "one"): _hook(form=_HOOK_FORM),
    ("POST", "/admin/webhooks/{endpoint_id}/pause", "one"): _hook(form={}),
    ("POST", "/admin/webhooks/{endpoint_id}/resume", "one"): _hook(form={}),
    ("POST", "/admin/webhooks/{endpoint_id}/secret", "one"): _hook(form={}),
    ("POST", "/admin/webhooks/{endpoint_id}/test", "one"): _hook(form={}),
    ("POST", "/admin/webhooks/{endpoint_id}/deliveries/{delivery_id}/again", "one that is done"): _hook(form={}),
    ("GET", "/admin/webhooks/{endpoint_id}/remove", "one"): _hook(),
    ("POST", "/admin/webhooks/{endpoint_id}/remove", "one"): _hook(form={}),
}

# These change something and need neither parameters nor a body.
EMPTY = {("POST", "/api/auth/logout", ""), ("PUT", "/api/notifications/read-all", "")}
