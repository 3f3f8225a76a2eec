"""The second factor: codes by time (RFC 6238) from an app, and recovery codes for when it is lost. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from answerable.kernel.times import DAY, MINUTE, SECOND
from answerable.kernel.words import N_

SECRET_BYTES = 20  # RFC 4226, section 4
STEP_SECONDS = 30
DIGITS = 6
DRIFT = 1  # steps that a clock may be early or late
RECOVERY_CODES = 10
RECOVERY_BYTES = 10  # 80 bits
CHALLENGE_LIFE = 5 * MINUTE
BAD_CODE = N_("The code is not right.")
BAD_CHALLENGE = N_("This sign-in took too long. Please sign in again.")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~@")


def code_of(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of a time step (RFC 4226, section 5.3)."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    begin = digest[-1] & 15
    number = int.from_bytes(digest[begin : begin + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(now: int) -> int:
    """Return the time step of an instant in microseconds."""
    return now // SECOND // STEP_SECONDS


def matching_step(secret: bytes, code: str, now: int, last: int) -> int | None:
    """Return the step whose code this is, one early or late at most; none up to ``last``, which was used already."""
    found = None
    for step in range(step_of(now) - DRIFT, step_of(now) + DRIFT + 1):
        # all are compared, so that the time tells nothing
        if hmac.compare_digest(code_of(secret, max(step, 0)).encode(), code.encode("utf-8", "replace")) and step > last:
            found = step
    return found


def tidy_code(text: str) -> str:
    """Return a code as it is compared, however people type it."""
    return "".join(letter for letter in text if letter.isalnum()).upper()


def grouped(text: str) -> str:
    """Write a secret or a code in groups of four, as people read it."""
    return "-".join(text[begin : begin + 4] for begin in range(0, len(text), 4))


def written(secret: bytes) -> str:
    """Write a secret as apps take it (base32)."""
    return base64.b32encode(secret).decode().rstrip("=")


def app_address(issuer: str, account: str, secret: bytes) -> str:
    """Return the address that apps read from a QR code."""
    label, name = f"{_quoted(issuer)}:{_quoted(account)}", _quoted(issuer)
    options = f"algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    return f"otpauth://totp/{label}?secret={written(secret)}&issuer={name}&{options}"


def recovery_hash(secret: str, person_id: str, code: str) -> str:
    """Return what is kept of a recovery code: worth nothing without the desk's secret."""
    key = hmac.new(secret.encode(), b"users recovery code", hashlib.sha256).digest()
    return hmac.new(key, f"{person_id} {tidy_code(code)}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def is_required(roles: Iterable[str], required: Iterable[str]) -> bool:
    """Tell whether some roles need a second factor."""
    return bool(set(roles) & set(required))


def grace_ends(since: int, days: int) -> int:
    """Return until when somebody who needs a second factor comes in without."""
    return since + days * DAY


def _quoted(text: str) -> str:
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode())
