"""What is promised. One policy so far, on the 24x7 calendar; policies and calendars become data in a later issue."""

from collections.abc import Mapping
from dataclasses import dataclass

from answerable.kernel.times import HOUR, MINUTE
from answerable.messages.tickets import TicketRef

FIRST_RESPONSE = "FIRST_RESPONSE"
NEXT_RESPONSE = "NEXT_RESPONSE"
RESOLUTION = "RESOLUTION"


@dataclass(frozen=True, slots=True)
class Policy:
    """A set of promises: for each target and priority the working time that it may take, in microseconds."""

    name: str
    promises: Mapping[str, Mapping[str, int]]


_RESPONSE = {"CRITICAL": 15 * MINUTE, "HIGH": HOUR, "MEDIUM": 2 * HOUR, "LOW": 8 * HOUR}
_RESOLUTION = {"CRITICAL": HOUR, "HIGH": 4 * HOUR, "MEDIUM": 8 * HOUR, "LOW": 24 * HOUR}
DEFAULT = Policy("default", {FIRST_RESPONSE: _RESPONSE, NEXT_RESPONSE: _RESPONSE, RESOLUTION: _RESOLUTION})


@dataclass(frozen=True, slots=True)
class Terms:
    """What one clock is held to, in microseconds of working time; ``warn_micros`` is ``None`` for no warning."""

    policy: str
    target_micros: int
    warn_micros: int | None


def terms_for(ticket: TicketRef, target: str, warn_share: float) -> Terms:
    """Return the terms of a ticket's ``target``; a warning comes at ``warn_share`` (between 0 and 1) of the time."""
    promised = DEFAULT.promises[target][ticket.priority]
    return Terms(DEFAULT.name, promised, round(promised * warn_share) if 0 < warn_share < 1 else None)
