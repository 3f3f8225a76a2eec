"""The manifest of the assignment feature."""

from answerable.assignment import api, consumers, pages, queries, timers
from answerable.infra.bus.redaction import leave_it_to_the_bus
from answerable.kernel.manifest import Feature, Panel, Timer
from answerable.kernel.words import N_
from answerable.messages.assignment import FindAgent, ReplaceAgent
from answerable.messages.sla import SlaPaused, SlaRecomputed, SlaResumed, SlaStarted, TicketEscalated
from answerable.messages.tickets import (
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketErased,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.messages.users import PersonErased, UserChanged, UserRegistered


def feature() -> Feature:
    """Return what the assignment feature offers."""
    return Feature(
        "assignment",
        acts={"AGENT_SET": N_("set availability, capacity or skills of")},
        routes=[*api.ROUTES, *pages.ROUTES],
        consumers={
            PersonErased: leave_it_to_the_bus,
            UserRegistered: consumers.know_person,
            UserChanged: consumers.know_person,
            TicketCreated: consumers.follow_ticket,
            TicketUpdated: consumers.follow_ticket,
            TicketErased: consumers.follow_ticket,
            TicketAssigned: consumers.follow_ticket,
            StatusChanged: consumers.follow_status,
            TicketUnassigned: consumers.follow_return,
            FindAgent: consumers.find_agent,
            ReplaceAgent: consumers.replace_agent,
            SlaStarted: consumers.note_start,
            SlaResumed: consumers.note_due,
            SlaRecomputed: consumers.note_due,
            SlaPaused: consumers.note_pause,
            TicketEscalated: consumers.note_escalation,
        },
        timers=(Timer("assignment.take_up", timers.next_take_up, timers.take_up),),
        audit=queries.audit,
        panels=[
            Panel(
                slot="queue.foot",
                path="/assignment/availability",
                title=N_("Your availability"),
                grant="ticket.work",
                live="tickets",
            ),
            Panel(
                slot="dashboard.main",
                path="/assignment/board",
                title=N_("Workload"),
                grant="assignment.manage",
                order=10,
                live="tickets queue",
            ),
            Panel(
                slot="person.leaving",
                path="/assignment/agents/{id}/leaving",
                title=N_("Tickets"),
                grant="user.admin",
                live="tickets",
            ),
        ],
    )
