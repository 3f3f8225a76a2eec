"""The keys that sign access tokens: Ed25519, private parts sealed at rest with the desk's secret."""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Any

import jwt
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from answerable.kernel.errors import Unavailable
from answerable.kernel.tx import Tx
from answerable.users.store import sessions

ALGORITHM = "EdDSA"
TYPE = "at+jwt"  # RFC 9068: no other kind of JWT passes for an access token
LONGEST_TOKEN = 4096
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti", "ver"]
_log = structlog.get_logger(__name__)


class BadToken(Exception):
    """The text is not an access token of this desk."""


class Keyring:
    """The signing keys of one desk in memory: the newest signs, all of them verify."""

    def __init__(self) -> None:
        self._public: dict[str, Ed25519PublicKey] = {}
        self._signer: tuple[str, Ed25519PrivateKey] | None = None

    async def load(self, tx: Tx) -> bool:
        """Read the stored keys; false where none of them can sign (there is none, or the secret has changed)."""
        self._public, self._signer = {}, None
        for row in await sessions.load_signing_keys(tx):
            private = _unseal(row["private_key"], row["kid"], tx.settings.storage.secret)
            if private is None:
                _log.warning("signing key cannot be opened with this secret", kid=row["kid"])
                continue
            self._public[row["kid"]] = private.public_key()
            self._signer = (row["kid"], private)
        return self._signer is not None

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return an access token with these claims. Raises ``Unavailable`` before the keys are loaded."""
        if self._signer is None:
            raise Unavailable("The desk is not ready to sign people in. Please try again soon.", retry_after=2)
        kid, private = self._signer
        return jwt.encode(dict(claims), private, algorithm=ALGORITHM, headers={"kid": kid, "typ": TYPE})

    async def verify(self, tx: Tx, token: str) -> dict[str, Any]:
        """Return the claims of a token of this desk, whatever the time; raises ``BadToken``.

        Algorithm, type, issuer and audience are pinned (RFC 8725). Life is for the caller to check on the desk's clock.
        """
        if len(token) > LONGEST_TOKEN:
            raise BadToken
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            if header.get("alg") != ALGORITHM or header.get("typ") != TYPE or not isinstance(kid, str):
                raise BadToken
            if kid not in self._public:  # made by another process since
                await self.load(tx)
            if kid not in self._public:
                raise BadToken
            claims: dict[str, Any] = jwt.decode(
                token,
                self._public[kid],
                algorithms=[ALGORITHM],
                issuer=tx.settings.auth.issuer,
                audience=tx.settings.auth.audience,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise BadToken from error
        if not all(_is_whole(claims[name]) for name in ("iat", "exp", "ver")):
            raise BadToken
        if not all(isinstance(claims[name], str) for name in ("sub", "jti")):
            raise BadToken
        return claims

    def published(self) -> dict[str, Any]:
        """Return the JSON Web Key Set (RFC 7517, RFC 8037) that others verify tokens with."""
        return {
            "keys": [
                {"kty": "OKP", "crv": "Ed25519", "alg": ALGORITHM, "use": "sig", "kid": kid, "x": _public_text(key)}
                for kid, key in self._public.items()
            ]
        }


def make_key(kid: str, secret: str) -> tuple[str, str]:
    """Make a signing key; return its private part sealed for ``kid``, and its public part."""
    private = Ed25519PrivateKey.generate()
    nonce = os.urandom(12)
    sealed = nonce + AESGCM(_sealing_key(secret)).encrypt(nonce, private.private_bytes_raw(), kid.encode())
    return base64.b64encode(sealed).decode(), _public_text(private.public_key())


def _unseal(sealed: str, kid: str, secret: str) -> Ed25519PrivateKey | None:
    raw = base64.b64decode(sealed)
    try:
        return Ed25519PrivateKey.from_private_bytes(
            AESGCM(_sealing_key(secret)).decrypt(raw[:12], raw[12:], kid.encode())
        )
    except InvalidTag:
        return None


def _sealing_key(secret: str) -> bytes:
    return hmac.new(secret.encode(), b"users signing key", hashlib.sha256).digest()


def _public_text(key: Ed25519PublicKey) -> str:
    return base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
