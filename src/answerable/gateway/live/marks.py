"""Opaque ids for signals: a place in this process' own count of events, sealed.

The count itself would tell how much happens that a person may not see, and equal ids would tell that nothing did. So
each id is one AES block of place, serial and whom it is for: two ids of one place look unrelated, and an id of
somebody else, of other rights or of an earlier process opens to nothing.
"""

import base64
import binascii
import hashlib
import itertools
import secrets
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from answerable.kernel.actor import Actor

_BLOCK = struct.Struct(">QI4s")
_TEXT_LENGTH = 22  # sixteen bytes in base64 without padding


class Marks:
    """Seals and opens the ids of one hub. The key lives as long as the hub's memory does."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        # One block that never repeats (the serial) needs no chaining; the mode has no state, so one context serves.
        cipher = Cipher(algorithms.AES(self._key[:16]), modes.ECB())  # noqa: S305
        self._seal, self._open = cipher.encryptor(), cipher.decryptor()
        self._serials = itertools.count()

    def binding(self, actor: Actor) -> bytes:
        """Return what ties an id to a person and their rights of today."""
        text = "\n".join([actor.id, *sorted(actor.grants)])
        return hashlib.blake2s(text.encode(), key=self._key[16:], digest_size=4).digest()

    def seal(self, place: int, binding: bytes) -> str:
        """Make an id for a place."""
        block = _BLOCK.pack(place, next(self._serials) & 0xFFFFFFFF, binding)
        return base64.urlsafe_b64encode(self._seal.update(block)).rstrip(b"=").decode()

    def open(self, mark: str, binding: bytes) -> int | None:
        """Return the place in an id, ``None`` where it is not one of this hub for this person."""
        if len(mark) != _TEXT_LENGTH or not mark.isascii():
            return None
        try:
            block = self._open.update(base64.b64decode(mark + "==", altchars=b"-_", validate=True))
        except binascii.Error:
            return None
        place, _, bound = _BLOCK.unpack(block)
        return int(place) if bound == binding else None
