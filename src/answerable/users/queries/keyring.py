"""The keys that sign access tokens: Ed25519, private parts sealed at rest with the desk's secret."""

from collections.abc import Mapping
from typing import Any

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from answerable.infra.web.tokens import ALGORITHM, TYPE, key_id, public_text, read_token
from answerable.kernel.errors import Unavailable
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.users.queries.sealed import seal, unseal
from answerable.users.store import sessions

_LABEL = b"users signing key"
_log = structlog.get_logger(__name__)


class Keyring:
    """The signing keys of one desk in memory: the newest signs, all of them verify."""

    def __init__(self) -> None:
        self._public: dict[str, Ed25519PublicKey] = {}
        self._signer: tuple[str, Ed25519PrivateKey] | None = None

    async def load(self, tx: Tx) -> bool:
        """Read the stored keys; false where none of them can sign (there is none, or the secret has changed)."""
        public: dict[str, Ed25519PublicKey] = {}
        signer: tuple[str, Ed25519PrivateKey] | None = None
        for row in await sessions.load_signing_keys(tx):
            raw = unseal(tx.settings.storage.secret, _LABEL, row["kid"], row["private_key"])
            if raw is None:
                _log.warning("signing key cannot be opened with this secret", kid=row["kid"])
                continue
            private = Ed25519PrivateKey.from_private_bytes(raw)
            public[row["kid"]] = private.public_key()
            signer = (row["kid"], private)
        self._public, self._signer = public, signer  # at once: others sign and verify while this one reads
        return signer is not None

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return an access token with these claims. Raises ``Unavailable`` before the keys are loaded."""
        if self._signer is None:
            raise Unavailable(N_("The desk is not ready to sign people in. Please try again soon."), retry_after=2)
        kid, private = self._signer
        return jwt.encode(dict(claims), private, algorithm=ALGORITHM, headers={"kid": kid, "typ": TYPE})

    async def verify(self, tx: Tx, token: str) -> dict[str, Any]:
        """Return the claims of a token of this desk, whatever the time; raises ``BadToken``."""
        if key_id(token) not in self._public:  # made by another process since
            await self.load(tx)
        return read_token(token, self._public, tx.settings.auth)

    def published(self) -> dict[str, Any]:
        """Return the JSON Web Key Set (RFC 7517, RFC 8037) that others verify tokens with."""
        return {
            "keys": [
                {"kty": "OKP", "crv": "Ed25519", "alg": ALGORITHM, "use": "sig", "kid": kid, "x": public_text(key)}
                for kid, key in self._public.items()
            ]
        }


def make_key(kid: str, secret: str) -> tuple[str, str]:
    """Make a signing key; return its private part sealed for ``kid``, and its public part."""
    private = Ed25519PrivateKey.generate()
    return seal(secret, _LABEL, kid, private.private_bytes_raw()), public_text(private.public_key())
