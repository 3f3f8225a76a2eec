"""The last two steps of every verb: store what a clock became and say what happened."""

from answerable.kernel.tx import Tx
from answerable.messages.sla import SlaBreached, TicketEscalated
from answerable.messages.tickets import TicketRef
from answerable.sla import rules, store
from answerable.sla.rules import Change, Clock


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
    """Store what explains a change, publish it, and call a manager in where a promise is broken."""
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
