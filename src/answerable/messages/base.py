"""What a message is. The messages themselves are in the other files of this folder, one per speaking feature."""

from typing import ClassVar

import msgspec

MAX_DEPTH = 12


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that one feature says to others: an :class:`Event` or a :class:`Command`."""

    TYPE: ClassVar[str] = ""
    TOPIC: ClassVar[str] = ""

    @property
    def key(self) -> str:
        """Return what the message is about; messages with one key are delivered in the order they were sent."""
        raise NotImplementedError


class Event(Message, frozen=True, kw_only=True):
    """Something that happened, told in the past tense to whom it concerns."""


class Command(Message, frozen=True, kw_only=True):
    """Something that one feature asks of one other, in the imperative."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way: who, when, why and in which order.

    ``time`` is in UTC microseconds. ``sequence`` counts the messages of one topic and key from 1 without gaps.
    ``cause`` is the id of the message that led to this one and ``depth`` the length of that chain; a chain of
    ``MAX_DEPTH`` ends. ``position`` is the place in the sender's outbox, ``origin`` the place on the wire that it came
    by (``topic/partition/offset``), where there was one.
    """

    id: str
    type: str
    topic: str
    key: str
    sequence: int
    time: int
    actor: str
    actor_kind: str
    cause: str | None
    depth: int
    trace: str | None
    body: str
    position: int = 0
    origin: str | None = None
