"""What the SLA feature says."""

from typing import ClassVar

from answerable.messages.base import Event
from answerable.messages.tickets import TicketRef


class SlaEvent(Event, frozen=True, kw_only=True):
    """Common to all events of a clock.

    ``ticket`` is the ticket as the SLA feature knew it. ``target`` is FIRST_RESPONSE, NEXT_RESPONSE or RESOLUTION;
    ``cycle`` counts from 1 and grows when the target is armed again. Instants are UTC microseconds.
    """

    TOPIC: ClassVar[str] = "answerable.sla"
    ticket: TicketRef
    target: str
    cycle: int

    @property
    def key(self) -> str:
        """Return the ticket's id."""
        return self.ticket.id


class SlaStarted(SlaEvent, frozen=True, kw_only=True):
    """A clock runs: the promise is due at ``due_at``."""

    TYPE: ClassVar[str] = "SLA_STARTED"
    started_at: int
    due_at: int | None
    policy: str


class SlaPaused(SlaEvent, frozen=True, kw_only=True):
    """The clock stands still; there is no due time until it goes on."""

    TYPE: ClassVar[str] = "SLA_PAUSED"


class SlaResumed(SlaEvent, frozen=True, kw_only=True):
    """The clock goes on and is due at ``due_at``."""

    TYPE: ClassVar[str] = "SLA_RESUMED"
    due_at: int | None


class SlaRecomputed(SlaEvent, frozen=True, kw_only=True):
    """Another target, policy or calendar applies (``reason``); the promise is now due at ``due_at``.

    That is ``None`` while paused. ``policy`` names the policy that holds now.
    """

    TYPE: ClassVar[str] = "SLA_RECOMPUTED"
    due_at: int | None
    reason: str
    policy: str = ""


class SlaFulfilled(SlaEvent, frozen=True, kw_only=True):
    """The promise ended at ``fulfilled_at``, kept or (``breached``) late; ``cancelled`` where it no longer counts."""

    TYPE: ClassVar[str] = "SLA_FULFILLED"
    fulfilled_at: int
    breached: bool
    cancelled: bool


class SlaAtRisk(SlaEvent, frozen=True, kw_only=True):
    """A share of the time (75 % by default) is used and the promise is still open."""

    TYPE: ClassVar[str] = "SLA_AT_RISK"
    due_at: int


class SlaBreached(SlaEvent, frozen=True, kw_only=True):
    """The promise was not kept: it was due at ``due_at``. Once for each clock and cycle."""

    TYPE: ClassVar[str] = "SLA_BREACHED"
    due_at: int
    breached_at: int


class TicketEscalated(SlaEvent, frozen=True, kw_only=True):
    """A manager was called in. ``manager_id`` is ``None`` where the desk has no active manager.

    ``late`` where somebody was a manager already when nobody was found, and that was heard only now: the same
    escalation, told again with who is called in.
    """

    TYPE: ClassVar[str] = "TICKET_ESCALATED"
    escalation_id: str
    manager_id: str | None
    escalated_to_role: str
    reason: str
    late: bool = False


class SlaLevelReached(SlaEvent, frozen=True, kw_only=True):
    """A promise has come to a level (``80%`` of its time, ``+1h`` after it was due) at which people are told.

    ``notify`` are their ids. ``due_at`` is ``None`` where the clock stands still. ``late`` where somebody had a role
    that is told already when it came, and that was heard only now: the same level, told to them alone.
    """

    TYPE: ClassVar[str] = "SLA_LEVEL_REACHED"
    level: str
    due_at: int | None
    reason: str
    notify: list[str]
    late: bool = False


class SlaTermsChanged(Event, frozen=True, kw_only=True):
    """Calendars or policies are others from ``effective_from`` on; ``changes`` says which, a line each.

    ``number`` counts such changes, ``edition_id`` names what holds then. ``withdrawn`` where it never came into force.
    """

    TYPE: ClassVar[str] = "SLA_TERMS_CHANGED"
    TOPIC: ClassVar[str] = "answerable.sla"
    edition_id: str
    number: int
    effective_from: int
    changes: list[str]
    withdrawn: bool = False

    @property
    def key(self) -> str:
        """Return ``terms``: the order of changes is one order."""
        return "terms"
