"""The manifest of the reporting feature."""

from answerable.kernel.manifest import Feature
from answerable.messages.sla import SlaBreached, SlaPaused, SlaRecomputed, SlaResumed, SlaStarted
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCancelled,
    TicketClosed,
    TicketCreated,
    TicketReopened,
    TicketResolved,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.messages.users import UserChanged, UserRegistered
from answerable.reporting import api, consumers, queries


def feature() -> Feature:
    """Return what the reporting feature offers."""
    return Feature(
        "reporting",
        routes=api.ROUTES,
        consumers={
            TicketCreated: consumers.note_state,
            TicketAssigned: consumers.note_state,
            TicketUnassigned: consumers.note_state,
            TicketCancelled: consumers.note_state,
            TicketUpdated: consumers.note_state,
            StatusChanged: consumers.note_status,
            CommentAdded: consumers.note_comment,
            TicketResolved: consumers.note_resolve,
            TicketClosed: consumers.note_close,
            TicketReopened: consumers.note_reopening,
            SlaStarted: consumers.note_promise,
            SlaResumed: consumers.note_deadline,
            SlaRecomputed: consumers.note_deadline,
            SlaPaused: consumers.note_pause,
            SlaBreached: consumers.note_breach,
            UserRegistered: consumers.note_person,
            UserChanged: consumers.note_person,
        },
        audit=queries.audit,
    )
