"""What people do with their own tickets, besides what everybody does."""

from answerable.kernel.tx import Tx
from answerable.tickets.actions.tickets import add_comment, confirm_ticket, reopen_ticket
from answerable.tickets.rules import Ticket


async def say(tx: Tx, ticket_id: str, text: str) -> str:
    """Say something on one's own ticket; return its id."""
    await add_comment(tx, ticket_id, text, 0)
    return ticket_id


async def reopen_saying(tx: Tx, ticket_id: str, text: str) -> Ticket:
    """Open a ticket again and, where there are any words, say why."""
    ticket = await reopen_ticket(tx, ticket_id, None)
    if text.strip():
        await add_comment(tx, ticket_id, text, 0)
    return ticket


async def confirm_solved(tx: Tx, ticket_id: str, text: str) -> Ticket:
    """Close one's own solved ticket, and say something to whoever solved it, where there are any words."""
    if text.strip():
        await add_comment(tx, ticket_id, text, 0)
    return await confirm_ticket(tx, ticket_id)
