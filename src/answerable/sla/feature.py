"""The manifest of the sla feature."""

from answerable.kernel.manifest import Feature, Timer
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.messages.users import UserChanged, UserRegistered
from answerable.sla import api, cli, consumers, queries, timers


def feature() -> Feature:
    """Return what the sla feature offers."""
    return Feature(
        "sla",
        routes=api.ROUTES,
        consumers={
            TicketCreated: consumers.promise,
            StatusChanged: consumers.follow_status,
            CommentAdded: consumers.hear,
            TicketAssigned: consumers.note_agent,
            TicketUnassigned: consumers.note_agent,
            TicketUpdated: consumers.note_update,
            UserRegistered: consumers.note_manager,
            UserChanged: consumers.note_manager,
        },
        commands=(cli.sla,),
        timers=(
            Timer("sla.terms", timers.next_terms, timers.follow_terms),
            Timer("sla.look", timers.next_look, timers.look),
        ),
        audit=queries.audit,
        gauges=queries.gauges,
    )
