"""The manifest of the webhooks feature."""

from answerable.kernel.manifest import Feature, Panel, Timer
from answerable.kernel.words import N_
from answerable.messages.tickets import TicketErased
from answerable.messages.users import PersonErased
from answerable.webhooks import api, consumers, pages, rules, timers

ACTS = {
    "WEBHOOK_MADE": N_("added the webhook"),
    "WEBHOOK_CHANGED": N_("changed the webhook"),
    "WEBHOOK_SECRET_REPLACED": N_("replaced the secret of the webhook"),
    "WEBHOOK_REMOVED": N_("removed the webhook"),
    "WEBHOOK_DISABLED": N_("disabled the webhook"),
}


def feature() -> Feature:
    """Return what the webhooks feature offers."""
    return Feature(
        "webhooks",
        routes=[*api.ROUTES, *pages.ROUTES],
        consumers={
            **dict.fromkeys(rules.EVENTS, consumers.tell),
            PersonErased: consumers.forget_person,
            TicketErased: consumers.forget_ticket,
        },
        timers=[
            Timer("webhooks.send", timers.next_delivery, timers.send_due),
            Timer("webhooks.pruning", timers.next_pruning, timers.prune),
        ],
        acts=ACTS,
        panels=[Panel(slot="admin", path="/admin/webhooks", title=N_("Webhooks"), grant="webhook.admin", order=55)],
    )
