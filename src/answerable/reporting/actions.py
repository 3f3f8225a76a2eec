"""What reporting does with what it hears: load, decide, store."""

from collections.abc import Callable

from answerable.kernel.tx import Tx
from answerable.messages.tickets import TicketRef
from answerable.reporting import store
from answerable.reporting.rules import Facts, movement, movement_of_agents, movement_of_durations


async def record(tx: Tx, ticket: TicketRef, learn: Callable[[Facts], Facts]) -> None:
    """Add to what is known of a ticket, and move the counters with it in the same unit."""
    before = await store.claim_facts(tx, ticket)
    after = learn(before)
    if after == before:
        return
    await store.save_facts(tx, after)
    for change in movement(before, after):
        await store.add_to_count(tx, change)
    for moved in movement_of_agents(before, after):
        await store.add_to_agent_count(tx, moved)
    for lasted in movement_of_durations(before, after):
        await store.add_to_durations(tx, lasted)
