"""Every topic of the live stream, as everybody: ``docs/permissions.md`` says who hears it, and they do."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from answerable.gateway.live import Hub
from answerable.messages.base import Event
from answerable.messages.tickets import TicketRef
from tests.people import TestPerson, make_person
from tests.security.company import COLUMNS
from tests.security.matrix import TABLE, read_table
from tests.world import START, World, open_world

SHUT_OUT = ("anonymous", "deactivated", "stale")
ROLES = {"stranger": "USER", "owner": "USER", "other agent": "AGENT", "agent": "AGENT"} | {
    "manager": "MANAGER",
    "admin": "ADMIN",
}
HEARS, NOT = "hears", "-"
TEMPLATES = "".join(path.read_text() for path in sorted((TABLE.parents[1] / "src").rglob("templates/**/*.html")))
Topic = tuple[str, str, str]  # signal, when, type of event


def read_topics() -> dict[Topic, dict[str, str]]:
    """Read the table of signals; raises ``ValueError`` for a topic that is there twice."""
    found: dict[Topic, dict[str, str]] = {}
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| *") and len(cells) == 3 + len(COLUMNS):
            for kind in re.findall(r"`(\w+)`", cells[2]):
                topic = cells[0].strip("*"), cells[1], kind
                if topic in found:
                    raise ValueError(f"{TABLE}: {topic} is there twice")
                found[topic] = dict(zip(COLUMNS, cells[3:], strict=True))
    return found


def made_up(cls: type[Event], ticket: TicketRef, owner: str, **given: Any) -> Event:
    """Return an event of any type about a ticket or person."""
    plain: dict[Any, Any] = {str: "x", int: 1, bool: False, TicketRef: ticket}
    values: dict[str, Any] = {
        each.name: [] if str(each.type).startswith("list") else plain.get(each.type)
        for each in msgspec.structs.fields(cls)
        if each.required
    }
    if "user_id" in values:
        values["user_id"] = owner
    return cls(**(values | given))


def cases(cls: type[Event], owner: str, other: str, agent: str) -> Iterator[tuple[str, Event]]:
    """Give an event of a type as it may come: about a ticket somebody has, one in the queue, and what is special."""
    names = {each.name for each in msgspec.structs.fields(cls)}
    common: dict[str, Any] = {"number": 1, "title": "Printer on fire", "category": "HARDWARE", "priority": "HIGH"}
    theirs = TicketRef(id="t", requester_id=owner, agent_id=agent, status="ASSIGNED", created_at=START, **common)
    queued = msgspec.structs.replace(theirs, agent_id=None, status="CREATED")
    if "ticket" not in names:
        yield "their own", made_up(cls, theirs, owner)
        return
    resolved = {"target": "RESOLUTION"} if "target" in names else {}
    yield "assigned", made_up(cls, theirs, owner, **resolved)
    yield "in the queue", made_up(cls, queued, owner, **resolved)
    if "internal" in names:
        yield "a note", made_up(cls, theirs, owner, internal=True)
    if "former_status" in names:
        yield "taken from the queue", made_up(cls, theirs, owner, former_status="CREATED")
    if "former_agent_id" in names:
        yield "given to another", made_up(cls, theirs, owner, former_agent_id=other)
    if "fulfilled_at" in names:
        yield "an answer in time", made_up(cls, theirs, owner, target="FIRST_RESPONSE")


async def heard(world: World, people: dict[str, TestPerson]) -> dict[Topic, dict[str, str]]:
    """Let everything happen that makes a signal, with everybody listening; return who heard what."""
    hub: Hub = world.desk.parts["live"]
    [gateway] = [feature for feature in world.desk.features if feature.name == "gateway"]
    until = world.clock.now + 10**12
    streams = {column: hub.join(person.actor, until) for column, person in people.items()}
    ids = [people[column].id for column in ("owner", "other agent", "agent")]
    found: dict[Topic, dict[str, str]] = {}

    def note(when: str, kind: str) -> None:
        for column, stream in streams.items():
            for signal in re.findall(r"event: (\w+)", stream._take().decode()):
                found.setdefault((signal, when, kind), dict.fromkeys(people, NOT))[column] = HEARS

    signalled = [cls for cls, listener in gateway.listeners.items() if listener == hub.hear]
    for cls in signalled:
        for when, event in cases(cls, *ids):
            await world.tell(event)
            note(when, cls.TYPE)
    assert {cls.TYPE for cls in signalled} == {kind for _, _, kind in found}, "one of them makes no signal at all"
    streams = {column: hub.join(person.actor, until, "what it was long ago") for column, person in people.items()}
    note("after a gap", "RECONNECTED")
    return found


@pytest.mark.one_engine
async def test_each_topic_is_heard_by_whom_the_table_names(tmp_path: Path) -> None:
    table = read_topics()
    [stream] = [row for row in read_table() if row.path == "/api/live"]
    async with open_world(tmp_path, ["gateway", "users"]) as world:
        people = {column: await make_person(world, role) for column, role in ROLES.items()}
        found = await heard(world, people)
    shut_out = {column: stream.cells[column] for column in SHUT_OUT}
    assert shut_out == dict.fromkeys(SHUT_OUT, "401")
    missing = [
        f"| *{signal}* | {when} | `{kind}` | {' | '.join((shut_out | cells).values())} |"
        for (signal, when, kind), cells in sorted(found.items())
        if (signal, when, kind) not in table
    ]
    assert not missing, "docs/permissions.md lacks these topics; is it right who hears them?\n" + "\n".join(missing)
    assert sorted(table.keys() - found.keys()) == [], "docs/permissions.md has topics that nobody signals"
    wrong = {topic: cells for topic, cells in found.items() if table[topic] != shut_out | cells}
    assert wrong == {}, "correct who hears it, or docs/permissions.md"


@pytest.mark.one_engine
async def test_what_pages_wait_for_is_a_topic(world: World) -> None:
    """Places and panels name topics (``live``) that some signal tells: a page never waits for one that cannot come."""
    named = {place.live for each in world.desk.features for place in each.navigation}
    named |= {panel.live for each in world.desk.features for panel in each.panels}
    named |= set(re.findall(r'data-live="([^"{]+)', TEMPLATES))
    topics = {word.partition(":")[0] for words in named for word in words.split()}
    assert topics
    assert {topic.removesuffix("s") for topic in topics} <= {signal for signal, _, _ in read_topics()}
