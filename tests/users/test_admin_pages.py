"""People and the audit log as pages for administrators, in a browser without scripts."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from answerable.users.actions import people
from answerable.users.rules import Changes, Person
from answerable.users.store import people as store
from tests.forms import BROWSER
from tests.people import TestPerson, make_person
from tests.world import TESTER, World, json_of, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The users service alone, with tokens that outlast the days of a story."""
    async with open_world(tmp_path / "desk", ("users",), auth__access_seconds=10**8) as opened:
        yield opened


@pytest.fixture
async def ada(world: World) -> TestPerson:
    return await make_person(world, "ADMIN", name="Ada Admin", email="ada@desk.test")


async def look(world: World, who: TestPerson, path: str) -> str:
    page = await world.http.get(path, headers={**BROWSER, **who.headers})
    assert page.status_code == 200, page.text
    return unescape(page.text)


async def send(world: World, who: TestPerson, path: str, form: dict[str, str | list[str]]) -> httpx.Response:
    """Send a form, and see the page that follows."""
    page = await world.http.post(path, data=form, headers={**BROWSER, **who.headers}, follow_redirects=True)
    await world.settle()
    world.http.cookies.clear()
    return page


def undo_of(page: httpx.Response) -> tuple[str, dict[str, str | list[str]]]:
    """Return the form that takes back what was done: where it goes and what is in it."""
    note = page.text.partition('class="toast toast-done"')[2].partition("</form>")[0]
    action = re.search(r'action="([^"]+)"', note)
    assert action
    return action[1], {name: unescape(value) for name, value in re.findall(r'name="([a-z]+)" value="([^"]*)"', note)}


async def test_people_are_found_by_name_address_role_and_state(world: World, ada: TestPerson) -> None:
    for name, roles in (("Una User", ("USER",)), ("Abe Agent", ("AGENT",)), ("Mia Manager", ("MANAGER", "AGENT"))):
        await make_person(world, *roles, name=name)
    gone = await make_person(world, "AGENT", name="Gina Gone")
    await world.db.write(ada.actor, people.change_somebody, gone.id, Changes(active=False))
    names = ("Una User", "Abe Agent", "Mia Manager", "Gina Gone")
    for query, found in (
        ("", names),
        ("q=abe", ("Abe Agent",)),
        ("q=PERSON2", ("Una User",)),
        ("role=AGENT", ("Abe Agent", "Mia Manager", "Gina Gone")),
        ("role=AGENT&active=yes", ("Abe Agent", "Mia Manager")),
        ("active=no", ("Gina Gone",)),
        ("q=%25", ()),
        ("role=KING", names),
    ):
        page = await look(world, ada, f"/admin/people?{query}")
        rows = page.partition("<tbody")[2]
        assert [name for name in names if name in rows] == [name for name in names if name in found], query
    assert "Nobody fits" in await look(world, ada, "/admin/people?q=nobody")


async def test_a_long_list_goes_on_behind_a_link(world: World, ada: TestPerson) -> None:
    for number in range(60):
        await make_person(world, name=f"Una Number{number:02}")
    page = await look(world, ada, "/admin/people?q=una")
    assert page.count("data-row") == 50
    more = re.search(r'href="(/admin/people\?q=una&cursor=[^"]+)"', page)
    assert more
    rest = await look(world, ada, more[1])
    assert rest.count("data-row") == 10
    assert "Una Number00" in rest
    assert "Load more" not in rest


async def test_the_palette_finds_people(world: World, ada: TestPerson) -> None:
    una = await make_person(world, name="Una <b>User</b>")
    headers = {**BROWSER, **ada.headers, "HX-Request": "true"}
    found = (await world.http.get("/admin/people/find?q=una", headers=headers)).text
    assert f'href="/admin/people/{una.id}"' in found
    assert "Una &lt;b&gt;User" in found
    assert "<html" not in found
    assert "<li" not in (await world.http.get("/admin/people/find?q=", headers=headers)).text


async def test_somebody_is_invited_and_mistakes_are_said_at_their_fields(world: World, ada: TestPerson) -> None:
    form: dict[str, str | list[str]] = {"name": "No", "email": "nowhere", "roles": "AGENT"}
    page = await send(world, ada, "/admin/people", form)
    assert page.status_code == 400
    for said in ("Name must have 3 to 50 characters.", "Email is not an email address.", 'value="nowhere"'):
        assert said in unescape(page.text)
    assert (await send(world, ada, "/admin/people", {"name": "Nora New", "email": "n@desk.test"})).status_code == 400
    form = {"name": "Nora New", "email": "nora@desk.test", "roles": ["AGENT", "MANAGER"]}
    page = await send(world, ada, "/admin/people", form)
    assert "Nora New is invited." in page.text
    [nora] = json_of(await world.http.get("/api/users/admin?q=nora", headers=ada.headers))
    assert nora["roles"] == ["AGENT", "MANAGER"]
    mails = await world.sql("SELECT purpose FROM users_link WHERE person_id = :id", id=nora["id"])
    assert [row["purpose"] for row in mails] == ["INVITE"]
    again = await send(world, ada, "/admin/people", form)
    assert "already exists" in again.text


async def test_roles_are_changed_and_taken_back(world: World, ada: TestPerson) -> None:
    una = await make_person(world, name="Una User")
    path = f"/admin/people/{una.id}"
    page = await send(world, ada, path, {"name": "Una Ulrich", "roles": ["USER", "AGENT"]})
    assert "Una Ulrich is up to date." in page.text
    assert "Roles: <del>Requester</del>" in page.text
    where, fields = undo_of(page)
    assert (where, fields) == (path, {"name": "Una User", "roles": "USER"})
    await send(world, ada, where, fields)
    person = await world.db.read(TESTER, store.load_person, una.id)
    assert person is not None
    assert (person.name, person.roles) == ("Una User", ("USER",))
    none = await send(world, ada, path, {"name": "Una User"})
    assert none.status_code == 400
    assert "Roles must have at least one." in none.text
    same = await send(world, ada, path, {"name": "Una User", "roles": "USER"})
    assert "is up to date" not in same.text


async def test_it_is_said_before_what_deactivating_does(world: World, ada: TestPerson) -> None:
    una = await make_person(world, name="Una User")
    page = await look(world, ada, f"/admin/people/{una.id}/deactivate")
    assert "Una User is signed out everywhere at once" in page
    assert (await world.http.get("/api/auth/me", headers=una.headers)).status_code == 200, "nothing is done by looking"
    done = await send(world, ada, f"/admin/people/{una.id}/deactivate", {})
    assert "Una User is signed out and cannot sign in." in done.text
    assert (await world.http.get("/api/auth/me", headers=una.headers)).status_code == 401
    back = await send(world, ada, f"/admin/people/{una.id}/activate", {})
    assert "Una User can sign in again." in back.text


async def test_the_last_administrator_stays_and_nobody_locks_themselves_out(world: World, ada: TestPerson) -> None:
    own = "You cannot take administration from yourself."
    page = await look(world, ada, f"/admin/people/{ada.id}")
    assert own in page
    assert f"/admin/people/{ada.id}/deactivate" not in page
    refused = await send(world, ada, f"/admin/people/{ada.id}", {"name": "Ada Admin", "roles": "USER"})
    assert refused.status_code == 409
    assert own in refused.text
    assert own in (await send(world, ada, f"/admin/people/{ada.id}/deactivate", {})).text
    eve = await make_person(world, "ADMIN", name="Eve Admin")
    assert own in await look(world, eve, f"/admin/people/{eve.id}/deactivate")
    await send(world, ada, f"/admin/people/{eve.id}/deactivate", {})
    person = await world.db.read(TESTER, store.load_person, eve.id)
    assert person is not None
    assert not person.active
    assert (await world.http.get(f"/admin/people/{ada.id}x", headers={**BROWSER, **ada.headers})).status_code == 404


async def test_the_audit_log_is_narrowed_by_person_act_and_day(world: World, ada: TestPerson) -> None:
    eve = await make_person(world, "ADMIN", name="Eve Admin")
    una, otto = [await make_person(world, name=name) for name in ("Una User", "Otto User")]
    await world.db.write(ada.actor, people.change_somebody, una.id, Changes(roles=("AGENT",)))
    await world.advance(days=1)
    await world.db.write(eve.actor, people.change_somebody, otto.id, Changes(name='Otto <b>"O"</b>'))
    await world.db.write(eve.actor, people.set_password, await _person(world, una.id), "x")
    for query, found in (
        ("", 3),
        ("who=eve", 2),
        ("who=una", 2),
        ("act=PERSON_CHANGED", 2),
        ("act=PASSWORD_CHANGED&who=eve", 1),
        ("from=2026-03-03", 2),
        ("to=2026-03-02", 1),
        ("from=2026-03-02&to=2026-03-03", 3),
        ("who=nobody", 0),
        ("act=NOTHING", 3),
    ):
        page = await look(world, ada, f"/admin/audit?{query}")
        assert page.count('class="audit-line"') == found, query
    raw = (await world.http.get("/admin/audit", headers=ada.headers)).text
    assert "Otto &lt;b&gt;" in raw
    assert "<ins>Agent</ins>" in raw, "a role is called by its name"
    assert "<b>" not in raw
    bad = await world.http.get("/admin/audit?from=soon", headers={**BROWSER, **ada.headers})
    assert bad.status_code == 400
    assert "must be a day such as" in bad.text


async def _person(world: World, person_id: str) -> Person:
    person = await world.db.read(TESTER, store.load_person, person_id)
    assert person is not None
    return person


async def test_a_long_record_goes_on_behind_a_link(world: World, ada: TestPerson) -> None:
    una = await make_person(world, name="Una User")
    for number in range(55):
        await world.db.write(ada.actor, people.change_somebody, una.id, Changes(name=f"Una Number{number}"))
    page = await look(world, ada, "/admin/audit?who=una")
    assert page.count('class="audit-line"') == 50
    more = re.search(r'href="(/admin/audit\?who=una&cursor=[^"]+)"', page)
    assert more
    assert (await look(world, ada, more[1])).count('class="audit-line"') == 5


async def test_pages_of_administration_are_for_administrators(world: World) -> None:
    for role in ("USER", "AGENT", "MANAGER"):
        person = await make_person(world, role)
        for path in ("/admin", "/admin/people", f"/admin/people/{person.id}", "/admin/audit"):
            assert (await world.http.get(path, headers={**BROWSER, **person.headers})).status_code == 403


async def test_somebody_is_taken_out_and_erased_on_a_page(world: World, ada: TestPerson) -> None:
    una = await make_person(world, name="Una User", email="una@desk.test")
    page = f"/admin/people/{una.id}"
    assert f'href="{page}/erase"' in await look(world, ada, page)
    file = await world.http.get(f"{page}/export", headers={**BROWSER, **ada.headers})
    assert file.headers["content-disposition"] == f'attachment; filename="person-{una.id}.json"'
    assert json_of(file)["parts"]["users"]["account"]["name"] == "Una User"
    assert "Their address, to be sure: una@desk.test" in await look(world, ada, f"{page}/erase")
    wrong = await send(world, ada, f"{page}/erase", {"email": "otto@desk.test"})
    assert (wrong.status_code, "is not right" in wrong.text) == (400, True)
    done = await send(world, ada, f"{page}/erase", {"email": " UNA@desk.test"})
    assert "Erased. Tickets and notifications follow within seconds." in done.text
    assert "Erased person" in done.text
    assert "una@desk.test" not in done.text
    assert f"{page}/erase" not in done.text
    assert "You cannot erase yourself" in await look(world, ada, f"/admin/people/{ada.id}/erase")
