"""Who had a ticket when."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Holding(NamedTuple):
    """Somebody (or nobody: ``None``) had a ticket from ``begin`` to before ``end``, ``None`` where it goes on."""

    agent_id: str | None
    name: str | None
    begin: int
    end: int | None


def holdings(changes: Iterable[tuple[int, str | None, str | None]], start: int, until: int | None) -> list[Holding]:
    """Return who had a ticket between two instants, in order. ``changes``: from when on whom, and their name.

    Nobody has it before the first change.
    """
    found: list[Holding] = []
    now = Holding(None, None, start, until)
    for since, agent_id, name in changes:
        if until is not None and since >= until:
            break
        if since <= start:
            now = Holding(agent_id, name, start, until)
        elif agent_id != now.agent_id:
            found.append(now._replace(end=since))
            now = Holding(agent_id, name, since, until)
    return [*found, now]


def holder_at(held: Sequence[Holding], at: int) -> Holding:
    """Return who had it at an instant; just before, where it changed hands then."""
    return next((each for each in reversed(held) if each.begin < at), held[0])
