"""What the reports count of the tickets of a span: what is counted already, put right by what is not yet."""

from answerable.kernel.days import FOREVER, LENGTHS, cover, day_of, days_of
from answerable.kernel.span import Span
from answerable.kernel.tx import Tx
from answerable.reporting.rules.kept import Part, all_parts, nothing
from answerable.reporting.store import kept as store
from answerable.reporting.store import tickets

MOST_APART = 5000  # tickets that are put right one by one
AT_ONCE = 2000
FEW = 16  # of all: sorting one costs as much as walking past so many


async def part_of(tx: Tx, span: Span) -> Part | None:
    """Add up the tickets raised in a span; ``None`` where too many are not counted yet, as after an upgrade."""
    if await store.is_much_uncounted(tx, MOST_APART):
        return None
    found, days = nothing(), days_of(span)
    for _, part in await store.list_parts(tx, cover(days)):
        found.add_part(part)
    for row in await store.list_uncounted(tx, days.begin, days.end):
        if row["counted"]:
            found.add(row["counted"], -1)
        found.add(row["as_it_is"])
    for edge in days.edges:
        for row in await store.list_raised(tx, edge.begin, edge.end):
            found.add(row["as_it_is"], edge.sign)
    return found


async def are_few(tx: Tx, measured: int) -> bool:
    """Tell whether it is a shorter way to sort so many durations than to walk those of all tickets in their order."""
    return measured * FEW < sum(tally.measured for tally in await tickets.load_count(tx))


async def differences(tx: Tx) -> list[str]:
    """Recount what is counted from what the tickets are counted as; a line per part that holds something else."""
    of_days: dict[int, Part] = {}
    after = ""
    while rows := await store.list_counted(tx, after, AT_ONCE):
        for row in rows:
            of_days.setdefault(day_of(row["created_at"]), nothing()).add(row["counted"])
        after = rows[-1]["ticket_id"]
    recounted = all_parts(of_days)
    held = dict(await store.list_parts(tx, [(length, 0, FOREVER) for length in LENGTHS]))
    return [
        f"reporting: part {number} of {days} days is not what its tickets are counted as"
        for days, number in sorted({*held, *recounted})
        if held.get((days, number), nothing()) != recounted.get((days, number), nothing())
    ]
