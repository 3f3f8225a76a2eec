"""The manifest of the notifications feature."""

from answerable.infra.mail import Mailer
from answerable.kernel.manifest import Feature, Panel, Place, Timer
from answerable.kernel.tx import Database
from answerable.kernel.words import N_
from answerable.messages.tickets import TicketErased
from answerable.messages.users import LanguageChosen, PersonErased, UserChanged, UserRegistered
from answerable.messages.webhooks import WebhookDisabled
from answerable.notifications import api, consumers, pages, queries, rules, timers


def feature() -> Feature:
    """Return what the notifications feature offers."""
    return Feature(
        "notifications",
        acts={"MAIL_SENT_AGAIN": N_("had a mail sent again"), "MAIL_LOG_READ": N_("read the mail log")},
        routes=[*api.ROUTES, *pages.ROUTES],
        consumers={
            UserRegistered: consumers.know_person,
            UserChanged: consumers.know_person,
            LanguageChosen: consumers.know_language,
            PersonErased: consumers.forget_person,
            TicketErased: consumers.forget_ticket,
            WebhookDisabled: consumers.tell_admins,
            **dict.fromkeys(rules.EVENTS, consumers.notify),
        },
        timers=(
            Timer("notifications.mail", timers.next_mail, timers.send_due),
            Timer("notifications.erasing", timers.next_erasure, timers.erase),
        ),
        export=queries.export,
        navigation=(
            Place(
                path="/notifications",
                label=N_("Notifications"),
                icon="bell",
                grant="desk.enter",
                key="b",
                order=70,
                count="/notifications/count",
                live="bell",
            ),
        ),
        panels=(Panel(slot="admin", path="/admin/mails", title=N_("Mail log"), grant="mail.read", order=50),),
        on_start=_on_start,
        audit=queries.audit,
    )


async def _on_start(database: Database) -> None:
    Mailer(database.settings.mail)  # settings that cannot be used are refused at the door, not at the first mail
