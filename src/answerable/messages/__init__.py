"""The published language: every event and command of the desk, in files anybody can read in ten minutes."""

from answerable.messages import assignment, audit, gateway, notifications, sla, tickets, users, webhooks
from answerable.messages.base import Command, Event, Message

CATALOGUE: dict[str, type[Message]] = {
    cls.TYPE: cls
    for module in (tickets, assignment, sla, users, notifications, webhooks, audit, gateway)
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, Event | Command) and cls.TYPE
}
