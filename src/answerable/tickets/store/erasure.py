"""SQL for forgetting: what a person wrote, and the words of tickets whose time is over."""

from answerable.kernel.tx import Row, Tx
from answerable.tickets.rules import Ticket
from answerable.tickets.store.tickets import COLUMNS, ticket_of


async def erase_belongings(tx: Tx, person_id: str) -> None:
    """Forget what a person has on their desk: drafts, what they have read, saved filters."""
    await tx.run("DELETE FROM tickets_draft WHERE person_id = :id", id=person_id)
    await tx.run("DELETE FROM tickets_reader WHERE person_id = :id", id=person_id)
    await tx.run("DELETE FROM tickets_saved_filter WHERE person_id = :id", id=person_id)


async def queue_erasure(tx: Tx, person_id: str) -> None:
    """Note all tickets that a person raised or spoke on."""
    await tx.run(
        """INSERT INTO tickets_erasing (ticket_id, person_id)
        SELECT t.id, :id FROM tickets_ticket t WHERE t.requester_id = :id
        UNION SELECT c.ticket_id, :id FROM tickets_comment c WHERE c.author_id = :id
        ON CONFLICT DO NOTHING""",
        id=person_id,
    )


async def erase_name_in_history(tx: Tx, name: str, instead: str) -> None:
    """Take an agent's name out of the lines that say who was given a ticket."""
    for verb in ("Assigned to", "Reassigned to"):
        await tx.run(
            """UPDATE tickets_history SET description = :left
            WHERE action = 'TICKET_ASSIGNED' AND description = :said""",
            left=f"{verb} {instead}",
            said=f"{verb} {name}",
        )


async def has_to_erase(tx: Tx) -> bool:
    """Tell whether tickets wait to lose words."""
    return bool(await tx.run("SELECT 1 AS waits FROM tickets_erasing LIMIT 1"))


async def take_to_erase(tx: Tx, limit: int) -> list[Row]:
    """Take some tickets that wait: ticket_id, person_id."""
    return await tx.run(
        """DELETE FROM tickets_erasing WHERE (ticket_id, person_id) IN
            (SELECT ticket_id, person_id FROM tickets_erasing ORDER BY ticket_id, person_id LIMIT :limit)
        RETURNING ticket_id, person_id""",
        limit=limit,
    )


async def erase_words(tx: Tx, ticket: Ticket) -> None:
    """Store a ticket whose title and description went, and nothing else of it."""
    await tx.run(
        "UPDATE tickets_ticket SET title = :title, description = :description, version = :version WHERE id = :id",
        id=ticket.id,
        title=ticket.title,
        description=ticket.description,
        version=ticket.version,
    )


async def erase_comments_by(tx: Tx, ticket_id: str, author_id: str, left: str) -> None:
    """Take the words out of what one person said on a ticket."""
    await tx.run(
        "UPDATE tickets_comment SET body = :left WHERE ticket_id = :ticket_id AND author_id = :author_id",
        ticket_id=ticket_id,
        author_id=author_id,
        left=left,
    )


async def empty_ticket(tx: Tx, ticket_id: str, left: str) -> None:
    """Take the words out of everything that was said on a ticket, by whomever, and note when."""
    await tx.run("UPDATE tickets_comment SET body = :left WHERE ticket_id = :ticket_id", ticket_id=ticket_id, left=left)
    await tx.run("DELETE FROM tickets_draft WHERE ticket_id = :ticket_id", ticket_id=ticket_id)
    await tx.run("UPDATE tickets_ticket SET emptied_at = :now WHERE id = :ticket_id", ticket_id=ticket_id, now=tx.now)


# --- how long words are kept -----------------------------------------------------------------------------------------


async def list_retention(tx: Tx) -> list[Row]:
    """Read the categories that keep words for a time only: category, keep_days."""
    return await tx.run("SELECT category, keep_days FROM tickets_retention ORDER BY category")


async def save_retention(tx: Tx, category: str, keep_days: int) -> None:
    """Note how many days tickets of a category keep their words after they were closed; 0 for always."""
    if not keep_days:
        await tx.run("DELETE FROM tickets_retention WHERE category = :category", category=category)
        return
    await tx.run(
        """INSERT INTO tickets_retention (category, keep_days) VALUES (:category, :keep_days)
        ON CONFLICT (category) DO UPDATE SET keep_days = :keep_days""",
        category=category,
        keep_days=keep_days,
    )


async def oldest_ended(tx: Tx, category: str) -> int | None:
    """Return when the first ticket of a category that still has words was closed."""
    rows = await tx.run(
        """SELECT MIN(closed_at) AS closed_at FROM tickets_ticket
        WHERE category = :category AND closed_at IS NOT NULL AND (emptied_at IS NULL OR emptied_at <= closed_at)""",
        category=category,
    )
    found: int | None = rows[0]["closed_at"]
    return found


async def load_ended(tx: Tx, category: str, before: int, limit: int) -> list[Ticket]:
    """Load tickets of a category that were closed before an instant and still have words, oldest first."""
    rows = await tx.run(
        f"""SELECT {COLUMNS} FROM tickets_ticket t WHERE t.category = :category AND t.closed_at <= :before
        AND t.closed_at IS NOT NULL AND (t.emptied_at IS NULL OR t.emptied_at <= t.closed_at)
        ORDER BY t.closed_at LIMIT :limit""",
        category=category,
        before=before,
        limit=limit,
    )
    return [ticket_of(row) for row in rows]
