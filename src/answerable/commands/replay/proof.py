"""The replay's proof: what the desk now holds against what the log says, and its reports against a recount."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from answerable.commands.replay.drive import STAND_IN, Played
from answerable.commands.replay.expected import outcome
from answerable.commands.replay.log import Incident
from answerable.infra.bus.verify import verify_log
from answerable.kernel.actor import service
from answerable.kernel.span import ALWAYS
from answerable.kernel.times import MINUTE
from answerable.kernel.tx import Row, Tx
from answerable.reporting import queries as reports
from answerable.runtime import Desk
from answerable.tickets.rules import PRIORITIES, STATUSES

_PROVER = service("replay")


class Proof:
    """Checks and differences. ``checks`` maps what was compared to how many agreed and how many did not."""

    def __init__(self) -> None:
        self.checks: dict[str, tuple[int, int]] = {}
        self.differences: list[str] = []

    def note(self, what: str, compared: int, differences: Sequence[str]) -> None:
        """Note one kind of comparison."""
        self.checks[what] = (compared - len(differences), len(differences))
        self.differences += differences


async def prove(desk: Desk, incidents: Sequence[Incident], played: Played) -> Proof:
    """Compare everything; nothing of the log's outcome was an input of the replay."""
    proof = Proof()
    ended = await desk.database.scan(_PROVER, _ends)
    statuses, agents, reopenings, waitings = [], [], [], []
    names = {actor.id: name.removeprefix("AGENT ") for name, actor in played.people.items()}
    for incident in incidents:
        wanted, ticket = outcome(incident), ended[played.tickets[incident.number].id]
        if ticket.status not in wanted.statuses:
            statuses.append(f"{incident.number}: is {ticket.status}, the log ends {' or '.join(wanted.statuses)}")
        name = names.get(ticket.agent_id, "")
        if (name if name != STAND_IN else "") != wanted.agent:
            agents.append(f"{incident.number}: is with {name or 'nobody'}, the log names {wanted.agent or 'nobody'}")
        opened = ticket.reopened - played.late_assignments[incident.number]
        if opened != wanted.reopenings:
            reopenings.append(f"{incident.number}: was reopened {opened} times, in the log {wanted.reopenings}")
        if ticket.waited != wanted.waitings:
            waitings.append(f"{incident.number}: waited {ticket.waited} times, in the log {wanted.waitings}")
    count = len(incidents)
    for what, found in (
        ("final status equals the log", statuses),
        ("last assignee equals the log", agents),
        ("reopenings equal the log", reopenings),
        ("waiting periods equal the log", waitings),
    ):
        proof.note(what, count, found)
    checked, differences = await verify_log(desk.database)
    proof.note("messages in sequence, caused and readable", checked, differences)
    proof.note("features agree with their own recount", len(desk.features), await desk.audit())
    proof.note("report figures equal a recount of the tickets", *await _compare_reports(desk))
    return proof


@dataclass(slots=True)
class _Ended:
    status: str
    agent_id: str
    reopened: int = 0
    waited: int = 0
    left_waiting_at: int = -1

    def count_move(self, row: Row) -> None:
        if row["type"] == "TICKET_REOPENED":
            self.reopened += 1
        elif '"formerStatus":"WAITING"' in row["body"]:
            self.left_waiting_at = row["time"]
        elif '"status":"WAITING"}' in row["body"] and self.left_waiting_at != row["time"]:
            self.waited += 1


async def _ends(tx: Tx) -> dict[str, _Ended]:
    tickets = await tx.run("SELECT id, status, agent_id FROM tickets_ticket")
    ended = {row["id"]: _Ended(row["status"], row["agent_id"] or "") for row in tickets}
    moves = await tx.run(
        """SELECT key, type, time, body FROM bus_outbox
        WHERE topic = 'answerable.tickets' AND type IN ('STATUS_CHANGED', 'TICKET_REOPENED') ORDER BY position"""
    )
    for row in moves:
        ended[row["key"]].count_move(row)
    return ended


async def _compare_reports(desk: Desk) -> tuple[int, list[str]]:
    rows = await desk.database.scan(_PROVER, _all_tickets)
    by_status = Counter(row["status"] for row in rows)
    by_priority = Counter(row["priority"] for row in rows)
    spans = [
        (row["resolved_at"] - row["created_at"]) / MINUTE for row in rows if row["status"] in ("RESOLVED", "CLOSED")
    ]
    wanted: dict[str, object] = {f"tickets {status}": by_status[status] for status in STATUSES}
    wanted |= {f"tickets {priority}": by_priority[priority] for priority in PRIORITIES}
    wanted["resolved"] = len(spans)
    wanted["average resolution minutes"] = round(sum(spans) / len(spans), 2) if spans else None
    wanted["median resolution minutes"] = round(median(spans), 2) if spans else None
    wanted["breached"] = sum(row["sla_breached"] for row in rows)
    figures = await desk.database.scan(_PROVER, reports.read_figures, ALWAYS)
    times = await desk.database.scan(_PROVER, reports.resolution_time, ALWAYS)
    shown: dict[str, object] = {f"tickets {name}": n for name, n in (figures.by_status | figures.by_priority).items()}
    shown["resolved"] = figures.resolved
    shown["average resolution minutes"] = times.average_resolution_minutes
    shown["median resolution minutes"] = times.median_resolution_minutes
    shown["breached"] = figures.breached
    found = [
        f"{what}: the report says {shown[what]}, the tickets say {value}"
        for what, value in wanted.items()
        if shown[what] != value
    ]
    return len(wanted), found


async def _all_tickets(tx: Tx) -> list[Row]:
    return await tx.run("SELECT status, priority, created_at, resolved_at, sla_breached FROM tickets_ticket")
