"""Tickets added up beforehand (``kernel/days.py``): what a span counts is a few parts and no tickets."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from answerable.kernel.days import PartKey, day_of, longer_parts
from answerable.kernel.times import SECOND
from answerable.reporting.rules.durations import RESOLUTION, RESPONSE, middle_of, step_of
from answerable.reporting.rules.facts import DONE, OPEN, AgentTally, Tally

Numbers: TypeAlias = list[int]
Steps: TypeAlias = dict[int, int]  # how many took about how long
Times: TypeAlias = dict[str, dict[str, Steps]]  # by kind and agent
Dated: TypeAlias = tuple[int | None, int | None, int | None]  # the days on which a ticket was raised, solved and late
SHORT = 6  # words of what is counted without when


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

    ``tickets`` are the numbers of a ``Tally`` by its cell, ``agents`` those of an ``OfAgent`` by id. ``times`` are how
    many took about how long; who does not ask for them reads the others alone.
    """

    tickets: dict[str, Numbers]
    agents: dict[str, Numbers]
    times: Times

    def add(self, ticket: str, sign: int = 1) -> None:
        """Count a ticket (or no longer, with -1), given as what it is counted as (see migrations 0006 and 0007)."""
        words = ticket.split(" ")
        status, priority, breached, took, responded, agent_id = words[:SHORT]
        seconds, micros = divmod(int(took or 0), SECOND)
        measured = int(took != "")
        cell = f"{status} {priority} {int(agent_id != '')} {breached}"
        _add(self.tickets, cell, (sign, sign * measured, sign * seconds, sign * micros))
        short = len(words) == SHORT
        answered = int(responded) if short else int(responded != "")
        if agent_id:
            own = (1, status in OPEN, status in DONE, int(breached), answered, measured)
            _add(self.agents, agent_id, tuple(sign * number for number in own))
        if not short:
            for kind, duration in ((RESOLUTION, took), (RESPONSE, responded)):
                if duration:
                    _add_step(self._steps(kind, agent_id), step_of(int(duration)), sign)

    def add_part(self, other: "Part") -> None:
        """Add what another part counts."""
        for cell, numbers in other.tickets.items():
            _add(self.tickets, cell, numbers)
        for agent_id, numbers in other.agents.items():
            _add(self.agents, agent_id, numbers)
        for kind, agents in other.times.items():
            for agent_id, steps in agents.items():
                own = self._steps(kind, agent_id)
                for step, number in steps.items():
                    _add_step(own, step, number)

    def _steps(self, kind: str, agent_id: str) -> Steps:
        return self.times.setdefault(kind, {}).setdefault(agent_id, {})

    def tidy(self) -> "Part":
        """Return the same without what is no longer there."""
        times: Times = {}
        for kind, agents in self.times.items():
            some = {agent_id: {step: n for step, n in steps.items() if n} for agent_id, steps in agents.items()}
            times[kind] = {agent_id: steps for agent_id, steps in some.items() if steps}
        return Part(
            {cell: numbers for cell, numbers in self.tickets.items() if any(numbers)},
            {agent_id: numbers for agent_id, numbers in self.agents.items() if any(numbers)},
            {kind: agents for kind, agents in times.items() if agents},
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

    def middles(self, kind: str, agents: Iterable[str]) -> dict[str, tuple[int, int, int]]:
        """Return where the middle of the durations of agents is, as ``middle_of`` says it; of those who have some."""
        steps = self.times.get(kind, {})
        places = {agent_id: middle_of(sorted(steps.get(agent_id, {}).items())) for agent_id in agents}
        return {agent_id: place for agent_id, place in places.items() if place is not None}

    def middle(self, kind: str) -> tuple[int, int, int] | None:
        """Return where the middle of all durations is."""
        total: Steps = {}
        for steps in self.times.get(kind, {}).values():
            for step, number in steps.items():
                _add_step(total, step, number)
        return middle_of(sorted(total.items()))


def dates_of(ticket: str, created_at: int) -> Dated:
    """Return on which days a ticket was raised, solved and late, given as what it is counted as."""
    words = ticket.split(" ")
    if len(words) <= SHORT:
        return None, None, None
    solved, late = words[SHORT:]
    return day_of(created_at), int(solved) if solved else None, int(late) if late else None


def add_dates(to: dict[int, Numbers], dated: Dated, sign: int = 1) -> None:
    """Count a ticket on its days: raised, solved and late."""
    for place, day in enumerate(dated):
        if day is not None:
            to.setdefault(day, [0, 0, 0])[place] += sign


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
    return Part({}, {}, {})


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


def _add_step(to: Steps, step: int, number: int) -> None:
    to[step] = to.get(step, 0) + number
