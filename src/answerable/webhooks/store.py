"""All SQL of the webhooks feature."""

from collections.abc import Collection
from typing import Any

from answerable.kernel.tx import Row, Tx
from answerable.webhooks.rules import ACTIVE, FAILED, MOST_ENDPOINTS, Delivery, Endpoint

_ENDPOINT = Endpoint.__struct_fields__
_DELIVERY = Delivery.__struct_fields__
_INSERT_DELIVERY = f"""INSERT INTO webhooks_delivery ({", ".join(_DELIVERY)})
VALUES ({", ".join(f":{name}" for name in _DELIVERY)}) ON CONFLICT DO NOTHING"""
_CHANGING = (
    "state",
    "attempts",
    "next_at",
    "give_up_at",
    "status",
    "answer",
    "error",
    "took_ms",
    "tried_at",
    "done_at",
)


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(**{name: row[name] for name in _ENDPOINT})


def _delivery(row: Row) -> Delivery:
    return Delivery(**{name: row[name] for name in _DELIVERY})


# --- endpoints -------------------------------------------------------------------------------------------------------


async def insert_endpoint(tx: Tx, endpoint: Endpoint) -> None:
    """Store a new endpoint."""
    await tx.run(
        f"""INSERT INTO webhooks_endpoint ({", ".join(_ENDPOINT)})
        VALUES ({", ".join(f":{name}" for name in _ENDPOINT)})""",
        **{name: getattr(endpoint, name) for name in _ENDPOINT},
    )


async def save_endpoint(tx: Tx, endpoint: Endpoint) -> None:
    """Store what changed about an endpoint."""
    changing = [name for name in _ENDPOINT if name not in ("id", "created_by", "created_at")]
    await tx.run(
        f"UPDATE webhooks_endpoint SET {', '.join(f'{name} = :{name}' for name in changing)} WHERE id = :id",
        id=endpoint.id,
        **{name: getattr(endpoint, name) for name in changing},
    )


async def load_endpoint(tx: Tx, endpoint_id: str) -> Endpoint | None:
    """Return an endpoint."""
    rows = await tx.run(f"SELECT {', '.join(_ENDPOINT)} FROM webhooks_endpoint WHERE id = :id", id=endpoint_id)
    return _endpoint(rows[0]) if rows else None


async def list_endpoints(tx: Tx) -> list[Endpoint]:
    """Return all endpoints, oldest first."""
    rows = await tx.run(
        f"SELECT {', '.join(_ENDPOINT)} FROM webhooks_endpoint ORDER BY created_at, id LIMIT :most",
        most=MOST_ENDPOINTS,
    )
    return [_endpoint(row) for row in rows]


async def delete_endpoint(tx: Tx, endpoint_id: str) -> None:
    """Forget an endpoint with its deliveries."""
    await tx.run("DELETE FROM webhooks_delivery WHERE endpoint_id = :id", id=endpoint_id)
    await tx.run("DELETE FROM webhooks_endpoint WHERE id = :id", id=endpoint_id)


# --- deliveries ------------------------------------------------------------------------------------------------------


async def insert_delivery(tx: Tx, delivery: Delivery) -> None:
    """Queue a delivery, once for each event and endpoint."""
    await tx.run(_INSERT_DELIVERY, **{name: getattr(delivery, name) for name in _DELIVERY})


async def next_delivery(tx: Tx) -> int | None:
    """Return when the next delivery to an active endpoint is due."""
    rows = await tx.run(
        """SELECT MIN((SELECT MIN(d.next_at) FROM webhooks_delivery d
            WHERE d.endpoint_id = e.id AND d.next_at IS NOT NULL)) AS next_at
        FROM webhooks_endpoint e WHERE e.state = :active""",
        active=ACTIVE,
    )
    due: int | None = rows[0]["next_at"]
    return due


async def claim_delivery(tx: Tx, busy: Collection[str], until: int) -> Delivery | None:
    """Claim the delivery that is due first, but none to an endpoint that is ``busy``, until a lease ends."""
    values = {f"busy{place}": endpoint for place, endpoint in enumerate(busy)}
    but = f"AND e.id NOT IN ({', '.join(f':{name}' for name in values)})" if values else ""
    rows = await tx.run(
        f"""UPDATE webhooks_delivery SET state = 'SENDING', attempts = attempts + 1, next_at = :until
        WHERE id = (
            SELECT d.id FROM webhooks_endpoint e JOIN webhooks_delivery d ON d.id = (
                SELECT i.id FROM webhooks_delivery i WHERE i.endpoint_id = e.id AND i.next_at <= :now
                ORDER BY i.next_at, i.id LIMIT 1)
            WHERE e.state = :active {but} ORDER BY d.next_at, d.id LIMIT 1)
        AND next_at <= :now RETURNING {", ".join(_DELIVERY)}""",
        now=tx.now,
        until=until,
        active=ACTIVE,
        **values,
    )
    return _delivery(rows[0]) if rows else None


async def save_delivery(tx: Tx, before: Delivery, after: Delivery) -> bool:
    """Store what became of a delivery; false where somebody else has had it meanwhile."""
    rows = await tx.run(
        f"""UPDATE webhooks_delivery SET {", ".join(f"{name} = :{name}" for name in _CHANGING)}
        WHERE id = :id AND state = :was_state AND attempts = :was_attempts RETURNING 1 AS saved""",
        id=after.id,
        was_state=before.state,
        was_attempts=before.attempts,
        **{name: getattr(after, name) for name in _CHANGING},
    )
    return bool(rows)


async def load_delivery(tx: Tx, endpoint_id: str, delivery_id: str) -> Delivery | None:
    """Return a delivery of an endpoint."""
    rows = await tx.run(
        f"SELECT {', '.join(_DELIVERY)} FROM webhooks_delivery WHERE id = :id AND endpoint_id = :endpoint_id",
        id=delivery_id,
        endpoint_id=endpoint_id,
    )
    return _delivery(rows[0]) if rows else None


async def list_deliveries(tx: Tx, endpoint_id: str, limit: int, before: tuple[int, str] | None) -> list[Delivery]:
    """Return deliveries of an endpoint, newest first, before an instant and id."""
    after = "AND (created_at, id) < (:at, :before)" if before else ""
    rows = await tx.run(
        f"""SELECT {", ".join(_DELIVERY)} FROM webhooks_delivery WHERE endpoint_id = :endpoint_id {after}
        ORDER BY created_at DESC, id DESC LIMIT :limit""",
        endpoint_id=endpoint_id,
        limit=limit,
        **({"at": before[0], "before": before[1]} if before else {}),
    )
    return [_delivery(row) for row in rows]


async def oldest_done(tx: Tx) -> int | None:
    """Return when the delivery that was done first was done."""
    rows = await tx.run("SELECT done_at FROM webhooks_delivery WHERE done_at IS NOT NULL ORDER BY done_at LIMIT 1")
    return rows[0]["done_at"] if rows else None


async def next_given_up(tx: Tx) -> int | None:
    """Return when what waits for an endpoint that is not active is given up first."""
    rows = await tx.run(
        """SELECT MIN((SELECT MIN(d.give_up_at) FROM webhooks_delivery d
            WHERE d.endpoint_id = e.id AND d.next_at IS NOT NULL)) AS give_up_at
        FROM webhooks_endpoint e WHERE e.state <> :active""",
        active=ACTIVE,
    )
    ends: int | None = rows[0]["give_up_at"]
    return ends


async def give_up_waiting(tx: Tx, error: str, limit: int) -> int:
    """Give up some deliveries that waited for too long for endpoints that are not active; return how many."""
    rows = await tx.run(
        """UPDATE webhooks_delivery SET state = :failed, next_at = NULL, done_at = :now, error = :error WHERE id IN (
            SELECT d.id FROM webhooks_endpoint e CROSS JOIN webhooks_delivery d
            WHERE d.endpoint_id = e.id AND e.state <> :active AND d.next_at IS NOT NULL AND d.give_up_at < :now
            LIMIT :limit)
        RETURNING 1 AS given_up""",
        failed=FAILED,
        now=tx.now,
        error=error,
        active=ACTIVE,
        limit=limit,
    )
    return len(rows)


async def delete_done(tx: Tx, before: int, limit: int) -> int:
    """Forget some deliveries that were done before an instant; return how many."""
    return await _delete_some(tx, "done_at < :before ORDER BY done_at", limit, before=before)


async def delete_about(tx: Tx, subject: str, limit: int) -> int:
    """Forget some deliveries, done or not, about a person or ticket; return how many."""
    return await _delete_some(tx, "subject = :subject", limit, subject=subject)


async def delete_by(tx: Tx, author_id: str, limit: int) -> int:
    """Forget some deliveries, done or not, about what a person wrote; return how many."""
    return await _delete_some(tx, "author_id = :author AND author_id <> ''", limit, author=author_id)


async def _delete_some(tx: Tx, which: str, limit: int, **values: Any) -> int:
    rows = await tx.run(
        f"""DELETE FROM webhooks_delivery WHERE id IN (SELECT id FROM webhooks_delivery WHERE {which} LIMIT :limit)
        RETURNING 1 AS gone""",
        limit=limit,
        **values,
    )
    return len(rows)


async def load_erased(tx: Tx, *subjects: str) -> dict[str, int]:
    """Return which of some people and tickets were erased, with the version since when."""
    named = {f"subject{place}": subject for place, subject in enumerate(subjects)}
    rows = await tx.run(
        f"SELECT subject, version FROM webhooks_erased WHERE subject IN ({', '.join(f':{name}' for name in named)})",
        **named,
    )
    return {row["subject"]: row["version"] for row in rows}


async def note_erased(tx: Tx, subject: str, version: int) -> None:
    """Note that a person or, as of a version, a ticket was erased, and that deliveries are to be forgotten."""
    await tx.run(
        """INSERT INTO webhooks_erased (subject, version, more_at) VALUES (:subject, :version, :now)
        ON CONFLICT (subject) DO UPDATE SET version = :version, more_at = :now""",
        subject=subject,
        version=version,
        now=tx.now,
    )


async def next_forgetting(tx: Tx) -> int | None:
    """Return when to forget more deliveries about somebody or something that was erased."""
    rows = await tx.run("SELECT more_at FROM webhooks_erased WHERE more_at IS NOT NULL ORDER BY more_at LIMIT 1")
    return rows[0]["more_at"] if rows else None


async def next_forgotten(tx: Tx) -> str:
    """Return whom or what there are more deliveries about to forget; empty for none."""
    rows = await tx.run("SELECT subject FROM webhooks_erased WHERE more_at IS NOT NULL ORDER BY more_at LIMIT 1")
    return rows[0]["subject"] if rows else ""


async def end_forgetting(tx: Tx, subject: str) -> None:
    """Note that no delivery is about a person or ticket any more."""
    await tx.run("UPDATE webhooks_erased SET more_at = NULL WHERE subject = :subject", subject=subject)
