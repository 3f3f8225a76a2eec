"""The audit log for screens, exports and whoever wants to know whether it is whole."""

import hmac
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from answerable.infra.web.sheet import csv_lines
from answerable.kernel.paging import Page, PageRequest
from answerable.kernel.times import iso
from answerable.kernel.tx import Row, Tx
from answerable.users.rules.acts import FIRST, PERSON, Chain
from answerable.users.store import acts
from answerable.users.store.acts import ALL, ActFilter, act_of, link_of

RECENT = 8
BLOCK = 1000
MOST_FOUND = 50


class ActView(msgspec.Struct, frozen=True, rename="camel"):
    """Who did what to what; ``changes`` is field -> [before, after]. Names of people are those of today."""

    id: str
    number: int
    at: str
    actor_id: str
    actor_kind: str
    actor_name: str | None
    act: str
    about: str
    about_id: str
    named: str | None
    changes: dict[str, list[Any]]
    hash: str


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


class FlatAct(msgspec.Struct, frozen=True, rename="camel"):
    """An act as a line of a table; ``changes`` is JSON."""

    number: int
    at: str
    actor_id: str
    actor_kind: str
    actor_name: str
    act: str
    about: str
    about_id: str
    named: str
    changes: str
    hash: str


class Verdict(msgspec.Struct, frozen=True, rename="camel"):
    """How many acts the log has, the hash of the last one, and a line per act that does not hold."""

    acts: int
    last_hash: str
    complaints: list[str]


def act_view(row: Row) -> ActView:
    """Show an act."""
    return ActView(
        id=row["id"],
        number=row["number"],
        at=iso(row["at"]),
        actor_id=row["actor_id"],
        actor_kind=row["actor_kind"],
        actor_name=row["actor_name"],
        act=row["act"],
        about=row["about"],
        about_id=row["about_id"],
        named=row["person_name"] if row["about"] == PERSON else row["named"],
        changes=changes_of(row),
        hash=row["hash"],
    )


def flat(act: ActView) -> FlatAct:
    """Write an act as a line of a table."""
    return FlatAct(
        act.number,
        act.at,
        act.actor_id,
        act.actor_kind,
        act.actor_name or "",
        act.act,
        act.about,
        act.about_id,
        act.named or "",
        msgspec.json.encode(act.changes).decode(),
        act.hash,
    )


def written(rows: Sequence[Row], shape: str, *, header: bool) -> str:
    """Write acts as ``csv``, below a line of names where ``header`` says so, or as ``jsonl``: an act a line."""
    views = [act_view(row) for row in rows]
    if shape == "csv":
        return "".join(csv_lines(FlatAct, [flat(view) for view in views], header=header))
    return "".join(msgspec.json.encode(view).decode() + "\n" for view in views)


def audit_view(row: Row) -> AuditView:
    """Show what was done to a person."""
    return AuditView(
        row["id"],
        iso(row["at"]),
        row["actor_id"],
        row["actor_kind"],
        row["actor_name"],
        row["about_id"],
        row["person_name"],
        row["act"].removeprefix("PERSON_"),
        changes_of(row),
    )


def changes_of(row: Row) -> dict[str, list[Any]]:
    """Return what an act changed, nothing where that was forgotten."""
    found: dict[str, list[Any]] = msgspec.json.decode(row["changes"] or "{}")
    return found


async def list_acts(tx: Tx, page: PageRequest, wanted: ActFilter = ALL) -> Page[Row]:
    """Read a page of the log, newest first."""
    return await acts.list_acts(tx, page, wanted)


async def list_acts_on(tx: Tx, person_id: str) -> list[Row]:
    """Read the newest acts on a person."""
    wanted = ActFilter(about=PERSON, about_id=person_id)
    return list((await acts.list_acts(tx, PageRequest(RECENT), wanted)).rows)


async def verify(tx: Tx) -> Verdict:
    """Hold every act against the chain; ``MOST_FOUND`` complaints at most."""
    chain, before, found = Chain(tx.settings.storage.secret), FIRST, list[str]()
    async for row in _all_acts(tx):
        link, act = link_of(row), act_of(row)
        where = f"act {link.number}"
        if link.number != before.number + 1:
            found.append(f"{where}: {link.number - before.number - 1} before it are missing")
        elif link.mark != chain.mark:
            found.append(f"{where}: was made with another secret and cannot be checked")
        elif not hmac.compare_digest(link.hash, chain.hash(before.hash, link.number, act, link.digest)):
            found.append(f"{where}: is not what was recorded, or not behind what it was recorded behind")
        elif row["named"] is None:
            if not await acts.is_erased(tx, act.about, act.about_id):
                found.append(f"{where}: its details are gone")
        elif not hmac.compare_digest(link.digest, chain.digest(act.id, act.named, act.changes)):
            found.append(f"{where}: its details are not what was recorded")
        before = link
        if len(found) >= MOST_FOUND:
            break
    if strays := await acts.count_strays(tx):
        found.append(f"{strays} details belong to no act")
    return Verdict(before.number, before.hash, found)


async def whole_log(tx: Tx) -> list[str]:
    """Return a line for each act that does not hold, as part of what ``events verify`` looks at."""
    return [f"audit log: {line}" for line in (await verify(tx)).complaints]


async def find_hash(tx: Tx, noted: str) -> int | None:
    """Return the number of the act whose hash somebody noted elsewhere."""
    return await acts.load_hash(tx, noted)


async def _all_acts(tx: Tx) -> AsyncIterator[Row]:
    number = 0
    while rows := await acts.load_after(tx, number, BLOCK):
        for row in rows:
            yield row
        number = rows[-1]["number"]
