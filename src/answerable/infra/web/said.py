"""What the next page says once: that something was done, and how to undo it. It travels in a cookie, signed."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from answerable.infra.web.cookies import SAID, cookie_name, read_cookie

LONGEST = 2000


class Undo(msgspec.Struct, frozen=True):
    """A form that takes something back: where it is sent, and what is in it."""

    action: str
    fields: dict[str, str] = {}


class Said(msgspec.Struct, frozen=True):
    """One sentence; ``tone`` is ``done`` or ``warning``."""

    text: str
    tone: str = "done"
    undo: Undo | None = None


def seal(said: Said, key: bytes) -> str:
    """Write it as a cookie's value that only this browser session takes."""
    body = base64.urlsafe_b64encode(msgspec.json.encode(said)).decode()
    return f"{body}.{_mark(body, key)}"


def said_before(scope: Any, key: bytes) -> Said | None:
    """Return what the page before left to be said, ``None`` for nothing, or what was not written by us."""
    state = scope["state"]
    headers: Mapping[bytes, bytes] = state["headers"]
    value = read_cookie(headers, cookie_name(SAID, state["database"].settings))
    body, _, mark = value.rpartition(".")
    if not body or len(value) > 2 * LONGEST or not hmac.compare_digest(mark.encode(), _mark(body, key).encode()):
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(body), type=Said)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None


def _mark(body: str, key: bytes) -> str:
    return hmac.new(key, b"said " + body.encode(), hashlib.sha256).hexdigest()[:32]
