"""Durations in steps: how many are alike says where the middle of many is, without walking to it."""

from collections.abc import Iterable

import msgspec

from answerable.kernel.times import DAY, HOUR, MINUTE
from answerable.reporting.rules.facts import Facts
from answerable.reporting.rules.figures import median_place

RESOLUTION, RESPONSE = "RESOLUTION", "RESPONSE"  # from raised to resolved, and to the first response
EVERYBODY = "*"  # stands for all agents, and none, together; of resolutions
# Each begins at a duration and has steps of a width; numbers of steps grow.
_WIDTHS = ((60 * DAY, 168, 30 * DAY), (2 * DAY, 108, DAY), (HOUR, 60, HOUR), (0, 0, MINUTE))


class Lasted(msgspec.Struct, frozen=True):
    """How many ``tickets`` of an agent (empty: of none; or ``EVERYBODY``) lasted alike; may be negative in a change."""

    agent_id: str
    kind: str
    step: int
    tickets: int

    @property
    def cell(self) -> tuple[str, str, int]:
        """Return what the tickets have in common."""
        return self.agent_id, self.kind, self.step

    @property
    def numbers(self) -> tuple[int]:
        """Return what is counted of them."""
        return (self.tickets,)


def step_of(duration: int) -> int:
    """Return the step of a duration (microseconds): minutes, then hours, days and months; a longer one has no lower."""
    for begin, first, width in _WIDTHS:
        if duration >= begin:
            return first + duration // width
    return 0


def least_of(step: int) -> int:
    """Return the shortest duration of a step, in microseconds; of the first, less than any."""
    for _, first, width in _WIDTHS:
        if step > first:
            return (step - first) * width
    return -(2**62)


def movement_of_durations(before: Facts, after: Facts) -> list[Lasted]:
    """Return what a change of one ticket adds to the counters of durations, in the counters' order."""
    old, new = _cells(before), _cells(after)
    changes = [*((cell, -1) for cell in old - new), *((cell, 1) for cell in new - old)]
    return [Lasted(*cell, tickets) for cell, tickets in sorted(changes)]


def _cells(facts: Facts) -> set[tuple[str, str, int]]:
    if not facts.last_sequence:
        return set()
    found, agent = set(), facts.agent_id or ""
    if facts.resolution is not None:
        step = step_of(facts.resolution)
        found |= {(agent, RESOLUTION, step), (EVERYBODY, RESOLUTION, step)}
    if facts.first_response_at is not None:
        found.add((agent, RESPONSE, step_of(facts.first_response_at - facts.created_at)))
    return found


def middle_in(total: int, step: int, before: int) -> tuple[int, int, int]:
    """Return where the middle of ``total`` durations is, with ``before`` of them in the steps before its own.

    From what duration on to look, how many to skip from there and how many to take.
    """
    skip, take = median_place(total)
    return least_of(step), skip - before, take


def middle_of(steps: Iterable[tuple[int, int]]) -> tuple[int, int, int] | None:
    """Return the same of steps and how many are in each, in their order; ``None`` where there are no durations."""
    counted = [(step, tickets) for step, tickets in steps if tickets]
    total, before = sum(tickets for _, tickets in counted), 0
    for step, tickets in counted:
        if median_place(total)[0] < before + tickets:
            return middle_in(total, step, before)
        before += tickets
    return None
