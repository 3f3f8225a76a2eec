"""The real history under a draft: every ticket's promises replayed from the event log, and nothing written."""

import gc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from answerable.infra.bus.history import History
from answerable.kernel.actor import service
from answerable.kernel.span import Span
from answerable.kernel.times import iso_or_none
from answerable.kernel.tx import Database, Tx
from answerable.sla import rules, store
from answerable.sla.rules import WrittenTerms
from answerable.sla.rules.figures import NOBODY, Counter, Tally, differences_of, outcome, week_of
from answerable.sla.rules.replay import TYPES, Life, Subject, Timetable, Verdict, read_said

_DESK = service("sla")
MOST_CHANGED = 1000  # told one by one
AUDIT_BATCH = 1000


class Comparison(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One group of promises under what holds, and under the draft. ``by`` is all, priority, agent, category, week."""

    by: str
    name: str
    target: str
    current: Tally
    draft: Tally


class ChangedVerdict(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A promise that would have ended otherwise: KEPT, BROKEN, OPEN, GIVEN_UP, or NONE where there is none."""

    ticket_id: str
    number: int
    priority: str
    target: str
    cycle: int
    current: str
    draft: str
    current_due_at: str | None
    draft_due_at: str | None


class BacktestView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A back-test. ``changed`` lists at most ``MOST_CHANGED`` of ``changedTotal`` verdicts; ``lost`` names a gap."""

    tickets: int
    first: str | None
    last: str | None
    comparisons: list[Comparison]
    changed: list[ChangedVerdict]
    changed_total: int
    lost: str


Lives = dict[str, Life]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do without the collector of circles: it would go over all lives again and again, and there is none among them."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


async def replay(history: History, tables: Sequence[Timetable], span: Span) -> Lives:
    """Replay the tickets of a span under each timetable."""
    lives: Lives = {}
    async for messages in history.read_lean(TYPES):
        for message in messages:
            said = read_said(message[2])
            life = lives.get(said.ticket.id)
            if life is not None:
                life.tell(message[0], message[1], said)
            elif span.holds(said.ticket.created_at):
                lives[said.ticket.id] = life = Life(tables, said)
                life.begin(message[0], message[1], said)
    return lives


async def in_force(database: Database) -> Timetable:
    """Return everything that has held until now."""

    async def load(tx: Tx) -> Timetable:
        return Timetable(await store.load_all_in_force(tx, tx.now), tx.settings.sla.warn_share)

    return await database.read(_DESK, load)


async def backtest(database: Database, history: History, draft: WrittenTerms, span: Span) -> BacktestView:
    """Compare what a draft would have made of the history with what holds. Raises ``Invalid`` for a bad draft."""
    drafted = Timetable([rules.read_terms(draft, "draft")], database.settings.sla.warn_share)
    tables = [await in_force(database), drafted]
    with _uncollected():
        return _weighed(await replay(history, tables, span), database.clock(), history)


def _weighed(lives: Lives, now: int, history: History) -> BacktestView:
    counters = Counter(), Counter()
    changed: list[ChangedVerdict] = []
    total, first, last = 0, None, None
    for life in lives.values():
        ticket = life.ticket
        first = ticket.created_at if first is None else min(first, ticket.created_at)
        last = ticket.created_at if last is None else max(last, ticket.created_at)
        was, would_be = life.outcomes(now)
        group = (ticket.priority, ticket.agent_id or NOBODY, ticket.category, week_of(ticket.created_at))
        counters[0].add_ticket(group, was)
        counters[1].add_ticket(group, would_be)
        if was == would_be:
            continue
        if total < MOST_CHANGED:
            found = _changed(*life.verdicts(now))
            changed += [_told(ticket, key, one, other) for key, one, other in found[: MOST_CHANGED - total]]
        total += differences_of(was, would_be)
    return BacktestView(
        tickets=len(lives),
        first=iso_or_none(first),
        last=iso_or_none(last),
        comparisons=_compared(*counters),
        changed=changed,
        changed_total=total,
        lost=history.lost,
    )


def _compared(current: Counter, draft: Counter) -> list[Comparison]:
    before, after = current.tallies(), draft.tallies()
    nothing = Tally()
    return [
        Comparison(by=by, name=name, target=target, current=before.get(key, nothing), draft=after.get(key, nothing))
        for key in (*before, *(key for key in after if key not in before))
        for by, name, target in [key]
    ]


Pair = tuple[tuple[str, int], Verdict | None, Verdict | None]


def _changed(was: Sequence[Verdict], would_be: Sequence[Verdict]) -> list[Pair]:
    """Return the promises of a ticket that would have ended otherwise, by target and cycle."""
    before = {(each.target, each.cycle): each for each in was}
    after = {(each.target, each.cycle): each for each in would_be}
    pairs = ((key, before.get(key), after.get(key)) for key in sorted({*before, *after}))
    return [pair for pair in pairs if _ended(pair[1]) != _ended(pair[2])]


def _ended(verdict: Verdict | None) -> str:
    return "NONE" if verdict is None else outcome(verdict.state, verdict.breached)


def _told(ticket: Subject, key: tuple[str, int], one: Verdict | None, other: Verdict | None) -> ChangedVerdict:
    return ChangedVerdict(
        ticket_id=ticket.id,
        number=ticket.number,
        priority=ticket.priority,
        target=key[0],
        cycle=key[1],
        current=_ended(one),
        draft=_ended(other),
        current_due_at=iso_or_none(one.due_at) if one else None,
        draft_due_at=iso_or_none(other.due_at) if other else None,
    )


# --- the policy in force must give what the clocks say -------------------------------------------------------------


async def differences(
    database: Database, history: History, tell: Callable[[int], None] = lambda _: None
) -> tuple[int, list[str]]:
    """Replay everything under what has held, and compare each verdict with its clock; a line per difference."""
    table = await in_force(database)
    with _uncollected():
        lives = await replay(history, [table], Span())
    now = database.clock()
    expected: dict[tuple[str, str, int], tuple[object, ...]] = {}
    for ticket_id, life in lives.items():
        for each in life.verdicts(now)[0]:
            expected[ticket_id, each.target, each.cycle] = _compare(each.state, each.breached_at, each.ended_at)
    checked, found = 0, []
    async for part in _clocks(database):
        for ticket_id, target, cycle, state, breached_at, ended_at in part:
            key = (ticket_id, target, cycle)
            wanted = expected.pop(key, None)
            checked += 1
            if wanted != _compare(state, breached_at, ended_at):
                found.append(f"{target} {cycle} of ticket {ticket_id}: {state} {breached_at}, the log says {wanted}")
        tell(checked)
    found += [f"{target} {cycle} of ticket {ticket_id} has no clock" for ticket_id, target, cycle in expected]
    return checked, found


def _compare(state: str, breached_at: int | None, ended_at: int | None) -> tuple[object, ...]:
    return state, breached_at, ended_at


async def _clocks(database: Database) -> AsyncIterator[list[tuple[str, str, int, str, int | None, int | None]]]:
    after = ""
    while rows := await database.scan(_DESK, store.list_verdicts, after, AUDIT_BATCH):
        after = rows[-1]["id"]
        yield [
            (row["ticket_id"], row["target"], row["cycle"], row["state"], row["breached_at"], row["ended_at"])
            for row in rows
        ]
