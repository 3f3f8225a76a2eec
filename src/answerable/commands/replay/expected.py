"""What the log says an incident came to, read from the log alone (the desk is not asked)."""

from dataclasses import dataclass

from answerable.commands.replay.log import Incident

FINAL = {
    "NEW": ("CREATED", "ASSIGNED"),
    "ACTIVE": ("IN_PROGRESS",),
    "AWAITING": ("WAITING",),
    "RESOLVED": ("RESOLVED",),
    "CLOSED": ("CLOSED",),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """An incident's end: acceptable final statuses, last named assignee, reopenings and waiting periods."""

    statuses: tuple[str, ...]
    agent: str
    reopenings: int
    waitings: int


def outcome(incident: Incident) -> Outcome:
    """Read an incident's outcome.

    A reopening is a step from Resolved or Closed back to any earlier state. A waiting period is a stretch of Awaiting
    states of any kind; two that touch (the log is to the minute) are one.
    """
    agent, reopenings, waitings = "", 0, 0
    state, waited_until = "", -1
    for row in incident.rows:
        agent = row.agent or agent
        if not row.state:
            continue
        if state in ("RESOLVED", "CLOSED") and row.state not in ("RESOLVED", "CLOSED"):
            reopenings += 1
        if state == "AWAITING" and row.state != "AWAITING":
            waited_until = row.time
        if row.state == "AWAITING" and state != "AWAITING" and row.time != waited_until:
            waitings += 1
        state = row.state
    return Outcome(FINAL[state or "NEW"], agent, reopenings, waitings)
