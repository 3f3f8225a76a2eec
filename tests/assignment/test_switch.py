"""The switch with which an agent says whether they take new tickets."""

from tests.forms import Browser
from tests.people import make_person
from tests.tickets.desk import DRAFT
from tests.world import World, json_of


async def test_an_agent_pauses_and_takes_tickets_again(world: World) -> None:
    una, abe = await make_person(world, "USER"), await make_person(world, "AGENT", name="Abe Agent")
    browser = Browser(world)
    await browser.sign_in(abe)
    page = await browser.open("/assignment/availability")
    assert "You take tickets · 0 of 20" in page.text
    page = await browser.send("/assignment/availability", {"available": "no"})
    assert "You get no new tickets for now." in page.text
    made = json_of(await world.http.post("/api/tickets", json=DRAFT, headers=una.headers))
    await world.settle()
    assert made["id"] in (await browser.open("/queue?view=unassigned")).text
    assert "You take no new tickets" in (await browser.open("/assignment/availability")).text
    page = await browser.send("/assignment/availability", {"available": "yes"})
    assert "You get new tickets again." in page.text
    assert made["id"] in (await browser.open("/queue?view=mine")).text
