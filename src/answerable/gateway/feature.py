"""The manifest of the gateway feature."""

from answerable.gateway import api, consumers, pages
from answerable.gateway.live import Hub, live
from answerable.gateway.queries.doorman import Doorman
from answerable.kernel.manifest import Feature, Panel
from answerable.kernel.words import N_
from answerable.messages import notifications, sla, tickets, users
from answerable.messages.base import Envelope

SIGNALLED = (
    tickets.TicketCreated,
    tickets.TicketAssigned,
    tickets.TicketUnassigned,
    tickets.StatusChanged,
    tickets.TicketResolved,
    tickets.TicketClosed,
    tickets.TicketReopened,
    tickets.TicketCancelled,
    tickets.TicketUpdated,
    tickets.TicketErased,
    tickets.CommentAdded,
    sla.SlaStarted,
    sla.SlaPaused,
    sla.SlaResumed,
    sla.SlaRecomputed,
    sla.SlaFulfilled,
    sla.SlaAtRisk,
    sla.SlaBreached,
    sla.SlaLevelReached,
    sla.TicketEscalated,
    notifications.NotificationCreated,
    notifications.NotificationErased,
    notifications.NotificationsRead,
)


def feature() -> Feature:
    """Return what the gateway feature offers."""
    hub, doorman = Hub(), Doorman()

    def end_session(envelope: Envelope, event: users.SessionEnded) -> None:
        doorman.hear_of_session(envelope, event)
        hub.hear_of_session(envelope, event)

    return Feature(
        "gateway",
        acts={"EVENTS_RETRIED": N_("had parked messages tried again:")},
        routes=[*api.ROUTES, *pages.ROUTES, live],
        everywhere=pages.OPERATING,
        inner=pages.INNER,
        listeners={
            **dict.fromkeys(SIGNALLED, hub.hear),
            users.UserChanged: hub.hear_of_person,
            users.SessionEnded: end_session,
            users.ApiKeyChanged: hub.hear_of_key,
        },
        consumers={
            users.UserRegistered: consumers.know_person,
            users.UserChanged: consumers.know_person,
            users.SigningKeyMade: consumers.know_key,
            users.ApiKeyChanged: consumers.know_api_key,
            users.PersonErased: consumers.forget_keys,
        },
        state={"live": hub},
        identify_from_afar=doorman.identify,
        still_good=doorman.still_good,
        key_used_from_afar=doorman.tell_key_used,
        on_start=hub.begin,
        panels=[
            Panel(slot="admin", path="/admin/events", title=N_("Parked events"), grant="event.admin", order=70),
            Panel(slot="admin", path="/admin/settings", title=N_("Settings"), grant="event.admin", order=80),
        ],
    )
