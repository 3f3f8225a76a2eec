"""Who comes with a cookie, where the users service that knows is away."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from answerable.infra.database import open_database
from answerable.infra.database.migrate import migrate, migrations_of
from answerable.infra.web.far import BELIEVED, FarVisits
from answerable.infra.web.visits import Told
from answerable.kernel.errors import Unavailable
from answerable.kernel.times import HOUR
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Preferences, Visit
from answerable.users.rules import grants_of
from tests.apart import serving_app
from tests.world import Clock, settings_for


class Users:
    """A users service as a gateway sees one: it knows everybody, while it is there."""

    def __init__(self, clock: Clock) -> None:
        self.is_away = False
        self.asked = 0
        self._clock = clock

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        now = self._clock.now
        told = Told("una", "Una User", ["USER"], "a-session", 1, now, now + HOUR, "", Preferences())
        body = b"" if self.is_away else msgspec.json.encode(told)
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 503 if self.is_away else 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _any(tx: Tx, visit: Visit) -> None:
    pass


async def test_who_is_known_is_asked_about_once_in_a_while_where_nobody_can_say(tmp_path: Path) -> None:
    """Every page of somebody who works would wait for a service that stands still, as long as one waits for one."""
    clock = Clock()
    database = open_database(settings_for(tmp_path), clock)
    migrate(database, migrations_of("bus", "answerable.infra.bus", database.engine))
    users = Users(clock)
    async with serving_app(users) as address, aiohttp.ClientSession() as session:
        visits = FarVisits(database, address, lambda: session, dict, grants_of, _any)
        assert [(await visits.visit(cookie)).actor.name for cookie in ("desk", "phone")] == ["Una User"] * 2
        users.is_away, users.asked = True, 0
        for _ in range(3):
            clock.now += BELIEVED
            await asyncio.gather(*(visits.visit(cookie) for cookie in ("desk", "phone")))
            asked = users.asked
            assert [(await visits.visit(cookie)).actor.name for cookie in ("desk", "phone")] == ["Una User"] * 2
            assert users.asked == asked, "who clicks again does not wait"
        with pytest.raises(Unavailable):
            await visits.visit("a cookie that nobody knows")
        clock.now += HOUR
        with pytest.raises(Unavailable):
            await visits.visit("desk")

        users.is_away, users.asked = False, 0
        await visits.visit("a cookie that nobody knew")
        await visits.visit("desk")
        assert users.asked == 2, "it is back: what it says counts again"
    await database.close()
