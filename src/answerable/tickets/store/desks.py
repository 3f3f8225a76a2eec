"""SQL for what each of the staff has on their desk: what they have read, where they are, drafts, saved filters."""

from answerable.kernel.tx import Row, Tx


async def note_reader(tx: Tx, ticket_id: str, seen: int, here_until: int, writing_until: int) -> None:
    """Note that the actor looks at a ticket and has seen its comments up to the number ``seen``."""
    await tx.run(
        """INSERT INTO tickets_reader (ticket_id, person_id, seen, here_until, writing_until)
        VALUES (:ticket_id, :me, :seen, :here_until, :writing_until)
        ON CONFLICT (ticket_id, person_id) DO UPDATE SET here_until = :here_until, writing_until = :writing_until,
        seen = CASE WHEN tickets_reader.seen > :seen THEN tickets_reader.seen ELSE :seen END""",
        ticket_id=ticket_id,
        me=tx.actor.id,
        seen=seen,
        here_until=here_until,
        writing_until=writing_until,
    )


async def list_here(tx: Tx, ticket_id: str, limit: int) -> list[Row]:
    """Read who else looks at a ticket now (id, name, writing: 0 or 1)."""
    return await tx.run(
        """SELECT r.person_id AS id, p.name, CASE WHEN r.writing_until > :now THEN 1 ELSE 0 END AS writing
        FROM tickets_reader r JOIN tickets_known_person p ON p.id = r.person_id
        WHERE r.ticket_id = :ticket_id AND r.here_until > :now AND r.person_id <> :me ORDER BY p.name LIMIT :limit""",
        ticket_id=ticket_id,
        now=tx.now,
        me=tx.actor.id,
        limit=limit,
    )


async def save_draft(tx: Tx, ticket_id: str, body: str, internal: int) -> None:
    """Keep what the actor has typed so far."""
    await tx.run(
        """INSERT INTO tickets_draft (person_id, ticket_id, body, internal, saved_at)
        VALUES (:me, :ticket_id, :body, :internal, :now)
        ON CONFLICT (person_id, ticket_id) DO UPDATE SET body = :body, internal = :internal, saved_at = :now""",
        me=tx.actor.id,
        ticket_id=ticket_id,
        body=body,
        internal=internal,
        now=tx.now,
    )


async def load_draft(tx: Tx, ticket_id: str) -> Row | None:
    """Read what the actor has typed so far (body, internal, saved_at)."""
    rows = await tx.run(
        "SELECT * FROM tickets_draft WHERE person_id = :me AND ticket_id = :ticket_id",
        me=tx.actor.id,
        ticket_id=ticket_id,
    )
    return rows[0] if rows else None


async def delete_draft(tx: Tx, ticket_id: str) -> None:
    """Forget what the actor has typed."""
    await tx.run(
        "DELETE FROM tickets_draft WHERE person_id = :me AND ticket_id = :ticket_id",
        me=tx.actor.id,
        ticket_id=ticket_id,
    )


async def list_filters(tx: Tx, limit: int) -> list[Row]:
    """Read the actor's saved filters, oldest first (id, name, query)."""
    return await tx.run(
        "SELECT * FROM tickets_saved_filter WHERE person_id = :me ORDER BY id LIMIT :limit",
        me=tx.actor.id,
        limit=limit,
    )


async def insert_filter(tx: Tx, name: str, query: str) -> None:
    """Keep a filter of the actor."""
    await tx.run(
        """INSERT INTO tickets_saved_filter (id, person_id, name, query, created_at)
        VALUES (:id, :me, :name, :query, :now)""",
        id=tx.new_id(),
        me=tx.actor.id,
        name=name,
        query=query,
        now=tx.now,
    )


async def delete_filter(tx: Tx, filter_id: str) -> Row | None:
    """Forget a filter of the actor; return it where it was there."""
    rows = await tx.run(
        "DELETE FROM tickets_saved_filter WHERE id = :id AND person_id = :me RETURNING name, query",
        id=filter_id,
        me=tx.actor.id,
    )
    return rows[0] if rows else None


async def oldest_on_desks(tx: Tx, keep_drafts: int, keep_readers: int) -> int | None:
    """Return when the next draft or mark of a reader is old enough to be forgotten."""
    rows = await tx.run(
        """SELECT (SELECT MIN(saved_at) FROM tickets_draft) AS saved_at,
        (SELECT MIN(here_until) FROM tickets_reader) AS here_until"""
    )
    draft, reader = rows[0]["saved_at"], rows[0]["here_until"]
    found = [at + keep for at, keep in ((draft, keep_drafts), (reader, keep_readers)) if at is not None]
    return min(found, default=None)


async def prune_desks(tx: Tx, drafts_before: int, readers_before: int, most: int) -> int:
    """Forget drafts and marks of readers that nobody touched since; ``most`` of each. Return how many went."""
    drafts = await tx.run(
        """DELETE FROM tickets_draft WHERE (person_id, ticket_id) IN (SELECT person_id, ticket_id FROM tickets_draft
            WHERE saved_at <= :before ORDER BY saved_at LIMIT :most) RETURNING 1 AS gone""",
        before=drafts_before,
        most=most,
    )
    readers = await tx.run(
        """DELETE FROM tickets_reader WHERE (ticket_id, person_id) IN (SELECT ticket_id, person_id FROM tickets_reader
            WHERE here_until <= :before ORDER BY here_until LIMIT :most) RETURNING 1 AS gone""",
        before=readers_before,
        most=most,
    )
    return len(drafts) + len(readers)
