"""What the gateway says, where the users feature runs elsewhere."""

from typing import ClassVar

from answerable.messages.base import Event


class ApiKeyUsed(Event, frozen=True, kw_only=True):
    """A program came with a key; said once in a while, not for each request."""

    TOPIC: ClassVar[str] = "answerable.gateway"
    TYPE: ClassVar[str] = "API_KEY_USED"
    key_id: str

    @property
    def key(self) -> str:
        """Return the key's id."""
        return self.key_id
