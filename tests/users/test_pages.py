"""The pages behind links, as a browser without scripts sees them."""

import re
from html import unescape

import structlog

from answerable.users.actions.mails import make_setup_link
from tests.forms import Browser
from tests.people import PASSWORD, make_person
from tests.world import TESTER, World


async def setup_token(world: World) -> str:
    token = await world.db.write(TESTER, make_setup_link)
    assert token
    return token


async def test_the_first_administrator_fills_in_a_form(world: World) -> None:
    token = await setup_token(world)
    browser = Browser(world)
    page = await browser.open(f"/setup?token={token}")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-type"].startswith("text/html")
    assert f'value="{token}"' in page.text
    form = {"token": token, "name": "Ada Admin", "email": "ada@desk.test", "password": PASSWORD}
    page = await browser.send("/setup", form)
    assert page.status_code == 200
    assert "The desk is ready" in page.text
    assert "Ada Admin" in page.text
    assert "/login?next=/admin/people" in page.text, "a desk of one person has nobody to work"
    answer = await world.http.post("/api/auth/login", json={"email": "ada@desk.test", "password": PASSWORD})
    assert answer.status_code == 200


async def test_mistakes_are_shown_at_their_fields_and_what_was_typed_stays(world: World) -> None:
    token = await setup_token(world)
    browser = Browser(world)
    await browser.open(f"/setup?token={token}")
    form = {"token": token, "name": '<b>"', "email": 'x"><script>alert(1)</script>', "password": "kurz"}
    page = await browser.send("/setup", form)
    assert page.status_code == 400
    for complaint in ("Email is not an email address", "Password must have 8 to 128 characters"):
        assert complaint in page.text
    assert page.text.count('aria-invalid="true"') == 2
    assert "alert(1)<" not in page.text
    kept = re.search(r'name="email"[^>]*value="([^"]*)"', page.text)
    assert kept
    assert unescape(kept[1]) == form["email"]
    assert "kurz" not in page.text
    form |= {"name": "Ada Admin", "email": "ada@desk.test", "password": PASSWORD}
    assert "The desk is ready" in (await browser.send("/setup", form)).text


async def test_a_link_that_is_not_good_says_what_to_do(world: World) -> None:
    browser = Browser(world)
    await browser.open("/login")
    token = browser.token
    for path in ("/setup", "/setup?token=x", "/reset", "/reset?token=x", "/verify?token=x"):
        page = await browser.open(path)
        assert page.status_code == 400, path
        assert "This link is not good any more" in page.text
        assert "<form" not in page.text
        page = await browser.send(path.split("?")[0], {"token": "x", "password": PASSWORD}, token=token)
        assert page.status_code == 400
        assert "<form" not in page.text
    assert (await browser.send("/setup", token=token)).status_code == 400


async def test_the_desk_has_an_administrator_by_now(world: World) -> None:
    token = await setup_token(world)
    browser = Browser(world)
    await browser.open(f"/setup?token={token}")
    await make_person(world, "ADMIN")
    form = {"token": token, "name": "Eve Admin", "email": "eve@desk.test", "password": PASSWORD}
    page = await browser.send("/setup", form)
    assert page.status_code == 409
    assert "has an administrator already" in page.text


async def test_a_password_is_chosen_on_a_page(world: World) -> None:
    await make_person(world, email="una@desk.test")
    with structlog.testing.capture_logs() as lines:
        await world.http.post("/api/auth/forgot-password", json={"email": "una@desk.test"})
        await world.advance(seconds=1)
    [link] = [line["link"] for line in lines if "link" in line]
    token = link.split("token=")[1]
    browser = Browser(world)
    page = await browser.open(f"/reset?token={token}")
    assert page.status_code == 200
    page = await browser.send("/reset", {"token": token, "password": "short"})
    assert page.status_code == 400
    assert "Password must have 8 to 128 characters" in page.text
    page = await browser.send("/reset", {"token": token, "password": "another password"})
    assert "Your password is set" in page.text
    login = {"email": "una@desk.test", "password": "another password"}
    assert (await world.http.post("/api/auth/login", json=login)).status_code == 200
