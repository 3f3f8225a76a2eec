"""Cookies of the web desk: reading and writing them, and the token that every form carries.

The token is derived from the cookie of the browser, so nothing about it is stored, and it ends with the session. It is
masked anew for every form: a compressed page tells nothing about it (BREACH).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from answerable.settings import Settings

SESSION = "answerable_session"
FORM = "answerable_form"  # of browsers in which nobody is signed in
SAID = "answerable_said"  # what the next page says once
LONGEST = 4096
_KEY_BYTES = 32


def is_secure(settings: Settings) -> bool:
    """Tell whether people reach the desk by TLS."""
    return settings.public_url.startswith("https://")


def cookie_name(name: str, settings: Settings) -> str:
    """Return what a cookie is called here; behind TLS, no other host and no plain page can set it."""
    return f"__Host-{name}" if is_secure(settings) else name


def read_cookie(headers: Mapping[bytes, bytes], name: str) -> str:
    """Return a cookie of a request, empty where it has none."""
    header = headers.get(b"cookie")
    if header is None:
        return ""
    wanted = f"{name}=".encode()
    for part in header.split(b";"):
        part = part.strip()
        if part.startswith(wanted):
            value = part[len(wanted) :].decode("latin-1")
            return value if len(value) <= LONGEST else ""
    return ""


def without_cookie(header: bytes, name: str) -> bytes:
    """Return a ``Cookie`` header without one of its cookies."""
    wanted = f"{name}=".encode()
    return b"; ".join(part for part in (each.strip() for each in header.split(b";")) if not part.startswith(wanted))


def set_cookie(settings: Settings, name: str, value: str, *, seconds: int | None = None) -> str:
    """Write a ``Set-Cookie`` header; without ``seconds`` the cookie goes with the browser's window, 0 removes it."""
    parts = [f"{cookie_name(name, settings)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if seconds is not None:
        parts.append(f"Max-Age={seconds}")
    if is_secure(settings):
        parts.append("Secure")
    return "; ".join(parts)


def form_key(cookie: str) -> bytes:
    """Return what the tokens of forms in this browser are made from."""
    return hmac.new(cookie.encode("latin-1", "replace"), b"answerable form", hashlib.sha256).digest()


def new_form_cookie() -> str:
    """Return a cookie for a browser in which nobody is signed in."""
    return secrets.token_urlsafe(24)


def form_token(key: bytes) -> str:
    """Return a token for one form."""
    mask = secrets.token_bytes(_KEY_BYTES)
    return base64.urlsafe_b64encode(mask + _mixed(mask, key)).decode()


def is_form_token(token: str, key: bytes) -> bool:
    """Tell whether a token was made with this key."""
    try:
        raw = base64.b64decode(token.encode("latin-1"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(raw) != 2 * _KEY_BYTES:
        return False
    return hmac.compare_digest(_mixed(raw[:_KEY_BYTES], raw[_KEY_BYTES:]), key)


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
