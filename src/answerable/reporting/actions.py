"""What reporting does with what it hears: load, decide, store."""

from collections.abc import Callable

from answerable.kernel.days import day_of
from answerable.kernel.tx import Tx
from answerable.messages.tickets import TicketRef
from answerable.reporting import store
from answerable.reporting.rules import Facts, movement, movement_of_agents, movement_of_durations
from answerable.reporting.rules.kept import Part, add_dates, all_parts, dates_of, nothing
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
    for lasted in movement_of_durations(before, after):
        await store.add_to_durations(tx, lasted)


async def count(tx: Tx, limit: int) -> int:
    """Count some tickets as what they are, for the reports of spans; return how many."""
    rows = await kept.load_uncounted(tx, limit)
    days: dict[int, Part] = {}
    happened: dict[int, list[int]] = {}
    for row in rows:
        part = days.setdefault(day_of(row["created_at"]), nothing())
        for ticket, sign in ((row["counted"], -1), (row["as_it_is"], 1)):
            if ticket:
                part.add(ticket, sign)
                add_dates(happened, dates_of(ticket, row["created_at"]), sign)
    parts = all_parts(days)
    for key, held in (await kept.load_parts(tx, sorted(parts))).items():
        held.add_part(parts[key])
        parts[key] = held
    await kept.save_parts(tx, {key: part.tidy() for key, part in parts.items()})
    await kept.add_to_days(tx, {day: numbers for day, numbers in happened.items() if any(numbers)})
    await kept.save_counted(tx, [{name: row[name] for name in ("ticket_id", "as_it_is")} for row in rows])
    return len(rows)
