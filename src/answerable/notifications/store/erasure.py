"""SQL for forgetting what people were told."""

from answerable.kernel.tx import Row, Tx
from answerable.notifications.rules.delivery import AS_THEY_WERE, WORDS_ERASED

_SOME = "message_id, person_id, channel, ticket_id, state, body"


async def is_erased(tx: Tx, ticket_id: str) -> bool:
    """Tell whether a ticket has lost its words."""
    return bool(await tx.run("SELECT 1 AS found FROM notifications_erased WHERE ticket_id = :id", id=ticket_id))


async def note_erased(tx: Tx, ticket_id: str) -> None:
    """Note that a ticket has lost its words."""
    await tx.run("INSERT INTO notifications_erased (ticket_id) VALUES (:id) ON CONFLICT DO NOTHING", id=ticket_id)


async def list_about(tx: Tx, ticket_id: str) -> list[Row]:
    """Read what was told of a ticket, to anybody."""
    return await tx.run(f"SELECT {_SOME} FROM notifications_delivery WHERE ticket_id = :id", id=ticket_id)


async def queue_erasure(tx: Tx, person_id: str, name: str) -> None:
    """Note that what a person was told, and what names them, is to be looked for."""
    await tx.run("DELETE FROM notifications_preference WHERE person_id = :id", id=person_id)
    await tx.run("DELETE FROM notifications_look WHERE person_id = :id", id=person_id)
    await tx.run("DELETE FROM notifications_language WHERE person_id = :id", id=person_id)
    await tx.run(
        """INSERT INTO notifications_erasing (person_id, name, message_id, addressee) VALUES (:id, :name, '', '')
        ON CONFLICT (person_id) DO UPDATE SET message_id = '', addressee = ''""",
        id=person_id,
        name=name,
    )


async def first_erasing(tx: Tx) -> Row | None:
    """Read who is being looked for, and how far (person_id, name, message_id, addressee)."""
    rows = await tx.run("SELECT * FROM notifications_erasing ORDER BY person_id LIMIT 1")
    return rows[0] if rows else None


async def move_erasing(tx: Tx, person_id: str, message_id: str, addressee: str) -> None:
    """Note how far it was looked."""
    await tx.run(
        "UPDATE notifications_erasing SET message_id = :message_id, addressee = :addressee WHERE person_id = :id",
        id=person_id,
        message_id=message_id,
        addressee=addressee,
    )


async def end_erasing(tx: Tx, person_id: str) -> None:
    """Note that everything was found."""
    await tx.run("DELETE FROM notifications_erasing WHERE person_id = :id", id=person_id)


async def list_behind(tx: Tx, message_id: str, addressee: str, limit: int) -> list[Row]:
    """Read what was told behind a message and person, in that order."""
    return await tx.run(
        f"""SELECT {_SOME} FROM notifications_delivery WHERE (message_id, person_id) > (:message_id, :addressee)
        ORDER BY message_id, person_id, channel LIMIT :limit""",
        message_id=message_id,
        addressee=addressee,
        limit=limit,
    )


async def erase_delivery(tx: Tx, told: Row, left: str) -> None:
    """Take the words out of what somebody was told, and the address it went to.

    What is yet to be told is not told any more. That is final, so that a mail which is on its way just now, and so is
    in the memory of its sender, cannot be written back with its words.
    """
    await tx.run(
        f"""UPDATE notifications_delivery SET subject = CASE WHEN subject = '' THEN '' ELSE :left END,
            body = CASE WHEN body = '' THEN '' ELSE :left END, address = '', error = NULL,
            state = CASE WHEN next_at IS NULL THEN state ELSE 'SUPPRESSED' END,
            reason = CASE WHEN next_at IS NULL AND reason NOT IN {AS_THEY_WERE} THEN reason ELSE :erased END,
            done_at = CASE WHEN next_at IS NULL THEN done_at ELSE :now END, next_at = NULL
        WHERE message_id = :message_id AND person_id = :person_id AND channel = :channel""",
        erased=WORDS_ERASED,
        now=tx.now,
        message_id=told["message_id"],
        person_id=told["person_id"],
        channel=told["channel"],
        left=left,
    )


async def erase_notice(tx: Tx, message_id: str, person_id: str, left: str) -> Row | None:
    """Take the words out of a notice; return it, ``None`` where there is none or it had none."""
    rows = await tx.run(
        """UPDATE notifications_notice SET title = :left, message = :left
        WHERE message_id = :message_id AND user_id = :person_id AND (title <> :left OR message <> :left)
        RETURNING id, user_id, ticket_id, type, created_at""",
        message_id=message_id,
        person_id=person_id,
        left=left,
    )
    return rows[0] if rows else None


async def list_told(tx: Tx, person_id: str, limit: int) -> list[Row]:
    """Read a person's notices, oldest first."""
    return await tx.run(
        """SELECT type, title, message, ticket_id, created_at, read_at FROM notifications_notice
        WHERE user_id = :id ORDER BY id LIMIT :limit""",
        id=person_id,
        limit=limit,
    )


async def list_mailed(tx: Tx, person_id: str, limit: int) -> list[Row]:
    """Read the mails to a person, oldest first."""
    return await tx.run(
        """SELECT type, state, reason, address, subject, body, ticket_id, created_at, done_at
        FROM notifications_delivery WHERE person_id = :id AND channel = 'email' ORDER BY message_id LIMIT :limit""",
        id=person_id,
        limit=limit,
    )
