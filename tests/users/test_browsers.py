"""People in browsers: a cookie that is theirs, ends when it should, and how they like the desk."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from answerable.infra.web.cookies import SESSION
from answerable.kernel.actor import service
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Preferences
from answerable.messages.users import LanguageChosen, SessionEnded
from answerable.users.actions import browsers, people
from answerable.users.rules import Changes, device_of
from tests.forms import Browser
from tests.gateway.sse import listening
from tests.people import PASSWORD, TestPerson, make_person
from tests.world import TESTER, World, open_world

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
End = Callable[[World, TestPerson, TestPerson], Awaitable[object]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A whole desk: whoever signs in is led to their work."""
    async with open_world(tmp_path / "desk") as opened:
        yield opened


async def test_somebody_signs_in_works_and_signs_out(world: World) -> None:
    una, browser = await make_person(world, name="Una User"), Browser(world)
    page = await browser.sign_in(una)
    assert page.url.path == "/my"
    assert "Una User" in page.text
    assert (await browser.http.get("/api/auth/session")).json()["name"] == "Una User"
    held = dict(browser.http.cookies)
    page = await browser.send("/logout")
    assert "You are signed out" in page.text
    assert SESSION not in browser.http.cookies
    browser.http.cookies.update(held)
    assert (await browser.http.get("/api/auth/me")).status_code == 401, "the cookie is worth nothing any more"
    assert [said.user_id for said in await world.log("SESSION_ENDED") if isinstance(said, SessionEnded)] == [una.id]


async def test_the_wrong_password_is_told_where_it_is_and_the_address_stays(world: World) -> None:
    una, browser = await make_person(world), Browser(world)
    await browser.open("/login?next=/profile")
    page = await browser.send("/login", {"email": una.email, "password": "not this one", "next": "/profile"})
    assert page.status_code == 401
    assert "The email or the password is not right." in page.text
    assert f'value="{una.email}"' in page.text
    assert "not this one" not in page.text
    page = await browser.send("/login", {"email": una.email, "password": PASSWORD, "next": "/profile"})
    assert page.url.path == "/profile"


async def test_signing_in_always_gives_a_new_cookie(world: World) -> None:
    una, browser = await make_person(world), Browser(world)
    await browser.sign_in(una)
    first = browser.http.cookies[SESSION]
    browser.http.cookies.delete(SESSION)
    browser.http.cookies.set(SESSION, "chosen-by-somebody-else", domain="desk.test")
    await browser.sign_in(una)
    now = [cookie.value for cookie in browser.http.cookies.jar if cookie.name == SESSION]
    assert first not in now
    assert (await world.sql("SELECT COUNT(*) AS n FROM users_browser"))[0]["n"] == 2


async def changed(world: World, person: TestPerson, admin: TestPerson, wanted: Changes) -> None:
    await world.db.write(admin.actor, people.change_somebody, person.id, wanted)


ENDS: dict[str, End] = {
    "deactivation": lambda world, person, admin: changed(world, person, admin, Changes(active=False)),
    "another role": lambda world, person, admin: changed(world, person, admin, Changes(roles=("USER",))),
    "logout everywhere": lambda world, person, admin: world.db.write(person.actor, people.end_all_sessions),
}


@pytest.mark.parametrize("how", ENDS)
async def test_a_browser_is_out_from_the_next_request_on(world: World, how: str) -> None:
    admin, abe, browser = await make_person(world, "ADMIN"), await make_person(world, "AGENT"), Browser(world)
    await browser.sign_in(abe, next="/profile")
    assert (await browser.http.get("/api/auth/me")).status_code == 200
    cookie = {"cookie": f"{SESSION}={browser.http.cookies[SESSION]}"}
    async with listening(world, None, headers=cookie) as stream:
        await ENDS[how](world, abe, admin)
        assert (await browser.http.get("/api/auth/me")).status_code == 401
        assert (await browser.open("/profile")).url.path == "/login"
        await world.settle()
        await stream.until_end()


async def test_one_browser_is_signed_out_and_its_stream_ends_while_the_other_goes_on(world: World) -> None:
    una, desk, phone = await make_person(world), Browser(world, **{"User-Agent": FIREFOX}), Browser(world)
    await desk.sign_in(una)
    await phone.sign_in(una)
    page = await desk.open("/profile")
    assert page.text.count("Firefox · Linux") == 1
    theirs = {"cookie": f"{SESSION}={phone.http.cookies[SESSION]}"}
    mine = {"cookie": f"{SESSION}={desk.http.cookies[SESSION]}"}
    other = (await phone.http.get("/api/auth/session")).json()["sessionId"]
    async with listening(world, None, headers=theirs) as ends, listening(world, None, headers=mine) as goes_on:
        page = await desk.send(f"/profile/sessions/{other}/end")
        assert "Signed out there." in page.text
        await world.settle()
        await ends.until_end()
        assert not goes_on.ended
    assert (await phone.http.get("/api/auth/me")).status_code == 401
    assert (await desk.http.get("/api/auth/me")).status_code == 200
    assert (await desk.send(f"/profile/sessions/{other}/end")).status_code == 404


async def test_everywhere_else_is_signed_out_tokens_too(world: World) -> None:
    una, desk, phone = await make_person(world), Browser(world), Browser(world)
    await desk.sign_in(una)
    await phone.sign_in(una)
    await desk.open("/profile")
    assert "signed out everywhere else" in (await desk.send("/profile/sessions/end-others")).text
    assert (await phone.http.get("/api/auth/me")).status_code == 401
    assert (await world.http.get("/api/auth/me", headers=una.headers)).status_code == 401
    assert (await desk.http.get("/api/auth/me")).status_code == 200


async def test_a_browser_that_rests_or_is_old_signs_in_again(world: World) -> None:
    una, browser = await make_person(world), Browser(world)
    await browser.sign_in(una)
    for _ in range(14):
        await world.advance(hours=50)
        assert (await browser.http.get("/api/auth/me")).status_code == 200, "used often enough"
    await world.advance(hours=50)
    assert (await browser.http.get("/api/auth/me")).status_code == 401, "after thirty days in any case"
    await browser.sign_in(una)
    await world.advance(hours=73)
    assert (await browser.http.get("/api/auth/me")).status_code == 401, "nobody was there for three days"
    await world.advance(days=3)
    assert await world.sql("SELECT id FROM users_browser") == [], "and is forgotten"


async def test_a_new_password_ends_everything_but_this_browser(world: World) -> None:
    una, desk, phone = await make_person(world), Browser(world), Browser(world)
    await desk.sign_in(una)
    await phone.sign_in(una)
    await desk.open("/profile")
    wrong = {"currentPassword": "not this one", "newPassword": "a brand new one"}
    page = await desk.send("/profile/password", wrong)
    assert page.status_code == 400
    assert "is not right" in page.text
    page = await desk.send("/profile/password", wrong | {"currentPassword": PASSWORD})
    assert "Your password is changed." in page.text
    assert (await phone.http.get("/api/auth/me")).status_code == 401
    assert (await Browser(world).sign_in(una, "a brand new one")).url.path == "/my"


async def test_the_desk_looks_as_one_likes_it(world: World) -> None:
    abe, browser = await make_person(world, "AGENT"), Browser(world)
    await browser.sign_in(abe, zone="Europe/Berlin", next="/profile")
    page = await browser.open("/profile")
    assert 'data-theme="system"' in page.text
    assert "Europe/Berlin" in page.text
    liked = {"theme": "dark", "density": "compact", "language": "de", "zone": "Asia/Tokyo"}
    page = await browser.send("/profile/preferences", liked)
    for expected in ('lang="de"', 'data-theme="dark"', 'data-density="compact"', 'data-keys="off"', "Einstellungen"):
        assert expected in page.text
    for wrong in ({"theme": "pink"}, {"zone": "Mars/Olympus"}, {"language": "xx"}, {"zone": "../../etc/passwd"}):
        assert (await browser.send("/profile/preferences", liked | wrong)).status_code == 400
    assert 'data-theme="dark"' in (await browser.open("/profile")).text


async def test_the_language_is_the_browsers_until_somebody_chooses(world: World) -> None:
    browser = Browser(world, **{"Accept-Language": "fr;q=0.9, de-AT;q=0.8, en;q=0.1"})
    assert 'lang="de"' in (await browser.open("/login")).text
    assert 'lang="en"' in (await Browser(world).open("/login")).text


async def test_somebody_registers_and_is_in(world: World) -> None:
    browser = Browser(world)
    await browser.open("/register")
    page = await browser.send("/register", {"name": "Al", "email": "nobody", "password": "short"})
    assert page.status_code == 400
    assert page.text.count('aria-invalid="true"') == 3
    page = await browser.send("/register", {"name": "Ali Baba", "email": "ali@desk.test", "password": PASSWORD})
    assert page.url.path == "/my"
    assert "Ali Baba" in page.text
    again = Browser(world)
    await again.open("/register")
    page = await again.send("/register", {"name": "Ali Baba", "email": "ALI@desk.test", "password": PASSWORD})
    assert page.status_code == 400
    assert "Email already exists" in page.text


async def test_a_forgotten_password_is_answered_the_same_for_everybody(world: World) -> None:
    una = await make_person(world)
    pages = []
    for email in (una.email, "somebodyelse@desk.test"):
        browser = Browser(world)
        await browser.open("/forgot")
        page = await browser.send("/forgot", {"email": email})
        assert page.status_code == 200
        pages.append(page.text.replace(email, ""))
    assert pages[0] == pages[1]


def test_a_browser_is_called_what_people_call_it() -> None:
    assert device_of(FIREFOX) == "Firefox · Linux"
    edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
    assert device_of(edge) == "Edge · Windows"
    assert device_of("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604.1") == (
        "Safari · iPhone"
    )
    assert device_of("curl/8.5") == device_of("") == ""


def test_services_are_no_people() -> None:
    assert not service("web").may("desk.work")


async def test_others_are_told_of_a_language_when_it_changes_and_not_when_something_else_does(world: World) -> None:
    una = await make_person(world)
    for liked in (
        Preferences(theme="dark"),
        Preferences(language="de"),
        Preferences(language="de", density="compact"),
        Preferences(language="en"),
        Preferences(),
        Preferences(theme="dark"),
    ):
        await world.db.write(una.actor, browsers.prefer, liked)
    told = await world.log("LANGUAGE_CHOSEN")
    assert [said.language for said in told if isinstance(said, LanguageChosen)] == ["de", "en", ""]


async def test_a_language_that_was_chosen_before_others_could_hear_of_it_is_told_once(world: World) -> None:
    una = await make_person(world)
    await world.db.write(una.actor, browsers.prefer, Preferences(language="de"))
    await world.settle()

    async def as_before(tx: Tx) -> None:
        await tx.run("UPDATE users_preference SET language_told = 0")
        await tx.run("DELETE FROM notifications_language")

    await world.db.write(TESTER, as_before)
    told = [await world.db.write(TESTER, browsers.tell_old_languages) for _ in range(2)]
    await world.settle()
    assert told == [1, 0]
    rows = await world.sql("SELECT language FROM notifications_language")
    assert [row["language"] for row in rows] == ["de"]
