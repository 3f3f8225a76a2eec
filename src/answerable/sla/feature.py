"""The manifest of the sla feature."""

from answerable.infra.bus.redaction import leave_it_to_the_bus
from answerable.kernel.manifest import Feature, Panel, Timer
from answerable.kernel.words import N_
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketErased,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.messages.users import PersonErased, UserChanged, UserRegistered
from answerable.sla import api, cli, consumers, pages, queries, timers
from answerable.sla.pages.reports import CATALOGUE as REPORTS
from answerable.sla.queries.apart import Backtests

ACTS = {
    "REPORT_EXPORTED": N_("took a report out as a table:"),
    "SLA_TERMS_CHANGED": N_("changed calendars and policies"),
    "SLA_TERMS_WITHDRAWN": N_("withdrew a change of calendars and policies"),
}


def feature() -> Feature:
    """Return what the sla feature offers."""
    return Feature(
        "sla",
        acts=ACTS,
        routes=[*api.ROUTES, *pages.ROUTES],
        consumers={
            PersonErased: leave_it_to_the_bus,
            TicketCreated: consumers.promise,
            StatusChanged: consumers.follow_status,
            CommentAdded: consumers.hear,
            **dict.fromkeys((TicketAssigned, TicketUnassigned), consumers.note_agent),
            TicketUpdated: consumers.note_update,
            TicketErased: consumers.forget_words,
            **dict.fromkeys((UserRegistered, UserChanged), consumers.note_manager),
        },
        commands=(cli.sla,),
        state={"backtests": Backtests()},
        timers=(
            Timer("sla.terms", timers.next_terms, timers.follow_terms),
            Timer("sla.count", timers.next_count, timers.count),
            Timer("sla.look", timers.next_look, timers.keep_up, shared=True, spare=timers.spare),
        ),
        audit=queries.audit,
        gauges=queries.gauges,
        panels=[
            Panel(slot="ticket.new", path="/sla/promises", title=N_("What we promise"), grant="ticket.create"),
            Panel(
                slot="ticket.side",
                path="/sla/tickets/{id}/panel",
                title=N_("Promises"),
                grant="desk.work",
                order=10,
                live="ticket:{id}",
            ),
            Panel(
                slot="dashboard.side",
                path="/sla/pressing",
                title=N_("Promises that press"),
                grant="sla.manage",
                order=10,
                live="tickets",
            ),
            Panel(
                slot="dashboard.side",
                path="/sla/escalations",
                title=N_("Escalations"),
                grant="escalation.read",
                order=20,
                live="tickets",
            ),
            *(
                Panel(slot="reports", path=report.path, title=report.title, grant="report.read", order=place)
                for place, report in enumerate(REPORTS, 30)
            ),
            Panel(slot="admin", path="/admin/sla", title=N_("Promises"), grant="sla.manage", order=40),
        ],
    )
