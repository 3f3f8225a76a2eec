"""What notifications do: load, decide, store, publish."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from answerable.infra.bus.redaction import redact
from answerable.kernel.errors import Conflict, Invalid, Missing
from answerable.kernel.times import HOUR
from answerable.kernel.tx import Row, Tx
from answerable.kernel.words import N_
from answerable.messages.audit import RecordAct
from answerable.messages.base import Message
from answerable.messages.erasure import ERASED, ERASED_PERSON, without_author, without_notice, without_words
from answerable.messages.notifications import NotificationCreated, NotificationErased, NotificationsRead
from answerable.messages.sla import SlaEvent
from answerable.messages.tickets import CommentAdded, TicketEvent
from answerable.messages.webhooks import WebhookDisabled
from answerable.notifications import queries, rules, store
from answerable.notifications.queries import MailView, NoticeView, PreferenceView
from answerable.notifications.rules import Delivery, Person
from answerable.notifications.store import erasure

MOST_PREFERENCES = 200
MOST_ADMINS = 200  # who are told of the desk itself
LOOK = HOUR  # of reading the mail log that is one act
LOGGED_AT_ONCE = 200
TOLD_AT_ONCE = 500  # ids in one event
WAITING_AT_ONCE = 200  # deliveries, while it is heard what somebody has become
LOOKED_AT_AT_ONCE = 1000  # deliveries, while somebody is being forgotten


@dataclass(frozen=True, slots=True)
class Preference:
    """A person's wish about one type of event on one channel; ``enabled`` is 1 or 0."""

    type: str
    channel: str
    enabled: int


# --- telling -----------------------------------------------------------------------------------------------------


async def notify(tx: Tx, event: TicketEvent | SlaEvent) -> None:
    """Tell everybody whom the matrix names, once for this message, and note why somebody is not told."""
    cause = tx.cause
    if cause is None:
        raise ValueError("Notifications answer to messages of the bus.")
    event = await _without_erased(tx, event)
    cells = rules.addressees(event, rules.doers(event, cause))
    people: dict[str, Person] = {}
    off: set[tuple[str, str]] = set()
    for person_id in sorted({cell.person_id for cell in cells if not cell.told_by} | {event.ticket.agent_id or ""}):
        found = await store.find_addressee(tx, person_id, event.TYPE)
        if found is not None:
            people[person_id], unwanted = found
            off |= {(person_id, channel) for channel in unwanted}
    made = rules.decide(
        event,
        cause,
        people,
        off,
        tx.now,
        public_url=tx.settings.public_url,
        verified=int(tx.settings.auth.verify_email),
        give_up_hours=tx.settings.mail.give_up_hours,
    )
    for delivery in made:
        if await store.insert_delivery(tx, delivery):
            await _show(tx, delivery)


async def _without_erased(tx: Tx, event: TicketEvent | SlaEvent) -> TicketEvent | SlaEvent:
    """Return what happened without what was erased before it came here."""
    left: Message = event
    if isinstance(event, SlaEvent) and await erasure.is_erased(tx, event.ticket.id):
        left = without_words(event)  # the promise was told of before its feature had heard that the words are gone
    elif isinstance(event, CommentAdded):
        author = await store.find_addressee(tx, event.author_id, event.TYPE)
        if author is not None and author[0].name == ERASED_PERSON:
            left = without_author(event, event.author_id)
    assert isinstance(left, TicketEvent | SlaEvent)
    return left


async def tell_admins(tx: Tx, event: WebhookDisabled) -> None:
    """Tell all administrators of something about the desk itself, in the app."""
    cause = tx.cause
    assert cause is not None
    title, message = rules.words_to_admins(event)
    for person_id in await store.list_admins(tx, MOST_ADMINS):
        delivery = rules.tell_on_screen(cause.id, cause.type, person_id, title, message, tx.now)
        if await store.insert_delivery(tx, delivery):
            await _show(tx, delivery)


async def know_person(tx: Tx, person: Person) -> None:
    """Keep the mirror of people; who had become somebody to be told before something happened is told of it now.

    Message ids sort by time, whoever sent them (RFC 9562, section 5.7).
    """
    cause = tx.cause
    assert cause is not None
    known = await store.find_person(tx, person.id)
    await store.save_person(tx, person)
    off: Collection[tuple[str, str]] | None = None
    behind = ("" if known is None else cause.id, "")
    while waiting := await store.load_waiting_for(tx, person.id, behind, WAITING_AT_ONCE):
        if off is None:
            off = await store.list_switched_off(tx, person.id)
        for kept in waiting:
            unwanted = {channel for about, channel in off if about == kept.type}
            decided = rules.reconsider(kept, person, unwanted, tx.now, tx.settings.mail.give_up_hours)
            if await store.save_delivery(tx, decided, kept):
                await _show(tx, decided)
        behind = (waiting[-1].message_id, waiting[-1].channel)
    if rules.is_admin(person) and not (known and rules.is_admin(known)):
        for told in await store.load_told_admins(tx, cause.id, MOST_ADMINS):
            missed = rules.tell_on_screen(
                told["message_id"], told["type"], person.id, told["subject"], told["body"], tx.now
            )
            if await store.insert_delivery(tx, missed):
                await _show(tx, missed)


async def know_language(tx: Tx, person_id: str, language: str) -> None:
    """Write to a person in the language that they chose."""
    await store.save_language(tx, person_id, language)


async def _show(tx: Tx, delivery: Delivery) -> None:
    if delivery.channel != rules.SCREEN or delivery.state != "SENT":
        return
    notice_id = tx.new_id()
    await store.insert_notice(tx, notice_id, delivery)
    tx.publish(
        NotificationCreated(
            notification_id=notice_id,
            user_id=delivery.person_id,
            ticket_id=delivery.ticket_id,
            about=delivery.type,
            title=delivery.subject,
            message=delivery.body,
            created_at=tx.now,
        )
    )


# --- forgetting --------------------------------------------------------------------------------------------------


async def forget_ticket(tx: Tx, ticket_id: str) -> None:
    """Take the words out of all that was told of a ticket, to anybody."""
    await erasure.note_erased(tx, ticket_id)
    await _erase(tx, await erasure.list_about(tx, ticket_id))


async def forget_person(tx: Tx, person_id: str) -> None:
    """Forget what somebody wished; what they were told, and what others were told by their name, follows."""
    known = await store.find_person(tx, person_id)
    name = known.name if known is not None and known.name != ERASED_PERSON else ""
    await erasure.queue_erasure(tx, person_id, name)


async def forget_some(tx: Tx) -> int:
    """Look through some deliveries for those to a person who is being forgotten; return how many were looked at."""
    sought = await erasure.first_erasing(tx)
    if sought is None:
        return 0
    told = await erasure.list_behind(tx, sought["message_id"], sought["addressee"], LOOKED_AT_AT_ONCE)
    ends = len(told) < LOOKED_AT_AT_ONCE
    if not ends:  # what one person was told of one message stays together
        last = (told[-1]["message_id"], told[-1]["person_id"])
        told = [each for each in told if (each["message_id"], each["person_id"]) != last]
    theirs, name = sought["person_id"], sought["name"]
    await _erase(tx, [each for each in told if each["person_id"] == theirs or rules.names_person(each["body"], name)])
    if ends:
        await erasure.end_erasing(tx, theirs)
    else:
        await erasure.move_erasing(tx, theirs, told[-1]["message_id"], told[-1]["person_id"])
    return len(told) + 1


async def _erase(tx: Tx, told: Sequence[Row]) -> None:
    gone: dict[str, set[str]] = {}
    for each in told:
        await erasure.erase_delivery(tx, each, ERASED)
        notice = await erasure.erase_notice(tx, each["message_id"], each["person_id"], ERASED)
        if notice is None:
            continue
        gone.setdefault(notice["user_id"], set()).add(notice["id"])
        tx.publish(
            NotificationErased(
                notification_id=notice["id"],
                user_id=notice["user_id"],
                ticket_id=notice["ticket_id"],
                about=notice["type"],
                title=ERASED,
                message=ERASED,
                created_at=notice["created_at"],
            )
        )
    for user_id, notices in gone.items():

        def less(message: Message, ids: set[str] = notices) -> Message:
            return without_notice(message, ids)

        await redact(tx, NotificationCreated.TOPIC, user_id, less, beside=notices)


# --- what people do with their own -------------------------------------------------------------------------------


async def read_notice(tx: Tx, notice_id: str) -> NoticeView:
    """Mark one of the caller's notices read. Raises ``Missing`` for any other."""
    if await store.mark_read(tx, tx.actor.id, notice_id):
        tx.publish(NotificationsRead(user_id=tx.actor.id, notification_ids=[notice_id]))
    notice = await store.find_notice(tx, tx.actor.id, notice_id)
    if notice is None:
        raise Missing("There is no such notification.")
    return queries.notice_view(notice)


async def read_about(tx: Tx, notice_id: str) -> None:
    """Mark one of the caller's notices read, and all others about the same ticket. Raises ``Missing`` for any other."""
    notice = await read_notice(tx, notice_id)
    if notice.ticket_id is not None and (changed := await store.mark_ticket_read(tx, tx.actor.id, notice.ticket_id)):
        tx.publish(NotificationsRead(user_id=tx.actor.id, notification_ids=changed[:TOLD_AT_ONCE]))


async def read_all_notices(tx: Tx) -> int:
    """Mark all of the caller's notices read; return how many were not before."""
    changed = await store.mark_all_read(tx, tx.actor.id)
    for start in range(0, len(changed), TOLD_AT_ONCE):
        part = changed[start : start + TOLD_AT_ONCE]
        tx.publish(NotificationsRead(user_id=tx.actor.id, notification_ids=part))
    return len(changed)


async def set_preferences(tx: Tx, wanted: Sequence[Preference]) -> list[PreferenceView]:
    """Change some of the caller's preferences; return all. Raises ``Invalid`` with a line for each wrong one."""
    errors = [] if len(wanted) <= MOST_PREFERENCES else [f"preferences: must be at most {MOST_PREFERENCES}"]
    for place, preference in enumerate(wanted[:MOST_PREFERENCES]):
        if preference.type not in rules.TYPES:
            errors.append(f"{place}.type: must be one of {', '.join(rules.TYPES)}")
        if preference.channel not in rules.CHANNELS:
            errors.append(f"{place}.channel: must be one of {', '.join(rules.CHANNELS)}")
    if errors:
        raise Invalid(N_("The preferences cannot be taken."), errors=tuple(errors))
    for preference in wanted:
        await store.save_preference(tx, tx.actor.id, preference.type, preference.channel, preference.enabled)
    return await queries.list_preferences(tx)


async def look_at_mails(tx: Tx) -> None:
    """Keep in the audit log that the caller reads the mail log: once an hour, not for each page of it."""
    if await store.note_look(tx, tx.actor.id, tx.now - LOOK):
        tx.send(RecordAct(act="MAIL_LOG_READ", about="mails"))


# --- mail --------------------------------------------------------------------------------------------------------


async def claim_mail(tx: Tx) -> Delivery | None:
    """Take the next mail that is due, addressed as its person is reached now; ``None`` where none is due."""
    while claimed := await _claim(tx, 1):
        if ready := await _ready(tx, claimed[0]):
            return ready
    return None


async def log_mails(tx: Tx) -> list[Delivery]:
    """Mark some due mails as logged, for a desk without a mail server; return them."""
    claimed = await _claim(tx, LOGGED_AT_ONCE)
    logged = [ready for mail in claimed if (ready := await _ready(tx, mail))]
    for mail in logged:
        await store.save_delivery(tx, rules.log(mail, tx.now), mail)
    return logged


async def _claim(tx: Tx, limit: int) -> list[Delivery]:
    return await store.claim_mails(tx, rules.claimed_until(tx.now, tx.settings.mail.timeout_seconds), limit)


async def _ready(tx: Tx, claimed: Delivery) -> Delivery | None:
    """Address a claimed mail; one to somebody who is gone meanwhile is suppressed."""
    person = await store.find_person(tx, claimed.person_id)
    reason = rules.why_not_mail(person)
    if person is not None and not reason:
        return rules.readdress(claimed, person.email)
    await store.save_delivery(tx, rules.suppress(claimed, reason, tx.now), claimed)
    return None


async def record_sent(tx: Tx, mail: Delivery) -> None:
    """The server took a claimed mail."""
    await store.save_delivery(tx, rules.sent(mail, tx.now), mail)


async def put_off_mail(tx: Tx, mail: Delivery, error: str) -> None:
    """A claimed mail could not be sent now."""
    await store.save_delivery(tx, rules.put_off(mail, error, tx.now), mail)


async def give_up_mail(tx: Tx, mail: Delivery, error: str) -> None:
    """A claimed mail was refused for good."""
    await store.save_delivery(tx, rules.give_up(mail, error, tx.now), mail)


async def retry_mail(tx: Tx, message_id: str, person_id: str) -> MailView:
    """Queue a failed mail again. Raises ``Missing`` for no mail, ``Conflict`` for one that has not failed."""
    mail = await store.find_mail(tx, message_id, person_id)
    if mail is None:
        raise Missing(N_("There is no such mail."))
    queued = rules.requeue(mail, tx.now, tx.settings.mail.give_up_hours)
    if not await store.save_delivery(tx, queued, mail):
        raise Conflict(N_("Somebody else has just sent this mail again."))
    tx.send(RecordAct(act="MAIL_SENT_AGAIN", about="mail", about_id=message_id))
    return queries.mail_view(queued)
