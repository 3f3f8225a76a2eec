"""The short way to a handler answers what the framework's own way answers."""

from typing import Any, cast

import httpx
import pytest

from answerable.infra.web.edge import Edge
from answerable.infra.web.lane import Lane
from tests.people import make_person
from tests.world import World, json_of

DRAFT = {"title": "Printer on fire", "description": "It burns, please.", "category": "HARDWARE", "priority": "LOW"}
LONG = {**DRAFT, "description": "x" * 1_100_000}
JSON = {"content-type": "application/json"}
OURS = {"date", "x-request-id"}

REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "who am I": ("GET", "/api/auth/me", {}),
    "a ticket": ("GET", "/api/tickets/{ticket}", {}),
    "a ticket, with a slash": ("GET", "/api/tickets/{ticket}/", {}),
    "a ticket, with two slashes": ("GET", "/api//tickets/{ticket}", {}),
    "no such ticket": ("GET", "/api/tickets/nobody", {}),
    "an address with odd letters": ("GET", "/api/tickets/%00%c3%a4%2f", {}),
    "the head of a ticket": ("HEAD", "/api/tickets/{ticket}", {}),
    "an older address": ("GET", "/ticket-service/tickets/{ticket}", {}),
    "a word where an id may be": ("POST", "/api/tickets/user/comments", {"json": {"comment": "hello"}}),
    "another word": ("GET", "/api/users/agents", {}),
    "a verb it does not take": ("DELETE", "/api/tickets/{ticket}", {}),
    "a status": ("PUT", "/api/tickets/{ticket}/status", {"json": {"status": "RESOLVED"}}),
    "no such status": ("PUT", "/api/tickets/{ticket}/status", {"json": {"status": "LOST"}}),
    "a comment with a wrong field": ("POST", "/api/tickets/{ticket}/comments", {"json": {"comment": 7}}),
    "a comment with one field too many": ("POST", "/api/tickets/{ticket}/comments", {"json": {"comment": "a", "b": 1}}),
    "a draft with wrong values": ("POST", "/api/tickets", {"json": {**DRAFT, "priority": "SOON", "title": "x"}}),
    "a draft of an unknown category": ("POST", "/api/tickets", {"json": {**DRAFT, "category": "TEA\x00"}}),
    "no body": ("POST", "/api/tickets", {}),
    "an empty body": ("POST", "/api/tickets", {"content": b"", "headers": JSON}),
    "no JSON": ("POST", "/api/tickets", {"content": b"{nonsense", "headers": JSON}),
    "JSON that is not UTF-8": ("POST", "/api/tickets", {"content": b'{"title": "\xff"}', "headers": JSON}),
    "JSON without end": ("POST", "/api/tickets", {"content": b"[" * 100_000, "headers": JSON}),
    "a form": ("POST", "/api/tickets", {"data": DRAFT}),
    "too much": ("POST", "/api/tickets", {"json": LONG}),
    "a bad If-Match": ("PUT", "/api/tickets/{ticket}/close", {"headers": {"if-match": "three"}}),
    "nothing at all": ("GET", "/api/nothing", {}),
    "a bad token": ("GET", "/api/tickets/{ticket}", {"headers": {"authorization": "Bearer of news"}}),
    "no token": ("GET", "/api/tickets/{ticket}", {"headers": {"authorization": ""}}),
    "what others may": ("POST", "/api/users/admin", {"json": {"name": "X Y Z", "email": "x@y.z", "roles": ["ADMIN"]}}),
    "a secret door": ("POST", "/api/auth/login", {"json": {"email": "nobody@desk.test", "password": "not known"}}),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_both_ways_answer_the_same(world: World, name: str) -> None:
    una = await make_person(world, "USER")
    raised = await world.http.post("/api/tickets", json=DRAFT, headers=una.headers)
    assert raised.status_code == 201
    method, path, parts = REQUESTS[name]
    url = path.format(ticket=json_of(raised)["id"])
    headers = {**una.headers, **parts.get("headers", {})}
    if not headers["Authorization"] or headers.get("authorization") == "":
        headers = {}
    elif "authorization" in headers:
        del headers["Authorization"]
    rest = {key: value for key, value in parts.items() if key != "headers"}

    identify = next(feature.identify for feature in world.desk.features if feature.identify)
    plain = Edge(cast(Any, world.desk.litestar), world.db, world.desk.parts, identify)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(cast(Any, plain)), base_url="http://desk.test"
    ) as framework:
        long_way = await framework.request(method, url, headers=headers, **rest)
    short_way = await world.http.request(method, url, headers=headers, **rest)

    assert short_way.status_code == long_way.status_code
    assert short_way.content == long_way.content
    assert {k: v for k, v in short_way.headers.items() if k not in OURS} == {
        k: v for k, v in long_way.headers.items() if k not in OURS
    }


def test_the_lane_covers_what_is_asked_most(world: World) -> None:
    lane = Lane(world.desk.litestar)
    assert lane.covers("POST", "/api/tickets")
    assert lane.covers("GET", "/api/tickets/0190-some-id")
    assert lane.covers("PUT", "/api/tickets/0190-some-id/status")
    assert lane.covers("POST", "/api/tickets/0190-some-id/comments")
    assert lane.covers("GET", "/api/notifications/unread-count")
    for method, path in (
        ("GET", "/api/tickets"),  # needs its query read
        ("GET", "/api/tickets/"),
        ("GET", "/api/tickets/user"),
        ("POST", "/api/tickets/user/comments"),
        ("GET", "/login"),
        ("HEAD", "/api/tickets/0190-some-id"),
        ("POST", "/setup"),  # a page: tells what is wrong as a page
    ):
        assert not lane.covers(method, path), (method, path)
