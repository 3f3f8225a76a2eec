"""People, as those who may see them see them."""

import msgspec

from answerable.kernel.errors import Invalid, Missing
from answerable.kernel.paging import Page, PageRequest
from answerable.kernel.tx import Row, Tx
from answerable.users import rules
from answerable.users.rules import BAD_LINK, Person
from answerable.users.store import links, people
from answerable.users.store.people import PeopleFilter


class PersonView(msgspec.Struct, frozen=True, rename="camel"):
    """A person, as they themselves and staff see them."""

    id: str
    name: str
    email: str
    roles: list[str]
    active: bool


class AgentView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An agent; ``email`` is there only for staff."""

    id: str
    name: str
    email: str | None = None


def view(person: Person) -> PersonView:
    """Show a person."""
    return PersonView(person.id, person.name, person.email, list(person.roles), person.active)


async def get_person(tx: Tx, person_id: str) -> Person:
    """Read a person. Raises ``Missing`` where there is none, or the caller is neither that person nor staff."""
    may = person_id == tx.actor.id or tx.actor.may("user.read")
    person = await people.load_person(tx, person_id) if may else None
    if person is None:
        raise Missing("There is no such person.")
    return person


async def list_agents(tx: Tx) -> list[AgentView]:
    """Read the active agents by name; their addresses are for staff."""
    staff = tx.actor.may("user.read")
    return [AgentView(row["id"], row["name"], row["email"] if staff else None) for row in await people.list_agents(tx)]


async def list_people(tx: Tx, wanted: PeopleFilter, page: PageRequest) -> Page[Person]:
    """Read a page of all people, newest first."""
    return await people.list_people(tx, wanted, page)


async def reason_to_stay(tx: Tx, person_id: str) -> str:
    """Tell why the caller cannot deactivate somebody or take administration from them; empty where they can."""
    person = await get_person(tx, person_id)
    return rules.reason_to_stay(person, tx.actor.id, await people.count_other_admins(tx, person_id))


async def open_link(tx: Tx, token: str, *purposes: str, refusal: str = BAD_LINK) -> Row:
    """Return a link that is still good for one of some purposes. Raises ``Invalid`` with the words of ``refusal``."""
    link = await links.load_link(tx, token)
    if link is None or link["purpose"] not in purposes:
        raise Invalid(refusal, errors=(f"token: {refusal}",))
    return link
