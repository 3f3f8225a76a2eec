"""Playing the demo company: people raise tickets, the desk assigns them, agents work at a human pace."""

import heapq
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from random import Random

from answerable.assignment import actions as assignment
from answerable.assignment.rules import Availability
from answerable.commands.demo.company import AGENTS, ANSWERED_WITHIN, PEOPLE, REQUESTERS, WISHES, Role, Wish
from answerable.infra.stage import Stage
from answerable.kernel.actor import Actor
from answerable.kernel.errors import Conflict
from answerable.kernel.paging import PageRequest
from answerable.kernel.times import DAY, HOUR, MINUTE
from answerable.tickets import actions as tickets
from answerable.tickets import queries
from answerable.tickets.rules import STATUSES, Draft, Ticket
from answerable.tickets.rules.filter import TicketFilter
from answerable.tickets.store import find_ticket
from answerable.users.actions.people import add_person
from answerable.users.rules import NewPerson, grants_of

DAYS = 13
TICKETS = 64
CAPACITY = 3
RUSH = 30 * MINUTE
MOST_IN_RUSH = 40
WAITING_IN_RUSH = 3
NOTHING_HEARD = "I have not heard from you, so I take it that it works now. Just answer here if it does not."
SEED = 4  # the same company every time; only the dates move
Step = Callable[[], Awaitable[None]]


class Company:
    """The demo in play: a list of things that somebody does at some time."""

    def __init__(self, stage: Stage, until: int) -> None:
        self._stage = stage
        self._until = until
        self._random = Random(SEED)  # noqa: S311  # a script, not a secret
        self._plan: list[tuple[int, int, Step]] = []
        self._order = count()
        self._actors: dict[str, Actor] = {}
        self._by_id: dict[str, Actor] = {}

    async def hire(self, password_hash: str) -> None:
        """Bring in the people."""
        for who in PEOPLE:
            new = NewPerson(who.name, who.email, who.roles, password_hash)
            actor = self._actors.get("ada", Actor("demo", "service"))
            person = await self._stage.database.write(actor, add_person, new)
            known = Actor(person.id, "person", frozenset(who.roles), grants_of(who.roles), who.name)
            self._actors[who.key] = self._by_id[person.id] = known
        await self._stage.settle()
        for agent in AGENTS:
            await self._stage.database.write(
                self._actors["max"],
                assignment.set_availability,
                self._actors[agent.key].id,
                Availability(capacity=CAPACITY, skills=agent.skills),
            )
        await self._stage.settle()

    def at(self, time: int, step: Step) -> None:
        """Plan a step, unless it would be in the future."""
        if time <= self._until:
            heapq.heappush(self._plan, (time, next(self._order), step))

    async def run(self, until: int) -> None:
        """Do everything that is planned up to ``until``, in order, then let the last timers run."""
        while self._plan and self._plan[0][0] <= until:
            time, _, step = heapq.heappop(self._plan)
            await self._stage.advance_to(time)
            await step()
            await self._stage.settle()
        await self._stage.advance_to(until)

    async def rush(self) -> None:
        """End with a busy half hour: everybody gets full, and a few tickets wait for a place."""
        for number in range(MOST_IN_RUSH):
            await self._raise(WISHES[(number * 5) % len(WISHES)], self._random.choice(REQUESTERS))
            await self._stage.settle()
            if (await self.statuses())["CREATED"] >= WAITING_IN_RUSH:
                return
            await self._stage.advance_to(self._stage.clock.now + RUSH // MOST_IN_RUSH)

    async def statuses(self) -> Counter[str]:
        """Count the tickets in each status."""
        page = await self._stage.database.read(
            self._actors["max"], queries.list_tickets, TicketFilter(), PageRequest(size=1000)
        )
        return Counter(ticket.status for ticket in page.rows)

    def plan_ticket(self, number: int) -> None:
        """Plan the life of one ticket: raised evenly over the days, answered and worked on at a human pace."""
        wish = WISHES[number % len(WISHES)]
        raised_at = self._until - int((DAYS * (1 - number / TICKETS)) * DAY) + self._minutes(0, 40)
        self.at(raised_at, lambda: self._raise(wish, self._random.choice(REQUESTERS)))

    def _minutes(self, least: int, most: int) -> int:
        return self._random.randint(least, most) * MINUTE

    async def _raise(self, wish: Wish, who: Role) -> None:
        draft = Draft(title=wish.title, description=wish.description, category=wish.category, priority=wish.priority)
        ticket = await self._stage.database.write(self._actors[who.key], tickets.create_ticket, draft)
        now = ticket.created_at
        if self._random.random() < 0.06:
            self.at(now + self._minutes(5, 50), lambda: self._requester(ticket, tickets.cancel_ticket))
            return
        self.at(now + self._answering(ticket), lambda: self._start(ticket, wish))

    async def _now(self, ticket: Ticket) -> Ticket:
        found = await self._stage.database.read(Actor("demo", "service"), find_ticket, ticket.id)
        return found or ticket

    def _answering(self, ticket: Ticket) -> int:
        """Return how long an agent takes for an answer: a part of what was promised, one time in nine a lot more."""
        share = self._random.uniform(0.1, 0.95) if self._random.random() < 8 / 9 else self._random.uniform(1.2, 6)
        return int(ANSWERED_WITHIN[ticket.priority] * share * MINUTE)

    async def _start(self, ticket: Ticket, wish: Wish) -> None:
        now = self._stage.clock.now
        current = await self._now(ticket)
        if current.status != "ASSIGNED" or current.agent_id is None:
            self.at(now + 20 * MINUTE, lambda: self._start(ticket, wish))
            return
        agent = self._by_id[current.agent_id]
        await self._stage.database.write(agent, tickets.set_status, ticket.id, "IN_PROGRESS", None)
        await self._stage.database.write(agent, tickets.add_comment, ticket.id, wish.answer, 0)
        if self._random.random() < 0.25:
            note = "Same cause as last week. Let us keep an eye on it."
            await self._stage.database.write(agent, tickets.add_comment, ticket.id, note, 1)
        asked = wish.answer.endswith("?")
        if asked:
            await self._stage.database.write(agent, tickets.set_status, ticket.id, "WAITING", None)
        if self._random.random() < 0.85:
            thinking = self._minutes(20, 300) if asked else self._minutes(5, 30)
            self.at(now + thinking, lambda: self._reply(ticket, wish))
        else:
            waiting = self._minutes(1500, 4000) if asked else self._minutes(30, 90)
            self.at(now + waiting, lambda: self._resolve(ticket, NOTHING_HEARD if asked else wish.closing))

    async def _reply(self, ticket: Ticket, wish: Wish) -> None:
        if await self._says(ticket, wish.reply):
            self.at(self._stage.clock.now + self._answering(ticket), lambda: self._resolve(ticket, wish.closing))

    async def _resolve(self, ticket: Ticket, closing: str) -> None:
        current = await self._now(ticket)
        if current.status not in ("IN_PROGRESS", "WAITING") or current.agent_id is None:
            return
        agent = self._by_id[current.agent_id]
        await self._stage.database.write(agent, tickets.add_comment, ticket.id, closing, 0)
        await self._stage.database.write(agent, tickets.set_status, ticket.id, "RESOLVED", None)
        luck, now = self._random.random(), self._stage.clock.now
        if luck < 0.1:
            self.at(now + self._minutes(60, 600), lambda: self._return(ticket))
        elif luck < 0.6:
            self.at(now + self._minutes(60, 900), lambda: self._close(ticket))

    async def _return(self, ticket: Ticket) -> None:
        """Let somebody come back with what was solved too early, and their agent look again."""
        await self._requester(ticket, tickets.reopen_ticket)
        await self._says(ticket, "Sorry, it is back this morning, just as before.")
        closing = "That should not have happened. I found a second cause and removed it, it will stay away now."
        self.at(self._stage.clock.now + self._answering(ticket), lambda: self._resolve(ticket, closing))

    async def _says(self, ticket: Ticket, words: str) -> bool:
        try:
            await self._stage.database.write(self._by_id[ticket.requester_id], tickets.add_comment, ticket.id, words, 0)
        except Conflict:
            return False  # cancelled or closed meanwhile
        return True

    async def _requester(self, ticket: Ticket, verb: Callable[..., Awaitable[Ticket]]) -> None:
        try:
            await self._stage.database.write(self._by_id[ticket.requester_id], verb, ticket.id, None)
        except Conflict:
            return  # somebody was quicker

    async def _close(self, ticket: Ticket) -> None:
        current = await self._now(ticket)
        if current.status == "RESOLVED" and current.agent_id is not None:
            await self._stage.database.write(self._by_id[current.agent_id], tickets.close_ticket, ticket.id, None)


async def play_company(stage: Stage, password_hash: str) -> dict[str, int]:
    """Play the last ``DAYS`` days up to the stage's present time; return how many tickets are in each status."""
    until = stage.clock.now
    stage.set_time(until - DAYS * DAY - HOUR)
    company = Company(stage, until)
    await company.hire(password_hash)
    for number in range(TICKETS):
        company.plan_ticket(number)
    await company.run(until - RUSH)
    await company.rush()
    await company.run(until)
    found = await company.statuses()
    return {status: found[status] for status in STATUSES if found[status]}
