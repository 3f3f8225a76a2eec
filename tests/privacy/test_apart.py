"""Where services run apart, a person is taken out of all of them, and erased in all of them."""

from pathlib import Path

import msgspec
import pytest

from answerable.infra.bus.outbox import envelope
from answerable.infra.web.kept import PATH
from answerable.users.cli.person import _everything, _person_id
from tests.apart import ApartWorld, open_apart
from tests.kafka import Broker
from tests.people import make_person
from tests.security.asgi import JSON, ask
from tests.world import TESTER

pytestmark = [pytest.mark.slow, pytest.mark.one_engine]
WORD = "zyzzyva"
DRAFT = b'{"title": "My zyzzyva", "description": "A zyzzyva that is broken.", "category": "OTHER", "priority": "LOW"}'


async def parked_everywhere(world: ApartWorld, *keys: str) -> None:
    """No service could do what it was told first of a person and a ticket."""
    told = [row for row in await world.sql("SELECT * FROM bus_outbox") if row["key"] in keys]
    first = {(row["key"], row["type"]): row for row in reversed(told)}

    async def park(tx: object, heard: set[str]) -> None:
        for row in [row for row in first.values() if row["type"] in heard]:
            await tx.run(  # type: ignore[attr-defined]
                """INSERT INTO bus_retry (consumer, message, type, topic, key, position, attempts, next_at, error,
                    parked_at, envelope) VALUES ('x', :id, :type, :topic, :key, 1, 8, 0, 'no', 1, :envelope)""",
                envelope=msgspec.json.encode(envelope(row)).decode(),
                **{name: row[name] for name in ("id", "type", "topic", "key")},
            )

    async def park_oddities(tx: object, heard: set[str]) -> None:
        """One message that this version cannot read, and what somebody said about a ticket of another."""
        created = msgspec.json.decode(first[keys[1], "TICKET_CREATED"]["body"])
        said = {
            "ticket": created["ticket"] | {"id": "another", "title": "A lamp"},
            "commentId": "c1",
            "authorId": keys[0],
            "authorName": "Zyzzyva Quill",
            "fromStaff": True,
            "internal": False,
        }
        for number, (key, kind, body) in enumerate(
            (
                (keys[0], "USER_CHANGED", '{"title":"zyzzyva"}'),
                ("another", "COMMENT_ADDED", msgspec.json.encode(said).decode()),
            )
        ):
            if kind not in heard:
                continue
            sealed = msgspec.structs.replace(envelope(told[0]), id=f"odd{number}", type=kind, key=key, body=body)
            await tx.run(  # type: ignore[attr-defined]
                """INSERT INTO bus_retry (consumer, message, type, topic, key, position, attempts, next_at, error,
                    parked_at, envelope) VALUES ('x', :id, :type, 't', :key, 1, 8, 0, 'no', 1, :envelope)""",
                id=sealed.id,
                type=kind,
                key=key,
                envelope=msgspec.json.encode(sealed).decode(),
            )

    for desk in world.desks:
        heard = {cls.TYPE for feature in desk.features for cls in feature.consumers}
        await desk.database.write(TESTER, park, heard)
        await desk.database.write(TESTER, park_oddities, heard)


async def has_the_word(world: ApartWorld) -> list[str]:
    """Return the tables of all services that have a word in them."""
    return [
        f"{service}: {table}"
        for service, desk in world.by_service.items()
        for table in await world.tables(desk)
        if WORD in str([dict(row) for row in await world.rows(desk, f"SELECT * FROM {table}")]).lower()
    ]


async def test_a_person_is_taken_out_of_and_erased_in_all_services(tmp_path: Path, broker: Broker) -> None:
    async with open_apart(tmp_path, broker) as world:
        ada = await make_person(world, "ADMIN")
        zoe = await make_person(world, name="Zyzzyva Quill", email="zyzzyva@mail.test")
        raised = await ask(world, "POST", "/api/tickets", zoe.headers | JSON | {"idempotency-key": "zoe-1"}, DRAFT)
        ticket = raised.json["id"]
        await world.settle()

        taken = await ask(world, "GET", f"/api/users/admin/{zoe.email}/export", ada.headers)
        assert taken.json["partsElsewhere"] == []
        assert taken.json["parts"]["tickets"]["ticketsRaised"][0]["id"] == ticket
        assert taken.json["parts"]["notifications"]["notices"]
        assert taken.json["parts"]["users"]["account"]["email"] == zoe.email
        page = await ask(world, "GET", f"/admin/people/{zoe.id}/export", ada.headers)
        assert page.json["parts"] == taken.json["parts"] | {"users": page.json["parts"]["users"]}
        for who, status in ((ada, 404), (zoe, 403), (None, 401)):  # what services ask each other is for nobody else
            for where in ("", "?service=tickets"):
                headers = who.headers if who else {}
                assert (await ask(world, "GET", f"{PATH}{zoe.id}{where}", headers)).status in (status, 404), where
        gateway = world.by_service["gateway"]  # from where a command asks, too
        assert await _person_id(gateway, zoe.email) == zoe.id
        assert (await _everything(gateway, zoe.id)).parts.keys() == taken.json["parts"].keys()
        await world.settle()
        acts = await world.sql("SELECT actor_id FROM users_act WHERE act = 'PERSON_EXPORTED' ORDER BY number")
        assert [act["actor_id"] for act in acts] == [ada.id, ada.id, "command line"]
        proxy = gateway.proxy
        assert proxy is not None
        proxy._asking._peers = proxy._asking._peers | {"tickets": "http://127.0.0.1:9"}
        taken = await ask(world, "GET", f"/api/users/admin/{zoe.id}/export", ada.headers)
        assert taken.json["partsElsewhere"] == ["tickets"]
        assert "notifications" in taken.json["parts"]

        await parked_everywhere(world, zoe.id, ticket)
        assert {line.partition(":")[0] for line in await has_the_word(world)} == set(world.by_service)
        assert (await ask(world, "DELETE", f"/api/users/admin/{zoe.id}", ada.headers)).status == 200
        await world.advance(minutes=2)
        assert await has_the_word(world) == []
