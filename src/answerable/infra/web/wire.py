"""How an answer leaves: a whole one is written at once.

uvicorn writes head and body one after the other, two calls to the system and two packets, and checks each header by
itself. Together that was an eighth of a request (``docs/decisions/0013-short-way.md``). Streams, and whatever is
unusual, are written by uvicorn as ever.
"""

import re
from operator import itemgetter
from typing import Any

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

# What uvicorn refuses in a header's value, but for the ends of lines, which are counted.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNUSUAL = frozenset({b"connection", b"transfer-encoding"})
_name_of = itemgetter(0)


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

    def send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write head and body, or return false, and do nothing, where uvicorn's own way is called for."""
        if self.response_started or self.disconnected or self.flow.write_paused or not self.keep_alive:
            return False
        named = dict(headers)
        if named[b"content-length"] != b"%d" % len(body) or not _UNUSUAL.isdisjoint(named):
            return False  # a wrong length (or the lack of a body after HEAD) is uvicorn's affair
        lines = [*self.default_headers, *headers]
        head = b"%b%b\r\n" % (STATUS_LINE[status], b"".join([b"%b: %b\r\n" % line for line in lines]))
        ends = len(lines) + 2
        if head.count(b"\n") != ends or head.count(b"\r") != ends or _CONTROL.search(head):
            return False  # uvicorn refuses what would make a header into two
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(head + body)
        self.message_event.set()
        self.on_response()
        return True


# The protocol makes its cycles by this name. To change the class of each one afterwards costs a twentieth of a request.
httptools_impl.RequestResponseCycle = _Cycle  # type: ignore[misc]


class DeskProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with answers that leave whole."""

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.scope["state"]["send_whole"] = cycle.send_whole
        super()._start_asgi_task(cycle, app)
