"""Tickets added up beforehand (``kernel/days.py``): what a span counts is a few parts and no tickets.

Each agent's are added up apart, so that a page of agents reads theirs and no others'.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from answerable.kernel.days import PartKey, day_of, longer_parts
from answerable.kernel.times import SECOND
from answerable.reporting.rules.durations import RESOLUTION, RESPONSE, middle_of, step_of
from answerable.reporting.rules.facts import DONE, OPEN, AgentTally, Tally

Numbers: TypeAlias = list[int]
Steps: TypeAlias = dict[int, int]  # how many took about how long
Dated: TypeAlias = tuple[int | None, int | None, int | None]  # the days on which a ticket was raised, solved and late
OwnKey: TypeAlias = tuple[str, int, int]  # whose; how many days, and which part of so many
WAY = "2"  # of counting (migration 0009)
_WIDTH = 6  # numbers of an ``OfAgent``


class OfAgent(msgspec.Struct, frozen=True):
    """How many tickets an agent has; how many are open, resolved and late, had a first response, and were measured."""

    tickets: int = 0
    open: int = 0
    resolved: int = 0
    breaches: int = 0
    responded: int = 0
    measured: int = 0


class Counted(msgspec.Struct, frozen=True):
    """What a ticket is counted as. Durations are microseconds; ``solved`` and ``late`` are days."""

    status: str
    priority: str
    breached: int
    took: int | None
    responded: int | None
    agent_id: str
    solved: int | None
    late: int | None


def read(words: str) -> Counted | None:
    """Read what a ticket's row says that it is counted as; ``None`` where it is not, or was in another way."""
    way, *rest = words.split(" ")
    if way != WAY:
        return None
    status, priority, breached, took, responded, agent_id, solved, late = rest
    return Counted(
        status,
        priority,
        int(breached),
        int(took) if took else None,
        int(responded) if responded else None,
        agent_id,
        int(solved) if solved else None,
        int(late) if late else None,
    )


class Part(msgspec.Struct):
    """What is counted of the tickets raised in some days.

    ``tickets`` are the numbers of a ``Tally`` by its cell, ``times`` how many resolutions took about how long.
    """

    tickets: dict[str, Numbers]
    times: Steps

    def add(self, ticket: Counted, sign: int = 1) -> None:
        """Count a ticket, or no longer (-1)."""
        seconds, micros = divmod(ticket.took or 0, SECOND)
        measured = int(ticket.took is not None)
        cell = f"{ticket.status} {ticket.priority} {int(ticket.agent_id != '')} {ticket.breached}"
        _add_numbers(self._numbers(cell), (sign, sign * measured, sign * seconds, sign * micros))
        if ticket.took is not None:
            _add_step(self.times, step_of(ticket.took), sign)

    def add_part(self, other: "Part") -> None:
        """Add what another part counts."""
        for cell, numbers in other.tickets.items():
            _add_numbers(self._numbers(cell), numbers)
        for step, number in other.times.items():
            _add_step(self.times, step, number)

    def _numbers(self, cell: str) -> Numbers:
        found = self.tickets.get(cell)
        if found is None:
            found = self.tickets[cell] = [0] * 4
        return found

    def tidy(self) -> "Part":
        """Return the same without what is no longer there."""
        return Part({cell: numbers for cell, numbers in self.tickets.items() if any(numbers)}, _some(self.times))

    def tallies(self) -> list[Tally]:
        """Return what is counted of all tickets."""
        found = []
        for cell, numbers in self.tickets.items():
            status, priority, assigned, breached = cell.split(" ")
            found.append(Tally(status, priority, int(assigned), int(breached), *numbers))
        return [tally for tally in found if tally.tickets]

    def middle(self) -> tuple[int, int, int] | None:
        """Return where the middle of the resolutions is, as ``middle_of`` says it."""
        return middle_of(sorted(self.times.items()))


class OwnPart(msgspec.Struct, array_like=True):
    """What is counted of one agent's tickets raised in some days.

    ``numbers`` are those of an ``OfAgent``; the others say how many took about how long.
    """

    numbers: Numbers
    resolutions: Steps
    responses: Steps

    def add(self, ticket: Counted, sign: int = 1) -> None:
        """Count a ticket of the agent's, or no longer (-1)."""
        measured, responded = int(ticket.took is not None), int(ticket.responded is not None)
        own = (1, ticket.status in OPEN, ticket.status in DONE, ticket.breached, responded, measured)
        _add_numbers(self.numbers, [sign * number for number in own])
        if ticket.took is not None:
            _add_step(self.resolutions, step_of(ticket.took), sign)
        if ticket.responded is not None:
            _add_step(self.responses, step_of(ticket.responded), sign)

    def add_part(self, other: "OwnPart") -> None:
        """Add what another part of the same agent counts."""
        _add_numbers(self.numbers, other.numbers)
        for to, steps in ((self.resolutions, other.resolutions), (self.responses, other.responses)):
            for step, number in steps.items():
                _add_step(to, step, number)

    def tidy(self) -> "OwnPart":
        """Return the same without what is no longer there."""
        return OwnPart(self.numbers, _some(self.resolutions), _some(self.responses))

    def of_agent(self) -> OfAgent:
        """Return what is counted of the agent's tickets."""
        return OfAgent(*self.numbers)

    def middle(self, kind: str) -> tuple[int, int, int] | None:
        """Return where the middle of the durations of a kind is, as ``middle_of`` says it."""
        steps = {RESOLUTION: self.resolutions, RESPONSE: self.responses}[kind]
        return middle_of(sorted(steps.items()))

    def sum_at(self, days: int, part: int) -> int:
        """Return one number of all that is counted, and where: that of several parts is the sum of theirs.

        Two that are not the same have the same number by chance only, of which there is one in 2^60.
        """
        counted = ((0, enumerate(self.numbers)), (1, self.resolutions.items()), (2, self.responses.items()))
        return sum(hash((days, part, what, key)) * number for what, held in counted for key, number in held)


def dates_of(ticket: Counted, created_at: int) -> Dated:
    """Return on which days a ticket was raised, solved and late."""
    return day_of(created_at), ticket.solved, ticket.late


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
        _add_numbers(found.setdefault(each.agent_id, [0] * _WIDTH), own)
    return {agent_id: OfAgent(*numbers) for agent_id, numbers in found.items() if numbers[0]}


def nothing() -> Part:
    """Return a part of which nothing is counted."""
    return Part({}, {})


def nothing_own() -> OwnPart:
    """Return a part of an agent's of which nothing is counted."""
    return OwnPart([0] * _WIDTH, {}, {})


def all_parts(days: Mapping[int, Part]) -> dict[PartKey, Part]:
    """Add up what is counted in days to all parts that they are in."""
    return longer_parts(days, nothing, Part.add_part)


def all_own_parts(agents: Mapping[str, Mapping[int, OwnPart]]) -> dict[OwnKey, OwnPart]:
    """Add up what is counted in days of each agent's to all parts that they are in."""
    return {
        (agent_id, *key): part
        for agent_id, days in agents.items()
        for key, part in longer_parts(days, nothing_own, OwnPart.add_part).items()
    }


def _add_numbers(to: Numbers, numbers: Iterable[int]) -> None:
    for place, number in enumerate(numbers):
        to[place] += number


def _add_step(to: Steps, step: int, number: int) -> None:
    to[step] = to.get(step, 0) + number


def _some(steps: Steps) -> Steps:
    return {step: number for step, number in steps.items() if number}
