"""Parked events and settings as pages for administrators."""

import re
from pathlib import Path
from typing import Any

import pytest

from answerable.infra.bus.inbox import MAX_ATTEMPTS
from answerable.infra.web.words.messages import MESSAGES
from answerable.messages import CATALOGUE
from answerable.messages.tickets import TicketCreated
from tests.forms import BROWSER
from tests.people import TestPerson, make_person
from tests.sla.stories import ref
from tests.world import World, open_world


async def look(world: World, who: TestPerson, path: str, status: int = 200) -> str:
    page = await world.http.get(path, headers={**BROWSER, **who.headers})
    assert page.status_code == status, page.text
    return page.text


async def fail_until_parked(world: World) -> None:
    """Tell of a ticket in a way that nobody can read, until it is parked."""
    await world.tell(TicketCreated(ticket=ref("t-bad", number="NO_NUMBER"), created_by="una"))
    for _ in range(MAX_ATTEMPTS + 2):
        await world.advance(minutes=2)


async def test_a_parked_event_is_looked_at_and_tried_again(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    assert "Nothing is parked" in await look(world, ada, "/admin/events")
    await fail_until_parked(world)
    rows = await world.sql("SELECT message, consumer FROM bus_retry WHERE parked_at IS NOT NULL ORDER BY consumer")
    assert rows, "nothing failed"
    message = rows[0]["message"]
    page = await look(world, ada, "/admin/events")
    assert page.count("data-row") == len(rows)
    assert "TICKET_CREATED" in page
    assert f'<a href="/admin/events/{message}">A ticket is raised</a>' in page
    assert ">Promises</td>" in page, "as people call it, and not sla"
    page = await look(world, ada, f"/admin/events/{message}")
    assert "NO_NUMBER" in page
    assert "could not do it" in page
    assert re.search(r"<h1[^>]*>A ticket is raised</h1>", page)
    headers = {**BROWSER, **ada.headers}
    done = await world.http.post("/admin/events/retry", data={"message": message}, headers=headers)
    assert done.status_code == 303
    assert not await world.sql("SELECT 1 AS one FROM bus_retry WHERE parked_at IS NOT NULL AND message = :m", m=message)
    await look(world, ada, f"/admin/events/{message}", 404)
    await look(world, ada, "/admin/events/nothing", 404)


def test_every_message_can_be_said_in_words() -> None:
    assert MESSAGES.keys() == CATALOGUE.keys()


async def test_settings_say_where_they_came_from_and_keep_their_secrets(tmp_path: Path) -> None:
    secrets: dict[str, Any] = {"mail__password": "hunter2-of-the-mail", "mail__host": "mail.desk.test"}
    async with open_world(tmp_path / "desk", **secrets) as world:
        ada = await make_person(world, "ADMIN")
        page = await look(world, ada, "/admin/settings")
        assert "mail.desk.test" in page
        assert "********" in page
        assert "hunter2" not in page
        assert world.desk.settings.storage.secret not in page
        assert '<span class="tag tag-admin">test</span>' in page


@pytest.mark.parametrize("path", ["/admin/events", "/admin/settings", "/admin/events/x"])
async def test_operation_is_for_administrators(world: World, path: str) -> None:
    for role in ("USER", "AGENT", "MANAGER"):
        await look(world, await make_person(world, role), path, 403)
