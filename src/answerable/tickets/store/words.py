"""SQL for what is said and what happened on tickets."""

from answerable.kernel.tx import Row, Tx
from answerable.tickets import rules
from answerable.tickets.rules import Comment


async def insert_comment(tx: Tx, comment: Comment) -> None:
    """Store what somebody said."""
    await tx.run(
        """INSERT INTO tickets_comment (number, id, ticket_id, author_id, author_role, body, internal, created_at)
        VALUES (:number, :id, :ticket_id, :author_id, :author_role, :body, :internal, :created_at)""",
        **{name: getattr(comment, name) for name in comment.__struct_fields__},
    )


async def list_comments(tx: Tx, ticket_id: str, after: int, limit: int) -> list[Row]:
    """Read the comments of a visible ticket that the caller may see, oldest first, with the author's present name."""
    hidden = "" if rules.may_note(tx.actor) else "AND c.internal = 0"
    return await tx.run(
        f"""SELECT c.*, COALESCE(p.name, '') AS author_name FROM tickets_comment c
        LEFT JOIN tickets_known_person p ON p.id = c.author_id
        WHERE c.ticket_id = :ticket_id AND c.number > :after {hidden} ORDER BY c.number LIMIT :limit""",
        ticket_id=ticket_id,
        after=after,
        limit=limit,
    )


async def load_comment_number(tx: Tx, ticket_id: str, comment_id: str) -> int:
    """Read the number of a comment of a visible ticket that the caller may see; 0, which is before all, for another."""
    hidden = "" if rules.may_note(tx.actor) else "AND internal = 0"
    rows = await tx.run(
        f"SELECT number FROM tickets_comment WHERE id = :id AND ticket_id = :ticket_id {hidden}",
        id=comment_id,
        ticket_id=ticket_id,
    )
    return int(rows[0]["number"]) if rows else 0


async def count_comments(tx: Tx, ticket_id: str, most: int) -> int:
    """Count the comments of a ticket that the caller may see, up to ``most``."""
    hidden = "" if rules.may_note(tx.actor) else "AND internal = 0"
    rows = await tx.run(
        f"""SELECT COUNT(*) AS n FROM (
            SELECT 1 AS one FROM tickets_comment WHERE ticket_id = :ticket_id {hidden} LIMIT :most) x""",
        ticket_id=ticket_id,
        most=most,
    )
    return int(rows[0]["n"])


async def insert_history(tx: Tx, ticket_id: str, action: str, performed_by: str, description: str) -> None:
    """Add a line to a ticket's history."""
    await tx.run(
        """INSERT INTO tickets_history (id, ticket_id, action, performed_by, description, created_at)
        VALUES (:id, :ticket_id, :action, :performed_by, :description, :now)""",
        id=tx.new_id(),
        ticket_id=ticket_id,
        action=action,
        performed_by=performed_by,
        description=description,
        now=tx.now,
    )


async def list_history(tx: Tx, ticket_id: str, after: str, limit: int) -> list[Row]:
    """Read the history of a ticket, oldest first."""
    return await tx.run(
        "SELECT * FROM tickets_history WHERE ticket_id = :ticket_id AND id > :after ORDER BY id LIMIT :limit",
        ticket_id=ticket_id,
        after=after,
        limit=limit,
    )


async def count_history(tx: Tx, ticket_id: str, most: int) -> int:
    """Count the lines of a ticket's history, up to ``most``."""
    rows = await tx.run(
        """SELECT COUNT(*) AS n FROM (
            SELECT 1 AS one FROM tickets_history WHERE ticket_id = :ticket_id LIMIT :most) x""",
        ticket_id=ticket_id,
        most=most,
    )
    return int(rows[0]["n"])
