"""What the reports say of each agent: how many tickets are with them, and how long theirs took."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from answerable.kernel.paging import Page, PageRequest, encode_cursor
from answerable.kernel.span import ALWAYS, Span
from answerable.kernel.tx import Tx
from answerable.reporting import rules, store
from answerable.reporting.queries import kept
from answerable.reporting.rules import OfAgent
from answerable.reporting.rules.kept import Part

AGENTS = "agents"
T = TypeVar("T")


class AgentCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many tickets are with an agent: as an ``AgentReport`` has it, which is dearer."""

    agent_id: str
    name: str | None
    open: int
    resolved: int


class AgentReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An agent's tickets: those assigned to them now. Times are medians in minutes, null where there is none."""

    agent_id: str
    name: str | None
    open: int
    resolved: int
    median_first_response_minutes: float | None
    median_resolution_minutes: float | None
    breaches: int


async def list_agents(tx: Tx, span: Span, page: PageRequest) -> Page[AgentReport]:
    """Read a page of the agents who are active or have tickets, by name, with the figures of each."""
    part = None if span.is_always else await kept.timed_part_of(tx, span)
    listed = await _list(tx, span, part, page)
    shown = [agent_id for _, agent_id in listed.shown]
    responses, resolutions = await _durations(tx, span, part, listed.counted, shown)
    return listed.page_of(
        [
            AgentReport(
                agent_id=agent_id,
                name=name,
                open=found.open,
                resolved=found.resolved,
                median_first_response_minutes=rules.median_minutes(responses.get(agent_id, [])),
                median_resolution_minutes=rules.median_minutes(resolutions.get(agent_id, [])),
                breaches=found.breaches,
            )
            for agent_id, name, found in listed.agents()
        ]
    )


async def count_agents(tx: Tx, span: Span, page: PageRequest) -> Page[AgentCount]:
    """Read the same page with what a chart shows of it: no times, for which many tickets are looked at."""
    part = None if span.is_always else await kept.part_of(tx, span)
    listed = await _list(tx, span, part, page)
    return listed.page_of(
        [
            AgentCount(agent_id=agent_id, name=name, open=found.open, resolved=found.resolved)
            for agent_id, name, found in listed.agents()
        ]
    )


async def names_of_agents(tx: Tx) -> dict[str, str]:
    """Read the names of all who are or were agents, by id."""
    return {row["id"]: row["name"] for row in await store.list_agents(tx)}


class _Listed(msgspec.Struct, frozen=True):
    """Those who are on a page, by name and id."""

    shown: list[tuple[str, str]]
    more: bool
    total: int
    names: dict[str, str]
    counted: dict[str, OfAgent]

    def agents(self) -> list[tuple[str, str | None, OfAgent]]:
        return [
            (agent_id, self.names.get(agent_id), self.counted.get(agent_id, OfAgent())) for _, agent_id in self.shown
        ]

    def page_of(self, rows: list[T]) -> Page[T]:
        return Page(rows, encode_cursor(AGENTS, *self.shown[-1]) if self.more else None, str(self.total))


async def _list(tx: Tx, span: Span, part: Part | None, page: PageRequest) -> _Listed:
    known = await store.list_agents(tx)
    names: dict[str, str] = {row["id"]: row["name"] for row in known}
    counted = None if span.is_always else await _count(tx, span, part)
    reported = {row["id"] for row in known if row["active"]}
    reported.update(await store.list_with_tickets(tx) if counted is None else counted)
    places = sorted((names.get(agent_id, "").casefold(), agent_id) for agent_id in reported)
    left = [place for place in places if page.cursor is None or place > _cursor(page)][page.offset :]
    shown = left[: page.size]
    if counted is None:  # there may be thousands of others
        counted = rules.of_agents(await store.load_agent_count(tx, [agent_id for _, agent_id in shown]))
    return _Listed(shown, len(left) > page.size, len(places), names, counted)


def _cursor(page: PageRequest) -> tuple[str, str]:
    name, agent_id = page.cursor or ("", "")
    return str(name), str(agent_id)


async def _count(tx: Tx, span: Span, part: Part | None) -> dict[str, OfAgent]:
    """Count the tickets of a span of each agent who has some."""
    return rules.of_agents(await store.count_tickets_of_agents(tx, span)) if part is None else part.of_agents()


async def _durations(
    tx: Tx, span: Span, part: Part | None, counted: Mapping[str, OfAgent], shown: Sequence[str]
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Read the one or two durations in the middle for agents: to the first response, and to the resolve."""
    if span.is_always:
        return await _middles(tx, rules.RESPONSE, shown), await _middles(tx, rules.RESOLUTION, shown)
    own = {agent_id: counted[agent_id] for agent_id in shown if agent_id in counted}
    if part is not None:
        responses, resolutions = part.middles(rules.RESPONSE, own), part.middles(rules.RESOLUTION, own)
    elif await kept.are_few(tx, sum(each.measured for each in counted.values())):
        rows = await store.list_durations(tx, span)
        return (
            _in_the_middle((row["agent_id"], row["response"]) for row in rows),
            _in_the_middle((row["agent_id"], row["resolution"]) for row in rows),
        )
    else:
        responses = {who: rules.middle_in(each.responded, 0, 0) for who, each in own.items() if each.responded}
        resolutions = {who: rules.middle_in(each.measured, 0, 0) for who, each in own.items() if each.measured}
    return _by_agent(await store.load_durations_at(tx, span, rules.RESPONSE, responses)), _by_agent(
        await store.load_durations_at(tx, span, rules.RESOLUTION, resolutions)
    )


async def _middles(tx: Tx, kind: str, shown: Sequence[str]) -> dict[str, list[int]]:
    steps: dict[str, list[tuple[int, int]]] = {}
    for row in await store.count_durations(tx, kind, shown):
        steps.setdefault(row["agent_id"], []).append((row["step"], row["tickets"]))
    middles = {agent_id: rules.middle_of(own) for agent_id, own in steps.items()}
    places = {agent_id: place for agent_id, place in middles.items() if place is not None}
    return _by_agent(await store.load_durations_at(tx, ALWAYS, kind, places))


def _in_the_middle(rows: Iterable[tuple[str, int | None]]) -> dict[str, list[int]]:
    """Return the one or two durations in the middle of each agent's."""
    durations = _by_agent((agent_id, duration) for agent_id, duration in rows if duration is not None)
    found = {}
    for agent_id, own in durations.items():
        skip, take = rules.median_place(len(own))
        found[agent_id] = sorted(own)[skip : skip + take]
    return found


def _by_agent(rows: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for agent_id, duration in rows:
        found.setdefault(agent_id, []).append(duration)
    return found
