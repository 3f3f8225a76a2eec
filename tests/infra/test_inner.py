"""The inner identity: what a gateway says of whoever asks, and nothing else, opens a service."""

from dataclasses import replace

import jwt
import pytest
from structlog.testing import capture_logs

from answerable.infra.web.inner import ALGORITHM, AUDIENCE, Caller, InnerDoor, NotFromGateway
from answerable.kernel.actor import ANONYMOUS, Actor, ApiKey
from answerable.kernel.errors import Invalid, Unauthenticated
from answerable.kernel.scopes import narrowed
from answerable.kernel.times import SECOND
from answerable.settings import Settings
from answerable.users.rules import grants_of
from tests.world import START, Clock

SECRET = "between gateway and services, 4711 times"
MAX = Actor("p1", "person", frozenset({"MANAGER"}), grants_of({"MANAGER"}), "Max Manager")


def door(clock: Clock, secret: str = SECRET) -> InnerDoor:
    return InnerDoor(Settings().with_values("test", peers__secret=secret), clock, grants_of)


def test_what_the_gateway_seals_a_service_opens() -> None:
    clock = Clock()
    sealed = door(clock).seal(Caller(MAX, "192.0.2.7"))
    assert door(clock).open(sealed) == Caller(MAX, "192.0.2.7")
    assert door(clock).open(door(clock).seal(Caller(ANONYMOUS, "unknown"))) == Caller(ANONYMOUS, "unknown")


def test_a_program_keeps_its_scopes_and_its_end_behind_the_gateway() -> None:
    clock, key = Clock(), ApiKey("k1", frozenset({"reports:read"}), START + SECOND)
    program = replace(MAX, grants=narrowed(MAX.grants, key.scopes), key=key)
    opened = door(clock).open(door(clock).seal(Caller(program, "192.0.2.7"))).actor
    assert opened == program
    assert opened.key is not None
    assert opened.key.expires_at == START + SECOND
    assert opened.may("report.read")
    assert not opened.may("ticket.manage")


def test_it_lives_for_seconds() -> None:
    clock = Clock()
    gate = door(clock)
    sealed = gate.seal(Caller(MAX, "192.0.2.7"))
    clock.now += 20 * SECOND
    assert gate.open(sealed).actor == MAX
    assert gate.seal(Caller(MAX, "192.0.2.7")) != sealed
    clock.now += 15 * SECOND
    with pytest.raises(Unauthenticated):
        gate.open(sealed)


def test_a_gateway_whose_clock_is_behind_is_told_of_once_a_minute() -> None:
    behind, clock = Clock(), Clock()
    clock.now += 40 * SECOND
    gateway, service = door(behind), door(clock)
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(Unauthenticated):
                service.open(gateway.seal(Caller(MAX, "192.0.2.7")))
    assert [(line["log_level"], line["seconds"]) for line in lines] == [("warning", 10)]
    assert "clocks" in lines[0]["event"]
    behind.now = clock.now = clock.now + 60 * SECOND
    with capture_logs() as lines:
        assert service.open(gateway.seal(Caller(MAX, "192.0.2.7"))).actor == MAX
    assert not lines


def forged(secret: str = SECRET, algorithm: str | None = ALGORITHM, typ: str = "inner+jwt", **claims: object) -> bytes:
    good = {
        "aud": AUDIENCE,
        "sub": "p1",
        "kind": "person",
        "roles": ["ADMIN"],
        "name": "Eve",
        "address": "::1",
        "exp": Clock().now // SECOND + 20,
    }
    made = {name: value for name, value in (good | claims).items() if value is not None}
    return jwt.encode(made, secret, algorithm=algorithm, headers={"typ": typ}).encode()


def test_a_gateway_with_another_secret_is_told_of_once_a_minute() -> None:
    clock = Clock()
    service = door(clock)
    sealed = door(clock, "a newer one, that the service has not heard").seal(Caller(MAX, "192.0.2.7"))
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(NotFromGateway):
                service.open(sealed)
        with pytest.raises(NotFromGateway):
            service.open(None)  # whoever knocks without an identity is no gateway
    assert [line["event"] for line in lines] == [
        "an identity is signed with another peers.secret: has the gateway the same one?"
    ]


@pytest.mark.parametrize(
    "sealed",
    [
        None,
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"a.b.c" * 10_000,
        forged(secret="another secret of good length, 0815 times"),
        forged(algorithm="none", secret=""),
        forged(algorithm="HS512", secret=SECRET * 2),
        forged(typ="JWT"),
        forged(aud="answerable"),
        forged(exp=None),
        forged(address=None),
        forged(exp=Clock().now // SECOND - 1),
    ],
)
def test_nothing_else_opens(sealed: bytes | None) -> None:
    assert door(Clock()).open(forged()).actor.id == "p1"  # but for one thing, each of them would
    with pytest.raises(Unauthenticated) as refusal:
        door(Clock()).open(sealed)
    assert SECRET not in refusal.value.message


@pytest.mark.parametrize("secret", ["", "short", "a" * 40])
def test_no_door_without_a_good_secret(secret: str) -> None:
    with pytest.raises(Invalid, match=r"peers\.secret"):
        door(Clock(), secret)
