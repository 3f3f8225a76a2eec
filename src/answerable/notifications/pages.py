"""Pages of notifications: everybody's own, what they want to be told, and the mail log."""

from contextlib import suppress
from typing import Any

from litestar import Response, get, post

from answerable.infra.web.forms import Form, form_of, go, words
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.said import Said
from answerable.infra.web.viewer import viewer_of
from answerable.infra.web.words import clock, day
from answerable.kernel.errors import Conflict, Problem, Unavailable
from answerable.kernel.words import N_
from answerable.notifications import actions, queries, rules
from answerable.notifications.actions import Preference

# What people are asked about, in their words: (type, sentence).
FOR_ALL = (
    ("TICKET_CREATED", N_("Your ticket has arrived")),
    ("TICKET_ASSIGNED", N_("Somebody looks after a ticket")),
    ("STATUS_CHANGED", N_("Work on a ticket goes on or waits")),
    ("COMMENT_ADDED", N_("Somebody wrote to you on a ticket")),
    ("TICKET_RESOLVED", N_("A ticket is solved")),
    ("TICKET_CLOSED", N_("A ticket is closed")),
    ("TICKET_REOPENED", N_("A ticket is open again")),
    ("TICKET_CANCELLED", N_("A ticket is taken back")),
)
FOR_STAFF = (
    ("SLA_AT_RISK", N_("A promise is at risk")),
    ("SLA_BREACHED", N_("A promise is broken")),
    ("TICKET_ESCALATED", N_("A ticket is escalated")),
)
PLACES = {"WEBHOOK_DISABLED": "/admin/webhooks"}  # where one looks after what is about no ticket
MAIL_STATES = (
    ("", N_("All")),
    ("QUEUED", N_("Waiting")),
    ("SENT", N_("Sent")),
    ("LOGGED", N_("Written to the log")),
    ("FAILED", N_("Failed")),
    ("SUPPRESSED", N_("Not sent")),
)


@get("/notifications", opt=needs(SIGNED_IN), include_in_schema=False)
async def show_notices(request: DeskRequest, cursor: str | None = None) -> Response[bytes]:
    """List one's own notifications, unread ones first."""
    inbox = await request.ask(queries.list_unread_first, cursor)
    say, viewer = words(request), viewer_of(request.scope)

    def write(at: int) -> str:
        return f"{day(at, viewer.zone, viewer.language)}, {clock(at, viewer.zone)}"

    told = {}
    for row in inbox.rows:
        title, message = rules.read_as(say, row["type"], row["title"], row["message"])
        told[row["id"]] = (title, rules.with_times(write, message))
    return show(request, "notifications/list.html", inbox=inbox, told=told, is_first=not cursor)


@get("/notifications/count", opt=needs(SIGNED_IN), include_in_schema=False)
async def show_count(request: DeskRequest) -> Response[bytes]:
    """Show how many of one's own notifications are unread: the number at the bell."""
    unread = await request.ask(queries.count_unread)
    return show(request, "notifications/count.html", count=unread.count)


@get("/notifications/{notice_id:str}", opt=needs(SIGNED_IN), include_in_schema=False)
async def follow_notice(request: DeskRequest, notice_id: str) -> Response[bytes]:
    """Go to what a notification is about; it is read then, with all others about the same."""
    notice = await request.ask(queries.get_notice, notice_id)
    if not notice.read:
        with suppress(Unavailable):  # the way there matters more
            await request.act(actions.read_about, notice_id)
    elsewhere = PLACES.get(notice.type, "/notifications")
    return go(request, f"/tickets/{notice.ticket_id}" if notice.ticket_id else elsewhere)


@post("/notifications/{notice_id:str}/read", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def read_notice(request: DeskRequest, notice_id: str) -> Response[bytes]:
    """Mark one of one's own notifications read."""
    await request.act(actions.read_notice, notice_id)
    return go(request, "/notifications")


@post("/notifications/read-all", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def read_all_notices(request: DeskRequest) -> Response[bytes]:
    """Mark all of one's own notifications read."""
    await request.act(actions.read_all_notices)
    return go(request, "/notifications", Said(words(request)(N_("Everything is marked as read."))))


@get("/notifications/preferences", opt=needs(SIGNED_IN), include_in_schema=False)
async def show_preferences(request: DeskRequest) -> Response[bytes]:
    """Show what one is told of, and where."""
    return await _preferences(request, Form())


@post("/notifications/preferences", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def set_preferences(request: DeskRequest) -> Response[bytes]:
    """Choose what one is told of, and where: what is ticked is on, the rest of what was shown off."""
    form = await form_of(request)
    wanted = [
        Preference(about, channel, int(f"{about}.{channel}" in form))
        for about, _ in _asked(request)
        for channel in rules.CHANNELS
    ]
    try:
        await request.act(actions.set_preferences, wanted)
    except Problem as problem:
        return await _preferences(request, form.refused(problem))
    return go(request, "/notifications/preferences", Said(words(request)(N_("Your choice is kept."))))


@get("/admin/mails", opt=needs("mail.read"), include_in_schema=False)
async def show_mails(request: DeskRequest, kind: str = "", cursor: str | None = None) -> Response[bytes]:
    """List the mails of notifications, newest events first; ``kind`` narrows to one state."""
    state = queries.known_state(kind)
    await request.act(actions.look_at_mails)
    log = await request.scan(queries.read_mail_log, state, cursor)
    configured = bool(request.desk_settings.mail.host)
    values: dict[str, Any] = {"log": log, "kind": kind.upper(), "kinds": MAIL_STATES, "sends": configured}
    return show(request, "notifications/mails.html", about=dict(FOR_ALL + FOR_STAFF), **values)


@post(
    "/admin/mails/{message_id:str}/{person_id:str}/retry",
    status_code=200,
    opt=needs("mail.read"),
    include_in_schema=False,
)
async def retry_mail(request: DeskRequest, message_id: str, person_id: str) -> Response[bytes]:
    """Queue a failed mail again."""
    form = await form_of(request)
    back = "/admin/mails" + ("?kind=FAILED" if form["kind"] == "FAILED" else "")
    try:
        mail = await request.act(actions.retry_mail, message_id, person_id)
    except Conflict as problem:  # somebody else was quicker
        return go(request, back, Said(problem.message, "warning"))
    text = words(request)(N_("The mail to {address} is on its way again.")).format(address=mail.to)
    return go(request, back, Said(text))


ROUTES = (
    show_notices,
    show_count,
    follow_notice,
    read_notice,
    read_all_notices,
    show_preferences,
    set_preferences,
    show_mails,
    retry_mail,
)


def _asked(request: DeskRequest) -> tuple[tuple[str, str], ...]:
    return FOR_ALL + FOR_STAFF if request.actor.may("desk.work") else FOR_ALL


async def _preferences(request: DeskRequest, form: Form) -> Response[bytes]:
    now = {(each.type, each.channel): each.enabled for each in await request.ask(queries.list_preferences)}
    if form.problem:  # what was ticked stays ticked
        now = {(about, channel): f"{about}.{channel}" in form for about, channel in now}
    status = form.problem.status if form.problem else 200
    return show(
        request,
        "notifications/preferences.html",
        status,
        form=form,
        asked=_asked(request),
        now=now,
        channels=rules.CHANNELS,
    )
