"""Bodies under ``/api`` are JSON and say so.

A page of another site can make a browser send forms and plain text to the desk without asking it first (CORS calls
them simple requests); JSON it cannot. So nothing else is read as JSON, whatever it looks like.
"""

from litestar.types import ASGIApp, Receive, Scope, Send

from answerable.kernel.errors import Unsupported

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class BodyCheck:
    """Middleware of every route. Raises ``Unsupported`` for a body under ``/api`` that does not say that it is JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then go on."""
        if scope.get("method") not in _WITHOUT_BODY and scope["path"].startswith("/api/"):
            headers = dict(scope["headers"])
            if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
                check_media_type(headers.get(b"content-type", b"").decode("latin-1"))
        await self._app(scope, receive, send)


def check_media_type(content_type: str) -> None:
    """Raise ``Unsupported`` for anything but JSON; its parameters do not matter."""
    media_type = content_type.partition(";")[0].strip().lower()
    if not (media_type.startswith("application/") and media_type.endswith(("/json", "+json"))):
        raise Unsupported("Send the body as JSON, with the header Content-Type: application/json.")
