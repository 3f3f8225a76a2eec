"""Editions: all calendars and policies as they hold from one instant on. A stored one is never changed."""

from collections import OrderedDict
from dataclasses import replace

import msgspec

from answerable.kernel.tx import Row, Tx
from answerable.sla.rules import FIRST_EDITION, Edition, WrittenTerms, own_terms, read_terms

NONE_YET = "0"  # the tag of what holds until somebody says something else
KEPT = 64  # editions that are held ready, over all desks of this process
_COLUMNS = "id, number, effective_from, body, source, made_at, made_by, changes, after"


class Since(msgspec.Struct, frozen=True, array_like=True):
    """How often a calendar or policy was written, and from when on it holds as it is."""

    version: int
    effective_from: int


class StoredEdition(msgspec.Struct, frozen=True, kw_only=True):
    """An edition as it was written. ``source`` is the text it came from, where that was a file."""

    id: str = ""
    number: int = 0
    effective_from: int = 0
    terms: WrittenTerms
    since: dict[str, Since] = {}  # "calendar NAME" or "policy NAME"
    source: str | None = None
    made_at: int = 0
    made_by: str = ""
    changes: list[str] = []

    @property
    def tag(self) -> str:
        """Return what tells this edition from every other one, also from one of the same number that was withdrawn."""
        return self.id or NONE_YET


class _Body(msgspec.Struct, frozen=True):
    terms: WrittenTerms
    since: dict[str, Since]


_decode = msgspec.json.Decoder(_Body).decode
_encode = msgspec.json.Encoder().encode
_ready: OrderedDict[str, Edition] = OrderedDict()


async def load_edition(tx: Tx, edition_id: str) -> Edition:
    """Load an edition, ready to be used; the desk's own for an empty id. It is read once: none is ever changed."""
    if not edition_id:
        return FIRST_EDITION
    known = _ready.get(edition_id)
    if known is None:
        rows = await tx.run(f"SELECT {_COLUMNS} FROM sla_edition WHERE id = :id", id=edition_id)
        stored = _stored(rows[0])
        read = read_terms(stored.terms, stored.id, stored.number, stored.effective_from)
        known = replace(read, versions={name: since.version for name, since in stored.since.items()})
        _ready[edition_id] = known
        while len(_ready) > KEPT:
            _ready.popitem(last=False)
    return known


async def load_in_force(tx: Tx, at: int) -> Edition:
    """Load the edition that holds at an instant."""
    rows = await tx.run(
        "SELECT id FROM sla_edition WHERE effective_from <= :at ORDER BY number DESC LIMIT 1",
        at=at,
    )
    return await load_edition(tx, rows[0]["id"] if rows else "")


async def load_editions_between(tx: Tx, before: Edition, last: Edition) -> list[Edition]:
    """Load the editions behind one, up to another; none where that is not newer."""
    if last.number <= before.number + 1:
        return [last] if last.number == before.number + 1 else []
    rows = await tx.run(
        "SELECT id FROM sla_edition WHERE number > :before AND number <= :last ORDER BY number",
        before=before.number,
        last=last.number,
    )
    return [await load_edition(tx, row["id"]) for row in rows]


async def load_all_in_force(tx: Tx, at: int) -> list[Edition]:
    """Load every edition that has held until an instant, in their order, from the desk's own on."""
    rows = await tx.run("SELECT id FROM sla_edition WHERE effective_from <= :at ORDER BY number", at=at)
    return [FIRST_EDITION, *[await load_edition(tx, row["id"]) for row in rows]]


async def load_newest(tx: Tx) -> StoredEdition:
    """Load the newest edition as it was written, whether it holds already or not."""
    rows = await tx.run(f"SELECT {_COLUMNS} FROM sla_edition ORDER BY number DESC LIMIT 1")
    return _stored(rows[0]) if rows else StoredEdition(terms=own_terms())


async def load_written(tx: Tx, at: int) -> StoredEdition:
    """Load the edition that holds at an instant as it was written."""
    rows = await tx.run(
        f"SELECT {_COLUMNS} FROM sla_edition WHERE effective_from <= :at ORDER BY number DESC LIMIT 1", at=at
    )
    return _stored(rows[0]) if rows else StoredEdition(terms=own_terms())


async def list_editions_behind(tx: Tx, tag: str, limit: int) -> list[StoredEdition] | None:
    """Read the newest editions behind one, oldest first; ``None`` where there is no such edition (any more)."""
    if tag != NONE_YET and not await tx.run("SELECT 1 AS one FROM sla_edition WHERE id = :id", id=tag):
        return None
    rows = await tx.run(
        f"""SELECT {_COLUMNS} FROM sla_edition
        WHERE number > COALESCE((SELECT e.number FROM sla_edition e WHERE e.id = :id), 0)
        ORDER BY number DESC LIMIT :limit""",
        id=tag,
        limit=limit,
    )
    return [_stored(row) for row in reversed(rows)]


async def list_editions(tx: Tx, limit: int) -> list[StoredEdition]:
    """Read the editions, newest first."""
    rows = await tx.run(f"SELECT {_COLUMNS} FROM sla_edition ORDER BY number DESC LIMIT :limit", limit=limit)
    return [_stored(row) for row in rows]


async def insert_edition(tx: Tx, edition: StoredEdition) -> None:
    """Store an edition; the open clocks are yet to follow it."""
    await tx.run(
        """INSERT INTO sla_edition (id, number, effective_from, body, source, made_at, made_by, changes, after)
        VALUES (:id, :number, :effective_from, :body, :source, :made_at, :made_by, :changes, '')""",
        id=edition.id,
        number=edition.number,
        effective_from=edition.effective_from,
        body=_encode(_Body(edition.terms, edition.since)).decode(),
        source=edition.source,
        made_at=edition.made_at,
        made_by=edition.made_by,
        changes=_encode(edition.changes).decode(),
    )


async def save_source(tx: Tx, edition_id: str, source: str | None) -> None:
    """Note another text that says the same."""
    await tx.run("UPDATE sla_edition SET source = :source WHERE id = :id", id=edition_id, source=source)


async def delete_edition(tx: Tx, edition_id: str) -> None:
    """Remove an edition that never held."""
    await tx.run("DELETE FROM sla_edition WHERE id = :id", id=edition_id)


# --- open clocks that are to follow --------------------------------------------------------------------------------


async def next_following(tx: Tx) -> int | None:
    """Return when the next edition must be followed by the open clocks."""
    rows = await tx.run("SELECT MIN(effective_from) AS at FROM sla_edition WHERE after IS NOT NULL")
    at: int | None = rows[0]["at"]
    return at


async def load_following(tx: Tx) -> tuple[str, str] | None:
    """Return the newest edition that holds and is not followed by all: its id, and the last clock that follows it."""
    rows = await tx.run(
        """SELECT id, after FROM sla_edition WHERE after IS NOT NULL AND effective_from <= :now
        ORDER BY number DESC LIMIT 1""",
        now=tx.now,
    )
    return (rows[0]["id"], rows[0]["after"]) if rows else None


async def save_following(tx: Tx, edition_id: str, after: str) -> None:
    """Note how far the open clocks follow an edition."""
    await tx.run("UPDATE sla_edition SET after = :after WHERE id = :id", id=edition_id, after=after)


async def end_following(tx: Tx, edition_id: str) -> None:
    """Note that all open clocks follow an edition, and so none before it any more."""
    await tx.run(
        """UPDATE sla_edition SET after = NULL
        WHERE after IS NOT NULL AND number <= (SELECT e.number FROM sla_edition e WHERE e.id = :id)""",
        id=edition_id,
    )


def _stored(row: Row) -> StoredEdition:
    body = _decode(row["body"])
    return StoredEdition(
        id=row["id"],
        number=row["number"],
        effective_from=row["effective_from"],
        terms=body.terms,
        since=body.since,
        source=row["source"],
        made_at=row["made_at"],
        made_by=row["made_by"],
        changes=msgspec.json.decode(row["changes"], type=list[str]),
    )
