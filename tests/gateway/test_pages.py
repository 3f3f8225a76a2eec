import re

from answerable.infra.web.html import prose
from tests.forms import Browser
from tests.people import make_person
from tests.world import World, json_of

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_the_start_page_says_what_this_is_and_leads_on(world: World) -> None:
    page = await world.http.get("/", headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Answerable is a support desk" in page.text
    for link in ("/api/docs", "/readyz"):
        assert f'href="{link}"' in page.text
    assert 'href="/login"' in page.text
    assert "//" not in page.text.replace("<!doctype html>", "")


class TestErrorsForBrowsers:
    async def test_a_browser_gets_a_page_and_a_program_a_problem_document(self, world: World) -> None:
        page = await world.http.get("/nothing-here", headers=BROWSER)
        assert page.status_code == 404
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "There is nothing here." in page.text
        assert "nothing-here" not in page.text
        for accept in ("application/json", "*/*"):
            answer = await world.http.get("/nothing-here", headers={"Accept": accept})
            assert answer.headers["content-type"] == "application/problem+json"

    async def test_the_interface_always_answers_problem_documents(self, world: World) -> None:
        for path in ("/api/nothing", "/ticket-service/nothing", "/api/tickets", "/api"):
            answer = await world.http.get(path, headers=BROWSER)
            assert answer.headers["content-type"] == "application/problem+json"
            assert json_of(answer)["message"]

    async def test_reasons_are_shown_and_headers_kept(self, world: World) -> None:
        page = await world.http.get("/readyz", headers=BROWSER)
        assert page.status_code == 503
        assert "bus: is not running" in page.text
        assert page.headers["retry-after"] == "2"

    async def test_a_crash_tells_nothing_about_itself(self, world: World) -> None:
        world.desk.parts["probe"] = None
        page = await world.http.get("/readyz", headers=BROWSER)
        assert page.status_code == 500
        assert "It has been logged." in page.text
        assert "NoneType" not in page.text
        assert "Traceback" not in page.text
        assert "<h1>That did not work</h1>" in page.text
        assert '<a class="button primary" href="">Try again</a>' in page.text
        assert re.search(r"Status 500 · \w+, \d+ \w+ 20\d\d", page.text), "when it happened, to be told"

    async def test_a_desk_without_its_data_says_so_in_the_language_of_the_reader(self, world: World) -> None:
        browser = Browser(world, **{"Accept-Language": "de"})
        await browser.sign_in(await make_person(world, "USER"))
        await browser.open("/profile")
        async with world.nothing_can_be_written():
            page = await browser.send("/profile/name", {"name": "Somebody Else"})
            assert page.status_code == 503
            assert "kommt gerade nicht an seine Daten" in page.text
            assert 'value="Somebody Else"' in page.text
            page = await browser.send("/notifications/read-all")
        assert page.status_code == 503
        assert "kommt gerade nicht an seine Daten" in page.text
        assert "vielleicht noch da" in page.text, "it was typed"
        assert "Noch einmal versuchen" not in page.text, "what was sent is not sent again by a link"

    async def test_a_method_that_an_address_does_not_take(self, world: World) -> None:
        una = await make_person(world)
        page = await world.http.post("/", headers={**BROWSER, **una.headers})
        assert page.status_code == 405
        assert "<h1>Method not allowed</h1>" in page.text


def test_prose_escapes_everything_but_its_own_marks() -> None:
    assert prose("a <b> & `<i>`\n\nnext") == ("<p>a &lt;b&gt; &amp; <code>&lt;i&gt;</code></p>\n<p>next</p>")
    assert prose("") == ""
