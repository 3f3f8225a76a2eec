"""The outermost layer: request ids, kept paths, CORS, who is asking, and the numbers of every request."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from itertools import count
from typing import Any

import structlog
from litestar.utils import normalize_path

from answerable.infra import metrics
from answerable.infra.database.port import DeskDatabase
from answerable.infra.web.cookies import SESSION, cookie_name, form_key, is_form_token, read_cookie
from answerable.infra.web.inner import HEADER, InnerDoor, NotFromGateway
from answerable.infra.web.keys import KeyUse
from answerable.infra.web.limits import Limits, Proxies, Refusal
from answerable.infra.web.probes import PATHS as PROBES
from answerable.infra.web.problems import MEDIA_TYPE, problem_body, problem_headers, wants_page
from answerable.infra.web.visits import Visits
from answerable.infra.web.wire import Headers, written
from answerable.kernel.actor import ANONYMOUS, Actor, service
from answerable.kernel.errors import Expired, Problem, Unauthenticated, Unavailable
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
Identify = Callable[[Tx, str], Awaitable[Actor]]

METHODS = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = b"authorization, content-type, idempotency-key, if-match"
EXPOSED_HEADERS = b"link, x-total-count, location, etag, retry-after, x-request-id"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_HEADER = b"x-form-token"
KEPT_PREFIXES = ("/user-service/", "/ticket-service/", "/assignment-service/", "/notification-service/")
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
]
_ASKING = service("web")
_BOOT = os.urandom(6).hex().encode()
_COUNT = count(1)
_log = structlog.get_logger(__name__)


def canonical_path(path: str) -> str:
    """Return today's path for one that existing clients use: ``/ticket-service/tickets`` is ``/api/tickets``.

    A local path that already begins with ``/api/`` is not doubled. Slashes that say nothing go, as the router lets them
    go later: what is held against a path before it (form token, limits) must see the one that is served.
    """
    if "//" in path or path[-1:] == "/" or path[:1] != "/":
        path = normalize_path(path)
    for prefix in KEPT_PREFIXES:
        if path.startswith(prefix):
            local = path[len(prefix) - 1 :]
            return local if local.startswith("/api/") else "/api" + local
    return path


class _Reply:
    """How the answer to one request leaves: with the headers that all have, and its status is noted."""

    __slots__ = ("_more", "_send", "_send_whole", "_tail", "closes", "status")

    def __init__(self, send: Send, send_whole: Any, more: Headers, tail: bytes) -> None:
        """Take the headers that all answers have, as such and as they are written."""
        self._send, self._send_whole, self._more, self._tail = send, send_whole, more, tail
        self.status, self.closes = 500, False

    def answer(self, code: int, headers: Headers, body: bytes) -> bool:
        """Send a whole answer, or return false where it has to be sent in parts."""
        if self._send_whole is None or not self._send_whole(code, headers, body, self._tail):
            return False
        self.status = code
        return True

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            closing = [(b"connection", b"close")] if self.closes else []
            message["headers"] = [*message["headers"], *self._more, *closing]
        await self._send(message)


class Edge:
    """ASGI middleware around the whole application.

    Who a token stands for is read once between two commits that may change it (``database.pulse``) and within one
    second: until something was written, the answer would be the same, and a token's own end is seen within the second.
    Requests that come together, as they do after a commit that answered many, wait for one reading.
    """

    def __init__(
        self,
        app: App,
        database: DeskDatabase,
        parts: Mapping[str, Any],
        identify: Identify | None,
        inner: InnerDoor | None = None,
        visits: Visits | None = None,
        show_problem: Callable[[Scope, Problem], App] | None = None,
        keys: KeyUse | None = None,
        owner: str = "",
    ) -> None:
        """Take the ``parts`` that handlers may reach, and how people are told apart.

        That is ``identify``, or, in a service behind a gateway, what ``inner`` reads. ``visits`` knows the cookies of
        browsers; ``show_problem`` writes what went wrong as a page; ``keys`` notes the use of API keys.
        ``owner`` is the feature whose tables say what a token stands for, where it is one.
        """
        self._keys = keys
        wanted = inner is None and Limits.wanted(database.settings)  # a gateway has counted what it hands on
        self._limits = Limits(database.settings) if wanted else None
        self._proxies = Proxies(database.settings.server.trusted_proxies)
        self._visits = visits
        self._show_problem = show_problem
        self._cookie = cookie_name(SESSION, database.settings)
        self._app = app
        self._parts = parts
        self._inner = inner
        self._db = database
        self._identify = identify
        self._owner = owner
        self._moment = (-1, 0)
        self._known: dict[bytes, Actor] = {}
        self._asked: dict[bytes, asyncio.Future[Actor]] = {}
        origins = [origin.encode() for origin in database.settings.server.cors_origins]
        common = {origin: [*SECURITY_HEADERS, *_cors(origin)] for origin in (None, *origins)}
        self._common = {origin: (named, written(named)) for origin, named in common.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, turn = time.perf_counter(), ""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        path = canonical_path(scope["path"])
        if path != scope["path"]:
            scope = {**scope, "path": path, "raw_path": path.encode()}
        state = scope.setdefault("state", {})
        state["headers"], state["database"], state["parts"] = headers, self._db, self._parts
        state["request_id"] = _request_id(headers.get(b"x-request-id"))
        reply = self._reply(send, state, headers.get(b"origin"))
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _answer(reply.send, 204, b"", self._preflight(headers.get(b"origin")))
            return
        state["answer"] = reply.answer
        try:
            if self._inner is None:
                state["actor"] = await self._who(headers, state)
                turn = await self._take_turn(scope, state, started)
                if "visit" in state and scope["method"] not in SAFE_METHODS:
                    check_form_header(path, headers, state["form_key"])
            elif path not in PROBES:
                self._take_over(headers, state)
            await self._app(scope, receive, reply.send)
            await self._note_use(path, state)
        except Problem as problem:
            if isinstance(problem, Refusal) and self._limits is not None and not await self._limits.hold(problem):
                reply.closes = True
            if self._show_problem is not None and wants_page(scope) and not isinstance(problem, NotFromGateway):
                await self._show_problem(scope, problem)(scope, receive, reply.send)
                return
            body = problem_body(problem.status, problem.title, problem.message, problem.errors)
            more = [(name.lower().encode(), value.encode()) for name, value in problem_headers(problem).items()]
            await _answer(reply.send, problem.status, body, [(b"content-type", MEDIA_TYPE.encode()), *more])
        finally:
            if turn and self._limits is not None:
                self._limits.give_turn_back(turn)
            del state["answer"]  # it leads back to the request: without it, what a request was is gone at once
            metrics.count_request(scope["method"], state.get("route", ""), reply.status, time.perf_counter() - started)

    async def _take_turn(self, scope: Scope, state: dict[str, Any], started: float) -> str:
        """Hold a request against the limits of its caller; return what its turn is given back with, if it needs one.

        Raises ``Throttled``.
        """
        address = self._address(scope, state["headers"])
        if self._limits is None:
            return ""
        turn = self._limits.check(state["actor"], address, scope["path"], started)
        if turn:
            await self._limits.take_turn(turn)
        return turn

    async def _note_use(self, path: str, state: dict[str, Any]) -> None:
        """Note, now that the answer is out, that a browser or a key was used."""
        if "visit" in state and path != "/api/live" and self._visits is not None:
            with suppress(Unavailable):  # the answer is out; it is noted the next time
                await self._visits.seen(state["visit"])
        elif self._keys is not None and "actor" in state and (key := state["actor"].key) is not None:
            await self._keys.note(key.id)  # behind a gateway, who probes is nobody

    def _address(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        """Return where a request comes from; where a trusted proxy says so, note it for handlers."""
        peer: str = scope["client"][0] if scope.get("client") else "unknown"
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is None:
            return peer
        address = scope["state"]["address"] = self._proxies.client_of(peer, forwarded)
        return address

    async def _who(self, headers: dict[bytes, bytes], state: dict[str, Any]) -> Actor:
        authorization = headers.get(b"authorization")
        if authorization is None and b"cookie" in headers and self._visits is not None:
            return await self._who_visits(self._visits, headers, state)
        if authorization is None or self._identify is None:
            return ANONYMOUS
        moment = (self._db.pulse.last(self._owner), self._db.clock() // SECOND)
        if moment != self._moment:
            self._moment, self._known, self._asked = moment, {}, {}
        known = self._known.get(authorization)
        if known is not None:
            return known
        asked = self._asked.get(authorization)
        try:
            if asked is not None:
                return await asyncio.shield(asked)  # who waits may give up without the others
            return await self._read_who(self._identify, authorization, moment)
        except Unauthenticated as refusal:
            state["refusal"] = refusal  # public routes answer all the same
            return ANONYMOUS

    async def _read_who(self, identify: Identify, authorization: bytes, moment: tuple[int, int]) -> Actor:
        asked = self._asked[authorization] = asyncio.get_running_loop().create_future()
        try:
            actor = await self._db.read(_ASKING, identify, authorization.decode("latin-1"))
        except Exception as error:
            asked.set_exception(error)
            asked.exception()  # nobody need wait for it
            raise
        except asyncio.CancelledError:
            asked.cancel()
            raise
        else:
            if moment == (self._db.pulse.last(self._owner), self._db.clock() // SECOND):
                self._known[authorization] = actor
            asked.set_result(actor)
            return actor
        finally:
            if self._asked.get(authorization) is asked:
                del self._asked[authorization]

    async def _who_visits(self, visits: Visits, headers: dict[bytes, bytes], state: dict[str, Any]) -> Actor:
        cookie = read_cookie(headers, self._cookie)
        if not cookie:
            return ANONYMOUS
        try:
            visit = await visits.visit(cookie)
        except Unauthenticated as refusal:
            state["refusal"] = refusal
            return ANONYMOUS
        state["visit"], state["cookie"], state["form_key"] = visit, cookie, form_key(cookie)
        return visit.actor

    def _take_over(self, headers: dict[bytes, bytes], state: dict[str, Any]) -> None:
        """Believe the gateway about who asks."""
        assert self._inner is not None
        caller = self._inner.open(headers.get(HEADER))
        state["actor"], state["address"] = caller.actor, caller.address
        if caller.visit is not None:
            state["visit"], state["form_key"] = caller.visit, caller.form_key

    def _reply(self, send: Send, state: dict[str, Any], origin: bytes | None) -> _Reply:
        send_whole = state.pop("send_whole", None)
        if self._inner:
            return _Reply(send, send_whole, [], b"")  # the gateway has its own
        common, lines = self._common.get(origin) or self._common[None]
        named = (b"x-request-id", state["request_id"])
        return _Reply(send, send_whole, [*common, named], b"%b%b: %b\r\n" % (lines, *named))

    def _preflight(self, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        if origin is None or origin not in self._common:
            return []
        return [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        ]


def _cors(origin: bytes | None) -> Headers:
    if origin is None:
        return [(b"vary", b"Origin")]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", EXPOSED_HEADERS),
        (b"vary", b"Origin"),
    ]


def check_form_header(path: str, headers: dict[bytes, bytes], key: bytes) -> None:
    """Raise ``Expired`` for a change under ``/api`` by cookie that does not come from a page of ours.

    Forms say it in a field (``infra/web/forms.py``); programs have tokens of their own, and need no cookie.
    """
    if path.startswith("/api/") and not is_form_token(headers.get(FORM_HEADER, b"").decode("latin-1"), key):
        raise Expired("Changes by cookie need the form token of a page. Programs use a bearer token.")


def _request_id(given: bytes | None) -> bytes:
    if given and len(given) <= 64 and given.replace(b"-", b"").isalnum():
        return given
    return b"%s-%x" % (_BOOT, next(_COUNT))


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
