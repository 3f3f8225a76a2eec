"""All SQL of the notifications feature."""

from collections.abc import Sequence
from typing import Any

from answerable.kernel.tx import Row, Tx
from answerable.messages.webhooks import WebhookDisabled
from answerable.notifications.rules import AS_THEY_WERE, Delivery, Person

_FIELDS = Delivery.__struct_fields__
_NAMES = ", ".join(_FIELDS)
_VALUES = ", ".join(f":{name}" for name in _FIELDS)
_KEY = "message_id = :message_id AND person_id = :person_id AND channel = :channel"
_CHANGING = ("state", "reason", "address", "subject", "body", "attempts", "next_at", "give_up_at", "error", "done_at")
_SET = ", ".join(f"{name} = :{name}" for name in _CHANGING)

_INSERT_DELIVERY = (
    f"INSERT INTO notifications_delivery ({_NAMES}) VALUES ({_VALUES}) ON CONFLICT DO NOTHING RETURNING 1 AS new"
)
_SAVE_DELIVERY = f"""UPDATE notifications_delivery SET {_SET}
WHERE {_KEY} AND state = :was_state AND attempts = :was_attempts RETURNING 1 AS saved"""
_CLAIM_MAILS = f"""UPDATE notifications_delivery SET state = 'SENDING', attempts = attempts + 1, next_at = :until
WHERE (message_id, person_id, channel) IN (
    SELECT message_id, person_id, channel FROM notifications_delivery
    WHERE next_at <= :now ORDER BY next_at LIMIT :limit)
AND next_at <= :now RETURNING {_NAMES}"""
_FIND_ADDRESSEE = """SELECT p.id, p.name, p.email, p.roles, p.active, q.channel AS unwanted
FROM notifications_person p LEFT JOIN notifications_preference q
ON q.person_id = p.id AND q.type = :about AND q.enabled = 0
WHERE p.id = :id"""

# --- people and what they chose ----------------------------------------------------------------------------------


async def save_person(tx: Tx, person: Person) -> None:
    """Note a person as the users feature describes them."""
    await tx.run(
        """INSERT INTO notifications_person (id, name, email, roles, active)
        VALUES (:id, :name, :email, :roles, :active)
        ON CONFLICT (id) DO UPDATE SET name = :name, email = :email, roles = :roles, active = :active""",
        id=person.id,
        name=person.name,
        email=person.email,
        roles=person.roles,
        active=person.active,
    )


async def find_person(tx: Tx, person_id: str) -> Person | None:
    """Read what is known of a person."""
    rows = await tx.run("SELECT id, name, email, roles, active FROM notifications_person WHERE id = :id", id=person_id)
    return Person(**dict(rows[0])) if rows else None


async def save_language(tx: Tx, person_id: str, language: str) -> None:
    """Note the language that a person chose."""
    await tx.run(
        """INSERT INTO notifications_language (person_id, language) VALUES (:id, :language)
        ON CONFLICT (person_id) DO UPDATE SET language = :language""",
        id=person_id,
        language=language,
    )


async def load_language(tx: Tx, person_id: str) -> str:
    """Read the language that a person chose, empty where they did not."""
    rows = await tx.run("SELECT language FROM notifications_language WHERE person_id = :id", id=person_id)
    return str(rows[0]["language"]) if rows else ""


async def load_names(tx: Tx, person_ids: Sequence[str]) -> dict[str, str]:
    """Read the names of some people."""
    if not person_ids:
        return {}
    values = {f"id{place}": person_id for place, person_id in enumerate(person_ids)}
    rows = await tx.run(
        f"SELECT id, name FROM notifications_person WHERE id IN ({', '.join(f':{name}' for name in values)})", **values
    )
    return {row["id"]: row["name"] for row in rows}


async def note_look(tx: Tx, person_id: str, before: int) -> bool:
    """Note that somebody looks at the mail log; tell whether they had not since an instant."""
    rows = await tx.run(
        """INSERT INTO notifications_look (person_id, at) VALUES (:id, :now)
        ON CONFLICT (person_id) DO UPDATE SET at = :now WHERE notifications_look.at <= :before RETURNING 1 AS noted""",
        id=person_id,
        now=tx.now,
        before=before,
    )
    return bool(rows)


async def list_admins(tx: Tx, limit: int) -> list[str]:
    """Return the ids of active administrators, the first ones first."""
    rows = await tx.run(
        """SELECT id FROM notifications_person WHERE active = 1 AND (' ' || roles || ' ') LIKE '% ADMIN %'
        ORDER BY id LIMIT :limit""",
        limit=limit,
    )
    return [row["id"] for row in rows]


async def load_told_admins(tx: Tx, since: str, limit: int) -> list[Row]:
    """Read what administrators were told of the desk itself in messages after ``since``, oldest first."""
    return await tx.run(
        f"""SELECT DISTINCT message_id, type, subject, body FROM notifications_delivery
        WHERE message_id > :since AND type = '{WebhookDisabled.TYPE}' ORDER BY message_id LIMIT :limit""",
        since=since,
        limit=limit,
    )


async def find_addressee(tx: Tx, person_id: str, about: str) -> tuple[Person, set[str]] | None:
    """Read what is known of a person, and the channels on which they do not want to hear of the type ``about``."""
    rows = await tx.run(_FIND_ADDRESSEE, id=person_id, about=about)
    if not rows:
        return None
    person = Person(**{name: rows[0][name] for name in Person.__struct_fields__})
    return person, {row["unwanted"] for row in rows if row["unwanted"] is not None}


async def list_switched_off(tx: Tx, person_id: str) -> set[tuple[str, str]]:
    """Read the (type, channel) pairs that a person does not want."""
    rows = await tx.run(
        "SELECT type, channel FROM notifications_preference WHERE person_id = :person_id AND enabled = 0",
        person_id=person_id,
    )
    return {(row["type"], row["channel"]) for row in rows}


async def save_preference(tx: Tx, person_id: str, about: str, channel: str, enabled: int) -> None:
    """Note whether a person wants to be told of events of the type ``about`` on a channel."""
    await tx.run(
        """INSERT INTO notifications_preference (person_id, type, channel, enabled)
        VALUES (:person_id, :type, :channel, :enabled)
        ON CONFLICT (person_id, type, channel) DO UPDATE SET enabled = :enabled""",
        person_id=person_id,
        type=about,
        channel=channel,
        enabled=enabled,
    )


# --- notices -----------------------------------------------------------------------------------------------------


async def insert_notice(tx: Tx, notice_id: str, delivery: Delivery) -> None:
    """Put a delivery on the person's screen."""
    await tx.run(
        """INSERT INTO notifications_notice (id, message_id, user_id, type, title, message, ticket_id, created_at)
        VALUES (:id, :message_id, :user_id, :type, :title, :message, :ticket_id, :now)""",
        id=notice_id,
        message_id=delivery.message_id,
        user_id=delivery.person_id,
        type=delivery.type,
        title=delivery.subject,
        message=delivery.body,
        ticket_id=delivery.ticket_id,
        now=tx.now,
    )


async def find_notice(tx: Tx, user_id: str, notice_id: str) -> Row | None:
    """Read one of a person's own notices."""
    rows = await tx.run(
        "SELECT * FROM notifications_notice WHERE id = :id AND user_id = :user_id", id=notice_id, user_id=user_id
    )
    return rows[0] if rows else None


async def list_notices(tx: Tx, user_id: str, state: str, before: str | None, limit: int, offset: int) -> list[Row]:
    """Read a person's notices, newest first; ``state`` is all, unread or read, ``before`` the id to go on after."""
    return await tx.run(
        f"""SELECT * FROM notifications_notice WHERE user_id = :user_id {_NOTICES[state]}
        {"AND id < :before" if before is not None else ""} ORDER BY id DESC LIMIT :limit OFFSET :offset""",
        user_id=user_id,
        limit=limit,
        offset=offset,
        **({"before": before} if before is not None else {}),
    )


async def count_notices(tx: Tx, user_id: str, state: str, cap: int | None) -> int:
    """Count a person's notices, up to ``cap`` + 1 where there is a cap."""
    where = f"user_id = :user_id {_NOTICES[state]}"
    if cap is None:
        sql, values = f"SELECT COUNT(*) AS n FROM notifications_notice WHERE {where}", {}
    else:
        sql = f"SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM notifications_notice WHERE {where} LIMIT :most) x"
        values = {"most": cap + 1}
    rows = await tx.run(sql, user_id=user_id, **values)
    return int(rows[0]["n"])


async def mark_read(tx: Tx, user_id: str, notice_id: str) -> int:
    """Mark one notice read; return 1 where it was not before."""
    rows = await tx.run(
        """UPDATE notifications_notice SET read_at = :now
        WHERE id = :id AND user_id = :user_id AND read_at IS NULL RETURNING 1 AS changed""",
        id=notice_id,
        user_id=user_id,
        now=tx.now,
    )
    return len(rows)


async def mark_ticket_read(tx: Tx, user_id: str, ticket_id: str) -> list[str]:
    """Mark a person's notices about a ticket read; return the ids of those that were not before."""
    rows = await tx.run(
        """UPDATE notifications_notice SET read_at = :now
        WHERE user_id = :user_id AND read_at IS NULL AND ticket_id = :ticket_id RETURNING id""",
        user_id=user_id,
        ticket_id=ticket_id,
        now=tx.now,
    )
    return sorted(row["id"] for row in rows)


async def mark_all_read(tx: Tx, user_id: str) -> list[str]:
    """Mark all of a person's notices read; return the ids of those that were not before."""
    rows = await tx.run(
        """UPDATE notifications_notice SET read_at = :now
        WHERE user_id = :user_id AND read_at IS NULL RETURNING id""",
        user_id=user_id,
        now=tx.now,
    )
    return sorted(row["id"] for row in rows)


_NOTICES = {"all": "", "unread": "AND read_at IS NULL", "read": "AND read_at IS NOT NULL"}

# --- deliveries --------------------------------------------------------------------------------------------------


async def insert_delivery(tx: Tx, delivery: Delivery) -> int:
    """Store a new delivery; return 0 where there is one for this event, person and channel already."""
    return len(await tx.run(_INSERT_DELIVERY, **_values(delivery)))


async def save_delivery(tx: Tx, delivery: Delivery, was: Delivery) -> int:
    """Store a changed delivery; return 0 where it is not any more what ``was`` was (a lease that ended)."""
    values = {name: getattr(delivery, name) for name in ("message_id", "person_id", "channel", *_CHANGING)}
    return len(await tx.run(_SAVE_DELIVERY, was_state=was.state, was_attempts=was.attempts, **values))


async def next_mail(tx: Tx) -> int | None:
    """Return when the next mail is due, or the next lease ends."""
    rows = await tx.run("SELECT MIN(next_at) AS next_at FROM notifications_delivery WHERE next_at IS NOT NULL")
    due: int | None = rows[0]["next_at"]
    return due


async def claim_mails(tx: Tx, until: int, limit: int) -> list[Delivery]:
    """Take the mails that are due longest, under a lease."""
    rows = await tx.run(_CLAIM_MAILS, until=until, now=tx.now, limit=limit)
    return [delivery_of(row) for row in rows]


async def find_mail(tx: Tx, message_id: str, person_id: str) -> Delivery | None:
    """Read one mail."""
    rows = await tx.run(
        f"SELECT {_NAMES} FROM notifications_delivery WHERE {_KEY}",
        message_id=message_id,
        person_id=person_id,
        channel="email",
    )
    return delivery_of(rows[0]) if rows else None


async def list_mails(
    tx: Tx, state: str | None, before: tuple[str, str] | None, limit: int, offset: int
) -> list[Delivery]:
    """Read mails, those of the newest events first, in one state or all."""
    after = {"message": before[0], "person": before[1]} if before else {}
    rows = await tx.run(
        f"""SELECT {_NAMES} FROM notifications_delivery WHERE channel = 'email' {_in_state(state)}
        {"AND (message_id, person_id) < (:message, :person)" if before else ""}
        ORDER BY message_id DESC, person_id DESC LIMIT :limit OFFSET :offset""",
        limit=limit,
        offset=offset,
        **_state(state),
        **after,
    )
    return [delivery_of(row) for row in rows]


async def count_mails(tx: Tx, state: str | None, cap: int | None) -> int:
    """Count mails in one state or all, up to ``cap`` + 1 where there is a cap."""
    rows = await tx.run(
        f"""SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM notifications_delivery
        WHERE channel = 'email' {_in_state(state)} {"LIMIT :most" if cap is not None else ""}) x""",
        **_state(state),
        **({"most": cap + 1} if cap is not None else {}),
    )
    return int(rows[0]["n"])


async def load_waiting_for(tx: Tx, person_id: str, after: tuple[str, str], limit: int) -> list[Delivery]:
    """Read deliveries not made for what the person was then, oldest first, behind a message's one on a channel."""
    rows = await tx.run(
        f"""SELECT {_NAMES} FROM notifications_delivery
        WHERE person_id = :person_id AND (message_id, channel) > (:message_id, :channel) AND reason IN {AS_THEY_WERE}
        ORDER BY message_id, channel LIMIT :limit""",
        person_id=person_id,
        message_id=after[0],
        channel=after[1],
        limit=limit,
    )
    return [delivery_of(row) for row in rows]


async def list_differences(tx: Tx) -> list[str]:
    """Compare notices with deliveries; return a line for each that has no counterpart."""
    lost = await tx.run(
        """SELECT d.message_id, d.person_id FROM notifications_delivery d
        LEFT JOIN notifications_notice n ON n.message_id = d.message_id AND n.user_id = d.person_id
        WHERE d.channel = 'screen' AND d.state = 'SENT' AND n.id IS NULL"""
    )
    stray = await tx.run(
        """SELECT n.message_id, n.user_id FROM notifications_notice n
        LEFT JOIN notifications_delivery d
        ON d.message_id = n.message_id AND d.person_id = n.user_id AND d.channel = 'screen' AND d.state = 'SENT'
        WHERE d.message_id IS NULL"""
    )
    return [
        *(f"notifications: {r['person_id']} has no notice of {r['message_id']}, but a delivery" for r in lost),
        *(f"notifications: {r['user_id']} has a notice of {r['message_id']}, but no delivery" for r in stray),
    ]


def delivery_of(row: Row) -> Delivery:
    """Make a delivery of a row."""
    return Delivery(**dict(row))


def _values(delivery: Delivery) -> dict[str, Any]:
    return {name: getattr(delivery, name) for name in _FIELDS}


def _in_state(state: str | None) -> str:
    return "" if state is None else "AND state = :state"


def _state(state: str | None) -> dict[str, str]:
    return {} if state is None else {"state": state}
