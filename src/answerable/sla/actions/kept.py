"""Promises are counted: those of a few tickets at once, each for all that became of it since the last time."""

from collections import Counter
from typing import Any

from answerable.kernel.days import day_of
from answerable.kernel.tx import Tx
from answerable.sla import rules
from answerable.sla.queries.kept import durations, group_of
from answerable.sla.rules.kept import Part, about_of, all_parts, nothing
from answerable.sla.store import kept as store


async def count(tx: Tx, limit: int) -> int:
    """Count at most so many promises as what they are, and all others on their tickets; return of how many tickets."""
    rows = await store.load_uncounted(tx, limit)
    times = await durations(tx, [row for row in rows if row["state"] == rules.FULFILLED and row["business"] is None])
    changed: Counter[tuple[int, str, str, str]] = Counter()
    timed: Counter[tuple[int, str, str, int]] = Counter()
    clocks: list[dict[str, Any]] = []
    for row in rows:
        day, target, counted, outcome = day_of(row["created_at"]), row["target"], row["counted"], row["outcome"]
        if counted:
            changed[day, row["counted_as"] or row["as_it_is"], target, counted] -= 1
        changed[day, row["as_it_is"], target, outcome] += 1
        taken = times.get(row["id"], {})
        for measure, duration in taken.items():
            timed[day, measure, target, about_of(duration)] += 1
        if counted != outcome or taken:
            saved = {name: row[name] for name in ("id", "outcome", "business", "calendar")}
            clocks.append({**saved, "raised_at": row["created_at"], **taken})
    await _add(tx, changed, timed)
    await store.save_counted(tx, clocks, sorted({row["ticket_id"] for row in rows if row["counted_as"] is not None}))
    return len({row["ticket_id"] for row in rows})


async def _add(tx: Tx, changed: Counter[tuple[int, str, str, str]], timed: Counter[tuple[int, str, str, int]]) -> None:
    days: dict[int, Part] = {}
    for (day, text, target, what), number in changed.items():
        if number:
            days.setdefault(day, nothing()).add(group_of(text), target, what, number)
    for (day, measure, target, about), number in timed.items():
        days.setdefault(day, nothing()).add_time(measure, target, about, number)
    parts = all_parts(days)
    for key, held in (await store.load_parts(tx, sorted(parts))).items():
        held.add_part(parts[key])
        parts[key] = held
    await store.save_parts(tx, {key: part.tidy() for key, part in parts.items()})
