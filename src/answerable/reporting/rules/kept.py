"""Tickets added up beforehand (``kernel/days.py``): what a span counts is a few parts and no tickets."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from answerable.kernel.days import PartKey, longer_parts
from answerable.kernel.times import SECOND
from answerable.reporting.rules.facts import DONE, OPEN, AgentTally, Tally

Numbers: TypeAlias = list[int]


class OfAgent(msgspec.Struct, frozen=True):
    """How many tickets an agent has; how many are open, resolved and late, had a first response, and were measured."""

    tickets: int = 0
    open: int = 0
    resolved: int = 0
    breaches: int = 0
    responded: int = 0
    measured: int = 0


class Part(msgspec.Struct):
    """What is counted of the tickets raised in some days.

    ``tickets`` are the numbers of a ``Tally`` by its cell, ``agents`` those of an ``OfAgent`` by id.
    """

    tickets: dict[str, Numbers]
    agents: dict[str, Numbers]

    def add(self, ticket: str, sign: int = 1) -> None:
        """Count a ticket (or no longer, with -1), given as what it is counted as (see migration 0005)."""
        status, priority, breached, took, responded, agent_id = ticket.split(" ", 5)
        seconds, micros = divmod(int(took or 0), SECOND)
        measured = int(took != "")
        cell = f"{status} {priority} {int(agent_id != '')} {breached}"
        _add(self.tickets, cell, (sign, sign * measured, sign * seconds, sign * micros))
        if agent_id:
            own = (1, status in OPEN, status in DONE, int(breached), int(responded), measured)
            _add(self.agents, agent_id, tuple(sign * number for number in own))

    def add_part(self, other: "Part") -> None:
        """Add what another part counts."""
        for cell, numbers in other.tickets.items():
            _add(self.tickets, cell, numbers)
        for agent_id, numbers in other.agents.items():
            _add(self.agents, agent_id, numbers)

    def tidy(self) -> "Part":
        """Return the same without what is no longer there."""
        return Part(
            {cell: numbers for cell, numbers in self.tickets.items() if any(numbers)},
            {agent_id: numbers for agent_id, numbers in self.agents.items() if any(numbers)},
        )

    def tallies(self) -> list[Tally]:
        """Return what is counted of all tickets."""
        found = []
        for cell, numbers in self.tickets.items():
            status, priority, assigned, breached = cell.split(" ")
            found.append(Tally(status, priority, int(assigned), int(breached), *numbers))
        return [tally for tally in found if tally.tickets]

    def of_agents(self) -> dict[str, OfAgent]:
        """Return what is counted of each agent's tickets, of those who have some."""
        return {agent_id: OfAgent(*numbers) for agent_id, numbers in self.agents.items() if numbers[0]}


def of_agents(tallies: Iterable[AgentTally]) -> dict[str, OfAgent]:
    """Add up the tickets of each agent."""
    found: dict[str, Numbers] = {}
    for each in tallies:
        number = each.tickets
        is_open, is_done = number * (each.status in OPEN), number * (each.status in DONE)
        own = (number, is_open, is_done, number * each.breached, each.responded, each.measured)
        _add(found, each.agent_id, own)
    return {agent_id: OfAgent(*numbers) for agent_id, numbers in found.items() if numbers[0]}


def nothing() -> Part:
    """Return a part of which nothing is counted."""
    return Part({}, {})


def all_parts(days: Mapping[int, Part]) -> dict[PartKey, Part]:
    """Add up what is counted in days to all parts that they are in."""
    return longer_parts(days, nothing, Part.add_part)


def _add(to: dict[str, Numbers], key: str, numbers: Numbers | tuple[int, ...]) -> None:
    own = to.get(key)
    if own is None:
        to[key] = list(numbers)
        return
    for place, number in enumerate(numbers):
        own[place] += number
