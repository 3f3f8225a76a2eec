"""What other features tell users: administrative acts, for the audit log, and that a program came with a key."""

from answerable.kernel.tx import Tx
from answerable.messages.audit import RecordAct
from answerable.messages.gateway import ApiKeyUsed
from answerable.users.actions import audit, keys


async def record_act(tx: Tx, told: RecordAct) -> None:
    """Keep an act of another feature."""
    await audit.record_told(
        tx, told.act, about=told.about, about_id=told.about_id, named=told.named, changes=told.changes
    )


async def note_key_use(tx: Tx, event: ApiKeyUsed) -> None:
    """A program came to the gateway with a key."""
    await keys.note_use(tx, event.key_id)
