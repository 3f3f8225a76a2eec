"""What the operator of a desk does about its messages."""

from answerable.infra.bus import inbox
from answerable.kernel.tx import Tx
from answerable.messages.audit import RecordAct


async def try_again(tx: Tx, message_id: str | None) -> int:
    """Let a parked message be tried again, all of them for ``None``; return how many that is."""
    count = await inbox.unpark(tx, message_id)
    if count:
        tx.send(RecordAct(act="EVENTS_RETRIED", about="events", about_id=message_id or "", named=str(count)))
    return count
