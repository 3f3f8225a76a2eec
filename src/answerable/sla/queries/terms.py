"""What is promised, as people read it; and what a change of it would change."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from answerable.kernel.errors import Invalid, Stale
from answerable.kernel.times import iso
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.sla import rules, store
from answerable.sla.rules import Clock, Edition, Terms, WrittenCalendar, WrittenPolicy, WrittenTerms, edits, toml
from answerable.sla.rules.offer import Offer, offers
from answerable.sla.rules.written import plain
from answerable.sla.store import Since, StoredEdition

T = TypeVar("T")
CHANGED = N_(
    "Calendars or policies have changed since you read them, and nothing was stored. Look at what changed, then send "
    "yours again."
)
WITHDRAWN = N_("The change that you read was taken back.")
MOST_BEHIND = 50  # lines that say what changed meanwhile
MAX_HISTORY = 1000
AT_ONCE = 2000


class CalendarView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A calendar as it holds. ``holidays`` and ``special`` are by date, ``usedBy`` names policies."""

    name: str
    zone: str
    always: bool
    week: dict[str, list[str]]
    holidays: dict[str, str]
    special: dict[str, list[str]]
    version: int
    effective_from: str
    used_by: list[str]


class PolicyView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A policy as it holds; of those that fit a ticket, the one with the lowest ``position`` applies."""

    name: str
    position: int
    when: dict[str, list[str]]
    targets: dict[str, Any]
    warn: str
    reopen: str
    levels: list[Any]
    version: int
    effective_from: str


class EditionView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One change of calendars and policies: who made it when, from when on it holds, and what it changed."""

    number: int
    effective_from: str
    made_at: str
    made_by: str
    changes: list[str]


class TermsView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything that holds, as one TOML text. ``planned`` is a change that waits for its instant."""

    number: int
    effective_from: str
    text: str
    planned: EditionView | None


class PlanView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a change would change: a line each, and for how many open tickets promises would be others."""

    changes: list[str]
    open_tickets: int
    open_tickets_affected: int


async def list_calendars(tx: Tx) -> list[CalendarView]:
    """List the calendars that hold now."""
    stored = await store.load_written(tx, tx.now)
    return [_calendar_view(stored, each) for each in stored.terms.calendars]


async def get_calendar(tx: Tx, name: str) -> CalendarView:
    """Read a calendar. Raises ``Missing``."""
    stored = await store.load_written(tx, tx.now)
    return _calendar_view(stored, edits.find_calendar(stored.terms, name))


async def list_policies(tx: Tx) -> list[PolicyView]:
    """List the policies that hold now, in their order."""
    stored = await store.load_written(tx, tx.now)
    return [_policy_view(stored, each) for each in stored.terms.policies]


async def get_policy(tx: Tx, name: str) -> PolicyView:
    """Read a policy. Raises ``Missing``."""
    stored = await store.load_written(tx, tx.now)
    return _policy_view(stored, edits.find_policy(stored.terms, name))


async def read_terms(tx: Tx) -> TermsView:
    """Read everything that holds now; the text is that of the file it came from, where it came from one."""
    stored, newest = await store.load_written(tx, tx.now), await store.load_newest(tx)
    return TermsView(
        number=stored.number,
        effective_from=iso(stored.effective_from),
        text=toml.write_toml(stored.terms) if stored.source is None else stored.source,
        planned=_edition_view(newest) if newest.number > stored.number else None,
    )


async def newest_terms(tx: Tx) -> WrittenTerms:
    """Read what was written last, also where it waits for its instant: what a change changes."""
    return (await store.load_newest(tx)).terms


async def newest_edition(tx: Tx) -> StoredEdition:
    """Read the same with its tag, by which a later change says what it was made of."""
    return await store.load_newest(tx)


async def tagged(tx: Tx, query: Callable[..., Awaitable[T]], *args: Any) -> tuple[T, str]:
    """Return what a query gives, and the tag of the edition that it read: of what holds now."""
    return await query(tx, *args), (await store.load_written(tx, tx.now)).tag


async def expect(tx: Tx, newest: StoredEdition, tag: str | None) -> None:
    """Raise ``Stale`` with what changed where the newest edition is not the one of ``tag`` (``None``: any is right)."""
    if tag is None or tag == newest.tag:
        return
    behind = await store.list_editions_behind(tx, tag, MOST_BEHIND)
    lines = [WITHDRAWN] if behind is None else [line for each in behind for line in each.changes]
    raise Stale(CHANGED, errors=tuple(lines[-MOST_BEHIND:]))


async def list_editions(tx: Tx) -> list[EditionView]:
    """List the changes of calendars and policies, newest first."""
    return [_edition_view(each) for each in await store.list_editions(tx, MAX_HISTORY)]


def _edition_view(stored: StoredEdition) -> EditionView:
    return EditionView(
        number=stored.number,
        effective_from=iso(stored.effective_from),
        made_at=iso(stored.made_at),
        made_by=stored.made_by,
        changes=stored.changes,
    )


def _calendar_view(stored: StoredEdition, each: WrittenCalendar) -> CalendarView:
    since = stored.since.get(f"calendar {each.name}", Since(1, 0))
    return CalendarView(
        name=each.name,
        zone=each.zone,
        always=each.always,
        week=each.week,
        holidays=each.holidays,
        special=each.special,
        version=since.version,
        effective_from=iso(since.effective_from),
        used_by=edits.users_of(stored.terms, each.name),
    )


def _policy_view(stored: StoredEdition, each: WrittenPolicy) -> PolicyView:
    since = stored.since.get(f"policy {each.name}", Since(1, 0))
    return PolicyView(
        name=each.name,
        position=stored.terms.policies.index(each) + 1,
        when=plain(each.when),
        targets={name: plain(target) for name, target in each.targets.items()},
        warn=each.warn,
        reopen=each.reopen,
        levels=[plain(level) for level in each.levels],
        version=since.version,
        effective_from=iso(since.effective_from),
    )


# --- what would change ---------------------------------------------------------------------------------------------


async def plan_terms(tx: Tx, edit: Callable[[WrittenTerms], WrittenTerms], expected: str | None = None) -> PlanView:
    """Tell what an edit would change, and for how many open tickets. Raises what the change itself would."""
    before = await store.load_newest(tx)
    await expect(tx, before, expected)
    after = edit(before.terms)
    edition = rules.read_terms(after, "draft", before.number + 1)
    changes = rules.changes_between(before.terms, after)
    tickets, affected = await _count_affected(tx, edition, compared=bool(changes))
    return PlanView(changes=changes, open_tickets=tickets, open_tickets_affected=affected)


async def _count_affected(tx: Tx, edition: Edition, *, compared: bool) -> tuple[int, int]:
    tickets: set[str] = set()
    affected: set[str] = set()
    known: dict[tuple[Any, ...], bool] = {}
    after = ""
    while promises := await store.list_open_promises(tx, after, AT_ONCE):
        for clock, ticket in promises:
            tickets.add(ticket.id)
            key = (_key(clock), ticket.priority, ticket.category, ticket.requester_id)
            if compared and key not in known:
                promised = rules.promise_for(ticket, clock.target, tx.settings.sla.warn_share, edition)
                known[key] = _differs(promised, rules.held_to(clock, await store.load_edition(tx, clock.edition)))
            if compared and known[key]:
                affected.add(ticket.id)
        after = promises[-1][0].id
    return len(tickets), len(affected)


def _key(clock: Clock) -> tuple[Any, ...]:
    return clock.edition, clock.policy, clock.target, clock.target_micros, clock.warn_micros


def _differs(promised: Terms | None, held: Terms) -> bool:
    return promised is None or promised.differs(held)


def holidays_from(
    country: str | None, region: str | None, years: tuple[int, int] | None, ics: str | None
) -> dict[str, str]:
    """Return the holidays of a country's years, or of an iCalendar file. Raises ``Invalid`` for neither and both."""
    if (country is None) == (ics is None):
        raise Invalid(N_("Name a country, or send an iCalendar file."), errors=("country: or ics is needed",))
    from answerable.sla.rules import holidays  # noqa: PLC0415  # what it needs is loaded where it is wanted

    if ics is not None:
        return holidays.read_ics(ics)
    if years is None:
        raise Invalid(N_("Name the years."), errors=("firstYear: is missing",))
    assert country is not None
    return holidays.public_holidays(country, region, *years)


async def list_offers(tx: Tx, category: str) -> list[Offer]:
    """Return what is promised now for each priority, on a ticket of a category that the caller is about to raise."""
    return offers(await store.load_in_force(tx, tx.now), tx.actor.id, category)
