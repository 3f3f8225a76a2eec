"""The last two steps of every verb: store what a clock became and say what happened."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from answerable.kernel.tx import Tx
from answerable.messages.assignment import ReplaceAgent
from answerable.messages.sla import SlaLevelReached, TicketEscalated
from answerable.messages.tickets import RaisePriority, TicketRef
from answerable.sla import rules, store
from answerable.sla.rules import Change, Clock, Level, Manager

MOST_TOLD = 100  # people, of one level
MOST_LATE = 100  # escalations that somebody is called in for, or levels they are told of, when the news of them comes


async def insert(tx: Tx, ticket: TicketRef, change: Change) -> Clock:
    """Store a new clock."""
    await store.insert_clock(tx, change.clock)
    await tell_all(tx, [(ticket, change)])
    return change.clock


async def keep(tx: Tx, ticket: TicketRef, before: Clock, change: Change) -> Clock:
    """Store what a clock became."""
    await store.save_clock(tx, change.clock, before.version)
    await tell_all(tx, [(ticket, change)])
    return change.clock


async def tell_all(tx: Tx, changes: Sequence[tuple[TicketRef, Change]]) -> None:
    """Store what explains changes, publish them, and do what is to be done at the levels that came."""
    await store.insert_metrics(tx, [(change.clock.id, metric) for _, change in changes for metric in change.metrics])
    calls, levels = _Calls(tx), []
    known: dict[tuple[str, str, str, str], Level | None] = {}
    for ticket, change in changes:
        tx.publish(*change.events)
        names = change.levels
        if names:
            clock = change.clock
            for number, name in enumerate(names, len(rules.read_done(clock.levels_done)) - len(names) + 1):
                key = (clock.edition, clock.policy, clock.target, name)
                if key not in known:
                    edition = await store.load_edition(tx, clock.edition)
                    known[key] = rules.held_to(clock, edition).level_named(name)
                done = await _reach(tx, calls, ticket, change, known[key], number)
                levels.append((clock.id, number, name, done))
    await store.insert_levels(tx, levels)
    await calls.note()


class _Calls:
    """Those who can be called in, read once for all that is told together, and how often each was."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._managers: list[Manager] | None = None
        self._count: Counter[str] = Counter()
        self._told: list[tuple[str, int, str, str, list[str]]] = []

    async def managers(self) -> list[Manager]:
        if self._managers is None:
            self._managers = await store.load_managers(self._tx)
        return self._managers

    async def choose(self) -> Manager | None:
        return rules.choose_manager(await self.managers())

    def called(self, manager: Manager) -> None:
        """Count a call: whoever is chosen next is chosen by it."""
        self._count[manager.id] += 1
        more = replace(manager, open_escalations=manager.open_escalations + 1, escalated_at=self._tx.now)
        self._managers = [more if one is manager else one for one in self._managers or ()]

    def told(self, clock_id: str, number: int, level: Level, whom: Sequence[str], people: list[str]) -> None:
        """Note who was told: somebody of whom it is heard later that they had the role may be missing."""
        self._told += [(clock_id, number, role, level.name, people) for role in rules.roles_in(whom)]

    async def note(self) -> None:
        await store.note_calls(self._tx, self._count)
        await store.insert_told(self._tx, self._told)


async def _reach(tx: Tx, calls: _Calls, ticket: TicketRef, change: Change, level: Level | None, number: int) -> str:
    """Do what is to be done at a level; say what was, or why nothing."""
    if level is None or not change.clock.is_open:
        return "It was over"
    if not level.fits(ticket):
        return "Its condition did not fit"
    due_at = change.due_at
    reason = rules.reason_for(change.clock.target, due_at, tx.now)
    for action in level.actions:
        match action.kind:
            case "MANAGER":
                await _call_manager(tx, calls, ticket, change.clock, number, reason)
            case "NOTIFY":
                whom = rules.called(action.whom, ticket, await calls.managers())[:MOST_TOLD]
                calls.told(change.clock.id, number, level, action.whom, whom)
                tx.publish(
                    SlaLevelReached(
                        ticket=ticket,
                        target=change.clock.target,
                        cycle=change.clock.cycle,
                        level=level.name,
                        due_at=due_at,
                        reason=reason,
                        notify=whom,
                    )
                )
            case "PRIORITY":
                tx.send(RaisePriority(ticket_id=ticket.id, priority=action.whom[0], reason=reason))
            case "REASSIGN":
                known = msgspec.structs.replace(ticket, title="")
                tx.send(ReplaceAgent(ticket_id=ticket.id, reason=reason, ticket=known))
    return level.words()


async def _call_manager(tx: Tx, calls: _Calls, ticket: TicketRef, clock: Clock, number: int, reason: str) -> None:
    manager = await calls.choose()
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
        if manager:
            calls.called(manager)
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


async def call_late(tx: Tx, manager_id: str, role: str) -> None:
    """Call somebody in for what nobody was found for although they were there: people come on a topic of their own.

    Ids sort by time, whoever made them (RFC 9562, section 5.7).
    """
    assert tx.cause is not None  # what is known of people comes in messages
    uncalled = await store.load_uncalled(tx, tx.cause.id, MOST_LATE)
    for row in uncalled:
        ticket = await store.load_ticket(tx, row["ticket_id"])
        assert ticket is not None
        await store.save_called(tx, row["id"], manager_id, role)
        tx.publish(
            TicketEscalated(
                ticket=ticket,
                target=row["target"],
                cycle=row["cycle"],
                escalation_id=row["id"],
                manager_id=manager_id,
                escalated_to_role=role,
                reason=row["reason"],
                late=True,
            )
        )
    if uncalled:
        await store.note_calls(tx, {manager_id: len(uncalled)})


async def tell_late(tx: Tx, person_id: str, role: str) -> None:
    """Tell somebody of the levels that told their role when they had it already, and were not heard of yet."""
    assert tx.cause is not None
    for row, people in await store.load_told(tx, role, tx.cause.time, MOST_LATE):
        if person_id in people or len(people) >= MOST_TOLD:
            continue
        ticket = await store.load_ticket(tx, row["ticket_id"])
        assert ticket is not None
        await store.save_told(tx, row["clock_id"], row["number"], role, [*people, person_id])
        tx.publish(
            SlaLevelReached(
                ticket=ticket,
                target=row["target"],
                cycle=row["cycle"],
                level=row["level"],
                due_at=row["due_at"],
                reason=rules.reason_for(row["target"], row["due_at"], tx.now),
                notify=[person_id],
                late=True,
            )
        )
