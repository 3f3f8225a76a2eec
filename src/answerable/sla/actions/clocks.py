"""Promises follow their tickets, what is promised, and the time.

``at`` is when the thing happened (microseconds), which is earlier than ``tx.now`` where a message was late.
"""

from collections.abc import Callable, Sequence

from answerable.kernel.tx import Tx
from answerable.messages.tickets import TicketRef
from answerable.sla import rules, store
from answerable.sla.actions.telling import call_late, insert, keep, tell_all, tell_late
from answerable.sla.rules import FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION, Change, Clock, Edition, Terms
from answerable.sla.store.pressing import save_name

NEW_TERMS = "Policies or calendars have changed"
NO_TERMS = "No policy promises this any more"


async def promise(tx: Tx, ticket: TicketRef) -> None:
    """Promise a first response and a resolution to a new ticket, from when it was raised; once."""
    held = await store.insert_ticket(tx, ticket)
    if held is None:
        return
    edition = await store.load_edition(tx, held[0])
    for target in (FIRST_RESPONSE, RESOLUTION):
        await _arm(tx, ticket, target, 1, ticket.created_at, edition)
    if held[1] != held[0]:  # the message is so late that other terms hold by now
        clocks = await store.load_standing(tx, ticket.id)
        await bring_up(tx, ticket, clocks, await store.load_edition(tx, held[1]))


async def note_ticket(tx: Tx, ticket: TicketRef, at: int) -> Edition:
    """Note how a ticket stands; a ticket whose beginning was missed gets its promises now, from when it was raised.

    Returns what holds at ``at``.
    """
    held = await store.save_ticket(tx, ticket, at)
    if held is not None:
        return await store.load_edition(tx, held)
    await promise(tx, ticket)
    edition = await store.load_in_force(tx, at)
    await _follow(tx, ticket, at, edition)
    return edition


async def note_holder(tx: Tx, ticket: TicketRef, at: int) -> None:
    """Note who has a ticket from now on; no clock is reset."""
    await note_ticket(tx, ticket, at)
    await store.save_holder(tx, ticket, at)


async def follow_status(tx: Tx, ticket: TicketRef, at: int) -> None:
    """Let the promises of a ticket follow its status: pause, go on, keep, give up, take up again."""
    await _follow(tx, ticket, at, await note_ticket(tx, ticket, at))


async def _follow(tx: Tx, ticket: TicketRef, at: int, edition: Edition) -> None:
    wanted = rules.state_for(ticket.status)
    clocks = await bring_up(tx, ticket, await store.load_standing(tx, ticket.id), edition)
    for clock in clocks:
        if not clock.is_open:
            continue
        if wanted == rules.CANCELLED or (wanted == rules.FULFILLED and clock.target == NEXT_RESPONSE):
            await keep(tx, ticket, clock, rules.cancel(clock, ticket, at))
        elif wanted == rules.FULFILLED:
            going = await _resume(tx, ticket, clock, at) if clock.state == rules.PAUSED else clock
            await keep(tx, ticket, going, rules.fulfil(going, ticket, at))
        elif clock.target == RESOLUTION and clock.state != wanted:
            await (_pause if wanted == rules.PAUSED else _resume)(tx, ticket, clock, at)
    if wanted in (rules.FULFILLED, rules.CANCELLED):
        await store.end_escalations(tx, ticket.id, at)
        return
    last = next((clock for clock in reversed(clocks) if clock.target == RESOLUTION), None)
    if last is not None and last.state == rules.FULFILLED:
        again = await _take_up_again(tx, ticket, last, at, edition)
        if again is not None and wanted == rules.PAUSED:
            again = await _pause(tx, ticket, again, at)
        if again is not None:
            await _bring_to_now(tx, ticket, again)


async def hear_staff(tx: Tx, ticket: TicketRef, at: int) -> None:
    """The desk has answered: the response that was waited for is given."""
    edition = await note_ticket(tx, ticket, at)
    for clock in await bring_up(tx, ticket, await store.load_standing(tx, ticket.id), edition):
        if clock.is_open and clock.target != RESOLUTION:
            await keep(tx, ticket, clock, rules.fulfil(clock, ticket, at))


async def hear_requester(tx: Tx, ticket: TicketRef, at: int) -> None:
    """The requester has said something: the next response is promised from the first message without one (rule 12)."""
    edition = await note_ticket(tx, ticket, at)
    if rules.state_for(ticket.status) in (rules.FULFILLED, rules.CANCELLED):
        return
    awaited = [clock for clock in await store.load_standing(tx, ticket.id) if clock.target != RESOLUTION]
    if not any(clock.is_open for clock in awaited):
        cycle = await store.last_cycle(tx, ticket.id, NEXT_RESPONSE) + 1
        armed = await _arm(tx, ticket, NEXT_RESPONSE, cycle, at, edition)
        if armed is not None:
            await _bring_to_now(tx, ticket, armed)


async def apply_update(tx: Tx, ticket: TicketRef, former: TicketRef, at: int) -> None:
    """Another priority or category: hold the open promises to its terms, from their original start (rule 9).

    ``former`` is the ticket as it was.
    """
    edition = await note_ticket(tx, ticket, at)
    reason = f"Priority is now {ticket.priority}"
    if ticket.priority == former.priority:
        reason = f"Category is now {ticket.category}"
    for clock in await bring_up(tx, former, await store.load_standing(tx, ticket.id), edition):
        if clock.is_open:
            await _apply(tx, ticket, clock, edition, at, reason)


async def bring_up(tx: Tx, ticket: TicketRef, clocks: list[Clock], edition: Edition) -> list[Clock]:
    """Hold open clocks to the editions up to one, each from the instant on from which it held (rule 14)."""
    found = []
    for clock in clocks:
        if clock.is_open and clock.edition != edition.id:
            before = await store.load_edition(tx, clock.edition)
            for each in await store.load_editions_between(tx, before, edition):
                if clock.is_open:
                    clock = await _apply(tx, ticket, clock, each, each.effective_from, NEW_TERMS)
        found.append(clock)
    return found


async def _bring_to_now(tx: Tx, ticket: TicketRef, clock: Clock) -> None:
    """Hold a clock that a late message began to what holds by now: the others have followed that already."""
    await bring_up(tx, ticket, [clock], await store.load_in_force(tx, tx.now))


async def _apply(tx: Tx, ticket: TicketRef, clock: Clock, edition: Edition, at: int, reason: str) -> Clock:
    """Hold an open clock to what an edition promises to its ticket; where that is nothing, it is given up."""
    terms = _terms(tx, ticket, clock.target, edition)
    if terms is None:
        return await keep(tx, ticket, clock, rules.cancel(clock, ticket, at, NO_TERMS))
    before = rules.held_to(clock, await store.load_edition(tx, clock.edition))
    if not terms.differs(before):
        return clock
    metrics = await store.load_metrics(tx, clock.id)
    return await keep(tx, ticket, clock, rules.retarget(clock, metrics, ticket, terms, at, reason))


async def look_at_due_clocks(tx: Tx, limit: int) -> int:
    """Say of some clocks what the time made of them; return how many."""
    return await _look_at(tx, await store.load_due(tx, limit), rules.look)


async def look_at_overdue_clocks(tx: Tx, limit: int) -> int:
    """Say of some clocks that they are broken, and not yet what follows from it; return how many."""
    return await _look_at(tx, await store.load_overdue(tx, limit), rules.look_as_far_as_broken)


async def look_at_clocks(tx: Tx, ids: Sequence[str]) -> int:
    """Say of these clocks what the time made of them; return how many were still to be looked at."""
    return await _look_at(tx, await store.load_due_of(tx, ids), rules.look)


async def _look_at(tx: Tx, due: list[tuple[Clock, TicketRef]], look: Callable[[Clock, TicketRef, int], Change]) -> int:
    if not due:
        return 0
    edition = await store.load_in_force(tx, tx.now)
    looked, told = [], []
    for clock, ticket in due:
        held = [clock] if clock.edition == edition.id else await bring_up(tx, ticket, [clock], edition)
        for current in held:
            change = look(current, ticket, tx.now)
            if change.metrics:
                looked.append((change.clock, current.version))
                told.append((ticket, change))
    await store.save_looked(tx, looked)
    await tell_all(tx, told)
    return len(due)


async def note_manager(tx: Tx, person_id: str, roles: list[str], active: int) -> None:
    """Keep the list of those who can be called in; who could be before this was heard is called in, or told, now."""
    role = next((role for role in ("MANAGER", "ADMIN") if role in roles), None)
    if role is None:
        await store.retire_manager(tx, person_id)
        return
    await store.save_manager(tx, person_id, role, active)
    if active:
        await call_late(tx, person_id, role)
        await tell_late(tx, person_id, role)


async def note_name(tx: Tx, person_id: str, name: str) -> None:
    """Keep what people are called, for the lists that managers read."""
    await save_name(tx, person_id, name)


def _terms(tx: Tx, ticket: TicketRef, target: str, edition: Edition) -> Terms | None:
    return rules.promise_for(ticket, target, tx.settings.sla.warn_share, edition)


async def _arm(tx: Tx, ticket: TicketRef, target: str, cycle: int, at: int, edition: Edition) -> Clock | None:
    terms = _terms(tx, ticket, target, edition)
    if terms is None:
        return None
    return await insert(tx, ticket, rules.arm(tx.new_id(), ticket, target, cycle, terms, at))


async def _take_up_again(tx: Tx, ticket: TicketRef, former: Clock, at: int, edition: Edition) -> Clock | None:
    terms = _terms(tx, ticket, RESOLUTION, edition)
    if terms is None:
        return None
    if terms.reopen == rules.ANEW:
        return await insert(tx, ticket, rules.arm(tx.new_id(), ticket, RESOLUTION, former.cycle + 1, terms, at))
    metrics = await store.load_metrics(tx, former.id)
    return await insert(tx, ticket, rules.go_on(tx.new_id(), former, metrics, ticket, terms, at))


async def _pause(tx: Tx, ticket: TicketRef, clock: Clock, at: int) -> Clock:
    return await keep(tx, ticket, clock, rules.pause(clock, ticket, at))


async def _resume(tx: Tx, ticket: TicketRef, clock: Clock, at: int) -> Clock:
    metrics = await store.load_metrics(tx, clock.id)
    held = rules.held_to(clock, await store.load_edition(tx, clock.edition))
    return await keep(tx, ticket, clock, rules.resume(clock, metrics, ticket, at, held))
