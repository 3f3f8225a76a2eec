"""Whether a person is told on a channel, and if not, why not."""

from collections.abc import Collection, Mapping

import msgspec
from msgspec.structs import replace

from answerable.kernel.times import HOUR
from answerable.kernel.words import N_
from answerable.messages.base import Envelope, Event
from answerable.notifications.rules.matrix import ACTS, EMAIL, SCREEN, Addressee, Part, addressees, doers
from answerable.notifications.rules.words import words

STATES = ("QUEUED", "SENDING", "SENT", "FAILED", "SUPPRESSED", "LOGGED")

DID_IT = N_("did it themselves")
UNKNOWN = N_("no such person")
INACTIVE = N_("not active")
NOT_STAFF = N_("not staff any more")
SWITCHED_OFF = N_("switched off by preference")
NO_ADDRESS = N_("no address")
WORDS_ERASED = N_("its words were erased")
# What somebody was when they were to be told; people come on a topic of their own, and what they had become by then may
# be heard of later.
AS_THEY_WERE = (UNKNOWN, INACTIVE, NOT_STAFF)
NO_MAILBOX = N_("an address of a domain that cannot exist")

RESERVED = ".invalid"  # RFC 2606, section 2: no mailbox is ever there; replays and imports use it

_STAFF = frozenset({"AGENT", "MANAGER", "ADMIN"})


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What this feature knows of a person."""

    id: str
    name: str
    email: str
    roles: str
    active: int

    @property
    def is_staff(self) -> int:
        """Tell (1 or 0) whether staff matters may be told to them."""
        return int(not _STAFF.isdisjoint(self.roles.split()))


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of telling one person of one event on one channel. Instants are UTC microseconds.

    ``next_at`` is when to look at it again; ``give_up_at`` when a mail that was not taken is marked failed.
    """

    message_id: str
    person_id: str
    channel: str
    state: str
    reason: str
    part: str
    type: str
    ticket_id: str | None
    address: str = ""
    subject: str
    body: str
    attempts: int = 0
    next_at: int | None = None
    give_up_at: int | None = None
    error: str | None = None
    created_at: int
    done_at: int | None


def decide(
    event: Event,
    cause: Envelope,
    people: Mapping[str, Person],
    switched_off: Collection[tuple[str, str]],
    now: int,
    *,
    public_url: str,
    verified: int,
    give_up_hours: int,
) -> list[Delivery]:
    """Return a delivery for each cell of the matrix. ``switched_off`` holds (person, channel) for this type.

    ``people`` are the ones known of the addressees and the ticket's agent.
    """
    did_it = doers(event, cause)
    ticket = getattr(event, "ticket", None)
    agent = people.get(ticket.agent_id) if ticket is not None and ticket.agent_id else None
    made = []
    for cell in addressees(event, did_it):
        acted = did_it if event.TYPE in ACTS else frozenset[str]()
        reason = _why_not(cell, acted, people.get(cell.person_id), (cell.person_id, cell.channel) in switched_off)
        told = None
        if reason in ("", *AS_THEY_WERE):
            told = words(event, cell.part, agent.name if agent else "", public_url, verified)
        fresh = Delivery(
            message_id=cause.id,
            person_id=cell.person_id,
            channel=cell.channel,
            state="SUPPRESSED",
            reason=reason,
            part=cell.part,
            type=event.TYPE,
            ticket_id=ticket.id if ticket is not None else None,
            subject="" if told is None else told.subject if cell.channel == EMAIL else told.title,
            body="" if told is None else told.text if cell.channel == EMAIL else told.message,
            created_at=now,
            done_at=now,
        )
        made.append(fresh if reason else _go(fresh, people[cell.person_id], now, give_up_hours))
    return made


def is_admin(person: Person) -> bool:
    """Tell whether somebody is told of what is the matter with the desk itself."""
    return bool(person.active) and "ADMIN" in person.roles.split()


def tell_on_screen(message_id: str, about: str, person_id: str, title: str, message: str, now: int) -> Delivery:
    """Return a delivery that somebody reads in the app, about the desk itself: what a message of a type says."""
    return Delivery(
        message_id=message_id,
        person_id=person_id,
        channel=SCREEN,
        state="SENT",
        reason="",
        part=Part.INFORMED,
        type=about,
        ticket_id=None,
        subject=title,
        body=message,
        created_at=now,
        done_at=now,
    )


def reconsider(kept: Delivery, person: Person, switched_off: Collection[str], now: int, give_up_hours: int) -> Delivery:
    """Decide again on a delivery that was not made for what its ``person`` was; an old one stays as it is.

    ``switched_off`` holds the channels that they do not want for this type.
    """
    if now - kept.created_at > give_up_hours * HOUR:
        return replace(kept, reason=f"{kept.reason} at the time", body="")
    cell = Addressee(kept.person_id, Part(kept.part), kept.channel)
    reason = _why_not(cell, frozenset(), person, kept.channel in switched_off)
    if reason:
        return replace(kept, reason=reason, body=kept.body if reason in AS_THEY_WERE else "")
    return _go(replace(kept, reason=""), person, now, give_up_hours)


def readdress(mail: Delivery, address: str) -> Delivery:
    """Address a claimed mail as its person is reached now."""
    return replace(mail, address=address)


def why_not_mail(person: Person | None) -> str:
    """Return why a queued mail may not go out any more, empty where it may."""
    if person is None:
        return UNKNOWN
    if not person.active:
        return INACTIVE
    return _unreachable(person)


def _why_not(cell: Addressee, did_it: Collection[str], person: Person | None, unwanted: object) -> str:
    if cell.told_by:
        return f"told by {cell.told_by}"
    if cell.person_id in did_it:
        return DID_IT
    if person is None:
        return UNKNOWN
    if not person.active:
        return INACTIVE
    if cell.part != Part.REQUESTER and not person.is_staff:
        return NOT_STAFF
    if unwanted:
        return SWITCHED_OFF
    return _unreachable(person) if cell.channel == EMAIL else ""


def _unreachable(person: Person) -> str:
    if not person.email:
        return NO_ADDRESS
    return NO_MAILBOX if person.email.endswith(RESERVED) else ""


def _go(delivery: Delivery, person: Person, now: int, give_up_hours: int) -> Delivery:
    if delivery.channel == SCREEN:
        return replace(delivery, state="SENT", done_at=now)
    return replace(
        delivery,
        state="QUEUED",
        address=person.email,
        next_at=now,
        give_up_at=now + give_up_hours * HOUR,
        done_at=None,
    )
