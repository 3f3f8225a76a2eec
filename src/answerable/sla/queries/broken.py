"""Broken promises, with who had the ticket when."""

from collections.abc import Iterable, Iterator

import msgspec

from answerable.kernel.paging import Page, PageRequest, encode_cursor
from answerable.kernel.span import Span
from answerable.kernel.times import iso, iso_or_none
from answerable.kernel.tx import Row, Tx
from answerable.sla.rules.holding import Holding, holder_at, holdings
from answerable.sla.store import reports

BROKEN = "-breachedAt"  # the order of the list


class HolderView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Somebody had the ticket from ``begin`` to ``end`` (``None``: still); ``agent_id`` is ``None`` for nobody."""

    agent_id: str | None
    agent: str | None
    begin: str
    end: str | None


class Broken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A broken promise. ``held_by`` had the ticket when it was broken.

    ``due_at`` is ``None`` while it is paused, ``ended_at`` while it is open.
    """

    ticket_id: str
    number: int
    title: str
    priority: str
    category: str
    target: str
    cycle: int
    policy: str
    started_at: str
    due_at: str | None
    breached_at: str
    ended_at: str | None
    held_by: str | None
    held_by_name: str | None


class BrokenView(Broken, frozen=True, kw_only=True, rename="camel"):
    """The same with who had the ticket while the promise was open."""

    holders: list[HolderView]


class BrokenLine(Broken, frozen=True, kw_only=True, rename="camel"):
    """The same as a line of a table; ``holders`` is ``Name begin/end`` for each, with ``; `` between."""

    holders: str


async def list_broken(tx: Tx, span: Span, page: PageRequest) -> Page[BrokenView]:
    """List the broken promises on tickets raised in a span, the newest first."""
    rows = await reports.list_broken(tx, span, page)
    cursor = None
    if len(rows) > page.size:
        rows = rows[: page.size]
        cursor = encode_cursor(BROKEN, rows[-1]["breached_at"], rows[-1]["id"])
    changes: dict[str, list[tuple[int, str | None, str | None]]] = {}
    for row in await reports.list_holders(tx, sorted({row["ticket_id"] for row in rows})):
        changes.setdefault(row["ticket_id"], []).append((row["since"], row["agent_id"], row["name"]))
    found = [_view(row, changes.get(row["ticket_id"], [])) for row in rows]
    return Page(found, cursor, await reports.count_broken(tx, span, exact=page.exact_count))


def _view(row: Row, changes: Iterable[tuple[int, str | None, str | None]]) -> BrokenView:
    held = holdings(changes, row["started_at"], row["ended_at"])
    then = holder_at(held, row["breached_at"])
    return BrokenView(
        ticket_id=row["ticket_id"],
        number=row["number"],
        title=row["title"],
        priority=row["priority"],
        category=row["category"],
        target=row["target"],
        cycle=row["cycle"],
        policy=row["policy"],
        started_at=iso(row["started_at"]),
        due_at=iso_or_none(row["due_at"]),
        breached_at=iso(row["breached_at"]),
        ended_at=iso_or_none(row["ended_at"]),
        held_by=then.agent_id,
        held_by_name=then.name,
        holders=[_holder(each) for each in held],
    )


def _holder(each: Holding) -> HolderView:
    return HolderView(agent_id=each.agent_id, agent=each.name, begin=iso(each.begin), end=iso_or_none(each.end))


def lines_of(rows: Iterable[BrokenView]) -> Iterator[BrokenLine]:
    """Return broken promises as lines of a table."""
    for row in rows:
        told = "; ".join(f"{each.agent or each.agent_id or '-'} {each.begin}/{each.end or ''}" for each in row.holders)
        yield BrokenLine(**{**{name: getattr(row, name) for name in row.__struct_fields__}, "holders": told})
