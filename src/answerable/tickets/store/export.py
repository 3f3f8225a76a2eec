"""SQL for all that is kept about one person; whoever asks may see everything."""

from answerable.kernel.tx import Row, Tx

MOST = 100_000  # of a kind


async def list_raised(tx: Tx, person_id: str) -> list[Row]:
    """Read the tickets that a person raised."""
    return await tx.run(
        """SELECT number, id, title, description, category, priority, status, created_at, updated_at, resolved_at,
            closed_at FROM tickets_ticket WHERE requester_id = :id ORDER BY number LIMIT :most""",
        id=person_id,
        most=MOST,
    )


async def list_said(tx: Tx, person_id: str) -> list[Row]:
    """Read the public comments on a person's tickets, and all that they said themselves anywhere."""
    return await tx.run(
        """SELECT c.id, c.ticket_id, c.author_id, c.body, c.internal, c.created_at FROM tickets_comment c
        WHERE c.author_id = :id OR (c.internal = 0 AND c.ticket_id IN
            (SELECT t.id FROM tickets_ticket t WHERE t.requester_id = :id))
        ORDER BY c.number LIMIT :most""",
        id=person_id,
        most=MOST,
    )


async def list_done(tx: Tx, person_id: str) -> list[Row]:
    """Read what a person did, as the histories of tickets have it."""
    return await tx.run(
        """SELECT ticket_id, action, description, created_at FROM tickets_history
        WHERE performed_by = :id ORDER BY id LIMIT :most""",
        id=person_id,
        most=MOST,
    )


async def list_drafts_of(tx: Tx, person_id: str) -> list[Row]:
    """Read what a person has half written."""
    return await tx.run(
        """SELECT ticket_id, body, internal, saved_at FROM tickets_draft
        WHERE person_id = :id ORDER BY ticket_id LIMIT :most""",
        id=person_id,
        most=MOST,
    )


async def list_filters_of(tx: Tx, person_id: str) -> list[Row]:
    """Read a person's saved filters."""
    return await tx.run(
        "SELECT name, query, created_at FROM tickets_saved_filter WHERE person_id = :id ORDER BY id LIMIT :most",
        id=person_id,
        most=MOST,
    )
