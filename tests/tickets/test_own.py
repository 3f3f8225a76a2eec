"""What those who ask see, as a browser without scripts shows it."""

import re
from html import unescape

import pytest

from answerable.tickets.rules.own import alike
from tests.forms import Browser
from tests.people import make_person
from tests.tickets.desk import DRAFT, TicketDesk
from tests.world import World, json_of

LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmütze " * 4


def texts(page: str) -> str:
    """Return what a page says, without its marks."""
    return re.sub(r" ([.,])", r"\1", " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split()))


def seen(browser: Browser) -> str:
    assert browser.page is not None
    return texts("<main" + main_of(browser.page.text))


def main_of(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]


async def una_at(office: TicketDesk) -> Browser:
    browser = Browser(office.world)
    await browser.sign_in(office.una, next="/my")
    return browser


class TestRaising:
    async def test_somebody_without_scripts_raises_a_ticket(self, office: TicketDesk) -> None:
        browser = await una_at(office)
        assert browser.page is not None
        assert "You have not asked for anything yet" in seen(browser)
        await browser.open("/tickets/new")
        await browser.send("/tickets", DRAFT | {"title": "  Printer   on fire "})
        assert "Your request is with us." in browser.page.text
        assert browser.page.url.path.startswith("/tickets/")
        assert "We have it and are finding somebody for you." in seen(browser)
        assert "It burns, and I need it today." in seen(browser)
        await browser.open("/my")
        assert "Printer on fire" in seen(browser)

    async def test_a_form_that_is_sent_twice_does_its_work_once(self, office: TicketDesk) -> None:
        browser = await una_at(office)
        await browser.open("/tickets/new")
        form = DRAFT | {"_once": browser.hidden("_once"), "_form": browser.token}
        first = await browser.send("/tickets", form, token=form["_form"])
        ticket = first.url.path
        assert (await browser.send("/tickets", form, token=form["_form"])).url.path == ticket, "the first one's result"
        other = await browser.send("/tickets", form | {"title": "Screen is dark"}, token=form["_form"])
        assert other.url.path != ticket, "the same form with other words is another ticket"
        await browser.open(ticket)
        said = {"comment": "It still burns.", "_once": browser.hidden("_once"), "_form": browser.token}
        for _ in range(
            2
        ):  # the second time from a page that was asked for anew, with the words and the key of the first
            page = await browser.send(f"/my/{ticket.rpartition('/')[2]}/answer", said | {"_form": browser.token})
            assert "Your message is sent." in page.text
        assert len(re.findall("It still burns", seen(browser))) == 1
        await browser.open(ticket)
        await browser.send(f"/my/{ticket.rpartition('/')[2]}/answer", {**said, "_once": browser.hidden("_once")})
        assert len(re.findall("It still burns", seen(browser))) == 2, "said again on purpose"

    async def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(self, office: TicketDesk) -> None:
        browser = await una_at(office)
        await browser.open("/tickets/new")
        page = await browser.send(
            "/tickets", {"title": '"<b>', "description": "<i>kurz", "category": "", "priority": "HIGH"}
        )
        assert page.status_code == 400
        assert "Between 5 and 200 characters, please." in seen(browser)
        assert "Between 10 and 20,000 characters, please." in seen(browser)
        assert "Please choose one." in seen(browser)
        assert 'value="&#34;&lt;b&gt;"' in page.text
        assert "&lt;i&gt;kurz</textarea>" in page.text
        assert re.search(r'value="HIGH" checked', page.text)

    async def test_a_desk_that_cannot_store_says_so_and_keeps_everything(self, office: TicketDesk) -> None:
        browser = await una_at(office)
        await browser.open("/tickets/new")
        async with office.world.nothing_can_be_written():
            key = browser.hidden("_once")
            page = await browser.send("/tickets", DRAFT | {"_once": key})
        assert page.status_code == 503
        assert browser.hidden("_once") == key, "nobody knows for sure that it was not done"
        assert "Everything you typed is still here." in seen(browser)
        assert "It burns, and I need it today.</textarea>" in page.text
        assert 'value="Printer on fire"' in page.text
        await browser.send("/tickets", DRAFT)
        assert "Your request is with us." in str(browser.page and browser.page.text)

    async def test_a_preview_needs_no_script(self, office: TicketDesk) -> None:
        browser = await una_at(office)
        await browser.open("/tickets/new")
        text = "It **burns** <script>alert(1)</script>"
        page = await browser.send("/tickets/preview", DRAFT | {"description": text})
        assert "<strong>burns</strong>" in page.text
        assert "<script>alert" not in page.text
        assert 'value="Printer on fire"' in page.text, "the form is still there"
        part = await browser.http.post(
            "/tickets/preview", data={"_form": browser.token, "comment": "*so*"}, headers={"HX-Request": "true"}
        )
        assert "<em>so</em>" in part.text
        assert "<form" not in part.text

    async def test_open_tickets_about_the_same_are_shown_to_their_owner_alone(self, office: TicketDesk) -> None:
        mine = await office.raised(title="The printers are burning")
        await office.raised(title="VPN is slow at home")
        await office.raised(office.otto, title="Printer is burning here, too")
        browser = await una_at(office)
        page = await browser.open("/tickets/similar?title=Printer%20burning")
        assert re.findall(r'href="/tickets/([^"]+)"', main_of(page.text)) == [mine["id"]]
        page = await browser.open(f"/tickets/similar?title=Printer%20burning&requesterId={office.otto.id}")
        assert "here, too" not in page.text, "only staff ask for others"
        assert "href" not in main_of((await browser.open("/tickets/similar?title=x")).text)

    async def test_staff_raise_a_ticket_for_somebody(self, office: TicketDesk) -> None:
        browser = Browser(office.world)
        await browser.sign_in(office.abe, next="/tickets/new")
        await browser.open("/tickets/new")
        page = await browser.send("/tickets", DRAFT | {"for": "una u"})
        assert page.status_code == 400, "the person has to be chosen"
        assert f'value="{office.una.id}"' in page.text
        await browser.send("/tickets", DRAFT | {"for": "una u", "requesterId": office.una.id})
        [ticket] = json_of(await office.get(office.una, "/tickets"))
        assert ticket["createdBy"] == office.una.id
        page = await browser.open("/tickets/people?for=%25")
        assert "requesterId" not in page.text, "a percent sign is only a letter"
        assert (await (await una_at(office)).open("/tickets/people?for=abe")).status_code == 403


class TestMyTickets:
    async def test_the_list_says_whose_turn_it_is(self, office: TicketDesk) -> None:
        waits = await office.given(await office.raised(title="One that waits"))
        await office.moved(waits, "IN_PROGRESS", "WAITING")
        await office.said(office.abe, waits, "Which floor?")
        await office.raised(title="One that is new")
        await office.raised(office.otto, title="Not hers")
        browser = await una_at(office)
        told = seen(browser)
        assert told.index("Your turn") < told.index("One that waits") < told.index("With us")
        assert told.index("With us") < told.index("One that is new")
        assert "We need your answer." in told
        assert "Abe Agent wrote" in told
        assert "Not hers" not in told
        for inner in ("CREATED", "WAITING", "IN_PROGRESS", "SLA"):
            assert inner not in told

    async def test_many_tickets_come_in_parts_and_are_searched(self, office: TicketDesk) -> None:
        for number in range(35):
            await office.raised(title=f"Ticket about {['apples', 'pears'][number % 2]} {number}")
        browser = await una_at(office)
        found, path = [], "/my"
        while path:
            page = await browser.open(path)
            found += re.findall(r"data-open>([^<]+)<", page.text)
            more = re.search(r'href="(/my\?[^"]*cursor=[^"]+)"', page.text)
            path = unescape(more[1]) if more else ""
        assert found == [f"Ticket about {['apples', 'pears'][n % 2]} {n}" for n in reversed(range(35))]
        page = await browser.open("/my?q=pears")
        assert len(re.findall("data-open", page.text)) == 17
        assert "Nothing fits" in texts((await browser.open("/my?q=melons")).text)
        for bad in ("cursor=x", "cursor=WyJvd24iLCJhIiwxXQ", "part=secret"):
            assert (await browser.open(f"/my?{bad}")).status_code == 400

    async def test_words_of_any_length_and_kind_are_shown_as_they_are(self, office: TicketDesk) -> None:
        await office.raised(title=(LONG + "<img src=x onerror=alert(1)>")[-200:])
        browser = await una_at(office)
        assert browser.page is not None
        assert "<img src=x" not in browser.page.text
        assert "onerror=alert(1)&gt;" in browser.page.text


class TestOneTicket:
    async def test_a_conversation_to_its_end_and_again(self, office: TicketDesk) -> None:
        ticket = await office.given(await office.raised())
        await office.moved(ticket, "IN_PROGRESS")
        await office.said(office.abe, ticket, "Is it **still** burning?")
        await office.said(office.abe, ticket, "She always burns things.", internal=True)
        await office.moved(ticket, "WAITING")
        browser = await una_at(office)
        page = await browser.open(f"/tickets/{ticket['id']}")
        assert "<strong>still</strong>" in page.text
        assert "burns things" not in page.text, "notes are for staff"
        assert "Abe Agent cannot go on without it." in seen(browser)
        await browser.send(f"/my/{ticket['id']}/answer", {"comment": "Yes, it is."})
        assert "Your message is sent." in str(browser.page and browser.page.text)
        assert "We are working on it." in seen(browser)
        await office.moved(ticket, "RESOLVED")
        await browser.open(f"/tickets/{ticket['id']}")
        assert "If we hear nothing, it closes by itself on 9 Mar 2026." in seen(browser)
        await browser.send(f"/my/{ticket['id']}/solved", {"comment": "Thank you."})
        assert "You said that it is solved" in seen(browser)
        assert "It is finished." in seen(browser)
        await browser.send(f"/my/{ticket['id']}/reopen", {"comment": "It burns again."})
        assert "We are working on it." in seen(browser)
        assert "It burns again." in seen(browser)
        shown = json_of(await office.get(office.una, f"/tickets/{ticket['id']}"))
        assert shown["status"] == "IN_PROGRESS"

    async def test_taking_a_ticket_back_is_asked_first(self, office: TicketDesk) -> None:
        ticket = await office.raised()
        browser = await una_at(office)
        page = await browser.open(f"/tickets/{ticket['id']}")
        assert f'href="/my/{ticket["id"]}/cancel"' in page.text
        await browser.open(f"/my/{ticket['id']}/cancel")
        assert "it cannot be opened again" in seen(browser)
        await browser.send(f"/my/{ticket['id']}/cancel")
        assert "It was taken back." in seen(browser)
        assert "<textarea" not in str(browser.page and browser.page.text)

    async def test_whoever_comes_too_late_is_told_how_it_stands_and_keeps_their_words(self, office: TicketDesk) -> None:
        ticket = await office.given(await office.raised())
        browser = await una_at(office)
        await browser.open(f"/tickets/{ticket['id']}")
        await office.moved(ticket, "IN_PROGRESS", "RESOLVED")
        await office.put(office.max, f"/tickets/{ticket['id']}/close")
        page = await browser.send(f"/my/{ticket['id']}/answer", {"comment": "Wait, one more thing."})
        assert page.status_code == 409
        assert "This ticket has changed in the meantime." in seen(browser)
        assert "Wait, one more thing.</textarea>" in page.text
        page = await browser.send(f"/my/{ticket['id']}/reopen", {"comment": "x" * 20_001})
        assert page.status_code == 400
        assert json_of(await office.get(office.una, f"/tickets/{ticket['id']}"))["status"] == "CLOSED"

    async def test_long_conversations_come_in_parts(self, office: TicketDesk) -> None:
        ticket = await office.raised()
        for number in range(60):
            await office.said(office.una, ticket, f"Message {number}.")
        browser = await una_at(office)
        page = await browser.open(f"/tickets/{ticket['id']}")
        assert re.findall(r"Message (\d+)\.", page.text) == [str(n) for n in range(10, 60)]
        earlier = re.search(r'href="(/tickets/[^"]*cursor=[^"]*)"', page.text)
        assert earlier
        page = await browser.open(unescape(earlier[1]))
        assert re.findall(r"Message (\d+)\.", page.text) == [str(n) for n in range(10)]
        assert DRAFT["description"] in page.text

    async def test_others_find_nothing_here(self, office: TicketDesk) -> None:
        ticket = await office.raised()
        browser = Browser(office.world)
        await browser.sign_in(office.otto, next="/my")
        assert (await browser.open(f"/tickets/{ticket['id']}")).status_code == 404
        await browser.open("/my")
        for verb in ("answer", "solved", "reopen", "cancel"):
            page = await browser.send(f"/my/{ticket['id']}/{verb}", {"comment": "Mine."}, token=None)
            assert page.status_code == 404, verb
            await browser.open("/tickets/new")


class TestPromises:
    async def test_the_requester_is_told_when_they_hear_from_somebody(self, world: World) -> None:
        una, abe = await make_person(world, name="Una User"), await make_person(world, "AGENT", name="Abe Agent")
        browser = Browser(world)
        page = await browser.sign_in(una, zone="Europe/Berlin")
        assert page.url.path == "/my", "whoever asks begins with their tickets"
        await browser.open("/tickets/new")
        await browser.send("/tickets", DRAFT)
        await browser.open(str(browser.page and browser.page.url.path))
        assert "Abe Agent looks after it." in seen(browser)
        assert "You will hear by 11:00." in seen(browser), "an hour, in their zone"
        assert "We plan to solve it by 14:00." in seen(browser)
        ticket = str(browser.page and browser.page.url.path).rpartition("/")[2]
        say = {"headers": abe.headers, "json": {"comment": "On my way."}}
        assert (await world.http.post(f"/api/tickets/{ticket}/comments", **say)).status_code == 201  # type: ignore[arg-type]
        await world.settle()
        await browser.open(f"/tickets/{ticket}")
        assert "You will hear" not in seen(browser), "they have"
        await browser.send(f"/my/{ticket}/answer", {"comment": "Hurry, please."})
        await browser.open(f"/tickets/{ticket}")
        assert "You will hear by 11:00." in seen(browser)
        await world.advance(hours=2)
        await browser.open(f"/tickets/{ticket}")
        assert "We wanted to answer by 11:00. We are sorry that it takes longer." in seen(browser)
        assert "It takes longer than promised." in texts((await browser.open("/my")).text)

    async def test_what_a_priority_promises_is_the_word_of_the_sla(self, world: World) -> None:
        browser = Browser(world)
        await browser.sign_in(await make_person(world))
        page = await browser.open("/tickets/new")
        assert 'hx-get="/sla/promises"' in page.text
        told = texts((await browser.open("/sla/promises?category=HARDWARE")).text)
        assert "Medium First answer within 2 h, solved within 8 h" in told
        assert "Critical First answer within 15 min, solved within 1 h" in told


@pytest.mark.parametrize(
    ("title", "other", "is_alike"),
    [
        ("Printer on fire", "The printers burn", True),
        ("DRÜCKER kaputt", "Drucker defekt", True),
        ("Wi-Fi is slow today", "Wi-Fi is slow in the warehouse", True),
        ("Printer on fire", "VPN is slow at home", False),
        ("It is so", "It is so", False),  # nothing in it that means something
    ],
)
def test_words_are_compared_by_their_beginnings_without_accents(title: str, other: str, *, is_alike: bool) -> None:
    assert bool(alike(title, [(other, "")])) is is_alike
