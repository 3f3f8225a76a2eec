"""The record of who changed whom, for administrators. It is read only."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from answerable.infra.web.forms import Form
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import Viewer, viewer_of
from answerable.kernel.errors import Invalid
from answerable.kernel.paging import page_request
from answerable.kernel.times import SECOND
from answerable.kernel.words import N_
from answerable.users.queries import people as queries
from answerable.users.store import audit

ROWS = 50
AUDIT = "/admin/audit"
A_DAY = N_("must be a day such as 2026-03-02")
ACTS = {
    "CREATED": N_("added"),
    "CHANGED": N_("changed"),
    "PASSWORD_CHANGED": N_("changed the password of"),
    "ADMIN_CREATED": N_("made an administrator of"),
    "SET_UP": N_("set the desk up as"),
}


@get(AUDIT, opt=needs("user.admin"), include_in_schema=False)
async def show_audit(
    request: DeskRequest,
    who: str = "",
    act: str = "",
    first: Annotated[str, Parameter(query="from")] = "",
    last: Annotated[str, Parameter(query="to")] = "",
    cursor: str | None = None,
) -> Response[bytes]:
    """Show who changed whom, newest first."""
    viewer = viewer_of(request.scope)
    part = page_request(page=0, size=ROWS, cursor=cursor, count=None, sort=audit.NEWEST)
    kept = {"who": who, "act": act, "from": first, "to": last}
    form, status = Form(list(kept.items())), 200
    wanted = audit.AuditFilter(who[:254] or None, None, act if act in ACTS else None)
    try:
        start, end = _begin(first, 0, "from", viewer), _begin(last, 1, "to", viewer)
        wanted = audit.AuditFilter(wanted.who, None, wanted.action, start, end)
    except Invalid as problem:
        form, status = form.refused(problem), problem.status
    found = await request.scan(queries.list_audit, part, wanted)
    query = {name: value for name, value in kept.items() if value}
    more = f"{AUDIT}?{urlencode({**query, 'cursor': found.next_cursor})}" if found.next_cursor else ""
    return show(
        request,
        "users/audit.html",
        status,
        rows=found.rows,
        total=found.total,
        more=more,
        form=form,
        acts=ACTS,
        changes=changes_of,
    )


ROUTES = [show_audit]


def changes_of(row: Any) -> list[tuple[str, str, str]]:
    """Return what a line of the record says: field, before, after."""
    found: dict[str, list[Any]] = msgspec.json.decode(row["detail"])
    return [(name, _text(before), _text(after)) for name, (before, after) in found.items()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return {True: N_("yes"), False: N_("no"), None: ""}.get(value, value) if not isinstance(value, str) else value


def _begin(text: str, days: int, name: str, viewer: Viewer) -> int | None:
    """Return when a day begins for the viewer, or the one so many days later; ``None`` for no day."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        begin = datetime(day.year, day.month, day.day, tzinfo=viewer.zone).astimezone(UTC)
        return int(begin.timestamp()) * SECOND
    except (ValueError, OverflowError) as error:
        raise Invalid(N_("Please choose a day."), errors=(f"{name}: {A_DAY}",)) from error
