"""A message survives the wire whole; what is no message is refused with a reason."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.infra.bus import wire
from answerable.kernel.times import parse_iso
from answerable.messages.base import Envelope

LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXT = st.text(LETTERS, min_size=1, max_size=60)
COUNT = st.integers(0, 10**18 - 1)
LAST = parse_iso("9999-12-31T23:59:59.999999Z")
ENVELOPES = st.builds(
    Envelope,
    id=TEXT,
    type=TEXT,
    topic=st.sampled_from(["answerable.tickets", "answerable.tickets.commands", "answerable.users"]),
    key=st.text(LETTERS, max_size=60),
    sequence=COUNT,
    time=st.integers(0, LAST),
    actor=st.text(LETTERS, max_size=60),
    actor_kind=st.sampled_from(["person", "service", "anonymous"]),
    cause=st.none() | TEXT,
    depth=st.integers(0, 12),
    trace=st.none() | TEXT,
    body=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT, max_size=5).map(
        lambda value: msgspec.json.encode(value).decode()
    ),
)
SAMPLE = Envelope(
    id="m1",
    type="TICKET_CREATED",
    topic="answerable.tickets",
    key="t1",
    sequence=3,
    time=parse_iso("2026-03-02T09:00:00.000007Z"),
    actor="u1",
    actor_kind="person",
    cause=None,
    depth=0,
    trace="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    body='{"ticket":{}}',
    position=77,
)


@given(ENVELOPES)
def test_a_message_survives_the_wire(message: Envelope) -> None:
    key, value, headers = wire.record_of(message)
    assert wire.message_of(message.topic, key, value, headers, "t/0/1") == msgspec.structs.replace(
        message, origin="t/0/1"
    )
    assert wire.type_of(headers) == message.type


def test_it_is_a_cloud_event_in_binary_mode() -> None:
    key, value, headers = wire.record_of(SAMPLE)
    assert (key, value) == (b"t1", b'{"ticket":{}}')
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"m1",
        "ce_source": b"/answerable/tickets",
        "ce_type": b"TICKET_CREATED",
        "ce_time": b"2026-03-02T09:00:00.000007Z",
        "ce_sequence": b"3",
        "ce_actor": b"u1",
        "ce_actorkind": b"person",
        "ce_depth": b"0",
        "traceparent": b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "content-type": b"application/json",
    }
    attributes = [name.removeprefix("ce_") for name, _ in headers if name.startswith("ce_")]
    assert all(name.isalnum() and name.islower() for name in attributes), "as CloudEvents wants them"


def changed(**headers: bytes | None) -> list[tuple[str, bytes | None]]:
    _, _, original = wire.record_of(SAMPLE)
    return [(name, headers.get(name, value)) for name, value in original]


def without(name: str) -> list[tuple[str, bytes | None]]:
    _, _, original = wire.record_of(SAMPLE)
    return [(kept, value) for kept, value in original if kept != name]


@pytest.mark.parametrize(
    ("key", "value", "headers", "reason"),
    [
        (b"t1", b"{}", [], "ce_specversion is missing"),
        (b"t1", b"{}", changed(ce_specversion=b"0.3"), "ce_specversion is '0.3', not 1.0"),
        (b"t1", b"{}", without("ce_id"), "ce_id is missing"),
        (b"t1", b"{}", changed(ce_id=b""), "ce_id is missing"),
        (b"t1", b"{}", changed(ce_type=None), "ce_type is missing"),
        (b"t1", b"{}", changed(ce_type=b"\xff\xfe"), "ce_type is not UTF-8"),
        (b"t1", b"{}", changed(ce_time=b"yesterday"), "ce_time is 'yesterday', not an instant"),
        (b"t1", b"{}", changed(ce_sequence=b"-1"), "ce_sequence is '-1', not a number"),
        (b"t1", b"{}", changed(ce_sequence="²".encode()), "ce_sequence is '²', not a number"),
        (b"t1", b"{}", changed(ce_depth=b"9" * 30), "not a number"),
        (b"t1", b"{}", changed(ce_depth=b"9" * 2000), "ce_depth has 2,000 bytes, more than 1,000"),
        (b"t1", b"{}", changed(ce_time=b"9999-12-31T23:59:59-23:59"), "not an instant"),
        (b"t1", b"{}", changed(traceparent=b"\0"), "traceparent has a NUL in it"),
        (b"t" * 1001, b"{}", changed(), "the key has 1,001 bytes, more than 1,000"),
        (None, b"{}", changed(), "the key is missing"),
        (b"\xc3", b"{}", changed(), "the key is not UTF-8"),
        (b"t1", None, changed(), "the value is missing"),
        (b"t1", b"\x00\xff", changed(), "the value is not UTF-8"),
        (b"t1", b"{", changed(), "the value is not a JSON object"),
        (b"t1", b"[1]", changed(), "the value is not a JSON object"),
        (b"t1", b"[" * 100_000, changed(), "the value is not a JSON object"),
    ],
)
def test_what_is_no_message_is_refused_with_a_reason(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], reason: str
) -> None:
    with pytest.raises(wire.Poison) as refused:
        wire.message_of("answerable.tickets", key, value, headers, "")
    assert reason in str(refused.value)


NOISE = st.none() | st.binary(max_size=40)
NAMES = st.sampled_from([name for name, _ in wire.record_of(SAMPLE)[2]]) | st.text(max_size=10)


@given(NOISE, NOISE, st.lists(st.tuples(NAMES, NOISE), max_size=15))
def test_noise_is_poison_and_nothing_else(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    wire.type_of(headers)
    with suppress(wire.Poison):
        wire.message_of("answerable.tickets", key, value, headers, "")


def test_topics_carry_the_prefix_of_the_desk() -> None:
    assert wire.topic_on("acme", "answerable.tickets.commands") == "acme.tickets.commands"
