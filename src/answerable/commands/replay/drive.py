"""Driving the desk with the log: the same actions as the API, at the log's times, timers and messages included."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from answerable.assignment import actions as assignment
from answerable.assignment.rules import Availability
from answerable.commands.replay.log import Incident, Row
from answerable.infra.stage import Stage
from answerable.kernel.actor import Actor
from answerable.kernel.times import DAY
from answerable.tickets import actions as tickets
from answerable.tickets.rules import Changes, Draft, Ticket
from answerable.users.actions.people import add_person
from answerable.users.rules import NewPerson, grants_of

OUT = Availability(available=False, capacity=100_000)
STAND_IN = "(nobody named)"  # the log often names no assignee where the life cycle needs an agent
UNKNOWN_CALLER = "(unknown caller)"


def person(person_id: str, *roles: str) -> Actor:
    """Return a person who acts in the replay."""
    return Actor(person_id, "person", frozenset(roles), grants_of(roles))


ADMIN = person("replay-admin", "ADMIN")
MANAGER = person("replay-manager", "MANAGER")


@dataclass
class Played:
    """What the replay did: tickets by incident number, people by name, and counts of what it inserted."""

    tickets: dict[str, Ticket] = field(default_factory=dict)
    people: dict[str, Actor] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    late_assignments: Counter[str] = field(default_factory=Counter)


class Replay:
    """Plays incidents on a stage."""

    def __init__(self, stage: Stage, incidents: list[Incident]) -> None:
        self._stage = stage
        self._incidents = incidents
        self.played = Played()

    async def cast(self) -> None:
        """Bring in the people and categories of the log, a day before its first line.

        Agents take nothing by themselves: in a replay the log decides, and capacity is unlimited.
        """
        stage, played = self._stage, self.played
        stage.set_time(min(incident.opened_at for incident in self._incidents) - DAY)
        agents = {row.agent for incident in self._incidents for row in incident.rows if row.agent} | {STAND_IN}
        callers = {incident.caller or UNKNOWN_CALLER for incident in self._incidents}
        categories = sorted({row.category for incident in self._incidents for row in incident.rows})
        await self._add(ADMIN.id, "Replay admin", "ADMIN")
        await self._add(MANAGER.id, "Replay manager", "MANAGER")
        for names, role in ((agents, "AGENT"), (callers, "USER")):
            for number, name in enumerate(sorted(names), 1):
                played.people[f"{role} {name}"] = await self._add(f"replay-{role.lower()}-{number}", name, role)
        await stage.database.write(ADMIN, tickets.set_categories, categories)
        await stage.settle()
        for name in sorted(agents):
            agent_id = played.people[f"AGENT {name}"].id
            await stage.database.write(MANAGER, assignment.set_availability, agent_id, OUT)
        await stage.settle()

    async def _add(self, person_id: str, name: str, role: str) -> Actor:
        name = name if len(name) >= 3 else f"{name} {role.lower()}"
        new = NewPerson(name[:50], f"{person_id}@replay.invalid", (role,), "", id=person_id)
        await self._stage.database.write(ADMIN, add_person, new)
        return person(person_id, role)

    def lines(self) -> Iterable[tuple[int, Incident, Row | None]]:
        """Return the log in order of time: each incident's opening (no row), then its rows."""
        found: list[tuple[int, int, int, Incident, Row | None]] = []
        for place, incident in enumerate(self._incidents):
            found.append((incident.opened_at, place, -1, incident, None))
            found += [(row.time, place, number, incident, row) for number, row in enumerate(incident.rows)]
        found.sort(key=lambda line: line[:3])
        return [(time, incident, row) for time, _, _, incident, row in found]

    async def play(self, time: int, incident: Incident, row: Row | None) -> None:
        """Do what one line says, at its time."""
        await self._stage.advance_to(time)
        if row is None:
            await self._open(incident)
        else:
            await self._follow(incident, row)
        await self._stage.settle()

    async def _open(self, incident: Incident) -> None:
        first = incident.rows[0]
        caller = self.played.people[f"USER {incident.caller or UNKNOWN_CALLER}"]
        draft = Draft(
            title=f"{incident.number} {first.category}",
            description=f"Incident {incident.number} of the log, raised by {incident.caller or UNKNOWN_CALLER}.",
            category=first.category,
            priority=first.priority,
        )
        self.played.tickets[incident.number] = await self._stage.database.write(caller, tickets.create_ticket, draft)
        self.played.counts["tickets raised"] += 1

    async def _follow(self, incident: Incident, row: Row) -> None:
        ticket = self.played.tickets[incident.number]
        if not row.state:
            self.played.counts["rows without a state"] += 1
        ends = row.state in ("RESOLVED", "CLOSED")
        if (row.priority, row.category) != (ticket.priority, ticket.category) and ticket.status != "CLOSED":
            ticket = await self._change(ticket, row)
        if ends:  # a ticket is given before it is resolved, and after it is opened again
            ticket = await self._give(incident, ticket, row.agent)
            ticket = await self._bring(ticket, row.state)
        else:
            if row.state and ticket.status in ("RESOLVED", "CLOSED"):
                ticket = await self._reopen(ticket)
            ticket = await self._give(incident, ticket, row.agent)
            ticket = await self._bring(ticket, row.state)
        self.played.tickets[incident.number] = ticket

    async def _change(self, ticket: Ticket, row: Row) -> Ticket:
        self.played.counts["priority or category changed"] += 1
        changes = Changes(priority=row.priority, category=row.category)
        return await self._stage.database.write(MANAGER, tickets.update_ticket, ticket.id, changes, None)

    async def _reopen(self, ticket: Ticket) -> Ticket:
        self.played.counts["reopened"] += 1
        return await self._stage.database.write(MANAGER, tickets.reopen_ticket, ticket.id, None)

    async def _give(self, incident: Incident, ticket: Ticket, name: str) -> Ticket:
        if not name or self.played.people[f"AGENT {name}"].id == ticket.agent_id:
            return ticket
        before = ticket.status
        if before == "CLOSED":
            ticket = await self._reopen(ticket)
            self.played.late_assignments[incident.number] += 1
        elif before == "RESOLVED":
            self.played.late_assignments[incident.number] += 1
        agent = self.played.people[f"AGENT {name}"]
        ticket = await self._stage.database.write(MANAGER, tickets.assign_ticket, ticket.id, agent.id, None)
        self.played.counts["assigned"] += 1
        if before in ("IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED"):  # as the log has it: work goes on where it was
            ticket = await self._insert(ticket, "IN_PROGRESS")
            if before != "IN_PROGRESS":
                ticket = await self._insert(ticket, before if before != "CLOSED" else "RESOLVED")
            if before == "CLOSED":
                ticket = await self._insert(ticket, "CLOSED")
        return ticket

    async def _bring(self, ticket: Ticket, state: str) -> Ticket:
        if state == "ACTIVE" and ticket.status != "IN_PROGRESS":
            ticket = (
                await self._started(ticket) if ticket.status != "ASSIGNED" else await self._step(ticket, "IN_PROGRESS")
            )
        elif state == "AWAITING" and ticket.status != "WAITING":
            ticket = await self._step(await self._started(ticket), "WAITING")
        elif state in ("RESOLVED", "CLOSED") and ticket.status not in ("RESOLVED", "CLOSED"):
            started = ticket if ticket.status == "WAITING" else await self._started(ticket)
            if state == "RESOLVED":
                ticket = await self._step(started, "RESOLVED")
            else:
                ticket = await self._insert(started, "RESOLVED")
        if state == "CLOSED" and ticket.status == "RESOLVED":
            ticket = await self._step(ticket, "CLOSED")
        return ticket

    async def _started(self, ticket: Ticket) -> Ticket:
        """Bring a ticket to IN_PROGRESS; the steps on the way are the life cycle's, not the log's."""
        if ticket.status == "CREATED":
            agent = self.played.people[f"AGENT {STAND_IN}"]
            ticket = await self._stage.database.write(MANAGER, tickets.assign_ticket, ticket.id, agent.id, None)
            self.played.counts["inserted: assigned"] += 1
        if ticket.status == "ASSIGNED":
            return await self._insert(ticket, "IN_PROGRESS")
        if ticket.status == "WAITING":
            return await self._step(ticket, "IN_PROGRESS")
        return ticket

    async def _insert(self, ticket: Ticket, status: str) -> Ticket:
        self.played.counts[f"inserted: {status.lower().replace('_', ' ')}"] += 1
        return await self._set(ticket, status)

    async def _step(self, ticket: Ticket, status: str) -> Ticket:
        self.played.counts["status set"] += 1
        return await self._set(ticket, status)

    async def _set(self, ticket: Ticket, status: str) -> Ticket:
        actor = person(ticket.agent_id or "", "AGENT")
        return await self._stage.database.write(actor, tickets.set_status, ticket.id, status, None)
