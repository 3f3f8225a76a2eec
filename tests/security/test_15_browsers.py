"""15: what a browser sends by cookie comes from a page of ours, and nobody is sent elsewhere."""

import pytest

from answerable.infra.web.cookies import SESSION, form_key, form_token
from answerable.infra.web.forms import local_path
from tests.forms import BROWSER, Browser
from tests.people import PASSWORD, make_person
from tests.security.asgi import JSON, ask
from tests.world import World

ELSEWHERE = (
    "https://evil.test/",
    "//evil.test",
    "/\\evil.test",
    "\\/evil.test",
    "javascript:alert(1)",
    "/%0d%0aSet-Cookie:a=b\r\nx",
    "evil.test",
    "/\tevil.test",
    "",
)
# The router takes them all for one.
ODDLY = ("//api/auth/me", "/api//auth/me/", "/%2Fapi/auth/me", "//user-service//auth/me", "/user-service//api/auth/me")


async def test_a_form_without_the_token_of_this_browser_changes_nothing(world: World) -> None:
    una, browser, other = await make_person(world), Browser(world), Browser(world)
    await browser.sign_in(una)
    await browser.open("/profile")
    good = browser.token
    await other.sign_in(await make_person(world))
    await other.open("/profile")
    for token in ("", "x", good[:-8] + "AAAAAAA=", other.token, form_token(form_key("another cookie"))):
        page = await browser.send("/profile/name", {"name": "Eve Evil"}, token=token)
        assert page.status_code == 419, token
        assert "Nothing was changed" in page.text
    assert (await world.sql("SELECT name FROM users_person WHERE id = :id", id=una.id))[0]["name"] == una.name
    assert (await browser.send("/profile/name", {"name": "Una User"}, token=good)).status_code == 200
    assert (await browser.send("/profile/name", {"name": "Una Once More"}, token=good)).status_code == 200


async def test_a_stranger_cannot_sign_somebody_in_as_themselves(world: World) -> None:
    una, browser = await make_person(world), Browser(world)
    sent = {"email": una.email, "password": PASSWORD}
    assert (await browser.send("/login", sent, token="")).status_code == 419
    await browser.open("/login")
    token, browser.http.cookies = browser.token, type(browser.http.cookies)()
    assert (await browser.send("/login", sent, token=token)).status_code == 419, "the cookie belongs to it"


async def test_the_interface_takes_no_change_by_cookie_alone(world: World) -> None:
    una, browser = await make_person(world), Browser(world)
    await browser.sign_in(una)
    cookie = browser.http.cookies[SESSION]
    alone = {"cookie": f"{SESSION}={cookie}"} | JSON
    assert (await ask(world, "GET", "/api/auth/me", alone)).status == 200
    for path in ("/api/auth/me", *ODDLY):
        refused = await ask(world, "PATCH", path, alone, b'{"name": "Eve Evil"}')
        assert refused.status == 419, path
        assert refused.headers["content-type"] == "application/problem+json"
    whole = alone | {"x-form-token": form_token(form_key(cookie))}
    assert (await ask(world, "PATCH", "/api/auth/me", whole, b'{"name": "Una User"}')).status == 200


async def test_cookies_are_out_of_the_reach_of_scripts_and_other_sites(world: World) -> None:
    una, browser = await make_person(world), Browser(world)
    await browser.open("/login")
    answer = await browser.http.post("/login", data={"_form": browser.token, "email": una.email, "password": PASSWORD})
    [cookie] = answer.headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    value = cookie.split("=", 1)[1].split(";")[0]
    assert value.encode() not in await world.everything_stored(), "a stolen database signs nobody in"


@pytest.mark.parametrize("where", ELSEWHERE)
async def test_after_signing_in_nobody_is_sent_elsewhere(world: World, where: str) -> None:
    assert local_path(where) == "/"
    una, browser = await make_person(world), Browser(world)
    await browser.open("/login")
    sent = {"_form": browser.token, "email": una.email, "password": PASSWORD, "next": where}
    answer = await browser.http.post("/login", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_whoever_must_sign_in_comes_back_to_where_they_were(world: World) -> None:
    una, browser = await make_person(world), Browser(world)
    page = await browser.open("/profile?x=1&y=%2F")
    assert page.url.path == "/login"
    answer = await browser.http.get("/profile?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fprofile%3Fx%3D1")
    sent = {"_form": browser.token, "email": una.email, "password": PASSWORD, "next": "/profile?x=1"}
    assert (await browser.http.post("/login", data=sent)).headers["location"] == "/profile?x=1"
    part = await world.http.get("/profile", headers={"HX-Request": "true", "HX-Current-URL": "http://desk.test/q?a=b"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login?next=%2Fq%3Fa%3Db")
    assert (await world.http.get("/api/auth/me", headers=BROWSER)).status_code == 401
    part = await world.http.get("/profile", headers={"HX-Request": "true", "HX-Current-URL": "http://[/no-such-host"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login?next=%2F")
