"""Reads for screens and lists: a person's own notices and preferences, and the mail log for ADMIN."""

from dataclasses import dataclass
from typing import Any

import msgspec

from answerable.kernel.errors import Invalid, Missing
from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, decode_cursor, encode_cursor, total_text
from answerable.kernel.times import iso, iso_or_none
from answerable.kernel.tx import Row, Tx
from answerable.kernel.words import N_
from answerable.notifications import rules, store
from answerable.notifications.rules import Delivery
from answerable.notifications.store import erasure

NOTICES = "notices"  # the names of the lists inside their cursors
MAILS = "mails"
UNREAD_FIRST = "unread-first"
PER_PAGE = 30
UNREAD_CAP = 9_999
MOST_EXPORTED = 100_000


class NoticeView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A notification as clients see it."""

    id: str
    user_id: str
    type: str
    title: str
    message: str
    ticket_id: str | None
    read: bool
    created_at: str


class UnreadView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many notifications are unread (of very many: 9999); both names say the same."""

    count: int
    unread_count: int


class PreferenceView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether events of ``type`` are told on ``channel`` (screen or email)."""

    type: str
    channel: str
    enabled: bool


class MailView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A mail as ADMIN sees it. ``body`` is null once a server has taken it, or where there never was one."""

    message_id: str
    person_id: str
    to: str
    type: str
    ticket_id: str | None
    subject: str
    body: str | None
    state: str
    reason: str | None
    attempts: int
    error: str | None
    next_attempt_at: str | None
    created_at: str
    done_at: str | None


async def list_notices(tx: Tx, state: str, page: PageRequest) -> Page[NoticeView]:
    """Read a page of the caller's notices, newest first; ``state`` is ``all`` or ``unread``."""
    before = str(page.cursor[1]) if page.cursor else None
    rows = await store.list_notices(tx, tx.actor.id, state, before, page.size + 1, page.offset)
    shown = [notice_view(row) for row in rows[: page.size]]
    cursor = encode_cursor(NOTICES, None, shown[-1].id) if len(rows) > page.size else None
    counted = await store.count_notices(tx, tx.actor.id, state, None if page.exact_count else COUNT_CAP)
    return Page(shown, cursor, str(counted) if page.exact_count else total_text(counted))


@dataclass(frozen=True, slots=True)
class Inbox:
    """A part of the caller's notices as their page shows them: unread ones before the others, each newest first."""

    rows: list[Row]
    next_cursor: str | None
    unread: int


async def list_unread_first(tx: Tx, cursor: str | None) -> Inbox:
    """Read a part of the caller's notices, unread ones first. Raises ``Invalid`` for a cursor of another list."""
    state, before = "unread", None
    if cursor:
        told, key = decode_cursor(cursor, UNREAD_FIRST)
        if told not in ("unread", "read") or not isinstance(key, str):
            raise Invalid("The cursor is not valid.", errors=("cursor: not a cursor of this list",))
        state, before = str(told), key
    rows = await store.list_notices(tx, tx.actor.id, state, before, PER_PAGE + 1, 0)
    if state == "unread" and len(rows) <= PER_PAGE:
        rows = [*rows, *await store.list_notices(tx, tx.actor.id, "read", None, PER_PAGE + 1 - len(rows), 0)]
    shown = rows[:PER_PAGE]
    following = None
    if len(rows) > PER_PAGE:
        last = shown[-1]
        following = encode_cursor(UNREAD_FIRST, "unread" if last["read_at"] is None else "read", last["id"])
    unread = await store.count_notices(tx, tx.actor.id, "unread", UNREAD_CAP)
    return Inbox(shown, following, unread)


async def get_notice(tx: Tx, notice_id: str) -> NoticeView:
    """Read one of the caller's notices. Raises ``Missing`` for any other."""
    notice = await store.find_notice(tx, tx.actor.id, notice_id)
    if notice is None:
        raise Missing(N_("There is no such notification."))
    return notice_view(notice)


def notice_view(row: Row) -> NoticeView:
    """Show a notice."""
    return NoticeView(
        id=row["id"],
        user_id=row["user_id"],
        type=row["type"],
        title=row["title"],
        message=row["message"],
        ticket_id=row["ticket_id"],
        read=row["read_at"] is not None,
        created_at=iso(row["created_at"]),
    )


async def count_unread(tx: Tx) -> UnreadView:
    """Count the caller's unread notices, up to ``UNREAD_CAP``."""
    count = min(await store.count_notices(tx, tx.actor.id, "unread", UNREAD_CAP), UNREAD_CAP)
    return UnreadView(count=count, unread_count=count)


async def list_preferences(tx: Tx) -> list[PreferenceView]:
    """Read the caller's preferences: every type on every channel, what nobody changed switched on."""
    off = await store.list_switched_off(tx, tx.actor.id)
    return [
        PreferenceView(type=about, channel=channel, enabled=(about, channel) not in off)
        for about in rules.TYPES
        for channel in rules.CHANNELS
    ]


async def list_mails(tx: Tx, state: str | None, page: PageRequest) -> Page[MailView]:
    """Read a page of the mail log, newest events first. The route asks for ``mail.read``."""
    before = (str(page.cursor[0]), str(page.cursor[1])) if page.cursor else None
    mails = await store.list_mails(tx, state, before, page.size + 1, page.offset)
    shown = [mail_view(mail) for mail in mails[: page.size]]
    cursor = encode_cursor(MAILS, shown[-1].message_id, shown[-1].person_id) if len(mails) > page.size else None
    counted = await store.count_mails(tx, state, None if page.exact_count else COUNT_CAP)
    return Page(shown, cursor, str(counted) if page.exact_count else total_text(counted))


@dataclass(frozen=True, slots=True)
class MailLog:
    """A part of the mail log as its page shows it; ``failed`` stops at ``COUNT_CAP`` + 1."""

    rows: list[Delivery]
    names: dict[str, str]
    next_cursor: str | None
    failed: int


async def read_mail_log(tx: Tx, state: str | None, cursor: str | None) -> MailLog:
    """Read a part of the mail log, newest events first, with people's names. The route asks for ``mail.read``."""
    before = None
    if cursor:
        message, person = decode_cursor(cursor, MAILS)
        before = (str(message), str(person))
    mails = await store.list_mails(tx, state, before, PER_PAGE + 1, 0)
    shown = mails[:PER_PAGE]
    names = await store.load_names(tx, sorted({mail.person_id for mail in shown}))
    following = encode_cursor(MAILS, shown[-1].message_id, shown[-1].person_id) if len(mails) > PER_PAGE else None
    return MailLog(shown, names, following, await store.count_mails(tx, "FAILED", COUNT_CAP))


def known_state(text: str | None) -> str | None:
    """Read a state of mails, ``None`` where none is named. Raises ``Invalid`` for another word."""
    if not text:
        return None
    if text.upper() in rules.STATES:
        return text.upper()
    raise Invalid(N_("Unknown state."), errors=(f"state: must be one of {', '.join(rules.STATES)}",))


def mail_view(mail: Delivery) -> MailView:
    """Show a mail."""
    return MailView(
        message_id=mail.message_id,
        person_id=mail.person_id,
        to=mail.address,
        type=mail.type,
        ticket_id=mail.ticket_id,
        subject=mail.subject,
        body=mail.body or None,
        state=mail.state,
        reason=mail.reason or None,
        attempts=mail.attempts,
        error=mail.error,
        next_attempt_at=iso_or_none(mail.next_at),
        created_at=iso(mail.created_at),
        done_at=iso_or_none(mail.done_at),
    )


async def audit(tx: Tx) -> list[str]:
    """Return a line for each delivery on screen without its notice, and the other way round."""
    return await store.list_differences(tx)


async def export(tx: Tx, person_id: str) -> dict[str, Any]:
    """Return what a person was told, on the screen and by mail, and what they wish to be told."""
    off = await store.list_switched_off(tx, person_id)
    return {
        "notices": [_exported(row) for row in await erasure.list_told(tx, person_id, MOST_EXPORTED)],
        "mails": [_exported(row) for row in await erasure.list_mailed(tx, person_id, MOST_EXPORTED)],
        "switchedOff": [{"type": about, "channel": channel} for about, channel in sorted(off)],
    }


def _exported(row: Row) -> dict[str, Any]:
    return {name: iso_or_none(value) if name.endswith("_at") else value for name, value in dict(row).items()}
