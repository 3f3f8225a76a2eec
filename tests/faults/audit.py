"""Afterwards: what was acknowledged is there once, and all that had to follow from it followed once."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx

from answerable.infra.bus import wire
from answerable.infra.bus.outbox import open_envelope
from answerable.messages import CATALOGUE
from answerable.messages.base import Envelope, Event
from answerable.notifications.rules.matrix import TYPES, addressees, doers
from answerable.services import features_of
from tests.faults.crew import PROMISE, Notes
from tests.faults.place import Place
from tests.faults.schedule import SERVICES
from tests.faults.stores import Stores
from tests.kafka import records_in
from tests.processes import quickly
from tests.reporting.test_equal_recount import expect_equal, recount

OPEN = ("ASSIGNED", "IN_PROGRESS", "WAITING")
REST_SECONDS = 90.0
LOOK_SECONDS = 0.3
_LAG = re.compile(r'^answerable_consumer_lag\{consumer="(.*)"\} ([\d.e+]+)$', re.MULTILINE)


async def everything_rests(place: Place, stores: Stores) -> list[str]:
    """Wait until all is up and nothing is on its way any more; return what still is when the time is over."""
    loop = asyncio.get_running_loop()
    give_up, quiet, before = loop.time() + REST_SECONDS, 0, -1
    while loop.time() < give_up:
        waiting = [line async for line in _on_their_way(place, stores)]
        said = len(await stores.envelopes()) if not waiting else -1
        quiet = quiet + 1 if not waiting and said == before else 0
        if quiet >= 2:
            return []
        before = said
        await asyncio.sleep(LOOK_SECONDS)
    return waiting or ["the services do not stop talking"]


async def _on_their_way(place: Place, stores: Stores) -> AsyncIterator[str]:
    async with httpx.AsyncClient(timeout=5) as client:
        for service, process in place.cluster.running.items():
            try:
                ready = await client.get(f"{process.url}/readyz")
                metrics = (await client.get(f"{process.url}/metrics")).text
            except httpx.TransportError as error:
                yield f"{service}: {error!r}"
                continue
            if ready.status_code != 200:
                yield f"{service}: {ready.text}"
            for consumer, lag in _LAG.findall(metrics):
                if float(lag):
                    yield f"{service}: {consumer} is {lag} behind"
            for row in await stores.rows(service, "SELECT consumer, type, message, error FROM bus_retry"):
                yield f"{service}: kept for later {row}"
    for line in await undone(stores):
        yield line


async def undone(stores: Stores) -> list[str]:
    """Return each message that a consumer has not done, and each that it did and nobody said."""
    said = await stores.envelopes()
    found: list[str] = []
    for service in SERVICES:
        done: dict[str, set[str]] = defaultdict(set)
        for row in await stores.rows(service, "SELECT consumer, message FROM bus_inbox"):
            done[row["consumer"]].add(row["message"])
        for feature in features_of([service]):
            heard = {message.TYPE for message in feature.consumers}
            wanted = {sealed.id: sealed.type for sealed in said if sealed.type in heard}
            found += [f"{feature.name} has not done {wanted[id_]} {id_}" for id_ in wanted.keys() - done[feature.name]]
            found += [f"{feature.name} did {id_}, which nobody said" for id_ in done[feature.name] - wanted.keys()]
    return found


async def differences(place: Place, stores: Stores, notes: Notes) -> list[str]:
    """Compare everything with everything; a line for each difference."""
    found = notes.wrong + await stored_differences(stores, notes)
    found += await _on_the_wire(place, stores)
    found += await _verified(place)
    try:
        await expect_equal(stores, stores, await recount(stores))
    except AssertionError as error:
        found.append(f"reports: {error}")
    return found


async def stored_differences(stores: Stores, notes: Notes) -> list[str]:
    """Compare what the services have stored with each other and with what was acknowledged."""
    said = await stores.envelopes()
    return [
        *await undone(stores),
        *await _acknowledged(stores, notes),
        *await _sequences(stores),
        *await _told_once(stores, said),
        *await _promises(stores, said),
        *await _mirrors(stores),
    ]


async def _acknowledged(stores: Stores, notes: Notes) -> list[str]:
    tickets = await stores.rows("tickets", "SELECT * FROM tickets_ticket ORDER BY number")
    comments = await stores.rows("tickets", "SELECT * FROM tickets_comment ORDER BY number")
    lines = Counter(
        (row["ticket_id"], row["action"], row["performed_by"])
        for row in await stores.rows("tickets", "SELECT * FROM tickets_history")
    )
    titles: dict[str, list[Any]] = defaultdict(list)
    words: dict[str, list[str]] = defaultdict(list)
    for row in tickets:
        titles[row["title"]].append((row["id"], row["number"]))
    for row in comments:
        words[row["body"]].append(row["id"])
    found = [
        f"{title}: acknowledged as {made['number']}, stored as {titles[title]}"
        for title, made in notes.tickets.items()
        if titles[title] != [(made["id"], made["number"])]
    ]
    found += [
        f"{said}: acknowledged as {id_}, stored as {words[said]}"
        for said, id_ in notes.comments.items()
        if words[said] != [id_]
    ]
    for what, times in Counter([row["title"] for row in tickets] + [row["body"] for row in comments]).items():
        if times > 1:
            found.append(f"{what}: stored {times} times")
    for line in notes.done.keys() | notes.unsure.keys():
        least, most = notes.done[line], notes.done[line] + notes.unsure[line]
        if not least <= lines[line] <= most:
            found.append(f"{line}: acknowledged {least} times, in the history {lines[line]} times, at most {most}")
    numbers = [row["number"] for row in tickets]
    if numbers != list(range(1001, 1001 + len(numbers))):
        found.append(f"numbers of tickets have gaps: {numbers}")
    return found


async def _sequences(stores: Stores) -> list[str]:
    found = []
    for service in SERVICES:
        last: Counter[tuple[str, str]] = Counter()
        for sealed in await stores.outbox(service):
            stream = (sealed.topic, sealed.key)
            if sealed.sequence != last[stream] + 1:
                found.append(f"{service}: {stream} has {sealed.sequence} behind {last[stream]}")
            last[stream] = sealed.sequence
    return found


async def _on_the_wire(place: Place, stores: Stores) -> list[str]:
    """Read the topics as they are: without repeats, they hold what the outboxes hold, in the order of each key."""
    prefix = place.cluster.settings["bus__prefix"]
    wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sealed in await stores.envelopes():
        wanted[wire.topic_on(prefix, sealed.topic), sealed.key].append(sealed.id)
    sent: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for topic in sorted({wire.topic_on(prefix, message.TOPIC) for message in CATALOGUE.values()}):
        for record in await records_in(place.broker, topic):
            sent[topic, record.key.decode()][dict(record.headers)["ce_id"].decode()] = None
    dead = await records_in(place.broker, f"{prefix}.dead-letters")
    return [
        *(f"{stream}: said {wanted[stream]}, on the wire {list(sent[stream])}"
          for stream in sorted(wanted.keys() | sent.keys()) if wanted[stream] != list(sent[stream])),
        *(f"a dead letter: {record}" for record in dead),
    ]  # fmt: skip


async def _told_once(stores: Stores, said: Iterable[Envelope]) -> list[str]:
    wanted = Counter(
        (sealed.id, cell.person_id, cell.channel)
        for sealed in said
        if sealed.type in TYPES and isinstance(event := open_envelope(sealed), Event)
        for cell in addressees(event, doers(event, sealed))
    )
    deliveries = await stores.rows("notifications", "SELECT * FROM notifications_delivery")
    made = Counter((row["message_id"], row["person_id"], row["channel"]) for row in deliveries)
    on_screen = Counter(
        (row["message_id"], row["person_id"])
        for row in deliveries
        if (row["channel"], row["state"]) == ("screen", "SENT")
    )
    notices = await stores.rows("notifications", "SELECT message_id, user_id FROM notifications_notice")
    shown = Counter((row["message_id"], row["user_id"]) for row in notices)
    return [
        *(f"not told: {cell}" for cell in wanted - made),
        *(f"told, and nobody should have been: {cell}" for cell in made - wanted),
        *(f"not shown: {cell}" for cell in on_screen - shown),
        *(f"shown too often: {cell}" for cell in shown - on_screen),
    ]


async def _promises(stores: Stores, said: Iterable[Envelope]) -> list[str]:
    clocks = {row["id"]: row for row in await stores.rows("assignment", "SELECT * FROM sla_clock")}
    metrics = await stores.rows("assignment", "SELECT * FROM sla_metric")
    kinds = Counter((row["clock_id"], row["kind"]) for row in metrics)
    steps = Counter(row["clock_id"] for row in metrics)
    events = Counter(
        (sealed.type, getattr(event, "ticket").id, getattr(event, "target"), getattr(event, "cycle"))  # noqa: B009
        for sealed in said
        if sealed.type in ("SLA_BREACHED", "SLA_AT_RISK", "SLA_STARTED")
        for event in [open_envelope(sealed)]
    )
    found = []
    for id_, clock in clocks.items():
        place = (clock["ticket_id"], clock["target"], clock["cycle"])
        for kind, field, type_ in (("breach", "breached_at", "SLA_BREACHED"), ("warn", "warned_at", "SLA_AT_RISK")):
            once = int(clock[field] is not None)
            if not once == kinds[id_, kind] == events[type_, *place]:
                found.append(f"{place}: {once} {kind}, {kinds[id_, kind]} metrics, {events[type_, *place]} events")
        if clock["version"] != steps[id_] or kinds[id_, "activate"] != 1:
            found.append(f"{place}: version {clock['version']}, {steps[id_]} metrics")
    kept = {
        clock["ticket_id"] for clock in clocks.values() if clock["target"] == "FIRST_RESPONSE" and clock["breached_at"]
    }
    broken = await stores.rows("tickets", f"SELECT id FROM tickets_ticket WHERE title LIKE '{PROMISE}%'")
    return [
        *found,
        *(f"the promise of {row['id']} was broken, and nobody noticed" for row in broken if row["id"] not in kept),
    ]


async def _mirrors(stores: Stores) -> list[str]:
    """Compare what services know of others' tickets and people with what their owners know."""
    tickets = {row["id"]: row for row in await stores.rows("tickets", "SELECT * FROM tickets_ticket")}
    found = []
    for service, table, key in (
        ("assignment", "assignment_ticket", "id"),
        ("assignment", "sla_ticket", "id"),
        ("reporting", "reporting_ticket", "ticket_id"),
    ):
        known = {row[key]: row for row in await stores.rows(service, f"SELECT * FROM {table}")}
        for id_ in tickets.keys() | known.keys():
            own, other = (_shown(each.get(id_)) for each in (tickets, known))
            if own != other:
                found.append(f"{table} {id_}: is {own}, known as {other}")
    held = Counter(row["agent_id"] for row in tickets.values() if row["status"] in OPEN)
    found += [
        f"{row['name']} has {held[row['id']]} open tickets, counted {row['open_tickets']}"
        for row in await stores.rows("assignment", "SELECT * FROM assignment_agent")
        if row["open_tickets"] != held[row["id"]]
    ]
    people = await stores.rows("users", "SELECT id, name FROM users_person ORDER BY id")
    for service, table in (("tickets", "tickets_known_person"), ("notifications", "notifications_person")):
        if await stores.rows(service, f"SELECT id, name FROM {table} ORDER BY id") != people:
            found.append(f"{table} does not know the people")
    return found


def _shown(row: dict[str, Any] | None) -> tuple[Any, ...]:
    return (row["status"], row["agent_id"], row["priority"], row["category"]) if row else ()


async def _verified(place: Place) -> list[str]:
    """Let each service prove its own log and figures."""

    async def verify(service: str) -> str:
        folder = str(place.cluster.folder / service)
        arguments = ("events", "verify", "--data-dir", folder, "--service", service)
        done = await place.by_hand(lambda: quickly(*arguments, check=False, **place.cluster.common))
        good = done.returncode == 0 and done.stdout.endswith("no difference.\n")
        return "" if good else f"{service}: {done.stdout} {done.stderr[-2000:]}"

    return [line for line in await asyncio.gather(*map(verify, SERVICES)) if line]
