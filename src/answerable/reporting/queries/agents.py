"""What the reports say of each agent: how many tickets are with them, and how long theirs took."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from answerable.kernel.paging import Page, PageRequest, encode_cursor
from answerable.kernel.span import ALWAYS, Span
from answerable.kernel.tx import Row, Tx
from answerable.reporting import rules, store
from answerable.reporting.queries import kept
from answerable.reporting.rules import OfAgent
from answerable.reporting.rules.kept import OwnPart

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
    listed = await _list(tx, span, page)
    responses, resolutions = await _durations(tx, span, listed)
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
    listed = await _list(tx, span, page)
    return listed.page_of(
        [
            AgentCount(agent_id=agent_id, name=name, open=found.open, resolved=found.resolved)
            for agent_id, name, found in listed.agents()
        ]
    )


async def names_of_agents(tx: Tx, agents: Iterable[str | None]) -> dict[str, str]:
    """Read the names of some who are or were agents, by id."""
    return await store.names_of(tx, sorted({agent_id for agent_id in agents if agent_id}))


class _Listed(msgspec.Struct, frozen=True):
    """Those who are on a page, and what is counted: of them; of everybody where it is counted one by one.

    ``parts`` are there where it is read from what is counted beforehand.
    """

    shown: list[Row]
    more: bool
    total: int
    counted: dict[str, OfAgent]
    parts: dict[str, OwnPart] | None

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.shown]

    def agents(self) -> list[tuple[str, str | None, OfAgent]]:
        """Return of each who is shown id, name (unless nothing was heard of them) and figures."""
        return [
            (row["id"], row["name"] if row["last_sequence"] else None, self.counted.get(row["id"], OfAgent()))
            for row in self.shown
        ]

    def page_of(self, rows: list[T]) -> Page[T]:
        return Page(rows, encode_cursor(AGENTS, *_place(self.shown[-1])) if self.more else None, str(self.total))


async def _list(tx: Tx, span: Span, page: PageRequest) -> _Listed:
    counted: dict[str, OfAgent] | None = None
    of = None if span.is_always else await kept.of_agents(tx, span)
    if of is None and not span.is_always:
        counted = rules.of_agents(await store.count_tickets_of_agents(tx, span))
    everybody = await store.count_all_agents(tx)
    former = await store.list_former(tx, None if of is None else (of.days.first, of.days.last))
    listed = await _with_tickets(tx, former, of, counted)
    after = _cursor(page)
    active = await store.list_active(tx, after, page.offset + page.size + 1)
    behind = [row for row in listed if after is None or _place(row) > after]
    left = sorted([*active, *behind], key=_place)[page.offset :]
    shown = left[: page.size]
    ids = [row["id"] for row in shown]
    parts = None if of is None else await kept.own_parts(tx, of, ids)
    if parts is not None:
        counted = {agent_id: part.of_agent() for agent_id, part in parts.items()}
    elif counted is None:
        counted = rules.of_agents(await store.load_agent_count(tx, ids))
    return _Listed(shown, len(left) > page.size, everybody - len(former) + len(listed), counted, parts)


async def _with_tickets(
    tx: Tx, former: Sequence[Row], of: kept.OfAgents | None, counted: Mapping[str, OfAgent] | None
) -> list[Row]:
    """Return those of the former agents who have tickets."""
    if counted is not None:
        return [row for row in former if row["id"] in counted]
    apart = [] if of is None else [row["id"] for row in former if row["id"] in of.apart]
    parts = {} if of is None else await kept.own_parts(tx, of, apart)
    has = {agent_id: part.of_agent().tickets > 0 for agent_id, part in parts.items()}
    return [row for row in former if has.get(row["id"], row["has"])]


def _place(row: Row) -> tuple[str, str]:
    return row["name_key"], row["id"]


def _cursor(page: PageRequest) -> tuple[str, str] | None:
    if page.cursor is None:
        return None
    name, agent_id = page.cursor
    return str(name), str(agent_id)


async def _durations(tx: Tx, span: Span, listed: _Listed) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Read the one or two durations in the middle for agents: to the first response, and to the resolve."""
    if span.is_always:
        return await _middles(tx, rules.RESPONSE, listed.ids), await _middles(tx, rules.RESOLUTION, listed.ids)
    if listed.parts is not None:
        responses, resolutions = (
            {who: place for who, part in listed.parts.items() if (place := part.middle(kind)) is not None}
            for kind in (rules.RESPONSE, rules.RESOLUTION)
        )
    elif await kept.are_few(tx, sum(each.measured for each in listed.counted.values())):
        rows = await store.list_durations(tx, span)
        return (
            _in_the_middle((row["agent_id"], row["response"]) for row in rows),
            _in_the_middle((row["agent_id"], row["resolution"]) for row in rows),
        )
    else:
        own = {agent_id: listed.counted[agent_id] for agent_id in listed.ids if agent_id in listed.counted}
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
