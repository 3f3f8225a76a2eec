"""People do random things over HTTP, granted and refused, while time passes; whatever happened, the desk is sound."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from answerable.infra.bus.outbox import open_envelope
from answerable.kernel.actor import Actor
from answerable.kernel.tx import Tx
from answerable.messages.assignment import AgentAvailabilityChanged
from answerable.messages.base import Event
from answerable.messages.tickets import CommentAdded, StatusChanged, TicketAssigned, TicketEvent
from answerable.notifications.rules.matrix import TYPES, addressees, doers
from answerable.users.rules import grants_of
from tests.engines import ENGINE
from tests.journeys.desk import Client, company
from tests.people import TestPerson, make_person, token_for
from tests.reporting.test_equal_recount import expect_equal, recount
from tests.world import TESTER

CAPACITY = 2
OPEN = ("ASSIGNED", "IN_PROGRESS", "WAITING")
STATUSES = ("CREATED", *OPEN, "RESOLVED", "CLOSED", "CANCELLED")
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
CATEGORIES = ("HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "OTHER")
# The next step of somebody who knows what they are doing, and the ways that the contract has.
LIKELY = {"ASSIGNED": "IN_PROGRESS", "IN_PROGRESS": "RESOLVED", "WAITING": "RESOLVED", "RESOLVED": "CLOSED"}
WAYS = {
    "CREATED": {"ASSIGNED", "CANCELLED"},
    "ASSIGNED": {"IN_PROGRESS", "CANCELLED", "CREATED"},
    "IN_PROGRESS": {"WAITING", "RESOLVED", "CANCELLED", "ASSIGNED", "CREATED"},
    "WAITING": {"IN_PROGRESS", "RESOLVED", "CANCELLED", "ASSIGNED", "CREATED"},
    "RESOLVED": {"CLOSED", "IN_PROGRESS", "CREATED", "ASSIGNED"},
    "CLOSED": {"IN_PROGRESS", "CREATED"},
    "CANCELLED": set(),
}
# The engine itself refuses an offer of the desk's own to somebody who is full or not there.
_OVERFILLED = f"""NEW.proposed_to IS NOT NULL AND NEW.proposed_by IS NULL AND EXISTS (
    SELECT 1 FROM assignment_agent a WHERE a.id = NEW.proposed_to AND (
        a.load > COALESCE(a.capacity, {CAPACITY}) OR a.active = 0 OR a.is_agent = 0 OR a.available = 0))"""
GUARDS = {
    "sqlite": (
        f"""CREATE TRIGGER overfilled AFTER UPDATE OF proposed_to ON assignment_ticket WHEN {_OVERFILLED}
        BEGIN SELECT RAISE(ABORT, 'overfilled'); END""",
    ),
    "postgres": (
        f"""CREATE FUNCTION test_guard() RETURNS TRIGGER LANGUAGE plpgsql AS $$
        BEGIN IF {_OVERFILLED} THEN RAISE EXCEPTION 'overfilled'; END IF; RETURN NULL; END $$""",
        """CREATE TRIGGER overfilled AFTER UPDATE OF proposed_to ON assignment_ticket
        FOR EACH ROW EXECUTE FUNCTION test_guard()""",
    ),
}


class History:
    """A random history; ``orderly`` ones let everything happen that follows from a step before the next one."""

    def __init__(self, desk: Client, seed: int, *, orderly: bool) -> None:
        self.desk = desk
        self.world = desk.world
        self.random = Random(seed)
        self.orderly = orderly
        self.people: list[TestPerson] = []
        self.tickets: list[str] = []
        self.changed: list[TestPerson] = []
        self.answers: Counter[int] = Counter()
        self.steps: dict[Callable[[], Awaitable[None]], int] = {
            self.raise_ticket: 8,
            self.move: 34,
            self.steer: 10,
            self.assign: 7,
            self.speak: 10,
            self.change: 6,
            self.availability: 6,
            self.personnel: 6,
            self.look: 8,
            self.read_notices: 3,
            self.blunder: 5,
            self.check_promises: 2,
            self.wait: 10,
        }

    async def begin(self) -> None:
        """Hire everybody and set the guard."""

        async def guard(tx: Tx) -> None:
            for statement in GUARDS[self.world.db.engine]:
                await tx.run(statement)

        await self.world.db.write(TESTER, guard)
        self.ada = await make_person(self.world, "ADMIN", name="Ada Admin")
        self.managers = [await make_person(self.world, "MANAGER", name=f"Manager {n}") for n in range(2)]
        self.agents = [await make_person(self.world, "AGENT", name=f"Agent {n}") for n in range(4)]
        self.users = [await make_person(self.world, "USER", name=f"User {n}") for n in range(4)]
        self.people = [self.ada, *self.managers, *self.agents, *self.users]
        while not self.tickets:
            await self.raise_ticket()
        await self.world.settle()

    async def go(self, steps: int) -> None:
        """Take some steps, then let everything come to rest."""
        for _ in range(steps):
            (step,) = self.random.choices(list(self.steps), list(self.steps.values()))
            await step()
            if self.orderly or self.random.random() < 0.4:
                await self.world.settle()
            if self.orderly:
                assert await self.waiting_in_vain() == []
        await self.world.advance(minutes=15)  # agents whom the desk let rest are offered tickets again

    # --- who, what, and how it is sent -------------------------------------------------------------------------------

    async def send(self, who: TestPerson, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request and return the answer; a refused one must leave no trace."""
        before = await self.written()
        parts = {"json": body} if body is not None else {}
        token = await token_for(self.world, who.id)  # of who they are now: roles end older ones
        sent = {"Authorization": f"Bearer {token}", **headers}
        answer = await self.world.http.request(method, f"/api{path}", headers=sent, **parts)
        self.answers[answer.status_code] += 1
        assert answer.status_code < 500, f"{method} {path} {body}: {answer.text}"
        if answer.status_code >= 400:
            assert await self.written() == before, f"{method} {path} {body} was refused, but something was written"
        return answer

    async def written(self) -> tuple[Any, ...]:
        rows = await self.world.sql(
            """SELECT (SELECT COUNT(*) FROM bus_outbox), (SELECT COUNT(*) FROM tickets_history),
            (SELECT COUNT(*) FROM tickets_comment), (SELECT SUM(version) FROM tickets_ticket)"""
        )
        return tuple(rows[0])

    def somebody(self) -> TestPerson:
        return self.random.choice(self.people)

    async def a_ticket(self) -> dict[str, Any]:
        ticket = self.random.choice(self.tickets[-10:])
        return dict((await self.world.sql("SELECT * FROM tickets_ticket WHERE id = :id", id=ticket))[0])

    async def fitting(self, ticket: dict[str, Any]) -> TestPerson:
        """Return somebody who may well have a say in a ticket; sometimes anybody."""
        parties = [p for p in self.people if p.id in (ticket["agent_id"], ticket["requester_id"])]
        return self.random.choice([*parties, *parties, *parties, *self.managers, self.somebody()])

    # --- steps -------------------------------------------------------------------------------------------------------

    async def raise_ticket(self) -> None:
        who = self.random.choice([*self.users, *self.users, self.somebody()])
        draft = {
            "title": f"Something is broken in room {self.random.randrange(1000)}",
            "description": "It worked yesterday, today it does not.",
            "category": self.random.choice(CATEGORIES),
            "priority": self.random.choice(PRIORITIES),
        }
        if self.random.random() < 0.2:
            draft["requesterId"] = self.somebody().id
        key = f"key-{self.random.random()}"
        answers = [
            await self.send(who, "POST", "/tickets", draft, **{"Idempotency-Key": key})
            for _ in range(self.random.choice((1, 1, 2)))
        ]
        assert len({answer.content for answer in answers}) == 1
        if answers[0].status_code == 201:
            self.tickets.append(answers[0].json()["id"])

    async def move(self) -> None:
        ticket = await self.a_ticket()
        sensible = self.random.random() < 0.75 and ticket["status"] in LIKELY
        status = LIKELY[ticket["status"]] if sensible else self.random.choice(STATUSES)
        if ticket["status"] == "IN_PROGRESS" and self.random.random() < 0.4:
            status = "WAITING"
        headers = {}
        if self.random.random() < 0.3:
            headers["If-Match"] = f'"{ticket["version"] - self.random.choice((0, 0, 1))}"'
        await self.send(
            await self.fitting(ticket), "PUT", f"/tickets/{ticket['id']}/status", {"status": status}, **headers
        )

    async def steer(self) -> None:
        ticket = await self.a_ticket()
        verb = self.random.choice(("close", "reopen", "reopen", "cancel"))
        await self.send(await self.fitting(ticket), "PUT", f"/tickets/{ticket['id']}/{verb}")

    async def assign(self) -> None:
        ticket = await self.a_ticket()
        who = self.random.choice([*self.managers, self.ada, self.somebody()])
        agent = self.random.choice([*self.agents, *self.agents, self.somebody()])
        method, path, body = self.random.choice(
            (
                ("PUT", f"/tickets/{ticket['id']}/assign", {"agentId": agent.id}),
                ("POST", f"/assign/{ticket['id']}", {"agentId": agent.id}),
                ("POST", f"/assign/{ticket['id']}", None),
                ("POST", f"/tickets/{ticket['id']}/auto-assign", None),
            )
        )
        await self.send(who, method, path, body)

    async def speak(self) -> None:
        ticket = await self.a_ticket()
        words = {"comment": "A word about this.", "internal": self.random.random() < 0.3}
        await self.send(await self.fitting(ticket), "POST", f"/tickets/{ticket['id']}/comments", words)

    async def change(self) -> None:
        ticket = await self.a_ticket()
        changes: dict[str, str] = {}
        if self.random.random() < 0.7:
            changes["priority"] = self.random.choice(PRIORITIES)
        if self.random.random() < 0.4:
            changes["category"] = self.random.choice(CATEGORIES)
        if self.random.random() < 0.4:
            changes["title"] = f"It is about room {self.random.randrange(1000)}"
        await self.send(await self.fitting(ticket), "PATCH", f"/tickets/{ticket['id']}", changes)

    async def availability(self) -> None:
        agent = self.random.choice(self.agents)
        who = self.random.choice([agent, *self.managers])
        body: dict[str, Any] = {"available": self.random.random() < 0.75}
        if self.random.random() < 0.5:
            body["capacity"] = self.random.randrange(4)
        if self.random.random() < 0.3:
            body["skills"] = self.random.sample(CATEGORIES, self.random.randrange(3))
        await self.send(who, "PUT", f"/agent/{agent.id}/availability", body)

    async def personnel(self) -> None:
        """Somebody leaves, comes back, or has other rights; most who were changed are soon as they were."""
        person = self.random.choice([*self.agents, *self.agents, *self.managers, *self.users])
        roles = self.random.choice((["AGENT"], ["USER"], ["MANAGER"], ["AGENT", "MANAGER"]))
        changes: dict[str, Any] = self.random.choice(({"active": False}, {"roles": roles}))
        if self.changed and self.random.random() < 0.6:
            person, changes = self.changed.pop(0), {"active": True}
            changes["roles"] = sorted(person.actor.roles)
        who = self.random.choice([self.ada, self.ada, self.ada, self.somebody()])
        answer = await self.send(who, "PATCH", f"/users/admin/{person.id}", changes)
        if answer.status_code != 200 or "active" not in changes or not changes["active"]:
            self.changed.append(person)

    async def look(self) -> None:
        """Look at tickets; what is shown is what the contract says this person may see."""
        row = self.random.choice(await self.world.sql("SELECT id, roles, active FROM users_person ORDER BY id"))
        person = next(p for p in self.people if p.id == row["id"])
        actor = await self.actor_of(person)
        visible = {t["id"] for t in await self.world.sql("SELECT * FROM tickets_ticket") if may_see(actor, dict(t))}
        answer = await self.send(person, "GET", "/tickets?size=1000")
        ticket = await self.a_ticket()
        one = await self.send(person, "GET", f"/tickets/{ticket['id']}")
        if not row["active"]:
            assert (answer.status_code, one.status_code) == (401, 401)
            return
        assert {shown["id"] for shown in answer.json()} == visible
        assert answer.headers["x-total-count"] == (str(len(visible)) if len(visible) <= 1000 else "1000+")
        assert one.status_code == (200 if ticket["id"] in visible else 404)
        for part in ("comments", "history", "timeline", "sla"):
            read = await self.send(person, "GET", f"/tickets/{ticket['id']}/{part}")
            if part != "sla" or self.orderly:  # its mirror of who may see follows with the messages
                assert read.status_code == one.status_code, part
            if part == "comments" and one.status_code == 200 and not actor.may("ticket.note"):
                assert not any(comment["internal"] for comment in read.json())

    async def actor_of(self, person: TestPerson) -> Actor:
        row = (await self.world.sql("SELECT roles FROM users_person WHERE id = :id", id=person.id))[0]
        roles = frozenset(row["roles"].split())
        return Actor(person.id, "person", roles, grants_of(roles))

    async def read_notices(self) -> None:
        who = self.somebody()
        notices = await self.send(who, "GET", "/notifications?unread=true")
        if notices.status_code == 200 and notices.json():
            notice = self.random.choice(notices.json())
            await self.send(who, "PUT", f"/notifications/{notice['id']}/read")
            await self.send(self.somebody(), "PUT", f"/notifications/{notice['id']}/read")
        wish = {"type": self.random.choice(TYPES), "channel": "email", "enabled": self.random.random() < 0.5}
        await self.send(who, "PUT", "/notifications/preferences", [wish])

    async def blunder(self) -> None:
        ticket = await self.a_ticket()
        method, path, body = self.random.choice(
            (
                ("POST", "/tickets", {"title": "x"}),
                ("POST", "/tickets", []),
                ("PATCH", f"/tickets/{ticket['id']}", {"priority": "URGENT"}),
                ("PUT", f"/tickets/{ticket['id']}/status", {"status": "DONE"}),
                ("PUT", "/tickets/nothing/close", None),
                ("POST", "/assign/nothing", {"agentId": "nobody"}),
                ("PUT", f"/agent/{self.random.choice(self.agents).id}/availability", {"capacity": -1}),
                ("GET", "/tickets?size=0", None),
                ("DELETE", f"/tickets/{ticket['id']}", None),
            )
        )
        answer = await self.send(self.somebody(), method, path, body)
        assert answer.status_code >= 400

    async def check_promises(self) -> None:
        body = {"dryRun": True} if self.random.random() < 0.3 else None
        await self.send(self.random.choice([*self.managers, self.somebody()]), "POST", "/sla/check", body)

    async def wait(self) -> None:
        if self.random.random() < 0.3:
            self.world.clock.now += self.random.randrange(60_000_000)  # the timers come a little late
        else:
            await self.world.advance(minutes=self.random.choice((0.5, 2, 13.3, 50, 200, 1500, 4000)))

    # --- what must hold ----------------------------------------------------------------------------------------------

    async def waiting_in_vain(self) -> list[str]:
        """Return the tickets that wait although somebody is free, by the tickets' own figures."""
        waiting = await self.world.sql("SELECT id FROM tickets_ticket WHERE status = 'CREATED' AND agent_id IS NULL")
        held = Counter(row["agent_id"] for row in await self.held())
        agents = await self.world.sql(
            "SELECT id, capacity FROM assignment_agent WHERE is_agent = 1 AND active = 1 AND available = 1"
        )
        free = [a for a in agents if held[a["id"]] < (CAPACITY if a["capacity"] is None else a["capacity"])]
        return [row["id"] for row in waiting] if free else []

    async def held(self) -> list[Any]:
        return [*await self.world.sql(f"SELECT agent_id FROM tickets_ticket WHERE status IN {OPEN}")]


def may_see(actor: Actor, ticket: dict[str, Any]) -> bool:
    """Say what the contract says of visibility, in its own words."""
    if actor.roles & {"MANAGER", "ADMIN"} or ticket["requester_id"] == actor.id:
        return True
    queued = ticket["agent_id"] is None and ticket["status"] == "CREATED"
    return "AGENT" in actor.roles and (ticket["agent_id"] == actor.id or queued)


async def expect_a_possible_log(history: History) -> None:
    """Walk the event log: statuses follow each other as the contract says, and the desk itself overfills nobody."""
    status: dict[str, str] = {}
    holder: dict[str, str | None] = {}
    capacity: dict[str, int] = defaultdict(lambda: CAPACITY)
    for sealed in await history.world.envelopes():
        event = open_envelope(sealed)
        if isinstance(event, AgentAvailabilityChanged):
            capacity[event.agent_id] = event.capacity
        if not isinstance(event, TicketEvent):
            continue
        ticket = event.ticket
        if isinstance(event, StatusChanged):
            assert status[ticket.id] == event.former_status
            assert event.status in WAYS[event.former_status], (event.former_status, event.status)
        elif not isinstance(event, CommentAdded):  # an answer is told just before what it sets going again
            assert status.setdefault(ticket.id, "CREATED") == ticket.status
        if isinstance(event, CommentAdded):
            continue
        status[ticket.id] = ticket.status
        holder[ticket.id] = ticket.agent_id if ticket.status in OPEN else None
        if isinstance(event, TicketAssigned) and event.automatic and history.orderly:
            agent = ticket.agent_id or ""
            assert Counter(holder.values())[agent] <= capacity[agent], "the desk gave an agent too much"
    rows = await history.world.sql("SELECT id, status FROM tickets_ticket")
    assert {row["id"]: row["status"] for row in rows} == status


async def expect_everybody_told_once(history: History) -> None:
    """Compare the deliveries with the matrix: each event, person and channel once, none left out."""
    wanted = Counter(
        (sealed.id, cell.person_id, cell.channel)
        for sealed in await history.world.envelopes(*TYPES)
        if isinstance(event := open_envelope(sealed), Event)
        for cell in addressees(event, doers(event, sealed))
    )
    made = await history.world.sql("SELECT message_id, person_id, channel, state FROM notifications_delivery")
    assert Counter((row["message_id"], row["person_id"], row["channel"]) for row in made) == wanted
    assert {row["state"] for row in made} <= {"SENT", "LOGGED", "SUPPRESSED"}, "every mail has gone its way"
    notices = await history.world.sql("SELECT message_id, user_id FROM notifications_notice")
    shown = Counter((row["message_id"], row["user_id"]) for row in notices)
    assert shown == Counter(
        (row["message_id"], row["person_id"]) for row in made if (row["channel"], row["state"]) == ("screen", "SENT")
    )


LONGEST = {"sqlite": 1500, "postgres": 500}  # what a long history finds is the desk's, whatever the engine
CASES = [
    pytest.param(3, 300, True, id="orderly"),
    pytest.param(8, 300, False, id="in haste"),
    pytest.param(5, 1500, True, id="long and orderly", marks=pytest.mark.slow),
    pytest.param(6, 1500, False, id="long and in haste", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("seed", "steps", "orderly"), CASES)
async def test_whatever_people_do_the_desk_is_sound(tmp_path: Path, seed: int, steps: int, orderly: bool) -> None:
    async with company(tmp_path / "desk", assignment__capacity=CAPACITY) as desk:  # which is sound at the end
        history = History(desk, seed, orderly=orderly)
        await history.begin()
        await history.go(min(steps, LONGEST[ENGINE.name]))
        world = desk.world
        assert await world.desk.audit() == []
        assert await history.waiting_in_vain() == []
        await expect_a_possible_log(history)
        await expect_everybody_told_once(history)
        await expect_equal(world, history.ada, await recount(world))
        held = Counter(row["agent_id"] for row in await history.held())
        listed = await desk.get(history.ada, "/agents/workload")
        assert {row["agentId"]: row["activeTickets"] for row in listed if row["activeTickets"]} == held
        # The history was worth the name: much was granted, much refused, and it had everything in it.
        assert {200, 201, 400, 403, 404, 409} <= set(history.answers), history.answers
        types = Counter(sealed.type for sealed in await world.envelopes())
        for name in (
            *("TICKET_ASSIGNED", "TICKET_UNASSIGNED", "TICKET_RESOLVED", "TICKET_REOPENED", "TICKET_CANCELLED"),
            *("COMMENT_ADDED", "TICKET_UPDATED", "SLA_PAUSED", "SLA_RESUMED", "SLA_BREACHED", "TICKET_ESCALATED"),
        ):
            assert types[name], f"no {name} in it: {types}"
