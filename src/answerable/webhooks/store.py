"""All SQL of the webhooks feature."""

from collections.abc import Collection

from answerable.kernel.tx import Row, Tx
from answerable.webhooks.rules import ACTIVE, MOST_ENDPOINTS, Delivery, Endpoint

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
        """SELECT d.next_at FROM webhooks_delivery d JOIN webhooks_endpoint e ON e.id = d.endpoint_id
        WHERE d.next_at IS NOT NULL AND e.state = :active ORDER BY d.next_at LIMIT 1""",
        active=ACTIVE,
    )
    return rows[0]["next_at"] if rows else None


async def claim_delivery(tx: Tx, busy: Collection[str], until: int) -> Delivery | None:
    """Claim the delivery that is due first, but none to an endpoint that is ``busy``, until a lease ends."""
    values = {f"busy{place}": endpoint for place, endpoint in enumerate(busy)}
    but = f"AND d.endpoint_id NOT IN ({', '.join(f':{name}' for name in values)})" if values else ""
    rows = await tx.run(
        f"""UPDATE webhooks_delivery SET state = 'SENDING', attempts = attempts + 1, next_at = :until
        WHERE id = (
            SELECT d.id FROM webhooks_delivery d JOIN webhooks_endpoint e ON e.id = d.endpoint_id
            WHERE d.next_at <= :now AND e.state = :active {but} ORDER BY d.next_at, d.id LIMIT 1)
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


async def delete_done(tx: Tx, before: int, limit: int) -> int:
    """Forget some deliveries that were done before an instant; return how many."""
    rows = await tx.run(
        """DELETE FROM webhooks_delivery WHERE id IN (
            SELECT id FROM webhooks_delivery WHERE done_at < :before ORDER BY done_at LIMIT :limit)
        RETURNING 1 AS gone""",
        before=before,
        limit=limit,
    )
    return len(rows)


async def delete_about(tx: Tx, subject: str, *fields: str) -> None:
    """Forget deliveries, done or not, about a person or ticket, or which name them in one of some fields."""
    for field in ("subject", *fields):
        await tx.run("DELETE FROM webhooks_delivery WHERE payload LIKE :part", part=f'%"{field}":"{subject}"%')
