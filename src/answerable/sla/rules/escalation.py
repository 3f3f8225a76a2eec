"""Who is called in when a promise is broken."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from answerable.kernel.times import iso
from answerable.messages.tickets import TicketRef
from answerable.sla.rules.policy import FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION

_NAMES = {FIRST_RESPONSE: "First response", NEXT_RESPONSE: "Next response", RESOLUTION: "Resolution"}


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


def reason_for(target: str, due_at: int | None, now: int) -> str:
    """Say why somebody is called in, or told."""
    if due_at is None:
        return f"{_NAMES[target]} is waited for"
    return f"{_NAMES[target]} {'was' if due_at <= now else 'is'} due at {iso(due_at)}"


def roles_in(whom: Iterable[str]) -> list[str]:
    """Return the roles that a level names."""
    return [name for kind, _, name in (each.partition(":") for each in whom) if kind == "role"]


def called(whom: Iterable[str], ticket: TicketRef, managers: Sequence[Manager]) -> list[str]:
    """Return the ids of those whom a level names, each once."""
    found: dict[str, None] = {}
    for each in whom:
        kind, _, name = each.partition(":")
        ids: Sequence[str | None] = {
            "agent": (ticket.agent_id,),
            "role": tuple(manager.id for manager in managers if manager.role == name),
            "person": (name,),
        }[kind]
        found |= dict.fromkeys(person for person in ids if person)
    return list(found)
