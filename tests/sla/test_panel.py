"""The panel of a ticket's promises."""

from tests.people import make_person, token_for
from tests.tickets.desk import DRAFT
from tests.world import World, json_of


async def test_the_panel_tells_what_was_promised_and_what_became_of_it(world: World) -> None:
    una, abe = await make_person(world, "USER"), await make_person(world, "AGENT", name="Abe Agent")
    made = json_of(await world.http.post("/api/tickets", json=DRAFT, headers=una.headers))
    await world.settle()
    path = f"/sla/tickets/{made['id']}/panel"
    page = (await world.http.get(path, headers=abe.headers)).text
    assert "First answer" in page
    assert "within 1 h" in page
    assert page.count("sla-running") == 2
    await world.advance(minutes=50)
    assert "sla-at-risk" in (await world.http.get(path, headers=abe.headers)).text
    answer = await world.http.post(
        f"/api/tickets/{made['id']}/comments", json={"comment": "We are coming."}, headers=abe.headers
    )
    assert answer.status_code == 201
    await world.settle()
    assert "sla-met" in (await world.http.get(path, headers=abe.headers)).text
    await world.advance(hours=4)
    later = {"Authorization": f"Bearer {await token_for(world, abe.id)}"}
    assert "sla-breached" in (await world.http.get(path, headers=later)).text
    bea = await make_person(world, "AGENT")
    assert (await world.http.get(path, headers=bea.headers)).status_code == 404
    later = {"Authorization": f"Bearer {await token_for(world, una.id)}"}
    assert (await world.http.get(path, headers=later)).status_code == 403
