"""What the webhooks feature says."""

from typing import ClassVar

from answerable.messages.base import Event


class WebhookDisabled(Event, frozen=True, kw_only=True):
    """The desk tells a program nothing any more, because it said so or nothing arrived there for days (``reason``).

    ``name`` is what the administrators call it.
    """

    TOPIC: ClassVar[str] = "answerable.webhooks"
    TYPE: ClassVar[str] = "WEBHOOK_DISABLED"
    endpoint_id: str
    name: str
    reason: str

    @property
    def key(self) -> str:
        """Return the endpoint's id."""
        return self.endpoint_id
