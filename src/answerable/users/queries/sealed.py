"""What is kept so that only the holder of the desk's secret can read it: signing keys, second factors."""

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def seal(secret: str, label: bytes, owner: str, content: bytes) -> str:
    """Seal something for its ``owner``: moved to another row, it cannot be opened."""
    nonce = os.urandom(12)
    return base64.b64encode(nonce + AESGCM(_key(secret, label)).encrypt(nonce, content, owner.encode())).decode()


def unseal(secret: str, label: bytes, owner: str, sealed: str) -> bytes | None:
    """Open it again; ``None`` where it was sealed with another secret or for somebody else."""
    raw = base64.b64decode(sealed)
    try:
        return AESGCM(_key(secret, label)).decrypt(raw[:12], raw[12:], owner.encode())
    except InvalidTag:
        return None


def _key(secret: str, label: bytes) -> bytes:
    return hmac.new(secret.encode(), label, hashlib.sha256).digest()
