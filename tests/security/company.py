"""The people of the permission table, the tickets they meet, and the links they follow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from answerable.assignment.actions import set_availability
from answerable.assignment.rules import Availability
from answerable.kernel.tx import Tx
from answerable.tickets import actions as tickets
from answerable.tickets.rules import Draft
from answerable.users.actions import browsers, mails, sessions
from answerable.users.actions import people as accounts
from answerable.users.rules import Changes, NewPerson, link_token
from answerable.users.store import people, second
from tests.people import TestPerson, door_of, hash_once, make_person
from tests.world import TESTER, World, open_world_after

NEW_PASSWORD = "a brand new password"

# The columns of the table, from the least to the most privileged.
COLUMNS = ("anonymous", "deactivated", "stale", "stranger", "owner", "other agent", "agent", "manager", "admin")
_STEPS = ("ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED")


@dataclass
class Company:
    """A desk with somebody for each column. Nobody takes tickets by themselves, so each stays where it is put."""

    world: World
    people: dict[str, TestPerson]
    count: int = 0

    def __getitem__(self, column: str) -> TestPerson:
        return self.people[column]

    def headers(self, column: str) -> dict[str, str]:
        return {} if column == "anonymous" else self.people[column].headers

    def fresh(self, words: str) -> str:
        """Return words that nobody has used before."""
        self.count += 1
        return f"{words}{self.count}"

    async def ticket(self, status: str = "ASSIGNED") -> str:
        """Raise a ticket of the owner and move it on until it has this status; from ASSIGNED on it is the agent's."""
        owner, agent, manager = self["owner"].actor, self["agent"], self["manager"].actor
        draft = Draft(title="Printer on fire", description="It burns, help.", category="HARDWARE", priority="LOW")
        made = await self.world.db.write(owner, tickets.create_ticket, draft)
        if status != "CREATED":
            for step in _STEPS[: _STEPS.index(status) + 1]:
                if step == "ASSIGNED":
                    await self.world.db.write(manager, tickets.assign_ticket, made.id, agent.id, None)
                elif step != "WAITING" or status == "WAITING":
                    await self.world.db.write(agent.actor, tickets.set_status, made.id, step, None)
        await self.world.settle()
        return made.id

    async def refresh_token(self) -> str:
        """Sign the owner in."""

        async def start(tx: Tx) -> str:
            person = await people.load_person(tx, self["owner"].id)
            assert person is not None
            return (await sessions.start_session(tx, door_of(self.world).keyring, person)).refresh

        return await self.world.db.write(TESTER, start)

    async def browser(self) -> str:
        """Sign the owner in in a browser; return the id of that session."""

        async def start(tx: Tx) -> None:
            person = await people.load_person(tx, self["owner"].id)
            assert person is not None
            await browsers.sign_in(tx, person, browsers.Browser())

        await self.world.db.write(TESTER, start)
        rows = await self.world.sql("SELECT id FROM users_browser ORDER BY id DESC")
        return str(rows[0]["id"])

    async def second_factor(self) -> str:
        """Give somebody a second factor; return their id."""
        person = await make_person(self.world, "USER")
        await self.world.db.write(TESTER, second.save_second, person.id, "ON", "", 0, 0)
        return person.id

    async def reset_token(self) -> str:
        """Let somebody forget their password, and read their mail."""
        person = await make_person(self.world, "USER")
        await self.world.db.write(TESTER, mails.ask_reset, person.email)
        return await self._newest_link("RESET")

    async def verify_token(self) -> str:
        """Let somebody register who has to confirm their address, and read their mail."""
        new = NewPerson("Vera", self.fresh("vera") + "@desk.test", password_hash=hash_once("a long password"))
        new = NewPerson(new.name, new.email, new.roles, new.password_hash, id=self.fresh("pending"))
        await self.world.db.write(TESTER, mails.ask_to_confirm, new, None)
        return await self._newest_link("VERIFY")

    async def _newest_link(self, purpose: str) -> str:
        rows = await self.world.sql("SELECT id FROM users_link WHERE purpose = :p ORDER BY id DESC", p=purpose)
        return link_token(self.world.desk.settings.storage.secret, rows[0]["id"], purpose)

    async def notice(self) -> str:
        """Return a notification of the owner."""
        await self.ticket()
        rows = await self.world.sql(
            "SELECT id FROM notifications_notice WHERE user_id = :me ORDER BY id DESC", me=self["owner"].id
        )
        return str(rows[0]["id"])

    async def failed_mail(self) -> tuple[str, str]:
        """Return the message and the person of a mail that no server took."""
        await self.ticket()

        async def fail(tx: Tx) -> Any:
            return await tx.run(
                """UPDATE notifications_delivery SET state = 'FAILED', next_at = NULL
                WHERE channel = 'email' AND person_id = :id RETURNING message_id, person_id""",
                id=self["owner"].id,
            )

        [*_, row] = await self.world.db.write(TESTER, fail)
        return row["message_id"], row["person_id"]

    async def parked_event(self) -> str:
        """Return a message that a consumer could not do."""
        await self.ticket()

        async def park(tx: Tx) -> Any:
            return await tx.run(
                """INSERT INTO bus_retry
                    (consumer, message, type, topic, key, position, attempts, next_at, error, parked_at)
                SELECT 'reporting', id, type, topic, key, position, 8, :now, 'ValueError()', :now FROM bus_outbox
                WHERE type = 'TICKET_CREATED' ORDER BY position DESC LIMIT 1
                ON CONFLICT DO NOTHING RETURNING message""",
                now=tx.now,
            )

        [row, *_] = await self.world.db.write(TESTER, park)
        return str(row["message"])


@asynccontextmanager
async def open_company(folder: Path, **settings: Any) -> AsyncIterator[Company]:
    """Open a desk where everybody of the table works; one administrator has left, one manager signed out everywhere."""
    async with open_world_after(everybody_is_there, folder, **settings) as (world, people):
        yield Company(world, people)


async def everybody_is_there(world: World) -> dict[str, TestPerson]:
    """Let everybody come, and those go who have left."""
    made = {
        "stranger": await make_person(world, "USER", name="Sam Stranger"),
        "owner": await make_person(world, "USER", name="Una Owner"),
        "other agent": await make_person(world, "AGENT", name="Bea Agent"),
        "agent": await make_person(world, "AGENT", name="Abe Agent"),
        "manager": await make_person(world, "MANAGER", name="Mia Manager"),
        "admin": await make_person(world, "ADMIN", name="Ada Admin"),
        "deactivated": await make_person(world, "ADMIN", name="Dan Gone"),
        "stale": await make_person(world, "MANAGER", name="Sue Signedout"),
    }
    for column in ("agent", "other agent"):
        idle = Availability(available=False, capacity=None, skills=None)
        await world.db.write(made[column].actor, set_availability, made[column].id, idle)
    gone = made["deactivated"].id
    await world.db.write(made["admin"].actor, accounts.change_somebody, gone, Changes(active=False))
    await world.db.write(made["stale"].actor, accounts.end_all_sessions)
    await world.settle()
    return made
