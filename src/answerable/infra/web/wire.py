"""How an answer leaves: a whole one is written at once.

uvicorn writes head and body one after the other, two calls to the system and two packets, and checks each header by
itself. Together that was an eighth of a request (``docs/decisions/0013-short-way.md``). Streams, and whatever is
unusual, are written by uvicorn as ever.
"""

import re
from contextvars import Context, copy_context
from operator import itemgetter
from typing import Any

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from answerable.infra.stretch import COURTESY, has_next_round
from answerable.infra.web.eager import begin
from answerable.settings import Server

# What uvicorn refuses in a header's value, but for the ends of lines, which are counted.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNUSUAL = frozenset({b"connection", b"transfer-encoding"})
_name_of = itemgetter(0)
MAX_HEADER_BYTES = 1 << 20  # pieces are up to 256 KiB, and the first may hold the end of another request
_TOO_LONG = STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n"
Headers = list[tuple[bytes, bytes]]


def written(headers: Headers) -> bytes:
    """Return headers as they stand in an answer."""
    return b"".join([b"%b: %b\r\n" % line for line in headers])


class _Cycle(RequestResponseCycle):
    """One request and its answer. The head of an answer of known length waits for the body, which follows at once."""

    _start: Any = None

    async def send(self, message: Any) -> None:
        """Take a part of the answer from the application."""
        if message["type"] == "http.response.start":
            if not self.response_started and b"content-length" in map(_name_of, message["headers"]):
                self._start = message
                return
        elif self._start is not None:
            start, self._start = self._start, None
            if not message.get("more_body") and self.send_whole(
                start["status"], start["headers"], message.get("body", b"")
            ):
                return
            await super().send(start)
        await super().send(message)

    def send_whole(self, status: int, headers: Headers, body: bytes, tail: bytes = b"") -> bool:
        """Write head and body, or return false, and do nothing, where uvicorn's own way is called for.

        The ``tail`` is headers that are written and looked at already.
        """
        if self.response_started or self.disconnected or self.flow.write_paused or not self.keep_alive:
            return False
        named = dict(headers)
        if named[b"content-length"] != b"%d" % len(body) or not _UNUSUAL.isdisjoint(named):
            return False  # a wrong length (or the lack of a body after HEAD) is uvicorn's affair
        own, ends = written(headers), len(headers)
        if own.count(b"\n") != ends or own.count(b"\r") != ends or _CONTROL.search(own):
            return False  # uvicorn refuses what would make a header into two
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        first = _FIRST.of(self.default_headers)
        self.transport.write(b"%b%b%b%b\r\n%b" % (STATUS_LINE[status], first, own, tail, body))
        self.message_event.set()
        self.on_response()
        return True


class _First:
    """The headers that uvicorn puts first, written anew when it makes them anew, each second."""

    _known: Headers | None = None
    _written = b""

    def of(self, headers: Headers) -> bytes:
        if headers is not self._known:
            self._known, self._written = headers, written(headers)
        return self._written


_FIRST = _First()

# The protocol makes its cycles by this name. To change the class of each one afterwards costs a twentieth of a request.
httptools_impl.RequestResponseCycle = _Cycle  # type: ignore[misc]


class DeskProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with answers that leave whole, and without patience for clients that do not get on.

    uvicorn lets a connection that never finishes a head or a body, or that never reads, stay for ever. Here one look
    over all connections every few seconds finds those; it costs a request two assignments. It also reads heads of any
    length, each piece more slowly than the one before.
    """

    head_seconds, body_seconds, read_seconds = 20.0, 60.0, 60.0
    _since: float | None = None  # when the head or the body that is not whole began
    _patience = 0.0
    _header_bytes = 0  # what came since a message, or the next piece of its body, began
    _stuck: float | None = None  # since when nothing was read of what is written
    _reading = False
    _new: tuple[Any, Any] | None = None  # the request that began in the piece that is being read

    def connection_made(self, transport: Any) -> None:
        """Begin to watch a connection."""
        super().connection_made(transport)
        self._since, self._patience = self.loop.time(), self.head_seconds
        state: Any = self.server_state
        if not getattr(state, "watched", False):
            state.watched = True
            self.loop.call_later(self._pause(), self._look_over_all)

    def data_received(self, data: bytes) -> None:
        """Take what the client sent, and give up on headers, or trailers behind a body, that do not end."""
        self._reading = True
        super().data_received(data)
        self._reading = False
        if self._new is not None:
            self._begin(*self._new)
        self._header_bytes += len(data)
        if self._header_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._since, self._patience = self.loop.time(), self.head_seconds
        self._header_bytes = 0

    def on_headers_complete(self) -> None:
        """Note that a body begins, or nothing does."""
        super().on_headers_complete()
        self._patience = self.body_seconds

    def on_body(self, body: bytes) -> None:
        """Note that the client gets on with a body."""
        self._header_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the client has said what it had to say."""
        super().on_message_complete()
        self._since = None

    def on_response_complete(self) -> None:
        """Note that the client is answered."""
        super().on_response_complete()
        COURTESY.answered()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        super().pause_writing()
        self._stuck = self.loop.time()

    def resume_writing(self) -> None:
        """Note that it does."""
        super().resume_writing()
        self._stuck = None

    def _look_over_all(self) -> None:
        now, state = self.loop.time(), self.server_state
        for one in list(state.connections):
            if isinstance(one, DeskProtocol):
                one.give_up_on(now)
        if state.connections:
            self.loop.call_later(self._pause(), self._look_over_all)
        else:
            state.watched = False  # type: ignore[attr-defined]

    def _pause(self) -> float:
        return min(5.0, self.head_seconds / 2, self.body_seconds / 2, self.read_seconds / 2)

    def give_up_on(self, now: float) -> None:
        """Cut the connection where its client has not got on for too long."""
        slow = self._since is not None and now - self._since > self._patience
        if slow or (self._stuck is not None and now - self._stuck > self.read_seconds):
            self.transport.abort()  # what waits to be read would otherwise keep it open

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.scope["state"]["send_whole"] = cycle.send_whole
        if self._reading and cycle.scope["method"] == "GET" and has_next_round(self.loop):
            self._new = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _begin(self, cycle: Any, app: Any) -> None:
        """Answer at once, where that is possible, what would wait for a stretch of the desk's work in the next round.

        Otherwise all requests that have come are read first, and then answered together, which takes less time.
        """
        self._new = None
        if self.transport.is_closing():
            super()._start_asgi_task(cycle, app)
            return
        task = begin(cycle.run_asgi(app), Context() if self.config.reset_contextvars else copy_context())
        if not cycle.response_complete:
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)


def protocol_of(server: Server) -> type[DeskProtocol]:
    """Return the protocol with the patience that the settings have."""

    class Configured(DeskProtocol):
        """With this desk's patience."""

        head_seconds, body_seconds = server.head_seconds, server.body_seconds
        read_seconds = server.read_seconds

    return Configured
