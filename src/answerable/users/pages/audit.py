"""The audit log: what administrators did, anywhere in the desk. It is read only."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import Parameter

from answerable.infra.web.forms import Form
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import Viewer, viewer_of
from answerable.infra.web.words import exact
from answerable.infra.web.words.messages import in_words
from answerable.kernel.errors import Invalid
from answerable.kernel.paging import page_request
from answerable.kernel.times import SECOND, iso_or_none, parse_iso
from answerable.kernel.words import N_
from answerable.users.pages.roles import ROLE_NAMES
from answerable.users.pages.scopes import SCOPE_NAMES
from answerable.users.queries import audit as queries
from answerable.users.store.acts import NEWEST, ActFilter

ROWS = 50
AUDIT = "/admin/audit"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
A_DAY = N_("must be a day such as 2026-03-02")


@get(AUDIT, opt=needs("audit.read"), include_in_schema=False)
async def show_audit(
    request: DeskRequest,
    who: str = "",
    act: str = "",
    first: Annotated[str, Parameter(query="from")] = "",
    last: Annotated[str, Parameter(query="to")] = "",
    cursor: str | None = None,
) -> Response[bytes]:
    """Show who did what, newest first."""
    viewer = viewer_of(request.scope)
    part = page_request(page=0, size=ROWS, cursor=cursor, count=None, sort=NEWEST)
    kept = {"who": who, "act": act, "from": first, "to": last}
    form, status = Form(list(kept.items())), 200
    acts = request.parts["acts"]
    wanted = ActFilter(who[:254] or None, act=act if act in acts else None)
    try:
        start, end = _begin(first, 0, "from", viewer), _begin(last, 1, "to", viewer)
        wanted = replace(wanted, start=start, end=end)
    except Invalid as problem:
        form, status = form.refused(problem), problem.status
    found = await request.scan(queries.list_acts, part, wanted)
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
        acts=acts,
        changes=partial(changes_of, viewer),
        export=_export(wanted),
    )


ROUTES = [show_audit]


def changes_of(viewer: Viewer, row: Any) -> list[tuple[str, list[str], list[str]]]:
    """Return what a line of the record says: field, before, after; each may have several values, in plain words."""
    said = partial(_said, viewer)
    return [
        (name, said(name, change[0]), said(name, change[-1]))
        for name, change in queries.changes_of(row).items()
        if change
    ]


def _said(viewer: Viewer, name: str, value: Any) -> list[str]:
    texts = _texts(value)
    if name == "events":
        texts = [each for text in texts for each in text.split()]  # in one text, as webhooks keep them
    return [_in_words(viewer, name, text) for text in texts]


def _in_words(viewer: Viewer, name: str, text: str) -> str:
    """Return a value as people say it: a role or state by its name, an instant in the viewer's zone."""
    if name in ("roles", "role") and text in ROLE_NAMES:
        return ROLE_NAMES[text][0]
    if name == "state":
        return text.capitalize()
    if name in ("skills", "categories"):
        return text.replace("_", " ").capitalize()
    if name == "events":
        return in_words(text)
    if name == "scopes":
        return SCOPE_NAMES.get(text, text)
    if _INSTANT.fullmatch(text):
        return exact(parse_iso(text), viewer.zone, viewer.language)
    return text


def _export(wanted: ActFilter) -> str:
    """Return what the links that write the log out say of the filter."""
    bounds = {"from": wanted.start, "to": wanted.end}
    said = {"who": wanted.who, "act": wanted.act} | {name: iso_or_none(at) for name, at in bounds.items()}
    return urlencode({name: value for name, value in said.items() if value})


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, bool):
        return [N_("yes") if value else N_("no")]
    return [] if value is None or value == "" else [str(value)]


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
