"""What webhooks do because something happened elsewhere."""

from answerable.kernel.tx import Tx
from answerable.messages.base import Event
from answerable.webhooks import actions


async def tell(tx: Tx, event: Event) -> None:
    """Something happened that programs may want to know."""
    await actions.tell(tx, event)
