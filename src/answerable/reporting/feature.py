"""The manifest of the reporting feature."""

from answerable.infra.bus.redaction import leave_it_to_the_bus
from answerable.kernel.actor import service
from answerable.kernel.manifest import Feature, Panel, Place, Timer
from answerable.kernel.tx import Database
from answerable.kernel.words import N_
from answerable.messages.sla import SlaBreached, SlaPaused, SlaRecomputed, SlaResumed, SlaStarted
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCancelled,
    TicketClosed,
    TicketCreated,
    TicketErased,
    TicketReopened,
    TicketResolved,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.messages.users import PersonErased, UserChanged, UserRegistered
from answerable.reporting import actions, api, consumers, pages, queries, timers
from answerable.reporting.pages.catalogue import CATALOGUE

FOLDED = 1000  # names at once


def feature() -> Feature:
    """Return what the reporting feature offers."""
    return Feature(
        "reporting",
        acts={"REPORT_EXPORTED": N_("took a report out as a table:")},
        routes=[*api.ROUTES, *pages.ROUTES],
        consumers={
            PersonErased: leave_it_to_the_bus,
            TicketCreated: consumers.note_state,
            TicketAssigned: consumers.note_state,
            TicketUnassigned: consumers.note_state,
            TicketCancelled: consumers.note_state,
            TicketUpdated: consumers.note_state,
            TicketErased: consumers.note_state,
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
        timers=(Timer("reporting.count", timers.next_count, timers.count),),
        audit=queries.audit,
        on_start=_on_start,
        panels=[
            Panel(slot="reports", path=report.path, title=report.title, grant="report.read", order=place)
            for place, report in enumerate(CATALOGUE, 10)
        ],
        navigation=[
            Place(
                path="/dashboard",
                label=N_("Dashboard"),
                icon="layout-dashboard",
                grant="report.read",
                key="d",
                order=20,
                home=True,
            ),
            Place(path="/reports", label=N_("Reports"), icon="chart-bar", grant="report.read", key="r", order=30),
        ],
    )


async def _on_start(database: Database) -> None:
    while await database.write(service("reporting"), actions.fold_names, FOLDED):
        pass
