"""REST: the audit log, for administrators."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from litestar import Response, get
from litestar.params import Parameter
from litestar.response import Stream

from answerable.infra.web.grants import needs
from answerable.infra.web.paging import list_response
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.sheet import MEDIA_TYPE
from answerable.kernel.paging import MAX_SIZE, PageRequest, decode_cursor, page_request
from answerable.kernel.span import read_instant
from answerable.users.actions import audit as actions
from answerable.users.queries import audit as queries
from answerable.users.queries.audit import ActView, AuditView
from answerable.users.rules.acts import PERSON
from answerable.users.store.acts import NEWEST, ActFilter

LINES = "application/jsonl"
Who = Annotated[
    str | None,
    Parameter(description="Part of the name or address of who did it or whom it was done to.", max_length=254),
]
About = Annotated[str | None, Parameter(description="The kind of thing, such as person.", max_length=100)]
AboutId = Annotated[str | None, Parameter(query="aboutId", description="The id of the thing.", max_length=100)]
Named = Annotated[str | None, Parameter(description="The act, such as PERSON_CHANGED.", max_length=100)]
From = Annotated[str | None, Parameter(query="from", description="Then or later: an ISO-8601 date or instant.")]
To = Annotated[str | None, Parameter(query="to", description="Before: an ISO-8601 date or instant.")]


@get("/api/users/admin/audit", opt=needs("user.admin"), tags=["People"])
async def list_changes(
    request: DeskRequest, page: int = 0, size: int = 10, cursor: str | None = None, count: str | None = None
) -> Response[list[AuditView]]:
    """List who changed whom, newest first."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=NEWEST)
    found = await request.scan(queries.list_acts, part, ActFilter(about=PERSON))
    return list_response(request, found, [queries.audit_view(row) for row in found.rows])


@get("/api/audit", opt=needs("audit.read"), tags=["Audit log"])
async def list_acts(
    request: DeskRequest,
    who: Who = None,
    act: Named = None,
    about: About = None,
    about_id: AboutId = None,
    start: From = None,
    end: To = None,
    page: int = 0,
    size: int = 50,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[ActView]]:
    """List administrative acts, newest first."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=NEWEST)
    wanted = _filter(who, act, about, about_id, start, end)
    found = await request.scan(queries.list_acts, part, wanted)
    return list_response(request, found, [queries.act_view(row) for row in found.rows])


@get("/api/audit/export", opt=needs("audit.read", also=[LINES, MEDIA_TYPE]), tags=["Audit log"])
async def export_acts(
    request: DeskRequest,
    shape: Annotated[Literal["csv", "jsonl"], Parameter(query="format", description="csv or jsonl.")] = "jsonl",
    who: Who = None,
    act: Named = None,
    about: About = None,
    about_id: AboutId = None,
    start: From = None,
    end: To = None,
) -> Response[list[ActView]]:
    """Write the audit log out whole, newest first: as CSV, or as JSON, an act a line. That is an act itself."""
    wanted = _filter(who, act, about, about_id, start, end)
    await request.act(actions.record_export, shape)
    headers = {"Content-Disposition": f'attachment; filename="audit.{shape}"', "Cache-Control": "no-store"}
    media = MEDIA_TYPE if shape == "csv" else LINES
    lines: Any = Stream(_lines(request, wanted, shape), headers=headers, media_type=media)
    return lines  # type: ignore[no-any-return]


ROUTES = [list_changes, list_acts, export_acts]


async def _lines(request: DeskRequest, wanted: ActFilter, shape: str) -> AsyncIterator[bytes]:
    """Write every act, a page at a time, so that a long log needs no memory."""
    part, first = PageRequest(MAX_SIZE), True
    while True:
        found = await request.scan(queries.list_acts, part, wanted)
        yield queries.written(found.rows, shape, header=first).encode()
        if found.next_cursor is None:
            return
        part, first = PageRequest(MAX_SIZE, cursor=decode_cursor(found.next_cursor, NEWEST)), False


def _filter(
    who: str | None, act: str | None, about: str | None, about_id: str | None, start: str | None, end: str | None
) -> ActFilter:
    return ActFilter(
        who or None, about or None, about_id or None, act or None, read_instant("from", start), read_instant("to", end)
    )
