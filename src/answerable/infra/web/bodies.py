"""Bodies under ``/api`` are JSON, say so, and are read to the letter.

A page of another site can make a browser send forms and plain text to the desk without asking it first (CORS calls
them simple requests); JSON it cannot. So nothing else is read as JSON, whatever it looks like.
"""

import re
from functools import cache
from typing import Any

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from answerable.infra.web.wording import field_error
from answerable.kernel.errors import Invalid, Unsupported

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})

_PLACE = re.compile(r" - at `\$(?:\.)?([^`]*)`$")


class BodyCheck:
    """Middleware of every route. Raises ``Unsupported`` for a body under ``/api`` that does not say that it is JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then go on."""
        check_body(scope)
        await self._app(scope, receive, send)


def check_body(scope: Scope) -> None:
    """Raise as :class:`BodyCheck` says for the body that a request announces."""
    if scope.get("method") not in _WITHOUT_BODY and scope["path"].startswith("/api/"):
        headers = scope["state"]["headers"]
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            check_media_type(headers.get(b"content-type", b"").decode("latin-1"))


def check_media_type(content_type: str) -> None:
    """Raise ``Unsupported`` for anything but JSON; its parameters do not matter."""
    media_type = content_type.partition(";")[0].strip().lower()
    if not (media_type.startswith("application/") and media_type.endswith(("/json", "+json"))):
        raise Unsupported("Send the body as JSON, with the header Content-Type: application/json.")


def read_json(body: bytes, kind: Any) -> Any:
    """Read a document of some type. Nothing is bent into shape: ``"true"`` is no boolean, ``"7"`` no number.

    Raises ``Invalid`` with the field that is wrong, or for what is no JSON at all.
    """
    if not body:
        raise Invalid("The request has invalid values.", errors=("body: is missing",))
    try:
        return _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        words = str(error)
        place = _PLACE.search(words)
        field = place[1].replace("[", "").replace("]", "") if place else ""
        complaint = field_error(field, _PLACE.sub("", words))
        raise Invalid("The request has invalid values.", errors=(complaint[:300],)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):  # the latter for the name of an unknown field
        raise Invalid("The request body is not valid JSON.") from None


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
