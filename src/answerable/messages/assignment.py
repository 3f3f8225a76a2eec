"""What the assignment feature says, and what may be asked of it."""

from typing import ClassVar

from answerable.messages.base import Command, Event
from answerable.messages.tickets import TicketRef


class AgentAvailabilityChanged(Event, frozen=True, kw_only=True):
    """An agent takes tickets or does not, or takes other ones. ``capacity`` is open tickets at once."""

    TOPIC: ClassVar[str] = "answerable.assignments"
    TYPE: ClassVar[str] = "AGENT_AVAILABILITY_CHANGED"
    agent_id: str
    available: bool
    capacity: int
    skills: list[str]

    @property
    def key(self) -> str:
        """Return the agent's id."""
        return self.agent_id


class FindAgent(Command, frozen=True, kw_only=True):
    """Choose an agent for the ticket now, whoever has it. ``asked_by`` is the person who wants it."""

    TOPIC: ClassVar[str] = "answerable.assignments.commands"
    TYPE: ClassVar[str] = "FIND_AGENT"
    ticket_id: str
    asked_by: str

    @property
    def key(self) -> str:
        """Return the ticket's id."""
        return self.ticket_id


class ReplaceAgent(Command, frozen=True, kw_only=True):
    """Give an assigned ticket to another agent, for ``reason``, if one is free; else it stays where it is.

    ``ticket`` is the ticket as whoever asks knows it, without its title: the news that it was assigned may come later.
    """

    TOPIC: ClassVar[str] = "answerable.assignments.commands"
    TYPE: ClassVar[str] = "REPLACE_AGENT"
    ticket_id: str
    reason: str
    ticket: TicketRef | None = None

    @property
    def key(self) -> str:
        """Return the ticket's id."""
        return self.ticket_id
