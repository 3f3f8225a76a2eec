"""Every route of the running application, asked with what there is, with what is hidden from the viewer, and nonsense.

Nothing here names a route: paths, parameters and fields come from the application, from its OpenAPI document and from
its templates. A route that is added is asked from then on.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

import answerable
from answerable.infra.web.assets import built_assets
from tests.security.asgi import JSON, Answer, ask
from tests.security.interface import Operation, Schema, operations_of
from tests.security.worlds.ground import Ground
from tests.security.worlds.histories import CATEGORIES, PRIORITIES, SECRETS, WORDS, Told
from tests.world import World

NOWHERE = "0190a0a0-0000-7000-8000-000000000000"
FORM = {"content-type": "application/x-www-form-urlencoded"}
ALIKE = {"x-request-id": "the-same-in-both"}
STATUSES = ("CREATED", "ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED", "CANCELLED", "OPEN")
SORTS = ("createdAt", "-createdAt", "updatedAt", "-updatedAt", "priority", "-priority", "slaDueAt", "-slaDueAt")
NUMBERS = ("0", "1", "2", "3", "50", "-1", "501", "1000", "1001", "2001", "999999999999999999999")
NAMES = ("agents", "always", "default", "office", "sla-breaches", "tickets-by-status", "desk.css")
VIEWS = ("mine", "unassigned", "at-risk", "breached", "waiting", "solved", "open", "all")
DEEDS = ("resolve", "close", "agent", "priority")
KINDS = ("reply", "note")
YES = ("true", "false", "yes", "no", "1", "0")
# Hashing a password takes as long as a hundred questions.
DEAR = re.compile(r"login|register|password|setup|/reset|forgot")
_FIELD = re.compile(r'\bname="(\w[\w.-]*)"')
_QUERY = re.compile(r'(?:query_params|asked)(?:\.get)?[(\[]"(\w+)"')
# What no page of ours needs, but many pages take.
_PARAMETERS = ("q", "page", "size", "cursor", "count", "sort", "status", "priority", "part", "show", "for")


@dataclass(frozen=True)
class Question:
    """One request; ``route`` is what it was made from."""

    route: tuple[str, str]
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.route[0]} {self.target} {self.body[:300].decode()}".strip()


@dataclass(frozen=True)
class Ids:
    """What there is in a world, by kind; each kind holds what the viewer may see, what not, and what is not there."""

    tickets: Sequence[str]
    people: Sequence[str]
    notices: Sequence[str]
    others: Sequence[str]
    told: Told

    def of(self, name: str, random: Random) -> str:
        """Return a value for a parameter or a field of this name."""
        if random.random() < 0.06:
            return random.choice((NOWHERE, "", "null", "'", "0", *self.others, *self.tickets))
        pool = self._pool(name.lower().replace("_", "").replace("-", ""))
        return random.choice(pool or (NOWHERE,))

    def _pool(self, name: str) -> Sequence[str]:
        if "ticket" in name:
            return self.tickets
        if "notice" in name:
            return self.notices
        if any(part in name for part in ("user", "person", "agent", "manager", "requester", "assignedto", "createdby")):
            return self.people
        if name.endswith("id"):
            return self.others
        known: dict[str, Sequence[str]] = {
            "status": STATUSES,
            "state": ("QUEUED", "SENT", "FAILED", *STATUSES),
            "priority": PRIORITIES,
            "category": CATEGORIES,
            "categories": CATEGORIES,
            "sort": SORTS,
            "view": VIEWS,
            "deed": DEEDS,
            "kind": KINDS,
            "field": ("status", "priority", "category", "agent"),
            "value": (*PRIORITIES, *STATUSES, *self.people),
            "page": NUMBERS,
            "size": NUMBERS,
            "newest": NUMBERS,
            "seen": NUMBERS,
            "number": NUMBERS,
            "count": ("exact",),
            "name": (*NAMES, *SECRETS),
            "role": ("USER", "AGENT", "ADMIN"),
            "show": ("open", "done", "all"),
            "part": ("open", "done", "all", "list"),
            "back": ("/queue?view=all", "/my"),
            "from": ("2026-03-01", "2026-03-02T09:00:00Z"),
            "to": ("2026-03-03",),
        }
        if name in known:
            return known[name]
        if name in ("q", "words", "title", "text", "comment", "description", "for"):
            return (*SECRETS, *WORDS, *(f"{a} {b}" for a, b in zip(WORDS, WORDS[3:], strict=False)), *NUMBERS)
        if name in ("active", "unread", "enabled", "available", "internal", "dryrun", "everywhere", "writing", "all"):
            return YES
        return (*YES, *WORDS, *self.others)


async def ids_of(ground: Ground, told: Told) -> Ids:
    """Collect the ids of a world."""
    world = ground.world
    notices = [row["id"] for row in await world.sql("SELECT id FROM notifications_notice ORDER BY id")]
    others: list[str] = []
    for table in await _tables_with_ids(world):
        rows = await world.sql(f"SELECT id FROM {table} ORDER BY id DESC LIMIT 12")
        others += [str(row["id"]) for row in rows]
    people = [row["id"] for row in await world.sql("SELECT id FROM users_person ORDER BY id")]
    return Ids([*told.seen, *told.hidden, NOWHERE], [*people, NOWHERE], [*notices, NOWHERE], [*others, NOWHERE], told)


_TABLES: dict[str, list[str]] = {}


async def _tables_with_ids(world: World) -> list[str]:
    engine = world.db.engine
    if engine not in _TABLES:
        found = []
        for table in await world.tables():
            rows = await world.sql(f"SELECT * FROM {table} LIMIT 1")
            if rows and "id" in dict(rows[0]):
                found.append(table)
        _TABLES[engine] = sorted({*found, "users_browser", "users_link", "tickets_saved_filter", "tickets_comment"})
    return _TABLES[engine]


@cache
def fields_of_forms() -> tuple[str, ...]:
    """Return the names of all fields of all forms of the desk's pages."""
    root = Path(answerable.__file__).parent
    found: set[str] = set()
    for file in root.rglob("templates/**/*.html"):
        found |= set(_FIELD.findall(file.read_text()))
    return tuple(sorted(found - {"_form"}))


@cache
def parameters_of_pages() -> tuple[str, ...]:
    """Return the names of all parameters that pages read from their address."""
    root = Path(answerable.__file__).parent
    found: set[str] = set(_PARAMETERS)
    for file in root.rglob("pages/*.py"):
        found |= set(_QUERY.findall(file.read_text()))
    return tuple(sorted(found))


class Questions:
    """Makes questions about every route of an application."""

    def __init__(self, world: World) -> None:
        self._operations = {(operation.method, _shape(operation.path)): operation for operation in operations_of(world)}
        self.routes = tuple(sorted(_routes(world.desk.litestar)))
        self._own = {(method, path): _own_parameters(world.desk.litestar, method, path) for method, path in self.routes}

    def about(self, route: tuple[str, str], ids: Ids, random: Random) -> Question:
        """Make a question about a route."""
        method, path = route
        target = re.sub(r"\{(\w+)\}", lambda found: quote(ids.of(found[1], random), safe=""), path)
        operation = self._operations.get((method, _shape(path)))
        names = tuple(operation.query) if operation else (self._own[route] or parameters_of_pages())
        asked = {name: ids.of(name, random) for name in names if random.random() < min(0.5, 1.5 / len(names))}
        if method == "GET" and operation and "size" in operation.query and random.random() < 0.4:
            asked["size"] = random.choice("123")
        if "q" in names and random.random() < 0.4:
            asked["q"] = random.choice((*SECRETS, *WORDS))
        if asked:
            target += "?" + urlencode(asked)
        if method == "GET":
            return Question(route, target)
        if operation is not None:
            return _with_json(route, target, operation, ids, random)
        fields = {name: ids.of(name, random) for name in fields_of_forms() if random.random() < 0.8}
        return Question(route, target, FORM, urlencode(fields).encode())

    def rotation(self, seed: str, closed: Container[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Yield routes for ever, round by round; those that are ``closed`` (and the dear ones) in few rounds."""
        turn = 0
        while True:
            turn += 1
            random = Random(f"{seed} {turn}")
            routes = [route for route in self.routes if not DEAR.search(route[1]) or random.random() < 0.04]
            random.shuffle(routes)
            for route in routes:
                if route not in closed or random.random() < 0.15:
                    yield route


def _with_json(route: tuple[str, str], target: str, operation: Operation, ids: Ids, random: Random) -> Question:
    if operation.body is None:
        return Question(route, target)
    return Question(route, target, JSON, msgspec.json.encode(_value("", operation.body, ids, random)))


def _value(name: str, schema: Schema, ids: Ids, random: Random) -> Any:
    kind = schema.get("type")
    if kind == "object":
        needed = schema.get("required", ())
        return {
            each: _value(each, part, ids, random)
            for each, part in schema["properties"].items()
            if each in needed or random.random() < 0.5
        }
    if kind == "array":
        return [_value(name, schema["items"], ids, random) for _ in range(random.randint(0, 2))]
    if kind == "boolean":
        return random.random() < 0.5
    if kind in ("integer", "number"):
        return random.randint(0, 5)
    return ids.of(name, random)


def _routes(app: Litestar) -> set[tuple[str, str]]:
    return {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute) and not route.path.startswith("/_openapi")
        for method in route.route_handler_map
        if method != "OPTIONS" and route.path != "/api/live"
    }


def _own_parameters(app: Litestar, method: str, path: str) -> tuple[str, ...]:
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format == path and method in route.route_handler_map:
            signature = route.route_handler_map[method][0].parsed_fn_signature  # type: ignore[index]
            return tuple(n for n in signature.parameters if n not in ("request", "data") and f"{{{n}}}" not in path)
    return ()


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


# --- answers --------------------------------------------------------------------------------------------------------

_FORM_TOKEN = re.compile(r"[A-Za-z0-9_-]{84,88}={0,2}")
_ONCE = re.compile(r'name="_once" value="[^"]*"')  # each form that makes something new is another one
_COOKIE = re.compile(r"(answerable_\w+)=[^;]*")
_SECRET = re.compile(r'"(token|refreshToken)":"[^"]*"')


async def answer_to(ground: Ground, viewer: str, question: Question) -> Answer:
    """Ask as somebody."""
    headers = {**ground.people[viewer].headers, **ALIKE, **question.headers}
    return await ask(ground.world, question.route[0], question.target, headers, question.body)


def plain(answer: Answer, leave_out: re.Pattern[str] | None = None) -> str:
    """Write down all of an answer but what is random by design: form tokens, which are masked anew for every page."""
    lines = [str(answer.status)]
    lines += [_COOKIE.sub(r"\1", f"{name}: {value}") for name, value in sorted(answer.headers.items())]
    body = _SECRET.sub(
        r'"\1":""', _FORM_TOKEN.sub("(form token)", _ONCE.sub("(once)", answer.body.decode(errors="replace")))
    )
    text = "\n".join([*lines, "", body])
    return leave_out.sub("", text) if leave_out else text


def asset() -> str:
    """Return the name of a built file."""
    return next(iter(built_assets()), "desk.css")
