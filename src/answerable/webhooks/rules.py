"""Endpoints and deliveries: what is told, how it is signed, when it is tried again, when it is given up. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.times import DAY, HOUR, MINUTE, SECOND, iso
from answerable.kernel.words import N_
from answerable.messages import sla, tickets, users
from answerable.messages.base import Envelope, Event, Message
from answerable.messages.erasure import without_author, without_person, without_words

EVENTS: tuple[type[Event], ...] = (
    tickets.TicketCreated,
    tickets.TicketAssigned,
    tickets.TicketUnassigned,
    tickets.StatusChanged,
    tickets.TicketUpdated,
    tickets.CommentAdded,
    tickets.TicketResolved,
    tickets.TicketClosed,
    tickets.TicketReopened,
    tickets.TicketCancelled,
    sla.SlaAtRisk,
    sla.SlaBreached,
    sla.SlaFulfilled,
    sla.TicketEscalated,
    users.UserRegistered,
    users.UserChanged,
)
TYPES = tuple(event.TYPE for event in EVENTS)
PING = "PING"
ACTIVE, PAUSED, DISABLED = "ACTIVE", "PAUSED", "DISABLED"
WAITING, SENDING, DELIVERED, FAILED = "WAITING", "SENDING", "DELIVERED", "FAILED"

NAME_LENGTH = (3, 60)
MOST_ENDPOINTS = 32
FIRST_PAUSE, LONGEST_PAUSE = 5 * SECOND, 6 * HOUR
FORMER_LIFE = DAY  # for how long a replaced secret signs beside the new one
LEASE = 2 * MINUTE
ANSWER_LENGTH = 200  # characters kept of what an endpoint answered
NOT_ACTIVE = "the endpoint was not active"
GONE = 410  # "do not come again", as Standard Webhooks has it

_LEFT_OUT = ("sessionVersion",)  # of no use to anybody outside


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a program is told of events. Instants are UTC microseconds; ``events`` are types with spaces between.

    ``former_until`` is how long the secret before this one signs, too; ``failing_since`` when the last success was
    followed by a failure; ``reason`` why the desk disabled it.
    """

    id: str
    name: str
    url: str
    events: str
    notes: int
    state: str
    reason: str
    secret_number: int
    former_until: int
    failing_since: int | None
    created_by: str
    created_at: int
    updated_at: int

    @property
    def types(self) -> list[str]:
        """Return the types of events that are told."""
        return self.events.split()


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of telling one endpoint of one event. Instants are UTC microseconds, ``took_ms`` milliseconds.

    ``subject`` is the ticket or person that it is about; ``author_id`` who else is named in it, if anybody.
    """

    id: str
    endpoint_id: str
    message_id: str
    type: str
    subject: str
    author_id: str
    payload: str
    state: str
    attempts: int
    next_at: int | None
    give_up_at: int
    status: int | None
    answer: str
    error: str
    took_ms: int | None
    created_at: int
    tried_at: int | None
    done_at: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one event, to whoever wants it."""

    message_id: str
    type: str
    subject: str
    author_id: str
    payload: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try brought: the status and the beginning of the answer, or why there was none."""

    status: int | None
    answer: str
    error: str
    took_ms: int

    @property
    def taken(self) -> bool:
        """Tell whether the endpoint has it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants an endpoint to be."""

    name: str
    url: str
    events: tuple[str, ...]
    notes: int = 0


def check_wanted(wanted: Wanted) -> Wanted:
    """Return what is wanted in order; raises ``Invalid`` with everything that is wrong but the address."""
    name, wrong = " ".join(wanted.name.split()), []
    if not NAME_LENGTH[0] <= len(name) <= NAME_LENGTH[1]:
        wrong.append("name: must have 3 to 60 characters")
    elif not name.isprintable():
        wrong.append(f"name: {N_('must not have invisible characters')}")
    if unknown := sorted(set(wanted.events) - set(TYPES)):
        wrong.append(f"events: must be some of {', '.join(TYPES)}, not {unknown[0][:30]!r}")
    elif not wanted.events:
        wrong.append(f"events: {N_('must have at least one')}")
    if wrong:
        raise Invalid(N_("The endpoint cannot be like this."), errors=tuple(wrong))
    return replace(wanted, name=name, events=tuple(kind for kind in TYPES if kind in set(wanted.events)))


# --- signatures (https://www.standardwebhooks.com) -------------------------------------------------------------------


def secret_of(desk_secret: str, endpoint_id: str, number: int) -> str:
    """Return the secret of an endpoint: 256 bits that only the holder of the desk's secret can make again."""
    key = hmac.new(desk_secret.encode(), b"webhook secret", hashlib.sha256).digest()
    made = hmac.new(key, f"{endpoint_id} {number}".encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(made).decode()


def signature(secret: str, message_id: str, timestamp: int, payload: str) -> str:
    """Sign a payload, symmetrically; ``timestamp`` is in whole seconds."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{timestamp}.{payload}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def headers_of(endpoint: Endpoint, delivery: Delivery, desk_secret: str, now: int) -> dict[str, str]:
    """Return what goes with a payload. While a secret is being replaced, the former one signs as well."""
    webhook_id, at = f"msg_{delivery.message_id}", now // SECOND
    numbers = [endpoint.secret_number]
    if now < endpoint.former_until:
        numbers.append(endpoint.secret_number - 1)
    secrets = [secret_of(desk_secret, endpoint.id, number) for number in numbers]
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signature(secret, webhook_id, at, delivery.payload) for secret in secrets),
    }


# --- what is told ----------------------------------------------------------------------------------------------------


def wants(endpoint: Endpoint, event: Event) -> bool:
    """Tell whether an endpoint is told of an event; of internal notes only where that was asked for."""
    if endpoint.state != ACTIVE or event.TYPE not in endpoint.types:
        return False
    return bool(endpoint.notes) or not getattr(event, "internal", False)


def author_of(event: Event) -> str:
    """Return who is named in an event beside its subject; empty for nobody."""
    return event.author_id if isinstance(event, tickets.CommentAdded) else ""


def without_erased(event: Event, erased: Mapping[str, int]) -> Event:
    """Return an event without the words that it should not have any more, whoever told it and had not heard.

    ``erased`` are people and tickets by id, these with the version from which on their words are gone.
    """
    left: Message = event
    if isinstance(left, tickets.TicketEvent | sla.SlaEvent):
        if left.ticket.version <= erased.get(left.ticket.id, -1):
            left = without_words(left)
        if (author := author_of(event)) in erased:
            left = without_author(left, author)
    elif event.key in erased:
        left = without_person(left)
    assert isinstance(left, Event)
    return left


def told_of(event: Event, cause: Envelope, erased: Mapping[str, int]) -> Told:
    """Write an event as a CloudEvent (1.0, structured): what the desk's own messages say, and nothing else."""
    left = without_erased(event, erased)
    said = msgspec.json.decode(cause.body if left is event else msgspec.json.encode(left))
    data = {name: value for name, value in said.items() if name not in _LEFT_OUT}
    source = "/" + cause.topic.replace(".", "/")
    payload = write_payload(cause.id, cause.type, source, cause.key, cause.time, data)
    return Told(cause.id, cause.type, cause.key, author_of(event), payload)


def write_payload(message_id: str, kind: str, source: str, subject: str, at: int, data: Any) -> str:
    """Write a CloudEvent."""
    written = {
        "specversion": "1.0",
        "id": message_id,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": iso(at),
        "datacontenttype": "application/json",
        "data": data,
    }
    return msgspec.json.encode(written).decode()


def new_delivery(delivery_id: str, endpoint: Endpoint, told: Told, *, now: int, give_up_hours: int) -> Delivery:
    """Return a delivery that is due at once."""
    return Delivery(
        id=delivery_id,
        endpoint_id=endpoint.id,
        message_id=told.message_id,
        type=told.type,
        subject=told.subject,
        author_id=told.author_id,
        payload=told.payload,
        state=WAITING,
        attempts=0,
        next_at=now,
        give_up_at=now + give_up_hours * HOUR,
        status=None,
        answer="",
        error="",
        took_ms=None,
        created_at=now,
        tried_at=None,
        done_at=None,
    )


# --- what becomes of it ----------------------------------------------------------------------------------------------


def pause_after(attempts: int, key: str) -> int:
    """Return how long to wait after so many tries, in microseconds: three times as long each time, 5 s to 6 hours.

    A fifth more or less, which the delivery's own id decides, so that what failed together does not come back together.
    """
    pause = min(FIRST_PAUSE * 3 ** min(attempts - 1, 12), LONGEST_PAUSE)
    share = int.from_bytes(hashlib.sha256(f"{key} {attempts}".encode()).digest()[:4], "big") / 2**32
    return int(pause * (0.8 + 0.4 * share))


def after_try(delivery: Delivery, outcome: Outcome, now: int) -> Delivery:
    """Return a delivery after a try: delivered, to be tried again, or given up; the last try is at ``give_up_at``."""
    told = msgspec.structs.replace(
        delivery,
        status=outcome.status,
        answer=outcome.answer[:ANSWER_LENGTH],
        error=outcome.error[:ANSWER_LENGTH],
        took_ms=outcome.took_ms,
        tried_at=now,
    )
    if outcome.taken:
        return msgspec.structs.replace(told, state=DELIVERED, next_at=None, done_at=now)
    if now >= delivery.give_up_at or delivery.type == PING or outcome.status == GONE:
        return msgspec.structs.replace(told, state=FAILED, next_at=None, done_at=now)
    again = min(now + pause_after(delivery.attempts, delivery.id), delivery.give_up_at)
    return msgspec.structs.replace(told, state=WAITING, next_at=again)


def send_again(delivery: Delivery, now: int, give_up_hours: int) -> Delivery:
    """Queue a delivery that is done once more, under the same webhook-id. Raises ``Conflict`` for one that waits."""
    if delivery.state in (WAITING, SENDING):
        raise Conflict(N_("This delivery is on its way already."))
    return msgspec.structs.replace(
        delivery, state=WAITING, attempts=0, next_at=now, give_up_at=now + give_up_hours * HOUR, done_at=None
    )


def judge(endpoint: Endpoint, outcome: Outcome, now: int, disable_days: int) -> Endpoint:
    """Return an endpoint after a try: well again, failing, or disabled because it said so or failed for days."""
    if outcome.taken:
        if endpoint.failing_since is None:
            return endpoint
        return msgspec.structs.replace(endpoint, failing_since=None, updated_at=now)
    failing = msgspec.structs.replace(endpoint, failing_since=endpoint.failing_since or now, updated_at=now)
    if outcome.status == GONE:
        return msgspec.structs.replace(failing, state=DISABLED, reason=N_("It answered 410: nobody wants it any more."))
    if failing.failing_since is not None and now - failing.failing_since >= disable_days * DAY:
        return msgspec.structs.replace(failing, state=DISABLED, reason=N_("Nothing arrived there for days."))
    return failing


def differences(before: Endpoint, after: Endpoint) -> dict[str, list[Any]]:
    """Return what the audit log shows of a change: field -> [before, after]."""
    fields: Iterable[str] = ("name", "url", "events", "notes", "state")
    return {
        name: [getattr(before, name), getattr(after, name)]
        for name in fields
        if getattr(before, name) != getattr(after, name)
    }
