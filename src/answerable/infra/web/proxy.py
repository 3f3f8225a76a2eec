"""The gateway's other half: a route of a feature that runs elsewhere is asked for there, and its answer handed on."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote

import aiohttp
import structlog
from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.utils import normalize_path
from yarl import URL

from answerable.infra.database.port import DeskDatabase
from answerable.infra.web.cookies import SESSION, cookie_name, without_cookie
from answerable.infra.web.far import FarVisits, StillGood
from answerable.infra.web.grants import check_grant
from answerable.infra.web.inner import HEADER, Caller, GrantsOf, InnerDoor, refuses_gateway
from answerable.infra.web.kept import Asking, gather
from answerable.infra.web.request import read_body
from answerable.kernel.actor import ANONYMOUS
from answerable.kernel.errors import Unavailable
from answerable.kernel.words import N_
from answerable.settings import Settings

CONNECT_SECONDS = 2.0
CONNECTIONS_PER_PEER = 100
IDLE_SECONDS = 10.0  # less than a service keeps a quiet connection, or a POST would meet a closed one
AWAY = N_("This part of the desk is away for a moment. Please try again soon.")
# RFC 9110, section 7.6.1: what is between two neighbours only; and what the next one is told anew.
_NEIGHBOURS = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade expect".split()
)
_TOLD_ANEW = frozenset(
    b"host content-length x-request-id forwarded x-forwarded-for x-forwarded-host x-forwarded-proto".split()
) | {HEADER}
_DROPPED = _NEIGHBOURS | _TOLD_ANEW
_DROPPED_FROM_ANSWERS = _NEIGHBOURS | {b"date"}  # which this server says itself, and which there may be one of
SERVICE = "service"  # the parameter that names one
KEEPER_OF_TOKENS = "users"  # the one service that may see the token itself, to end its session
_log = structlog.get_logger(__name__)


class Proxy:
    """ASGI application that hands requests on to the services that answer them, and keeps the rest for ``app``."""

    def __init__(
        self,
        app: Any,
        router: Litestar,
        owners: Mapping[Any, str],
        settings: Settings,
        inner: InnerDoor,
        everywhere: Collection[Any] = (),
    ) -> None:
        """Take ``owners``: which peer runs the functions behind routes; what is not in it runs here.

        Those of ``everywhere`` run here too, but for a peer that ``?service=`` names.
        """
        self._everywhere = everywhere
        self._app = app
        self._route = router.asgi_router.handle_routing
        self._owners = owners
        self._peers = {name: url.rstrip("/") for name, url in settings.peers.urls.items()}
        self._most = settings.server.max_body_bytes
        self._patience = settings.peers.timeout_seconds
        self._inner = inner
        self._session: aiohttp.ClientSession | None = None
        self._asking = Asking(settings, inner, self.open_session)
        self._away: set[str] = set()
        self._cookie = cookie_name(SESSION, settings)
        self.visits: FarVisits | None = None  # whoever changed something at the users service is asked for anew

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request. Raises ``Unavailable`` where its service is away."""
        peer, gathered = self._peer_of(scope) if scope["type"] == "http" else (None, False)
        if gathered:
            await self._gather(peer, scope, receive, send)
        elif peer is None:
            await self._app(scope, receive, send)
        else:
            await self._hand_on(peer, scope, receive, send)

    def ask_for_visits(self, database: DeskDatabase, grants_of: GrantsOf, still_good: StillGood) -> FarVisits:
        """Return who knows the cookies of browsers: the users service."""

        def headers() -> dict[str, str]:
            return {HEADER.decode(): self._inner.seal(Caller(ANONYMOUS, "gateway")).decode()}

        return FarVisits(database, self._peers[KEEPER_OF_TOKENS], self.open_session, headers, grants_of, still_good)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    def _peer_of(self, scope: Any) -> tuple[str | None, bool]:
        """Return which peer answers, ``None`` for this process, and whether the others have a part in the answer."""
        try:
            _, handler, _, _, template = self._route(path=normalize_path(scope["path"]), method=scope["method"])
        except HTTPException:
            return None, False  # no such route, or not with this method: the application says so
        peer = self._owners.get(handler.fn)
        if handler.fn in self._everywhere:
            asked = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get(SERVICE, "")
            peer = asked if asked in self._peers else None
        if peer is not None:
            check_grant(scope, handler.opt.get("grant"), template)
        return peer, "gathered" in handler.opt

    async def _gather(self, peer: str | None, scope: Any, receive: Any, send: Any) -> None:
        plain = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}
        scope["state"]["answer"] = lambda *_: False  # what the short way would write at once has to come by here

        async def answer(keep: Any) -> None:
            try:
                await (self._hand_on(peer, plain, receive, keep) if peer else self._app(plain, receive, keep))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:  # half an answer, of which nothing is out
                raise Unavailable(AWAY, retry_after=2) from error

        asks = scope["state"].get("actor", ANONYMOUS).id
        await gather(self._asking, self._peers.keys() - {peer}, asks, answer, send)

    async def _hand_on(self, peer: str, scope: Any, receive: Any, send: Any) -> None:
        body = await read_body(scope["state"]["headers"], receive, self._most)
        query = scope["query_string"].decode("latin-1")
        address = f"{self._peers[peer]}{quote(scope['path'])}{'?' + query if query else ''}"
        started = False
        try:
            async with self.open_session().request(
                scope["method"],
                URL(address, encoded=True),
                headers=self._headers(peer, scope),
                data=body or None,
                allow_redirects=False,
            ) as answer:
                if refuses_gateway(answer):
                    self._note(peer, "it does not believe this gateway: do peers.secret and the clocks agree?")
                    raise Unavailable(AWAY, retry_after=2)
                self._note(peer, "")
                await send(_start_of(answer))
                started = True
                if self.visits is not None and peer == KEEPER_OF_TOKENS and scope["method"] != "GET":
                    self.visits.forget(scope["state"].get("cookie", ""))
                await _send_on(answer, receive, send)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._note(peer, type(error).__name__)
            if started:
                raise  # half an answer is none: the connection breaks
            raise Unavailable(AWAY, retry_after=2) from error

    def _headers(self, peer: str, scope: Any) -> list[tuple[str, str]]:
        state = scope["state"]
        address = state.get("address") or (scope["client"][0] if scope.get("client") else "unknown")
        caller = Caller(state.get("actor", ANONYMOUS), address, state.get("visit"), state.get("form_key", b""))
        told = [(HEADER, self._inner.seal(caller)), (b"x-request-id", state["request_id"])]
        kept = [pair for pair in scope["headers"] if pair[0] not in _DROPPED]
        if peer != KEEPER_OF_TOKENS:
            kept = [
                (name, without_cookie(value, self._cookie) if name == b"cookie" else value)
                for name, value in kept
                if name != b"authorization"
            ]
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in (*kept, *told)]

    def open_session(self) -> aiohttp.ClientSession:
        """Return the connections to the other services."""
        if self._session is None:  # made in the loop that uses it
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, limit_per_host=CONNECTIONS_PER_PEER, keepalive_timeout=IDLE_SECONDS
                ),
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=self._patience
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                middlewares=(_ask_once,),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                trust_env=False,
            )
        return self._session

    def _note(self, peer: str, error: str) -> None:
        """Say once that a peer went, and once that it came back."""
        if error and peer not in self._away:
            self._away.add(peer)
            _log.warning("peer is away", peer=peer, error=error)
        elif not error and peer in self._away:
            self._away.discard(peer)
            _log.info("peer is back", peer=peer)


async def _ask_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Ask anew, where a connection ends without an answer, for what only reads: the library repeats PUT and DELETE too.

    They may have been done, and whoever asked would be told of the second time: that it can no longer be done.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method == "GET" or isinstance(error, aiohttp.ClientConnectorError):
            raise
        raise aiohttp.ClientConnectionError("ended without an answer") from error


def _start_of(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    headers = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() not in _DROPPED_FROM_ANSWERS]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def _send_on(answer: aiohttp.ClientResponse, receive: Any, send: Any) -> None:
    """Hand the body on as it comes; stop when the client has gone."""
    gone = asyncio.ensure_future(_disconnect(receive)) if answer.content_length is None else None
    try:
        while chunk := await _next_chunk(answer, gone):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        if gone is not None:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone


async def _next_chunk(answer: aiohttp.ClientResponse, gone: "asyncio.Future[None] | None") -> bytes:
    if gone is None:
        return await answer.content.readany()
    coming = asyncio.ensure_future(answer.content.readany())
    both: set[asyncio.Future[Any]] = {coming, gone}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not coming.done():
        coming.cancel()
        return b""
    return coming.result()


async def _disconnect(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
