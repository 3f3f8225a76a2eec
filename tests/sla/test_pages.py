"""What presses, what is escalated and what is promised, as managers see it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from answerable.infra.web.words import translations
from answerable.sla.pages.reports import _grouped
from answerable.sla.pages.wording import in_words
from answerable.sla.queries.reports import Attainment
from tests.forms import BROWSER
from tests.people import TestPerson, make_person
from tests.sla.stories import Story
from tests.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A desk of people and promises, with tokens that outlast a story."""
    async with open_world(tmp_path / "desk", ("users", "assignment"), auth__access_seconds=10**8) as opened:
        yield opened


async def look(world: World, who: TestPerson, path: str) -> str:
    page = await world.http.get(path, headers={**BROWSER, **who.headers})
    assert page.status_code == 200, page.text
    return page.text


def test_promises_by_priority_begin_with_the_most_urgent() -> None:
    found = [
        Attainment(by="priority", name=name, target="RESOLUTION", kept=1, broken=0, open=0, attainment=1.0)
        for name in ("CRITICAL", "HIGH", "LOW", "MEDIUM")
    ]
    shown = {by: [name for name, _ in lines] for by, _, lines in _grouped(found)}
    assert shown["priority"] == ["CRITICAL", "HIGH", "MEDIUM", "LOW"]


def rows(page: str, heading: str) -> list[str]:
    """Return the tickets under a heading."""
    return re.findall(r'data-ticket="([^"]+)"', page.partition(f'id="{heading}"')[2].partition("</section>")[0])


async def test_a_promise_is_at_risk_then_broken_then_somebody_is_called_in(world: World) -> None:
    mia = await make_person(world, "MANAGER", name="Mia Manager")
    assert "No promise is at risk." in await look(world, mia, "/sla/pressing")
    assert "Nothing is escalated." in await look(world, mia, "/sla/escalations")
    await Story(world, "t-low", "LOW").raised()
    await Story(world, "t-high", "HIGH").raised()
    await world.advance(minutes=50)
    page = await look(world, mia, "/sla/pressing")
    assert (rows(page, "risky-title"), rows(page, "broken-title")) == (["t-high"], [])
    assert "Printer on fire" in page
    await world.advance(minutes=20)
    page = await look(world, mia, "/sla/pressing")
    assert (rows(page, "risky-title"), rows(page, "broken-title")) == ([], ["t-high"])
    page = await look(world, mia, "/sla/escalations")
    assert "First answer · with Mia Manager" in page
    assert 'href="/assignment/tickets/t-high/assign?back=/dashboard"' in page


async def test_only_the_first_are_listed_however_many_there_are(world: World) -> None:
    mia = await make_person(world, "MANAGER")
    for number in range(14):
        await Story(world, f"t-{number:02}", "CRITICAL").raised()
    await world.advance(minutes=61)
    page = await look(world, mia, "/sla/pressing")
    assert len(rows(page, "broken-title")) == 10
    assert "10+" in page
    assert "/queue?view=breached" in page


async def test_the_policies_in_force_are_shown(world: World) -> None:
    page = await look(world, await make_person(world, "MANAGER"), "/admin/sla")
    cells = re.findall(r'<td class="number">([^<]+)</td>', page)
    assert cells[:3] == ["15 min", "15 min", "1 h"]
    assert cells[-3:] == ["8 h", "8 h", "1 d"]
    assert "any ticket" in page
    german = await make_person(world, "MANAGER")
    german.headers["Accept-Language"] = "de"
    page = await look(world, german, "/admin/sla")
    assert '<span class="tag">jedes Ticket</span>' in page
    assert "jemanden aus der Leitung rufen" in page
    agent = await make_person(world, "AGENT")
    for path in ("/sla/pressing", "/sla/escalations", "/admin/sla"):
        assert (await world.http.get(path, headers={**BROWSER, **agent.headers})).status_code == 403


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("priority CRITICAL or HIGH, category NETWORK", "Priorität Kritisch oder Hoch, Kategorie NETWORK"),
        ("requester u1", "Anfrage von u1"),
        (
            "tell agent and role:MANAGER and person:u1, priority CRITICAL",
            "zuständige Person und die ganze Leitung und person:u1 benachrichtigen, Priorität Kritisch",
        ),
        ("give it to another agent", "jemand anderem im Team geben"),
        ("Its condition did not fit", "Die Bedingung traf nicht zu"),
        ("something of tomorrow", "something of tomorrow"),
    ],
)
def test_what_the_rules_say_is_said_in_the_language_of_the_reader(english: str, german: str) -> None:
    assert in_words(english, translations("de").gettext) == german
