"""What managers look at: promises at risk and broken, open escalations, and what is promised at all."""

from collections.abc import Sequence

import msgspec

from answerable.kernel.tx import Tx
from answerable.sla import store
from answerable.sla.rules.policy import Policy
from answerable.sla.store import pressing

SHOWN = 10  # pressing tickets in a list of the dashboard


class Pressing(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket whose promise presses: ``at`` is when it is due, was broken or was escalated, in microseconds."""

    target: str
    id: str
    number: int
    title: str
    priority: str
    status: str
    agent_id: str | None
    agent_name: str | None
    at: int
    reason: str = ""
    manager_id: str | None = None
    manager_name: str | None = None


async def list_pressing(tx: Tx) -> tuple[list[Pressing], list[Pressing]]:
    """Read the promises at risk, the next first, and the broken ones of open tickets, the newest first."""
    risky = [Pressing(**dict(row)) for row in await pressing.list_at_risk(tx, SHOWN + 1)]
    return risky, [Pressing(**dict(row)) for row in await pressing.list_broken(tx, SHOWN + 1)]


async def list_open_escalations(tx: Tx) -> list[Pressing]:
    """Read the escalations that are open, the newest first."""
    return [Pressing(**dict(row)) for row in await pressing.list_open_escalations(tx, SHOWN + 1)]


async def list_in_force(tx: Tx) -> Sequence[Policy]:
    """Read the policies in force, in their order."""
    return (await store.load_in_force(tx, tx.now)).policies
