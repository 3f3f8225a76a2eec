"""Who is called in when a promise is broken."""

from collections.abc import Sequence
from dataclasses import dataclass

from answerable.kernel.times import iso
from answerable.sla.rules.clock import Clock
from answerable.sla.rules.policy import FIRST_RESPONSE, RESOLUTION

ESCALATED_TARGETS = (FIRST_RESPONSE, RESOLUTION)
ON_BREACH = 1  # the level of an escalation; policies as data will have more
_NAMES = {FIRST_RESPONSE: "First response", RESOLUTION: "Resolution"}


@dataclass(frozen=True, slots=True)
class Manager:
    """Somebody who can be called in: ``role`` is MANAGER or ADMIN; ``escalated_at`` is the last time, if any."""

    id: str
    role: str
    open_escalations: int
    escalated_at: int | None


def choose_manager(managers: Sequence[Manager]) -> Manager | None:
    """Choose the least loaded manager, of equals the one longest left alone; administrators where there is none."""
    present = [one for one in managers if one.role == "MANAGER"] or managers
    return min(present, key=_load, default=None)


def _load(manager: Manager) -> tuple[int, int, str]:
    return manager.open_escalations, -1 if manager.escalated_at is None else manager.escalated_at, manager.id


def reason_for(clock: Clock, due_at: int) -> str:
    """Say why a manager is called in."""
    return f"{_NAMES[clock.target]} was due at {iso(due_at)}"
