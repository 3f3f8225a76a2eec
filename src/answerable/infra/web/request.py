"""What a handler holds: the caller, and the three ways to the database."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.types import ASGIApp, Receive, Scope, Send

from answerable.infra.web import idempotency
from answerable.infra.web.bodies import read_json
from answerable.kernel.actor import ANONYMOUS, Actor
from answerable.kernel.errors import Invalid, Stale, TooLarge
from answerable.kernel.tx import Database, Tx
from answerable.kernel.visit import Visit
from answerable.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
WAIT_SECONDS = 2.0
_MOST_DIGITS = 18  # of a length; Python takes no number of thousands of them
TOO_LARGE = "The request is larger than the desk takes."
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What a verb's result looks like to the client."""

    content: T
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class DeskRequest(Request[Any, Any, State]):
    """A request to the desk."""

    @property
    def actor(self) -> Actor:
        """Return who is asking."""
        actor: Actor = self.scope["state"].get("actor", ANONYMOUS)
        return actor

    @property
    def visit(self) -> Visit | None:
        """Return the browser session that the request belongs to, ``None`` for a token or nobody."""
        visit: Visit | None = self.scope["state"].get("visit")
        return visit

    @property
    def database(self) -> Database:
        """Return where units of work run."""
        database: Database = self.scope["state"]["database"]
        return database

    @property
    def parts(self) -> Mapping[str, Any]:
        """Return the parts of this desk by name: what its features offer as ``state``, ``bus``, ``probe``, ``desk``."""
        parts: Mapping[str, Any] = self.scope["state"]["parts"]
        return parts

    @property
    def desk_settings(self) -> Settings:
        """Return the settings of this process."""
        return self.database.settings

    @property
    def address(self) -> str:
        """Return the client's network address, ``unknown`` where there is none."""
        told: str | None = self.scope["state"].get("address")  # by the gateway, where this is a service behind it
        if told is not None:
            return told
        return self.client.host if self.client else "unknown"

    async def ask(self, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query that reads by index."""
        return await self.database.read(self.actor, query, *args, **kwargs)

    async def scan(self, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query that may take long."""
        return await self.database.scan(self.actor, query, *args, **kwargs)

    async def act(self, verb: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb as one unit of work (PUT, PATCH, DELETE: safe to repeat as they are)."""
        return await self.database.write(self.actor, verb, *args, **kwargs)

    async def act_once(
        self,
        key: str,
        kind: type[R],
        verb: Callable[Concatenate[Tx, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb as one unit of work, once for a ``form.once``: sent twice, it gives the first one's result.

        The result is a ``kind``. The same form with other words in it is another one; without a key, nothing is kept.
        """
        if not key:
            return await self.database.write(self.actor, verb, *args, **kwargs)

        async def unit(tx: Tx) -> idempotency.Answer:
            return idempotency.Answer(200, {}, _encode(await verb(tx, *args, **kwargs)).decode())

        asked = self._fingerprint(key.encode())
        claim = idempotency.claim(f"form {asked}", self.actor, self.address, asked)
        answer = await self.database.write(self.actor, idempotency.once, claim, unit)
        return msgspec.json.decode(answer.content, type=kind)

    async def wait_until(
        self, query: Callable[Concatenate[Tx, P], Awaitable[bool]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Wait until what follows from a request has happened, as ``query`` tells; at most ``WAIT_SECONDS``."""
        loop = asyncio.get_running_loop()
        give_up, pause = loop.time() + WAIT_SECONDS, 0.002
        while self.parts["bus"].running and loop.time() < give_up:
            if await self.ask(query, *args, **kwargs):
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.1)

    async def post(
        self,
        reply: Callable[[R], Reply[T]],
        verb: Callable[Concatenate[Tx, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Response[T]:
        """Run a verb as one unit of work and answer it; with an ``Idempotency-Key``, once for that key."""
        raw = self.scope["state"]["headers"].get(b"idempotency-key")
        if raw is None:
            return respond(reply(await self.database.write(self.actor, verb, *args, **kwargs)))

        async def unit(tx: Tx) -> idempotency.Answer:
            made = reply(await verb(tx, *args, **kwargs))
            return idempotency.Answer(made.status, dict(made.headers), _encode(made.content).decode())

        claim = idempotency.claim(raw.decode("latin-1"), self.actor, self.address, self._fingerprint(await self.body()))
        answer = await self.database.write(self.actor, idempotency.once, claim, unit)
        return JsonAnswer(answer.content.encode(), answer.status, answer.headers)

    async def body(self) -> bytes:
        """Read the body, once. Raises ``TooLarge`` before more than ``server.max_body_bytes`` are held.

        The framework's own reading takes as long as storing a ticket's history.
        """
        known: bytes | None = self.scope["state"].get("body")
        if known is None:
            known = self.scope["state"]["body"] = await read_body(
                self.scope["state"]["headers"], self.receive, self.desk_settings.server.max_body_bytes
            )
        return known

    async def json(self) -> Any:
        """Read the body as the type of the handler's ``data``; the framework alone would bend values into shape."""
        field = self.route_handler.parsed_data_field
        return await super().json() if field is None else read_json(await self.body(), field.annotation)

    def _fingerprint(self, said: bytes) -> str:
        url = f"{self.method} {self.scope['path']}?{self.scope['query_string'].decode('latin-1')}\n"
        # keyed: the body may be a password, which a plain hash at rest would give away
        key = self.desk_settings.storage.secret.encode()
        return hmac.new(key, url.encode() + said, hashlib.sha256).hexdigest()

    def expected_tag(self) -> str | None:
        """Return what the ETag in ``If-Match`` says, ``None`` where it is absent or ``*``. Raises ``Invalid``."""
        header = self.headers.get("if-match")
        if header is None or header.strip() == "*":
            return None
        tag = header.strip().removeprefix("W/")
        if len(tag) < 2 or tag[0] != '"' or tag[-1] != '"':
            raise Invalid("If-Match must be an ETag.", errors=('If-Match: must look like "3"',))
        return tag[1:-1]

    def expected_version(self) -> int | None:
        """Return the version that ``If-Match`` names, ``None`` where it is absent or ``*``.

        Raises ``Stale`` for a tag that can match no ticket, ``Invalid`` for no tag at all.
        """
        tag = self.expected_tag()
        if tag is not None and (not (tag.isascii() and tag.isdigit()) or len(tag) > 18):
            raise Stale("The ticket has changed since you read it. Read it again, then repeat your change.")
        return None if tag is None else int(tag)


class JsonAnswer(Response[T]):
    """An answer that is written already: the framework's own response is built twice for every request."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str]) -> None:
        # Not the parent's: it prepares cookies, caching and encoders that an answer of ours never has.
        self.content = body  # type: ignore[assignment]
        self.status_code = status
        self.headers = dict(headers)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        """Return what sends the answer."""
        return self._send

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the head of the answer as it goes over the wire."""
        body: bytes = self.content  # type: ignore[assignment]
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        for name, value in self.headers.items():
            headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        return headers

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Any = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers()}
        end: Any = {"type": "http.response.body", "body": self.content, "more_body": False}
        await send(start)
        await send(end)


async def read_body(headers: Mapping[bytes, bytes], receive: Any, most: int) -> bytes:
    """Read the body of a request; raises ``TooLarge`` before more than ``most`` bytes of it are held.

    Raises ``Invalid`` where the client goes away before its end: nobody reads that answer, but it is counted as theirs.
    """
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and (len(announced) > _MOST_DIGITS or int(announced) > most):
        raise TooLarge(TOO_LARGE)
    chunks, size = [], 0
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The client went away.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise TooLarge(TOO_LARGE)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks) if len(chunks) > 1 else chunks[0]


def respond(reply: Reply[T]) -> Response[T]:
    """Write a reply as JSON."""
    return JsonAnswer(_encode(reply.content), reply.status, reply.headers)
