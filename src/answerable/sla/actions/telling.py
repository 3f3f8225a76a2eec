"""The last two steps of every verb: store what a clock became and say what happened."""

from answerable.kernel.tx import Tx
from answerable.messages.assignment import ReplaceAgent
from answerable.messages.sla import SlaLevelReached, TicketEscalated
from answerable.messages.tickets import RaisePriority, TicketRef
from answerable.sla import rules, store
from answerable.sla.rules import Change, Clock, Level

MOST_TOLD = 100  # people, of one level


async def insert(tx: Tx, ticket: TicketRef, change: Change) -> Clock:
    """Store a new clock."""
    await store.insert_clock(tx, change.clock)
    await tell(tx, ticket, change)
    return change.clock


async def keep(tx: Tx, ticket: TicketRef, before: Clock, change: Change) -> Clock:
    """Store what a clock became."""
    await store.save_clock(tx, change.clock, before.version)
    await tell(tx, ticket, change)
    return change.clock


async def tell(tx: Tx, ticket: TicketRef, change: Change) -> None:
    """Store what explains a change, publish it, and do what is to be done at the levels that came."""
    await store.insert_metrics(tx, change.clock.id, change.metrics)
    tx.publish(*change.events)
    names = change.levels
    if names:
        clock = change.clock
        held = rules.held_to(clock, await store.load_edition(tx, clock.edition))
        for number, name in enumerate(names, len(rules.read_done(clock.levels_done)) - len(names) + 1):
            done = await _reach(tx, ticket, change, held.level_named(name), number)
            await store.insert_level(tx, clock.id, number, name, done)


async def _reach(tx: Tx, ticket: TicketRef, change: Change, level: Level | None, number: int) -> str:
    """Do what is to be done at a level; say what was, or why nothing."""
    if level is None or not change.clock.is_open:
        return "It was over"
    if not level.fits(ticket):
        return "Its condition did not fit"
    due_at = change.due_at
    reason = rules.reason_for(change.clock, due_at, tx.now)
    for action in level.actions:
        match action.kind:
            case "MANAGER":
                await _call_manager(tx, ticket, change.clock, number, reason)
            case "NOTIFY":
                whom = rules.called(action.whom, ticket, await store.load_managers(tx))
                tx.publish(
                    SlaLevelReached(
                        ticket=ticket,
                        target=change.clock.target,
                        cycle=change.clock.cycle,
                        level=level.name,
                        due_at=due_at,
                        reason=reason,
                        notify=whom[:MOST_TOLD],
                    )
                )
            case "PRIORITY":
                tx.send(RaisePriority(ticket_id=ticket.id, priority=action.whom[0], reason=reason))
            case "REASSIGN":
                tx.send(ReplaceAgent(ticket_id=ticket.id, reason=reason))
    return level.words()


async def _call_manager(tx: Tx, ticket: TicketRef, clock: Clock, number: int, reason: str) -> None:
    manager = rules.choose_manager(await store.load_managers(tx))
    escalation_id, role = tx.new_id(), manager.role if manager else "MANAGER"
    new = await store.insert_escalation(
        tx,
        id=escalation_id,
        clock_id=clock.id,
        level=number,
        ticket_id=ticket.id,
        agent_id=ticket.agent_id,
        manager_id=manager.id if manager else None,
        role=role,
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
                escalated_to_role=role,
                reason=reason,
            )
        )
