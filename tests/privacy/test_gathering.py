"""Where the gateway and the users service share a process, an export still has the parts of the others that answer."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from answerable.runtime import Desk
from tests.apart import SECRET, serving
from tests.patience import PATIENCE
from tests.people import make_person
from tests.world import Clock, json_of, lay_out, open_world, settings_for

AWAY: dict[str, Any] = {
    f"peers__{service}": "http://127.0.0.1:9" for service in ("assignment", "notifications", "reporting")
}
pytestmark = [pytest.mark.slow, pytest.mark.one_engine]


async def test_an_export_that_goes_the_short_way_waits_for_the_others(tmp_path: Path) -> None:
    await lay_out(tmp_path / "tickets", ["tickets"])
    tickets = Desk(settings_for(tmp_path / "tickets", peers__secret=SECRET), ["tickets"], Clock())
    await tickets.prepare()
    try:
        async with (
            serving(tickets) as there,
            open_world(
                tmp_path / "desk", ("gateway", "users"), peers__secret=SECRET, peers__tickets=there, **AWAY
            ) as world,
        ):
            ada = await make_person(world, "ADMIN")
            async with serving(world.desk) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
                answer = await client.get(f"/api/users/admin/{ada.id}/export", headers=ada.headers)
            assert answer.status_code == 200
            taken = json_of(answer)
            assert taken["parts"].keys() == {"tickets", "users"}
            assert taken["parts"]["users"]["account"]["email"] == ada.email
            assert taken["partsElsewhere"] == ["notifications"]
    finally:
        await tickets.stop()
