"""The categories as a page for administrators."""

import re
from html import unescape

import httpx

from tests.forms import BROWSER
from tests.tickets.desk import TicketDesk

PAGE = "/admin/categories"


async def send(office: TicketDesk, form: dict[str, str]) -> httpx.Response:
    headers = {**BROWSER, **office.ada.headers}
    page = await office.world.http.post(PAGE, data=form, headers=headers, follow_redirects=True)
    office.world.http.cookies.clear()
    return page


def shown(page: httpx.Response) -> list[str]:
    return re.findall(r'<li class="category">\s*<span>[^<]*<code[^>]*>([^<]*)</code>', page.text)


async def test_categories_are_added_moved_removed_and_put_back(office: TicketDesk) -> None:
    first = ["HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "OTHER"]
    page = await send(office, {"add": " home office "})
    assert shown(page) == [*first, "HOME_OFFICE"]
    assert "New tickets can have the category HOME_OFFICE." in page.text
    page = await send(office, {"up": "HOME_OFFICE"})
    assert shown(page) == ["HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "HOME_OFFICE", "OTHER"]
    page = await send(office, {"down": "HARDWARE"})
    assert shown(page)[:2] == ["SOFTWARE", "HARDWARE"]
    page = await send(office, {"remove": "NETWORK"})
    assert "NETWORK" not in shown(page)
    undo = re.search(r'name="all" value="([^"]*)"', page.text)
    assert undo
    assert "NETWORK" in shown(await send(office, {"all": undo[1]}))
    assert (await office.read(office.una, "/categories"))[0] == "SOFTWARE"


async def test_what_cannot_be_is_said_beside_the_field(office: TicketDesk) -> None:
    before = await office.read(office.ada, "/categories")
    page = await send(office, {"add": "<b>"})
    assert page.status_code == 400
    assert "must be 1 to 50 of A-Z, 0-9 and _" in unescape(page.text)
    assert 'value="&lt;b&gt;"' in page.text
    for form in ({}, {"remove": "NOTHING"}, {"up": "HARDWARE"}, {"down": "OTHER"}, {"add": "OTHER"}):
        assert shown(await send(office, form)) == before, form
    for who in (office.una, office.abe, office.max):
        answer = await office.world.http.get(PAGE, headers={**BROWSER, **who.headers})
        assert answer.status_code == 403


async def test_how_long_words_are_kept_is_set_beside_the_categories(office: TicketDesk) -> None:
    headers = {**BROWSER, **office.ada.headers}

    async def keep(form: dict[str, str]) -> httpx.Response:
        page = await office.world.http.post(f"{PAGE}/keep", data=form, headers=headers, follow_redirects=True)
        office.world.http.cookies.clear()
        return page

    page = await keep({"days-HARDWARE": "365", "days-OTHER": "0"})
    assert "Words are kept as you set it." in page.text
    assert re.search(r'id="days-HARDWARE"[^>]*value="365"', page.text)
    kept = {each["category"]: each["keepDays"] for each in await office.read(office.ada, "/categories/retention")}
    assert (kept["HARDWARE"], kept["OTHER"]) == (365, 0)
    assert (await keep({"days-HARDWARE": "99999"})).status_code == 400
    for mistake in ("1e2", "365 days", "-5", ""):
        page = await keep({"days-HARDWARE": "7", "days-NETWORK": mistake, "days-OTHER": "99999"})
        assert page.status_code == 400, mistake
        assert unescape(page.text).count("must be 0 to 36500") == 2, "each beside its field"
    after = {each["category"]: each["keepDays"] for each in await office.read(office.ada, "/categories/retention")}
    assert after == kept, "all is changed, or nothing"
