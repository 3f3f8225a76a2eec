"""What reporting does with what it hears: load, decide, store."""

from collections.abc import Callable

from answerable.kernel.days import day_of
from answerable.kernel.tx import Tx
from answerable.messages.tickets import TicketRef
from answerable.reporting import store
from answerable.reporting.rules import Facts, movement, movement_of_agents, movement_of_durations
from answerable.reporting.rules.kept import (
    OwnKey,
    OwnPart,
    Part,
    add_dates,
    all_own_parts,
    all_parts,
    dates_of,
    nothing,
    nothing_own,
    read,
)
from answerable.reporting.store import kept


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
    if after.agent_id and not (before.last_sequence and before.agent_id == after.agent_id):
        await store.expect_agent(tx, after.agent_id)
    for lasted in movement_of_durations(before, after):
        await store.add_to_durations(tx, lasted)


async def count(tx: Tx, limit: int) -> int:
    """Count some tickets as what they are, for the reports of spans; return how many."""
    rows = await kept.load_uncounted(tx, limit)
    days: dict[int, Part] = {}
    agents: dict[str, dict[int, OwnPart]] = {}
    happened: dict[int, list[int]] = {}
    for row in rows:
        day = day_of(row["created_at"])
        for words, sign in ((row["counted"], -1), (row["as_it_is"], 1)):
            ticket = read(words)
            if ticket is None:
                continue
            days.setdefault(day, nothing()).add(ticket, sign)
            if ticket.agent_id:
                agents.setdefault(ticket.agent_id, {}).setdefault(day, nothing_own()).add(ticket, sign)
            add_dates(happened, dates_of(ticket, row["created_at"]), sign)
    parts = all_parts(days)
    for key, held in (await kept.load_parts(tx, sorted(parts))).items():
        held.add_part(parts[key])
        parts[key] = held
    await kept.save_parts(tx, {key: part.tidy() for key, part in parts.items()})
    await _count_of_agents(tx, all_own_parts(agents))
    await kept.add_to_days(tx, {day: numbers for day, numbers in happened.items() if any(numbers)})
    await kept.save_counted(tx, [{name: row[name] for name in ("ticket_id", "as_it_is")} for row in rows])
    return len(rows)


async def _count_of_agents(tx: Tx, parts: dict[OwnKey, OwnPart]) -> None:
    there = await kept.load_own_parts(tx, sorted(parts))
    for key, held in there.items():
        held.add_part(parts[key])
        parts[key] = held
    await kept.save_own_parts(tx, parts, there)


async def fold_names(tx: Tx, most: int) -> int:
    """Fold some names of agents that were kept before they were folded for their order; return of how many."""
    rows = await store.list_unfolded(tx, most)
    await store.save_folded(tx, rows)
    return len(rows)
