"""People, as those who may see them see them."""

import msgspec

from answerable.kernel.errors import Invalid, Missing
from answerable.kernel.paging import Page, PageRequest
from answerable.kernel.times import iso
from answerable.kernel.tx import Row, Tx
from answerable.users import rules
from answerable.users.rules import BAD_LINK, Person
from answerable.users.store import audit, links, people
from answerable.users.store.audit import AuditFilter
from answerable.users.store.people import PeopleFilter

RECENT = 8


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


class AuditView(msgspec.Struct, frozen=True, rename="camel"):
    """Who did what to whom; ``changes`` is field -> [before, after]. Names are those of today."""

    id: str
    at: str
    actor_id: str
    actor_kind: str
    actor_name: str | None
    person_id: str
    person_name: str | None
    action: str
    changes: dict[str, list[bool | str | list[str] | None]]


def view(person: Person) -> PersonView:
    """Show a person."""
    return PersonView(person.id, person.name, person.email, list(person.roles), person.active)


def audit_view(row: Row) -> AuditView:
    """Show a line of the record."""
    return AuditView(
        row["id"],
        iso(row["at"]),
        row["actor_id"],
        row["actor_kind"],
        row["actor_name"],
        row["person_id"],
        row["person_name"],
        row["action"],
        msgspec.json.decode(row["detail"]),
    )


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


async def list_audit(tx: Tx, page: PageRequest, wanted: AuditFilter = audit.ALL) -> Page[Row]:
    """Read a page of the record of changes, newest first."""
    return await audit.list_audit(tx, page, wanted)


async def list_audit_of(tx: Tx, person_id: str) -> list[Row]:
    """Read the newest changes of a person."""
    return list((await audit.list_audit(tx, PageRequest(RECENT), AuditFilter(person_id=person_id))).rows)


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
