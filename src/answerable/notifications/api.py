"""The HTTP interface of notifications: everybody's own, and the mail log for ADMIN."""

from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.params import Parameter

from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.paging import list_response
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.kernel.paging import page_request
from answerable.notifications import actions, queries
from answerable.notifications.actions import Preference
from answerable.notifications.queries import MailView, NoticeView, PreferenceView, UnreadView

MailState = Annotated[str | None, Parameter(query="state", description="QUEUED, SENT, FAILED ...")]


class PreferenceChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A wish to be told (or not) of events of ``type`` on ``channel``: screen or email."""

    type: str
    channel: str
    enabled: bool


class ReadView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many notifications became read."""

    updated: int


@get("/api/notifications", opt=needs(SIGNED_IN), tags=["Notifications"])
async def list_notices(
    request: DeskRequest,
    unread: bool = False,
    page: int = 0,
    size: int = 50,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[NoticeView]]:
    """List one's own notifications, newest first; with ``unread=true`` only those not read yet."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=queries.NOTICES)
    ask = request.scan if part.exact_count or part.offset else request.ask
    found = await ask(queries.list_notices, "unread" if unread else "all", part)
    return list_response(request, found, found.rows)


@get("/api/notifications/unread-count", opt=needs(SIGNED_IN), tags=["Notifications"])
async def count_unread(request: DeskRequest) -> Response[UnreadView]:
    """Count one's own unread notifications."""
    return respond(Reply(await request.ask(queries.count_unread)))


@put("/api/notifications/{notice_id:str}/read", opt=needs(SIGNED_IN), tags=["Notifications"])
async def read_notice(request: DeskRequest, notice_id: str) -> Response[NoticeView]:
    """Mark one of one's own notifications read."""
    return respond(Reply(await request.act(actions.read_notice, notice_id)))


@put("/api/notifications/read-all", opt=needs(SIGNED_IN), tags=["Notifications"])
async def read_all_notices(request: DeskRequest) -> Response[ReadView]:
    """Mark all of one's own notifications read."""
    return respond(Reply(ReadView(updated=await request.act(actions.read_all_notices))))


@get("/api/notifications/preferences", opt=needs(SIGNED_IN), tags=["Notifications"])
async def list_preferences(request: DeskRequest) -> Response[list[PreferenceView]]:
    """Read one's own preferences: every type of event on every channel."""
    return respond(Reply(await request.ask(queries.list_preferences)))


@put("/api/notifications/preferences", opt=needs(SIGNED_IN), tags=["Notifications"])
async def set_preferences(request: DeskRequest, data: list[PreferenceChange]) -> Response[list[PreferenceView]]:
    """Change some of one's own preferences; what is left out stays. Answers all of them."""
    wanted = [Preference(change.type.upper(), change.channel.lower(), int(change.enabled)) for change in data]
    return respond(Reply(await request.act(actions.set_preferences, wanted)))


@get("/api/notifications/mail", opt=needs("mail.read"), tags=["Notifications"])
async def list_mails(
    request: DeskRequest,
    mail_state: MailState = None,
    page: int = 0,
    size: int = 50,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[MailView]]:
    """List the mails of notifications, those of the newest events first; ``state`` narrows to one state."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=queries.MAILS)
    state = queries.known_state(mail_state)
    await request.act(actions.look_at_mails)
    found = await request.scan(queries.list_mails, state, part)
    return list_response(request, found, found.rows)


@post(
    "/api/notifications/mail/{message_id:str}/{person_id:str}/retry",
    opt=needs("mail.read"),
    tags=["Notifications"],
    status_code=200,
)
async def retry_mail(request: DeskRequest, message_id: str, person_id: str) -> Response[MailView]:
    """Queue a failed mail again."""
    return await request.post(Reply, actions.retry_mail, message_id, person_id)


ROUTES = [
    list_notices,
    count_unread,
    read_notice,
    read_all_notices,
    list_preferences,
    set_preferences,
    list_mails,
    retry_mail,
]
