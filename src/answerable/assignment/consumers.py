"""What assignment does because something happened elsewhere."""

from answerable.assignment import actions, store
from answerable.kernel.tx import Tx
from answerable.messages.assignment import FindAgent, ReplaceAgent
from answerable.messages.sla import SlaPaused, SlaRecomputed, SlaResumed, SlaStarted, TicketEscalated
from answerable.messages.tickets import StatusChanged, TicketEvent, TicketUnassigned
from answerable.messages.users import PersonEvent

RESOLUTION = "RESOLUTION"


async def know_person(tx: Tx, event: PersonEvent) -> None:
    """Keep the mirror of people. The tickets of an agent who is gone come back by themselves."""
    await actions.note_person(tx, event.user_id, event.name, int("AGENT" in event.roles), int(event.active))


async def follow_ticket(tx: Tx, event: TicketEvent) -> None:
    """A ticket is new, has a new agent, or another priority or category."""
    await actions.follow(tx, event.ticket)


async def follow_status(tx: Tx, event: StatusChanged) -> None:
    """A ticket began, waits, ended or came back to life."""
    await actions.follow_status(tx, event.ticket)


async def follow_return(tx: Tx, event: TicketUnassigned) -> None:
    """A ticket lost its agent, or the agent that was chosen cannot have it."""
    await actions.follow_return(tx, event.ticket, event.former_agent_id)


async def find_agent(tx: Tx, command: FindAgent) -> None:
    """Somebody wants an agent to be chosen now."""
    await actions.find_agent(tx, command.ticket_id, command.asked_by)


async def replace_agent(tx: Tx, command: ReplaceAgent) -> None:
    """A promise is in danger: somebody else shall look after the ticket."""
    await actions.replace_agent(tx, command.ticket_id, command.ticket)


async def note_start(tx: Tx, event: SlaStarted) -> None:
    """A resolution clock runs; a later cycle begins with a clean sheet."""
    if event.target == RESOLUTION:
        await store.mirror_due(tx, event.ticket.id, event.due_at)
        if event.cycle > 1:
            await store.mirror_escalation(tx, event.ticket.id, 0)


async def note_due(tx: Tx, event: SlaResumed | SlaRecomputed) -> None:
    """The resolution deadline is another one."""
    if event.target == RESOLUTION:
        await store.mirror_due(tx, event.ticket.id, event.due_at)


async def note_pause(tx: Tx, event: SlaPaused) -> None:
    """While paused there is no deadline."""
    if event.target == RESOLUTION:
        await store.mirror_due(tx, event.ticket.id, None)


async def note_escalation(tx: Tx, event: TicketEscalated) -> None:
    """A manager was called in."""
    await store.mirror_escalation(tx, event.ticket.id, 1)
