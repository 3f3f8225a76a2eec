"""The manifest of the tickets feature."""

from answerable.kernel.actor import service
from answerable.kernel.manifest import Feature, Panel, Timer
from answerable.kernel.tx import Database
from answerable.kernel.words import N_
from answerable.messages.sla import SlaBreached, SlaPaused, SlaRecomputed, SlaResumed, SlaStarted
from answerable.messages.tickets import AssignTicket
from answerable.messages.users import UserChanged, UserRegistered
from answerable.tickets import actions, api, consumers, pages, timers


def feature() -> Feature:
    """Return what the tickets feature offers."""
    return Feature(
        "tickets",
        routes=[*api.ROUTES, *pages.ROUTES],
        consumers={
            AssignTicket: consumers.assign_ticket,
            UserRegistered: consumers.know_person,
            UserChanged: consumers.know_person,
            SlaStarted: consumers.note_start,
            SlaResumed: consumers.note_due,
            SlaRecomputed: consumers.note_due,
            SlaPaused: consumers.note_pause,
            SlaBreached: consumers.note_breach,
        },
        timers=(Timer("tickets.close", timers.next_close, timers.close_due),),
        on_start=_on_start,
        panels=[Panel(slot="admin", path="/admin/categories", title=N_("Categories"), grant="category.edit", order=30)],
    )


async def _on_start(database: Database) -> None:
    await database.write(service("tickets"), actions.seed_categories)
