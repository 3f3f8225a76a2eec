"""Everything that the users feature keeps about one person."""

from typing import Any

import msgspec

from answerable.kernel.errors import Missing
from answerable.kernel.times import iso, iso_or_none
from answerable.kernel.tx import Row, Tx
from answerable.users.rules import Person
from answerable.users.store import erasure, people


async def find(tx: Tx, who: str) -> Person:
    """Return a person by id or address. Raises ``Missing``."""
    person = await people.load_person(tx, who) or await people.load_person_by_email(tx, who)
    if person is None:
        raise Missing("There is no such person.")
    return person


async def export(tx: Tx, person_id: str) -> dict[str, Any]:
    """Return a person's account, sessions, wishes, mails, and what the audit log says of them; no secrets."""
    person = await find(tx, person_id)
    account = {
        "id": person.id,
        "name": person.name,
        "email": person.email,
        "roles": list(person.roles),
        "active": person.active,
        "verifiedAt": iso_or_none(person.verified_at),
        "createdAt": iso(person.created_at),
        "updatedAt": iso(person.updated_at),
        "hasPassword": bool(person.password_hash),
    }
    return {
        "account": account,
        "sessions": [_shown(row) for row in await erasure.list_sessions(tx, person.id)],
        "keys": [_shown(row) for row in await erasure.list_keys(tx, person.id)],
        "secondFactor": [_shown(row) for row in await erasure.load_second_factor(tx, person.id)],
        "identities": [_shown(row) for row in await erasure.list_identities(tx, person.id)],
        "preferences": [_shown(row) for row in await erasure.load_wishes(tx, person.id)],
        "mails": [_shown(row) for row in await erasure.list_mails_to(tx, person.email)],
        "audit": [_act(row) for row in await erasure.list_acts(tx, person.id)],
    }


def _act(row: Row) -> dict[str, Any]:
    shown = {**dict(row), "at": iso(row["at"])}
    return {**shown, "changes": msgspec.json.decode(row["changes"] or "{}")}


def _shown(row: Row) -> dict[str, Any]:
    return {name: iso_or_none(value) if name.endswith("_at") else value for name, value in dict(row).items()}
