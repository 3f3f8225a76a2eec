"""Whom a policy is for: people are chosen by their names, and kept by their ids."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from answerable.kernel.tx import Tx
from answerable.sla.rules.policy import Policy
from answerable.sla.store import pressing

FOUND = 8
PERSON = "person:"  # before the id of somebody whom a level tells
MOST_CHOSEN = 1000  # as many names as a filter may have


class Chosen(msgspec.Struct, frozen=True):
    """Who is chosen and who else has such a name, as (id, name); the name of somebody unknown is empty."""

    people: Sequence[tuple[str, str]]
    found: Sequence[tuple[str, str]]


async def choose(tx: Tx, ids: Iterable[str], typed: str) -> Chosen:
    """Return those who are chosen, and a few others of whose name each word that is ``typed`` is a part."""
    chosen = list(dict.fromkeys(ids))[:MOST_CHOSEN]
    known = await names_of(tx, chosen)
    found = await pressing.find_people(tx, typed[:100], FOUND + len(chosen)) if typed.strip() else []
    others = [(row["id"], row["name"]) for row in found if row["id"] not in known]
    return Chosen([(each, known.get(each, "")) for each in chosen], others[:FOUND])


async def names_of(tx: Tx, ids: Sequence[str]) -> Mapping[str, str]:
    """Return what some people are called, by id; of more than a filter may have, the first."""
    return {row["id"]: row["name"] for row in await pressing.list_names(tx, ids[:MOST_CHOSEN])}


async def names_in(tx: Tx, policies: Iterable[Policy]) -> Mapping[str, str]:
    """Return what those are called whom policies are for or whom their levels tell, by id."""
    meant: set[str] = set()
    for policy in policies:
        meant.update(policy.when.requester or ())
        told = (whom for level in policy.levels for action in level.actions for whom in action.whom)
        meant.update(whom.removeprefix(PERSON) for whom in told if whom.startswith(PERSON))
    return await names_of(tx, sorted(meant))
