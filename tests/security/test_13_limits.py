"""13: nobody asks the desk for more than their share, nor keeps it waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from answerable.infra.web.edge import canonical_path
from answerable.infra.web.limits import QUEUE, Buckets, Proxies, Turns
from answerable.infra.web.wire import protocol_of
from answerable.kernel.errors import Throttled
from answerable.settings import Server
from tests.apart import serving_app
from tests.patience import PATIENCE
from tests.people import make_person
from tests.security.asgi import JSON, ask
from tests.world import World, open_world

LIMITS: dict[str, Any] = {"limits__account": 2, "limits__address": 1, "limits__costly": 0.5, "limits__at_once": 4}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A desk where ten seconds' worth are 20 requests of a person, 10 of an address and 5 costly ones."""
    async with open_world(tmp_path / "desk", server__trusted_proxies=("10.0.0.0/8",), **LIMITS) as opened:
        yield opened


async def asked(world: World, count: int, path: str, headers: dict[str, str], client: str = "192.0.2.1") -> list[int]:
    answers = await asyncio.gather(*(ask(world, "GET", path, headers, client=client) for _ in range(count)))
    return sorted(answer.status for answer in answers)


def is_share(statuses: list[int], share: int, rate: float, begun: float) -> bool:
    """Tell whether so many were answered, and what has come to the share since it was begun, by rate a second."""
    more = rate * (time.monotonic() - begun)
    return 429 in statuses and set(statuses) <= {200, 429} and share <= statuses.count(200) <= share + more


async def test_a_person_has_a_share_and_nobody_else_s(world: World) -> None:
    una, otto = await make_person(world), await make_person(world)
    begun = time.monotonic()
    statuses = await asked(world, 24, "/api/auth/me", una.headers)
    assert is_share(statuses, 20, 2, begun)
    assert time.monotonic() - begun > 0.3, "who does not wait is made to"
    again = [ask(world, "GET", "/api/auth/me", una.headers, client=f"198.51.100.{number}") for number in range(8)]
    refused = max(await asyncio.gather(*again), key=lambda answer: answer.status)
    assert refused.status == 429, "wherever they come from"
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json["message"] == "You ask too often. Please wait a little."
    assert await asked(world, 5, "/api/auth/me", otto.headers) == [200] * 5
    assert (await ask(world, "GET", "/healthz")).status == 200, "probes are never refused"
    browser = una.headers | {"accept": "text/html"}
    page = max(
        await asyncio.gather(*(ask(world, "GET", "/profile", browser) for _ in range(8))), key=lambda one: one.status
    )
    assert page.status == 429
    assert "You ask too often" in page.text, "said as a page to browsers"


async def test_the_key_of_a_program_has_a_share_of_its_own(world: World) -> None:
    una = await make_person(world)
    body = b'{"name": "Nightly export", "scopes": ["tickets:read"]}'
    made = await ask(world, "POST", "/api/keys", una.headers | JSON, body)
    program, begun = {"authorization": f"Bearer {made.json['key']}"}, time.monotonic()
    assert is_share(await asked(world, 24, "/api/tickets", program), 20, 2, begun)
    assert await asked(world, 3, "/api/tickets", una.headers) == [200] * 3


async def test_strangers_share_by_address_and_forged_tokens_are_strangers(world: World) -> None:
    begun = time.monotonic()
    forged = {"authorization": "Bearer ans_" + "x" * 43}
    assert await asked(world, 6, "/api/tickets", forged) == [401] * 6
    assert is_share(await asked(world, 8, "/api/auth/jwks.json", {}), 4, 1, begun)
    assert await asked(world, 2, "/api/auth/jwks.json", {}, client="192.0.2.2") == [200] * 2
    house = time.monotonic()
    assert await asked(world, 10, "/api/auth/jwks.json", {}, client="2001:db8:1:2::1") == [200] * 10
    other_door = await asked(world, 10, "/api/auth/jwks.json", {}, client="2001:db8:1:2:ffff::1")
    assert is_share(other_door, 0, 1, house), "one house"
    assert await asked(world, 1, "/api/auth/jwks.json", {}, client="2001:db8:1:3::1") == [200]
    many = [{"x-forwarded-for": f"203.0.113.{number}"} for number in range(3)]
    told = [ask(world, "GET", "/api/auth/jwks.json", headers, client="192.0.2.1") for headers in many * 3]
    statuses = [answer.status for answer in await asyncio.gather(*told)]
    seconds = time.monotonic() - begun  # in each of which an address may ask once more
    assert statuses.count(200) <= seconds, "nobody gets out of it by saying that they come for somebody else"
    assert 429 in statuses
    for headers in many:  # but from a proxy that is trusted they are told apart
        assert await asked(world, 10, "/api/auth/jwks.json", headers, client="10.0.0.7") == [200] * 10


async def test_what_takes_long_has_a_share_of_its_own(world: World) -> None:
    mia, begun = await make_person(world, "MANAGER"), time.monotonic()
    assert is_share(await asked(world, 12, "/api/reports/summary", mia.headers), 5, 0.5, begun)
    assert await asked(world, 1, "/api/tickets", mia.headers) == [200]
    otto, begun = await make_person(world, "MANAGER"), time.monotonic()
    spelled = ["//api/reports/summary", "/api//reports/summary", "/ticket-service//reports/summary"] * 4
    answers = await asyncio.gather(*(ask(world, "GET", path, otto.headers) for path in spelled))
    assert is_share([answer.status for answer in answers], 5, 0.5, begun), "however its path is spelled"


@pytest.mark.parametrize(
    ("asked_for", "path"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/api/live", "/api/live"),
        ("/api/live/", "/api/live"),  # it is told by its path, and waits for no turn
        ("api//live", "/api/live"),
        ("///ticket-service///tickets//", "/api/tickets"),
        ("/ticket-service//api/tickets", "/api/tickets"),
    ],
)
def test_a_path_has_one_spelling(asked_for: str, path: str) -> None:
    assert canonical_path(asked_for) == path


async def test_guesses_are_counted_for_the_client_behind_a_trusted_proxy(world: World) -> None:
    async def guess(client: str, said: str) -> None:
        headers = JSON | {"x-forwarded-for": said}
        body = b'{"email": "nobody@desk.test", "password": "wrong password"}'
        assert (await ask(world, "POST", "/api/auth/login", headers, body, client=client)).status == 401

    async def counted() -> set[str]:
        return {row["key"] for row in await world.sql("SELECT key FROM users_try WHERE failures > 0")}

    await guess("192.0.2.9", "")
    straight = await counted()
    await guess("10.0.0.7", "192.0.2.9")
    assert await counted() == straight, "the same client, by way of the proxy"
    await guess("10.0.0.7", "192.0.2.10")
    assert await counted() > straight


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.5", "192.0.2.1"),  # not a proxy of ours
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.5", "203.0.113.5"),  # what the client wrote in front is not believed
        ("10.0.0.1", "1.1.1.1, 203.0.113.5, 10.0.0.2", "203.0.113.5"),  # two proxies
        ("10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", ",".join(["10.0.0.3"] * 1000), "10.0.0.3"),
        ("unknown", "203.0.113.5", "unknown"),
    ],
)
def test_only_trusted_proxies_say_for_whom_they_come(peer: str, said: str | None, client: str) -> None:
    proxies = Proxies(("10.0.0.0/8",))
    assert proxies.client_of(peer, None if said is None else said.encode()) == client
    assert Proxies(()).client_of(peer, None if said is None else said.encode()) == peer


def test_a_bucket_fills_again_and_the_crowd_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = Buckets(2.0)
    assert [buckets.wait("una", 0.0) for _ in range(20)] == [0.0] * 20
    assert buckets.wait("una", 0.0) == pytest.approx(0.5)
    assert buckets.wait("una", 0.5) == 0.0
    monkeypatch.setattr("answerable.infra.web.limits.KNOWN", 100)
    for number in range(1000):
        buckets.wait(f"stranger {number}", 0.6)
    assert len(buckets._full) <= 100


async def test_requests_of_one_caller_wait_for_their_turn_and_leave_no_trace() -> None:
    turns, order = Turns(2), []

    async def one(name: str) -> None:
        await turns.take("una")
        order.append(name)
        await asyncio.sleep(0)
        turns.give_back("una")

    await asyncio.gather(*(one(str(number)) for number in range(10)))
    assert order == [str(number) for number in range(10)]
    await turns.take("una")
    await turns.take("una")
    gives_up, waits = asyncio.create_task(turns.take("una")), asyncio.create_task(turns.take("una"))
    await asyncio.sleep(0)
    gives_up.cancel()
    await turns.take("otto")
    turns.give_back("una")
    await waits
    crowd = [asyncio.create_task(turns.take("una")) for _ in range(QUEUE)]
    await asyncio.sleep(0)
    with pytest.raises(Throttled):
        await turns.take("una")
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    for name in ("una", "una", "otto"):
        turns.give_back(name)
    assert (turns._running, turns._waiting) == ({}, {})


async def test_slow_clients_are_cut(world: World) -> None:
    una = await make_person(world)
    token = una.headers["Authorization"].encode()
    protocol = protocol_of(Server(head_seconds=0.2, body_seconds=0.4, read_seconds=0.4))
    async with serving_app(world.desk.app, protocol) as address:
        port = int(address.rpartition(":")[2])

        async def cut(sent: bytes, *drops: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            try:
                async with asyncio.timeout(PATIENCE):
                    for drop in drops:
                        await asyncio.sleep(0.05)
                        writer.write(drop)
                    return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.close()

        head = b"POST /api/tickets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: " + token
        found = await asyncio.gather(
            cut(b""),  # says nothing
            cut(b"GET /healthz HTTP/1.1\r\n", *[b"X: y\r\n"] * 8),  # says a little, for ever
            cut(head + b"\r\nContent-Length: 100\r\n\r\n{", *[b" "] * 12),
        )
        assert list(found) == [b"", b"", b""]

        async def whole(path: bytes) -> bytes:
            return await cut(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

        assert (await whole(b"/healthz")).startswith(b"HTTP/1.1 200"), "nobody else is"


async def test_a_stream_that_nobody_reads_is_cut(world: World) -> None:
    una = await make_person(world)
    hub = world.desk.parts["live"]
    protocol = protocol_of(Server(head_seconds=5, body_seconds=5, read_seconds=0.3))
    async with serving_app(world.desk.app, protocol) as address:
        port = int(address.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(
            b"GET /api/live HTTP/1.1\r\nHost: x\r\nAuthorization: "
            + una.headers["Authorization"].encode()
            + b"\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        assert hub.open_streams == 1
        [stream] = hub._open
        async with asyncio.timeout(PATIENCE):
            while hub.open_streams:
                for number in range(200):  # more than the buffers on the way hold
                    stream._pending[_Loud("x" * 20_000 + str(number))] = 1
                stream._wake.set()
                await asyncio.sleep(0.02)
        writer.close()


class _Loud:
    """A signal with a long name."""

    ticket_id = None

    def __init__(self, name: str) -> None:
        self.name = name
