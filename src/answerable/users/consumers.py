"""What other features tell users: administrative acts, for the audit log."""

from answerable.kernel.tx import Tx
from answerable.messages.audit import RecordAct
from answerable.users.actions import audit


async def record_act(tx: Tx, told: RecordAct) -> None:
    """Keep an act of another feature."""
    await audit.record_told(
        tx, told.act, about=told.about, about_id=told.about_id, named=told.named, changes=told.changes
    )
