"""The manifest of the tickets feature."""

from answerable.infra.web.grants import SIGNED_IN
from answerable.kernel.actor import service
from answerable.kernel.manifest import Consumer, Feature, Finder, Panel, Place, Timer
from answerable.kernel.tx import Database
from answerable.kernel.words import N_
from answerable.messages.base import Message
from answerable.messages.sla import (
    SlaAtRisk,
    SlaBreached,
    SlaFulfilled,
    SlaPaused,
    SlaRecomputed,
    SlaResumed,
    SlaStarted,
)
from answerable.messages.tickets import AssignTicket, RaisePriority
from answerable.messages.users import PersonErased, UserChanged, UserRegistered
from answerable.tickets import actions, api, consumers, pages, timers
from answerable.tickets.queries.export import export as queries_export

_CONSUMERS: dict[type[Message], Consumer] = {
    AssignTicket: consumers.assign_ticket,
    RaisePriority: consumers.raise_priority,
    UserRegistered: consumers.know_person,
    UserChanged: consumers.know_person,
    PersonErased: consumers.forget_person,
    SlaStarted: consumers.note_start,
    SlaResumed: consumers.note_due,
    SlaRecomputed: consumers.note_due,
    SlaPaused: consumers.note_pause,
    SlaBreached: consumers.note_breach,
    SlaAtRisk: consumers.note_risk,
    SlaFulfilled: consumers.note_end,
}


def feature() -> Feature:
    """Return what the tickets feature offers."""
    return Feature(
        "tickets",
        acts={
            "CATEGORIES_CHANGED": N_("changed the categories"),
            "RETENTION_CHANGED": N_("changed how long words are kept in"),
            "TICKETS_EMPTIED": N_("took the words out of closed tickets:"),
        },
        export=queries_export,
        routes=[*api.ROUTES, *pages.ROUTES],
        consumers=_CONSUMERS,
        timers=(
            Timer("tickets.close", timers.next_close, timers.close_due),
            Timer("tickets.erasing", timers.next_erasure, timers.erase),
            Timer("tickets.retention", timers.next_ending, timers.empty),
            Timer("tickets.pruning", timers.next_pruning, timers.prune),
        ),
        navigation=(
            Place(
                path="/queue",
                label=N_("Queue"),
                icon="inbox",
                grant="desk.work",
                key="q",
                order=10,
                count="/queue/count",
                live="tickets",
                home=True,
            ),
            Place(
                path="/my",
                label=N_("My tickets"),
                icon="ticket",
                grant="ticket.create",
                unless="desk.work",
                key="m",
                order=20,
                home=True,
            ),
            Place(
                path="/tickets/new", label=N_("Raise a ticket"), icon="plus", grant="ticket.create", key="n", order=60
            ),
        ),
        finders=(Finder(path="/tickets/find", title=N_("Tickets"), grant=SIGNED_IN, order=10),),
        on_start=_on_start,
        panels=[Panel(slot="admin", path="/admin/categories", title=N_("Categories"), grant="category.edit", order=30)],
    )


async def _on_start(database: Database) -> None:
    await database.write(service("tickets"), actions.seed_categories)
