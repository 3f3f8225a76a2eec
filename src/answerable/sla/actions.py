"""What becomes of promises: load, decide, store, publish.

``at`` is when the thing happened (microseconds), which is earlier than ``tx.now`` where a message was late.
"""

from answerable.kernel.tx import Tx
from answerable.messages.sla import SlaBreached, TicketEscalated
from answerable.messages.tickets import TicketRef
from answerable.sla import rules, store
from answerable.sla.rules import FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION, Change, Clock


async def promise(tx: Tx, ticket: TicketRef) -> None:
    """Promise a first response and a resolution to a new ticket, from when it was raised; once."""
    if await store.insert_ticket(tx, ticket):
        for target in (FIRST_RESPONSE, RESOLUTION):
            await _arm(tx, ticket, target, 1, ticket.created_at)


async def note_ticket(tx: Tx, ticket: TicketRef, at: int) -> None:
    """Note how a ticket stands; a ticket whose beginning was missed gets its promises now, from when it was raised."""
    if not await store.save_ticket(tx, ticket):
        await promise(tx, ticket)
        await _follow(tx, ticket, at)


async def follow_status(tx: Tx, ticket: TicketRef, at: int) -> None:
    """Let the promises of a ticket follow its status: pause, go on, keep, give up, take up again."""
    await note_ticket(tx, ticket, at)
    await _follow(tx, ticket, at)


async def _follow(tx: Tx, ticket: TicketRef, at: int) -> None:
    wanted = rules.state_for(ticket.status)
    clocks = await store.load_standing(tx, ticket.id)
    for clock in clocks:
        if not clock.is_open:
            continue
        if wanted == rules.CANCELLED or (wanted == rules.FULFILLED and clock.target == NEXT_RESPONSE):
            await _keep(tx, ticket, clock, rules.cancel(clock, ticket, at))
        elif wanted == rules.FULFILLED:
            going = await _resume(tx, ticket, clock, at) if clock.state == rules.PAUSED else clock
            await _keep(tx, ticket, going, rules.fulfil(going, ticket, at))
        elif clock.target == RESOLUTION and clock.state != wanted:
            await (_pause if wanted == rules.PAUSED else _resume)(tx, ticket, clock, at)
    if wanted in (rules.FULFILLED, rules.CANCELLED):
        await store.end_escalations(tx, ticket.id, at)
        return
    last = [clock for clock in clocks if clock.target == RESOLUTION][-1]
    if last.state == rules.FULFILLED:
        again = await _take_up_again(tx, ticket, last, at)
        if wanted == rules.PAUSED:
            await _pause(tx, ticket, again, at)


async def hear_staff(tx: Tx, ticket: TicketRef, at: int) -> None:
    """The desk has answered: the response that was waited for is given."""
    await note_ticket(tx, ticket, at)
    for clock in await store.load_standing(tx, ticket.id):
        if clock.is_open and clock.target != RESOLUTION:
            await _keep(tx, ticket, clock, rules.fulfil(clock, ticket, at))


async def hear_requester(tx: Tx, ticket: TicketRef, at: int) -> None:
    """The requester has said something: the next response is promised from the first message without one (rule 12)."""
    await note_ticket(tx, ticket, at)
    if rules.state_for(ticket.status) in (rules.FULFILLED, rules.CANCELLED):
        return
    awaited = [clock for clock in await store.load_standing(tx, ticket.id) if clock.target != RESOLUTION]
    if not any(clock.is_open for clock in awaited):
        cycle = await store.last_cycle(tx, ticket.id, NEXT_RESPONSE) + 1
        await _arm(tx, ticket, NEXT_RESPONSE, cycle, at)


async def apply_priority(tx: Tx, ticket: TicketRef, at: int) -> None:
    """Another priority: hold the open promises to its terms, from their original start (rule 9)."""
    await note_ticket(tx, ticket, at)
    for clock in await store.load_standing(tx, ticket.id):
        terms = _terms(tx, ticket, clock.target)
        if clock.is_open and clock.target_micros != terms.target_micros:
            metrics = await store.load_metrics(tx, clock.id)
            reason = f"Priority is now {ticket.priority}"
            await _keep(tx, ticket, clock, rules.retarget(clock, metrics, ticket, terms, at, reason))


async def look_at_due_clocks(tx: Tx, limit: int) -> int:
    """Say of some clocks what the time made of them; return how many."""
    done = 0
    for clock, ticket in await store.load_due(tx, limit):
        change = rules.look(clock, ticket, tx.now)
        if await store.claim_clock(tx, change.clock, clock.version):
            await _tell(tx, ticket, change)
            done += 1
    return done


async def note_manager(tx: Tx, person_id: str, roles: list[str], active: int) -> None:
    """Keep the list of those who can be called in."""
    role = next((role for role in ("MANAGER", "ADMIN") if role in roles), None)
    if role is None:
        await store.retire_manager(tx, person_id)
    else:
        await store.save_manager(tx, person_id, role, active)


async def note_name(tx: Tx, person_id: str, name: str) -> None:
    """Keep what people are called, for the lists that managers read."""
    await store.save_name(tx, person_id, name)


# --- the last two steps --------------------------------------------------------------------------------------------


def _terms(tx: Tx, ticket: TicketRef, target: str) -> rules.Terms:
    return rules.terms_for(ticket, target, tx.settings.sla.warn_share)


async def _arm(tx: Tx, ticket: TicketRef, target: str, cycle: int, at: int) -> None:
    change = rules.arm(tx.new_id(), ticket, target, cycle, _terms(tx, ticket, target), at)
    await _insert(tx, ticket, change)


async def _take_up_again(tx: Tx, ticket: TicketRef, former: Clock, at: int) -> Clock:
    metrics = await store.load_metrics(tx, former.id)
    terms = _terms(tx, ticket, RESOLUTION)
    return await _insert(tx, ticket, rules.go_on(tx.new_id(), former, metrics, ticket, terms, at))


async def _pause(tx: Tx, ticket: TicketRef, clock: Clock, at: int) -> Clock:
    return await _keep(tx, ticket, clock, rules.pause(clock, ticket, at))


async def _resume(tx: Tx, ticket: TicketRef, clock: Clock, at: int) -> Clock:
    metrics = await store.load_metrics(tx, clock.id)
    return await _keep(tx, ticket, clock, rules.resume(clock, metrics, ticket, at))


async def _insert(tx: Tx, ticket: TicketRef, change: Change) -> Clock:
    await store.insert_clock(tx, change.clock)
    await _tell(tx, ticket, change)
    return change.clock


async def _keep(tx: Tx, ticket: TicketRef, before: Clock, change: Change) -> Clock:
    await store.save_clock(tx, change.clock, before.version)
    await _tell(tx, ticket, change)
    return change.clock


async def _tell(tx: Tx, ticket: TicketRef, change: Change) -> None:
    await store.insert_metrics(tx, change.clock.id, change.metrics)
    tx.publish(*change.events)
    breach = change.broken
    if breach is not None and change.clock.target in rules.ESCALATED_TARGETS:
        await _escalate(tx, ticket, change.clock, breach)


async def _escalate(tx: Tx, ticket: TicketRef, clock: Clock, breach: SlaBreached) -> None:
    manager = rules.choose_manager(await store.load_managers(tx))
    escalation_id, reason = tx.new_id(), rules.reason_for(clock, breach.due_at)
    new = await store.insert_escalation(
        tx,
        id=escalation_id,
        clock_id=clock.id,
        level=rules.ON_BREACH,
        ticket_id=ticket.id,
        agent_id=ticket.agent_id,
        manager_id=manager.id if manager else None,
        role=manager.role if manager else "MANAGER",
        priority=ticket.priority,
        reason=reason,
        at=tx.now,
        target=clock.target,
        cycle=clock.cycle,
    )
    if new:
        tx.publish(
            TicketEscalated(
                ticket=ticket,
                target=clock.target,
                cycle=clock.cycle,
                escalation_id=escalation_id,
                manager_id=manager.id if manager else None,
                escalated_to_role=manager.role if manager else "MANAGER",
                reason=reason,
            )
        )
