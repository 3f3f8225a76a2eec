"""A ticket's promises replayed from what was said of it: the same verdicts as the clocks, at a fraction of their cost.

It follows the steps of ``actions/clocks.py`` and ``clock.py`` without metric events and messages; a test holds both
against each other.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from answerable.sla.rules.clock import state_for
from answerable.sla.rules.figures import Outcomes, outcome
from answerable.sla.rules.history import CANCELLED, FULFILLED, PAUSED, RUNNING
from answerable.sla.rules.policy import ANEW, FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION, Edition, Terms, promise_for
from answerable.sla.rules.timeline import Stop, due, union

TYPES = ("TICKET_CREATED", "STATUS_CHANGED", "COMMENT_ADDED", "TICKET_UPDATED", "TICKET_ASSIGNED", "TICKET_UNASSIGNED")


class Subject(msgspec.Struct, frozen=True, rename="camel"):
    """A ticket as an event described it, without its words."""

    id: str
    number: int
    category: str
    priority: str
    status: str
    requester_id: str
    agent_id: str | None
    created_at: int


class Said(msgspec.Struct, frozen=True, rename="camel"):
    """What a replay needs of a ticket's event, whichever it is."""

    ticket: Subject
    internal: bool = False
    from_staff: bool = False
    changed: tuple[str, ...] = ()
    former_priority: str = ""
    former_category: str = ""


_SILENT = frozenset(("TICKET_CREATED", "TICKET_ASSIGNED", "TICKET_UNASSIGNED"))  # of a ticket that is known
read_said = msgspec.json.Decoder(Said).decode


class Verdict(NamedTuple):
    """What became of a promise. Instants are microseconds; ``used`` is working time, up to the end or to now."""

    target: str
    cycle: int
    policy: str
    state: str
    breached: bool
    due_at: int | None
    breached_at: int | None
    started_at: int
    ended_at: int | None


class Timetable:
    """The editions that held, one after another, and what each promises; a draft is the only one."""

    def __init__(self, editions: Sequence[Edition], warn_share: float) -> None:
        """Take the editions in their order."""
        self.editions = editions
        self._warn_share = warn_share
        self.is_one = len(editions) == 1
        self._begins = [edition.effective_from for edition in editions]
        self._promised: dict[tuple[int, str, str, str, str], Terms | None] = {}
        self._named = any(policy.when.requester for edition in editions for policy in edition.policies)

    def place(self, at: int) -> int:
        """Return which edition held at an instant."""
        if self.is_one:
            return 0
        return max(0, bisect_right(self._begins, at) - 1)

    def promised(self, place: int, ticket: Subject, target: str) -> Terms | None:
        """Return what an edition promises to a ticket."""
        requester = ticket.requester_id if self._named else ""
        key = (place, target, ticket.priority, ticket.category, requester)
        if key not in self._promised:
            self._promised[key] = promise_for(ticket, target, self._warn_share, self.editions[place])
        return self._promised[key]


class _Promise:
    """A clock without its metric events."""

    __slots__ = (
        "applied_at", "breached_at", "broken_due", "cycle", "due_at", "ended_at", "paused_at", "place", "start",
        "state", "stops", "target", "terms",
    )  # fmt: skip

    def __init__(self, target: str, cycle: int, start: int, stops: list[Stop], terms: Terms, at: int) -> None:
        self.target, self.cycle, self.start, self.stops, self.terms, self.applied_at = (
            target, cycle, start, stops, terms, at,
        )  # fmt: skip
        self.state = RUNNING
        self.paused_at: int | None = None
        self.ended_at: int | None = None
        self.breached_at: int | None = None
        self.broken_due: int | None = None
        self.place = 0
        reach = terms.hours.reach
        self.due_at = (
            due(start, stops, terms.target_micros, terms.hours) if stops else reach(start, terms.target_micros)
        )

    def look(self, now: int) -> None:
        if self.state == RUNNING:
            self._fire(self.due_at, now)

    def _fire(self, due_at: int | None, now: int) -> None:
        if due_at is not None and due_at <= now and self.breached_at is None:
            self.breached_at, self.broken_due = max(due_at, self.applied_at), due_at

    def pause(self, at: int) -> None:
        self.look(at)
        self.state, self.paused_at = PAUSED, at

    def resume(self, at: int) -> None:
        assert self.paused_at is not None
        self.stops.append((self.paused_at, at))
        self.state, self.paused_at = RUNNING, None
        self.due_at = due(self.start, self.stops, self.terms.target_micros, self.terms.hours)
        self.look(at)

    def end(self, state: str, at: int) -> None:
        self.look(at)
        if self.paused_at is not None:
            self.stops.append((self.paused_at, at))
        self.state, self.ended_at = state, at

    def retarget(self, terms: Terms, at: int) -> None:
        self.look(at)
        self.terms, self.applied_at = terms, at
        stops = self.stops if self.paused_at is None else [*self.stops, (self.paused_at, None)]
        self.due_at = due(self.start, stops, terms.target_micros, terms.hours)
        self._fire(self.due_at, at)

    def verdict(self) -> Verdict:
        due_at = None if self.state == PAUSED else self.due_at
        return Verdict(
            self.target,
            self.cycle,
            self.terms.policy,
            self.state,
            self.breached_at is not None,
            due_at if self.broken_due is None else self.broken_due,
            self.breached_at,
            self.start,
            self.ended_at,
        )


class Life:
    """One ticket, and its promises under each of some timetables."""

    __slots__ = ("courses", "ticket")

    def __init__(self, tables: Sequence[Timetable], said: Said) -> None:
        """Begin with the first that is heard of the ticket."""
        self.ticket = said.ticket
        self.courses = [Course(table, said.ticket) for table in tables]

    def tell(self, kind: str, at: int, said: Said) -> None:
        """Hear an event of the ticket, told at ``at``; in the order in which they were told."""
        former, ticket = self.ticket, said.ticket
        self.ticket = ticket
        if kind in _SILENT:
            return
        earlier = _as_it_was(said, former) if kind == "TICKET_UPDATED" else ticket
        for course in self.courses:
            course.bring_up(at, earlier)
        if kind == "COMMENT_ADDED":
            if not said.internal:
                for course in self.courses:
                    course.answered(at) if said.from_staff else course.asked(at, ticket)
        elif kind == "TICKET_UPDATED":
            if "priority" in said.changed or "category" in said.changed:
                for course in self.courses:
                    course.change(at, ticket)
        elif kind == "STATUS_CHANGED":
            self.follow(at)

    def begin(self, kind: str, at: int, said: Said) -> None:
        """Hear the first that is heard of the ticket: its promises stand from when it was raised."""
        if kind == "TICKET_CREATED":
            return
        for course in self.courses:
            course.bring_up(at, said.ticket)
        self.follow(at)
        if kind not in ("STATUS_CHANGED", *_SILENT):
            self.tell(kind, at, said)

    def follow(self, at: int) -> None:
        """Let the promises follow the ticket's status."""
        wanted = state_for(self.ticket.status)
        for course in self.courses:
            course.follow(at, wanted, self.ticket)

    def outcomes(self, now: int) -> list[Outcomes]:
        """Return, for each timetable, what every promise counts as until ``now``."""
        return [course.outcomes(now, self.ticket) for course in self.courses]

    def verdicts(self, now: int) -> list[list[Verdict]]:
        """Return, for each timetable, what became of every promise until ``now``."""
        return [course.verdicts(now, self.ticket) for course in self.courses]


class Course:
    """The promises on one ticket under one timetable, in the order in which they were made."""

    __slots__ = ("_open", "_resolution", "_table", "promises")

    def __init__(self, table: Timetable, ticket: Subject) -> None:
        """Promise what a new ticket is promised."""
        self._table = table
        self.promises: list[_Promise] = []
        self._open: list[_Promise] = []
        self._resolution: _Promise | None = None  # the open one
        for target in (FIRST_RESPONSE, RESOLUTION):
            self._arm(target, ticket.created_at, ticket)

    def _sweep(self) -> None:
        self._open = [promise for promise in self._open if promise.ended_at is None]
        if self._resolution is not None and self._resolution.ended_at is not None:
            self._resolution = None

    def _arm(self, target: str, at: int, ticket: Subject, cycle: int = 1) -> None:
        place = self._table.place(at)
        terms = self._table.promised(place, ticket, target)
        if terms is not None:
            self._add(_Promise(target, cycle, at, [], terms, at), place)

    def _add(self, promise: _Promise, place: int) -> None:
        promise.place = place
        self.promises.append(promise)
        self._open.append(promise)
        if promise.target == RESOLUTION:
            self._resolution = promise

    def bring_up(self, at: int, ticket: Subject) -> None:
        """Let open promises follow the editions that came until ``at``, from the instant of each on."""
        if self._table.is_one:
            return  # there is nothing to follow
        editions = self._table.editions
        for promise in self._open:
            while promise.place + 1 < len(editions) and editions[promise.place + 1].effective_from <= at:
                place = promise.place + 1
                self._apply(promise, place, ticket, editions[place].effective_from)
                promise.place = place
                if promise.ended_at is not None:
                    break
        self._sweep()

    def _apply(self, promise: _Promise, place: int, ticket: Subject, at: int) -> None:
        terms = self._table.promised(place, ticket, promise.target)
        if terms is None:
            promise.end(CANCELLED, at)
        elif terms is not promise.terms and terms.differs(promise.terms):
            promise.retarget(terms, at)

    def change(self, at: int, ticket: Subject) -> None:
        """Hold the open promises to what a ticket of another priority or category is promised."""
        place = self._table.place(at)
        for promise in self._open:
            self._apply(promise, place, ticket, at)
        self._sweep()

    def follow(self, at: int, wanted: str, ticket: Subject) -> None:
        """Pause, go on, keep, give up or take up again, as the ticket's status wants it."""
        going = self._resolution
        if wanted in (RUNNING, PAUSED):
            if going is None:
                self._take_up_again(at, wanted, ticket)
            elif going.state != wanted:
                (going.pause if wanted == PAUSED else going.resume)(at)
            return
        for promise in self._open:
            if wanted == CANCELLED or promise.target == NEXT_RESPONSE:
                promise.end(CANCELLED, at)
                continue
            if promise.state == PAUSED:
                promise.resume(at)
            promise.end(FULFILLED, at)
        self._open, self._resolution = [], None

    def _take_up_again(self, at: int, wanted: str, ticket: Subject) -> None:
        last = next((promise for promise in reversed(self.promises) if promise.target == RESOLUTION), None)
        if last is None or last.state != FULFILLED:
            return
        assert last.ended_at is not None
        place = self._table.place(at)
        terms = self._table.promised(place, ticket, RESOLUTION)
        if terms is None:
            return
        if terms.reopen == ANEW:
            again = _Promise(RESOLUTION, last.cycle + 1, at, [], terms, at)
        else:
            stops = union(last.start, [*last.stops, (last.ended_at, at)])
            again = _Promise(RESOLUTION, last.cycle + 1, last.start, stops, terms, at)
            again.look(at)
        self._add(again, place)
        if wanted == PAUSED:
            again.pause(at)

    def answered(self, at: int) -> None:
        """Keep the promise of a response that is waited for."""
        going = self._resolution
        for promise in self._open:
            if promise is not going:
                promise.end(FULFILLED, at)
        self._open = [] if going is None else [going]

    def asked(self, at: int, ticket: Subject) -> None:
        """Promise the next response, where none is waited for."""
        if len(self._open) > (self._resolution is not None):
            return
        if state_for(ticket.status) not in (FULFILLED, CANCELLED):
            cycle = max((p.cycle for p in self.promises if p.target == NEXT_RESPONSE), default=0) + 1
            self._arm(NEXT_RESPONSE, at, ticket, cycle)

    def outcomes(self, now: int, ticket: Subject) -> Outcomes:
        """Return what every promise counts as until ``now``."""
        self._end(now, ticket)
        return tuple(
            [(each.target, each.cycle, outcome(each.state, each.breached_at is not None)) for each in self.promises]
        )

    def verdicts(self, now: int, ticket: Subject) -> list[Verdict]:
        """Return what became of every promise until ``now``."""
        self._end(now, ticket)
        return [promise.verdict() for promise in self.promises]

    def _end(self, now: int, ticket: Subject) -> None:
        self.bring_up(now, ticket)
        for promise in self._open:
            promise.look(now)


def _as_it_was(said: Said, former: Subject) -> Subject:
    """Return a ticket as it was before an update; what the update does not say is as it was told before."""
    return msgspec.structs.replace(
        said.ticket,
        priority=said.former_priority or former.priority,
        category=said.former_category or former.category,
    )
