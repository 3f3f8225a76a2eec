"""Access tokens as they are read: the same strictness wherever the public keys come from."""

import base64
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from answerable.settings import Auth

ALGORITHM = "EdDSA"
TYPE = "at+jwt"  # RFC 9068: no other kind of JWT passes for an access token
LONGEST_TOKEN = 4096
API_KEY = "ans_"  # how the keys of programs begin, so that scanners know a leaked one
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti", "ver"]


class BadToken(Exception):
    """The text is not an access token of this desk."""


def bearer(authorization: str) -> str:
    """Return the token of an ``Authorization`` header; raises ``BadToken`` for another scheme."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise BadToken
    return token


def key_id(token: str) -> str:
    """Return which key a token says that it is signed with; raises ``BadToken`` for what is no access token."""
    if len(token) > LONGEST_TOKEN:
        raise BadToken
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise BadToken from error
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or header.get("typ") != TYPE or not isinstance(kid, str):
        raise BadToken
    return kid


def read_token(token: str, keys: Mapping[str, Ed25519PublicKey], auth: Auth) -> dict[str, Any]:
    """Return the claims of a token that one of ``keys`` has signed, whatever the time; raises ``BadToken``.

    Algorithm, type, issuer and audience are pinned (RFC 8725). Life is for the caller to check on the desk's clock.
    """
    key = keys.get(key_id(token))
    if key is None:
        raise BadToken
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=auth.issuer,
            audience=auth.audience,
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise BadToken from error
    if not all(_is_whole(claims[name]) for name in ("iat", "exp", "ver")):
        raise BadToken
    if not all(isinstance(claims[name], str) for name in ("sub", "jti")):
        raise BadToken
    return claims


def public_text(key: Ed25519PublicKey) -> str:
    """Write a public key as the ``x`` of a JSON Web Key (RFC 8037)."""
    return base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()


def public_key(text: str) -> Ed25519PublicKey:
    """Read the ``x`` of a JSON Web Key; raises ``ValueError``."""
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
