"""A message on the wire: CloudEvents 1.0 in Kafka's binary mode. Pure: values in, values out.

What CloudEvents does not name travels in extension attributes, whose names are lower-case letters and digits.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec

from answerable.kernel.times import EARLIEST, LATEST, iso, parse_iso
from answerable.messages.base import Envelope

Headers: TypeAlias = list[tuple[str, bytes]]
SPEC = "1.0"
TYPE = "ce_type"
# Of a key, and of an attribute that is read: databases keep them in indexes, whose rows are short. Ours are shorter.
MOST_BYTES = 1000
_FIRST_BYTES, _FIRST_HEADERS = 100_000, 50  # that are left of a record that is too large
_NUL = b"\0"  # no text for PostgreSQL
_JSON = b"application/json"
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Poison(ValueError):
    """A record that cannot be read as a message; the text says why, in words for an operator."""


def topic_on(prefix: str, topic: str) -> str:
    """Return what a topic of the catalogue (``answerable.tickets``) is called for desks with this ``prefix``."""
    return prefix + topic.removeprefix("answerable")


def record_of(message: Envelope) -> tuple[bytes, bytes, Headers]:
    """Return key, value and headers of the record for a message. ``position`` and ``origin`` stay behind."""
    headers = [
        ("ce_specversion", SPEC),
        ("ce_id", message.id),
        ("ce_source", "/" + message.topic.replace(".", "/")),
        (TYPE, message.type),
        ("ce_time", iso(message.time)),
        ("ce_sequence", str(message.sequence)),
        ("ce_actor", message.actor),
        ("ce_actorkind", message.actor_kind),
        ("ce_depth", str(message.depth)),
    ]
    if message.cause is not None:
        headers.append(("ce_cause", message.cause))
    if message.trace is not None:
        headers.append(("traceparent", message.trace))
    encoded: Headers = [(name, value.encode()) for name, value in headers]
    encoded.append(("content-type", _JSON))
    return message.key.encode(), message.body.encode(), encoded


def shortened(key: bytes | None, value: bytes | None, headers: Headers) -> tuple[bytes | None, bytes | None, Headers]:
    """Return the beginning of a record that brokers do not take; the header ``cut-from`` says how many bytes it had."""
    size = len(key or b"") + len(value or b"") + sum(len(name.encode()) + len(text) for name, text in headers)
    first = [(name[:MOST_BYTES], text[:MOST_BYTES]) for name, text in headers[:_FIRST_HEADERS]]
    return key and key[:MOST_BYTES], value and value[:_FIRST_BYTES], [*first, ("cut-from", str(size).encode())]


def type_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """Return the type of the message, without reading the rest; ``None`` where the record does not say."""
    for name, value in headers:
        if name == TYPE and value is not None:
            return value.decode("utf-8", "replace")
    return None


def message_of(
    topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]], origin: str
) -> Envelope:
    """Read a record of ``topic`` (the catalogue's name for it). Raises ``Poison``.

    The type need not be known: a newer version may have sent it.
    """
    try:
        return _message_as_we_write_it(topic, key, value, headers, origin)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return _message_of_strangers(topic, key, value, headers, origin)


def _message_as_we_write_it(
    topic: str, key: Any, value: Any, headers: Sequence[tuple[str, Any]], origin: str
) -> Envelope:
    """Read the usual record quickly; raise one error or another where something about it is unusual."""
    found = {name: text.decode() for name, text in headers}
    sequence, depth = found["ce_sequence"], found["ce_depth"]
    usual = found["ce_specversion"] == SPEC and len(found) == len(headers) and (sequence + depth).isascii()
    told = b"".join([key, *(text for _, text in headers)])
    if len(told) > MOST_BYTES or _NUL in told:
        raise ValueError
    if not (usual and sequence.isdigit() and depth.isdigit() and len(sequence) <= 18 and len(depth) <= 18):
        raise ValueError
    if not (found["ce_id"] and found[TYPE] and found["ce_actorkind"]):
        raise ValueError
    time = parse_iso(found["ce_time"])
    if not EARLIEST <= time <= LATEST:
        raise ValueError
    _decode_object(value)
    return Envelope(
        id=found["ce_id"],
        type=found[TYPE],
        topic=topic,
        key=key.decode(),
        sequence=int(sequence),
        time=time,
        actor=found["ce_actor"],
        actor_kind=found["ce_actorkind"],
        cause=found.get("ce_cause"),
        depth=int(depth),
        trace=found.get("traceparent"),
        body=value.decode(),
        origin=origin,
    )


def _message_of_strangers(
    topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]], origin: str
) -> Envelope:
    """Read any record, and say what is wrong with it."""
    found = _Attributes(headers)
    if (version := found.text("ce_specversion")) != SPEC:
        raise Poison(f"ce_specversion is {version!r}, not {SPEC}")
    return Envelope(
        id=found.text("ce_id"),
        type=found.text(TYPE),
        topic=topic,
        key=_short("the key", key),
        sequence=found.count("ce_sequence"),
        time=found.instant("ce_time"),
        actor=found.text("ce_actor", may_be_empty=True),
        actor_kind=found.text("ce_actorkind"),
        cause=found.text_or_none("ce_cause"),
        depth=found.count("ce_depth"),
        trace=found.text_or_none("traceparent"),
        body=_json(value),
        origin=origin,
    )


class _Attributes:
    """The headers by name; the first of a name counts."""

    def __init__(self, headers: Sequence[tuple[str, bytes | None]]) -> None:
        self._values: dict[str, bytes | None] = {}
        for name, value in headers:
            self._values.setdefault(name, value)

    def text_or_none(self, name: str) -> str | None:
        return _short(name, self._values[name]) if name in self._values else None

    def text(self, name: str, *, may_be_empty: bool = False) -> str:
        value = self.text_or_none(name)
        if value is None or (not value and not may_be_empty):
            raise Poison(f"{name} is missing")
        return value

    def count(self, name: str) -> int:
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise Poison(f"{name} is {text[:40]!r}, not a number")
        return int(text)

    def instant(self, name: str) -> int:
        text = self.text(name)
        with suppress(ValueError, OverflowError):
            instant = parse_iso(text)
            if EARLIEST <= instant <= LATEST:  # others could be kept, but not be written to the dead letters
                return instant
        raise Poison(f"{name} is {text[:40]!r}, not an instant")


def _short(what: str, value: bytes | None) -> str:
    if value is not None and len(value) > MOST_BYTES:
        raise Poison(f"{what} has {len(value):,} bytes, more than {MOST_BYTES:,}")
    if value is not None and _NUL in value:
        raise Poison(f"{what} has a NUL in it")
    return _utf8(what, value)


def _utf8(what: str, value: bytes | None) -> str:
    if value is None:
        raise Poison(f"{what} is missing")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Poison(f"{what} is not UTF-8") from error


def _json(value: bytes | None) -> str:
    text = _utf8("the value", value)
    try:
        _decode_object(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Poison(f"the value is not a JSON object ({error})") from error
    return text
