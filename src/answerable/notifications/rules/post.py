"""The life of a mail: claimed under a lease, then sent, put off, or given up."""

from msgspec.structs import replace

from answerable.kernel.errors import Conflict
from answerable.kernel.times import HOUR, MINUTE, SECOND
from answerable.notifications.rules.delivery import Delivery

FIRST_PAUSE = MINUTE
LONGEST_PAUSE = HOUR
_CONVERSATIONS = 4  # a lease outlives the longest conversation (3 times the time-out) and the commit behind it


def claimed_until(now: int, timeout_seconds: float) -> int:
    """Return the end of a lease: until then nobody else sends the same mail."""
    return now + int(_CONVERSATIONS * timeout_seconds * SECOND) + MINUTE


def pause_after(attempts: int) -> int:
    """Return how long to wait after so many tries: doubling from a minute to an hour, in microseconds."""
    return int(min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE))


def sent(mail: Delivery, now: int) -> Delivery:
    """The server took it; its text is not needed any more."""
    return replace(mail, state="SENT", next_at=None, done_at=now, error=None, body="")


def log(mail: Delivery, now: int) -> Delivery:
    """There is no server: it goes to the log, and stays readable."""
    return replace(mail, state="LOGGED", next_at=None, done_at=now)


def suppress(mail: Delivery, reason: str, now: int) -> Delivery:
    """It may not go out any more."""
    return replace(mail, state="SUPPRESSED", reason=reason, next_at=None, done_at=now, body="")


def put_off(mail: Delivery, error: str, now: int) -> Delivery:
    """It could not be sent now; the last try is at ``give_up_at``."""
    give_up_at = mail.give_up_at or mail.created_at
    if now >= give_up_at:
        return give_up(mail, error, now)
    return replace(mail, state="QUEUED", next_at=min(now + pause_after(mail.attempts), give_up_at), error=error)


def give_up(mail: Delivery, error: str, now: int) -> Delivery:
    """It will not be sent; its text is kept for whoever wants to try again."""
    return replace(mail, state="FAILED", next_at=None, done_at=now, error=error)


def requeue(mail: Delivery, now: int, give_up_hours: int) -> Delivery:
    """Try a failed mail again from the beginning. Raises ``Conflict`` for any other."""
    if mail.state != "FAILED":
        raise Conflict(f"Only a failed mail can be sent again; this one is {mail.state.lower()}.")
    return replace(mail, state="QUEUED", attempts=0, next_at=now, give_up_at=now + give_up_hours * HOUR, done_at=None)
