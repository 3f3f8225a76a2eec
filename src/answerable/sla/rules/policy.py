"""What is promised: policies in their order, the terms of one clock, and the editions in which they come.

An edition is all calendars and policies together as they hold from one instant on; none is ever changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from answerable.kernel.times import HOUR, MINUTE
from answerable.sla.rules.calendar import Calendar
from answerable.sla.rules.opening import ALWAYS, OpenTime

FIRST_RESPONSE = "FIRST_RESPONSE"
NEXT_RESPONSE = "NEXT_RESPONSE"
RESOLUTION = "RESOLUTION"
TARGETS = (FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION)
GOES_ON = "goes on"
ANEW = "anew"


class Subject(Protocol):
    """What policies look at of a ticket."""

    @property
    def priority(self) -> str: ...  # noqa: D102
    @property
    def category(self) -> str: ...  # noqa: D102
    @property
    def requester_id(self) -> str: ...  # noqa: D102
    @property
    def agent_id(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tickets: ``None`` takes any."""

    priority: frozenset[str] | None = None
    category: frozenset[str] | None = None
    requester: frozenset[str] | None = None

    def fits(self, ticket: Subject) -> bool:
        """Tell whether it takes a ticket."""
        return (
            (self.priority is None or ticket.priority in self.priority)
            and (self.category is None or ticket.category in self.category)
            and (self.requester is None or ticket.requester_id in self.requester)
        )

    def words(self) -> str:
        """Say which tickets it takes."""
        named = (("priority", self.priority), ("category", self.category), ("requester", self.requester))
        told = [f"{name} {' or '.join(sorted(values))}" for name, values in named if values is not None]
        return ", ".join(told) or "any ticket"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a level does: MANAGER, NOTIFY (whom), PRIORITY (which) or REASSIGN."""

    kind: str
    whom: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """An escalation of one target: at a ``share`` of the time, or ``offset`` microseconds after the deadline.

    ``name`` is that moment in words, one for each level of a target.
    """

    name: str
    target: str
    share: float | None
    offset: int
    when: Filter
    unassigned: bool | None
    actions: tuple[Action, ...]

    def fits(self, ticket: Subject) -> bool:
        """Tell whether a ticket is one that it is for."""
        here = self.unassigned is None or self.unassigned == (ticket.agent_id is None)
        return here and self.when.fits(ticket)

    def words(self) -> str:
        """Say what it does."""
        verbs = {"MANAGER": "call a manager in", "REASSIGN": "give it to another agent"}
        return ", ".join(
            verbs.get(action.kind) or f"{'tell' if action.kind == 'NOTIFY' else 'priority'} {' and '.join(action.whom)}"
            for action in self.actions
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A set of promises: for each target and priority the working time that it may take, in microseconds."""

    name: str
    promises: Mapping[str, Mapping[str, int]]
    hours: Mapping[str, OpenTime] = field(default_factory=dict)  # always open, where a target has none
    when: Filter = Filter()
    warn: float | None = None  # a share; None: the setting's
    reopen: str = GOES_ON
    levels: tuple[Level, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What one clock is held to, in microseconds of working time; ``warn_micros`` is ``None`` for no warning."""

    policy: str
    target_micros: int
    warn_micros: int | None
    hours: OpenTime = ALWAYS
    levels: tuple[Level, ...] = ()
    reopen: str = GOES_ON
    edition: str = ""

    def level_named(self, name: str) -> Level | None:
        """Return a level."""
        return next((level for level in self.levels if level.name == name), None)

    def differs(self, other: "Terms") -> bool:
        """Tell whether a clock under the other terms could be due, at risk or escalated at other times."""
        return (self.policy, self.target_micros, self.warn_micros, self.levels, self.hours.calendars) != (
            other.policy,
            other.target_micros,
            other.warn_micros,
            other.levels,
            other.hours.calendars,
        )


@dataclass(frozen=True, slots=True)
class Edition:
    """All policies as they hold from ``effective_from`` on. ``id`` is empty for the desk's own, which has number 0."""

    id: str = ""
    number: int = 0
    effective_from: int = 0
    policies: tuple[Policy, ...] = ()
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)  # "policy NAME" or "calendar NAME"

    def version_of(self, kind: str, name: str) -> int:
        """Return how often a policy or a calendar was written by then."""
        return self.versions.get(f"{kind} {name}", 1)

    def policy_of(self, ticket: Subject) -> Policy | None:
        """Return the first policy that fits a ticket."""
        return next((policy for policy in self.policies if policy.when.fits(ticket)), None)

    def policy_named(self, name: str) -> Policy | None:
        """Return the policy that a clock names."""
        return next((policy for policy in self.policies if policy.name == name), None)


_RESPONSE = {"CRITICAL": 15 * MINUTE, "HIGH": HOUR, "MEDIUM": 2 * HOUR, "LOW": 8 * HOUR}
_RESOLUTION = {"CRITICAL": HOUR, "HIGH": 4 * HOUR, "MEDIUM": 8 * HOUR, "LOW": 24 * HOUR}
_CALL = (Action("MANAGER"),)
DEFAULT = Policy(
    "default",
    {FIRST_RESPONSE: _RESPONSE, NEXT_RESPONSE: _RESPONSE, RESOLUTION: _RESOLUTION},
    levels=tuple(Level("100%", target, 1.0, 0, Filter(), None, _CALL) for target in (FIRST_RESPONSE, RESOLUTION)),
)
FIRST_EDITION = Edition(policies=(DEFAULT,), calendars=dict.fromkeys(("always",), ALWAYS.calendars[0]))


def promise_for(ticket: Subject, target: str, warn_share: float, edition: Edition) -> Terms | None:
    """Return the terms of a ticket's ``target`` in an edition, ``None`` where nothing is promised."""
    policy = edition.policy_of(ticket)
    promised = policy.promises.get(target, {}).get(ticket.priority) if policy else None
    if policy is None or promised is None:
        return None
    return _terms(policy, target, promised, warn_share, edition.id)


def _terms(policy: Policy, target: str, promised: int, warn_share: float, edition: str) -> Terms:
    share = warn_share if policy.warn is None else policy.warn
    warn = round(promised * share) if 0 < share < 1 else None
    levels: Sequence[Level] = [level for level in policy.levels if level.target == target]
    return Terms(policy.name, promised, warn, policy.hours.get(target, ALWAYS), tuple(levels), policy.reopen, edition)


def held_to(clock: "Held", edition: Edition) -> Terms:
    """Return the terms that a clock is held to; ``edition`` is the one that it names."""
    policy = edition.policy_named(clock.policy)
    levels = [level for level in policy.levels if level.target == clock.target] if policy else []
    hours = hours_of(edition, clock.policy, clock.target)
    return Terms(clock.policy, clock.target_micros, clock.warn_micros, hours, tuple(levels), edition=edition.id)


class Held(Protocol):
    """What is told of its terms by a clock."""

    @property
    def policy(self) -> str: ...  # noqa: D102
    @property
    def target(self) -> str: ...  # noqa: D102
    @property
    def target_micros(self) -> int: ...  # noqa: D102
    @property
    def warn_micros(self) -> int | None: ...  # noqa: D102


def hours_of(edition: Edition, policy: str, target: str) -> OpenTime:
    """Return the open time in which a clock runs that names an edition, a policy in it and a target."""
    found = edition.policy_named(policy)
    return found.hours.get(target, ALWAYS) if found else ALWAYS


def terms_for(ticket: Subject, target: str, warn_share: float) -> Terms:
    """Return the terms of the desk's own policy; a warning comes at ``warn_share`` (0 to 1) of the time."""
    return _terms(DEFAULT, target, DEFAULT.promises[target][ticket.priority], warn_share, "")
