"""Cookies of browsers where the services run apart: the gateway knows who comes with one, and when that ends."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from answerable.infra.bus.inbox import MAX_ATTEMPTS
from answerable.infra.web.cookies import SESSION, form_key, form_token
from answerable.infra.web.inner import InnerDoor
from answerable.kernel.times import SECOND
from answerable.messages.tickets import TicketCreated
from answerable.users.actions import people
from answerable.users.rules import Changes, grants_of
from tests.apart import ApartWorld, open_apart
from tests.forms import BROWSER, Browser
from tests.gateway.sse import listening
from tests.kafka import Broker
from tests.people import make_person
from tests.security.asgi import JSON, ask
from tests.sla.stories import ref

pytestmark = [pytest.mark.slow, pytest.mark.one_engine]


async def test_a_browser_works_at_all_services_through_the_gateway(tmp_path: Path, broker: Broker) -> None:
    async with open_apart(tmp_path, broker) as world:
        admin, abe = await make_person(world, "ADMIN"), await make_person(world, "AGENT", name="Abe Agent")
        desk, phone = Browser(world), Browser(world)
        page = await desk.sign_in(abe, zone="Europe/Berlin")  # pages of three services
        assert (page.status_code, page.url.path) == (200, "/queue"), "his work is a page of the tickets service"
        assert "Abe Agent" in page.text
        await phone.sign_in(abe)
        for path in ("/api/auth/me", "/api/tickets", "/api/notifications", "/api/agents/workload"):
            assert (await desk.http.get(path)).status_code == 200, path
        assert (await desk.http.get("/api/reports/summary")).status_code == 403

        cookie = desk.http.cookies[SESSION]
        headers = {"cookie": f"{SESSION}={cookie}"} | JSON
        draft = b'{"title": "One more", "description": "Before I go home.", "category": "OTHER", "priority": "LOW"}'
        assert (await ask(world, "POST", "/api/tickets", headers, draft)).status == 419
        token = {"x-form-token": form_token(form_key(cookie))}
        assert (await ask(world, "POST", "/api/tickets", headers | token, draft)).status == 201
        await world.settle()

        await desk.open("/profile")
        page = await desk.send("/profile/preferences", {"theme": "dark", "density": "compact", "language": "de"})
        assert 'data-theme="dark"' in page.text
        assert 'lang="de"' in (await desk.open("/")).text, "the gateway's own pages follow at once"

        scopes = '{"name": "Nightly export", "scopes": ["tickets:read", "live:read"]}'
        made = await ask(world, "POST", "/api/keys", abe.headers | JSON, scopes.encode())
        await world.settle()
        program = {"authorization": f"Bearer {made.json['key']}"}
        assert (await ask(world, "GET", "/api/tickets", program)).status == 200, (
            "an API key is known to the gateway, too"
        )
        assert (await ask(world, "GET", "/api/agents/workload", program)).status == 403
        assert (await ask(world, "POST", "/api/tickets", program | JSON, draft)).status == 403
        await world.settle()
        [key] = (await ask(world, "GET", "/api/keys", abe.headers)).json
        assert key["usedAt"] is not None
        async with listening(world, None, headers=program) as live:
            await ask(world, "DELETE", f"/api/keys/{key['id']}", abe.headers)
            await world.settle()
            await live.until_end()
        assert (await ask(world, "GET", "/api/tickets", program)).status == 401

        others = {"cookie": f"{SESSION}={phone.http.cookies[SESSION]}"}
        there = (await phone.http.get("/api/auth/session")).json()["sessionId"]
        async with listening(world, None, headers=others) as ends:
            await desk.open("/profile")
            assert (await desk.send(f"/profile/sessions/{there}/end")).status_code == 200
            await ends.until_end()
        assert (await phone.http.get("/api/tickets")).status_code == 401

        page = await desk.send("/profile/sessions/end-others")
        assert page.status_code == 200
        await world.settle()
        assert (await desk.http.get("/api/tickets")).status_code == 200, "this one goes on, in the new version"
        assert (await world.http.get("/api/tickets", headers=abe.headers)).status_code == 401

        async with listening(world, None, headers={"cookie": f"{SESSION}={cookie}"}) as stream:
            users = world.desk_of("users").database
            await users.write(admin.actor, people.change_somebody, abe.id, Changes(active=False))
            await world.settle()
            await stream.until_end()
        assert (await desk.http.get("/api/tickets")).status_code == 401
        assert (await desk.open("/profile")).url.path == "/login"


async def test_whoever_is_known_goes_on_while_the_users_service_is_away(tmp_path: Path, broker: Broker) -> None:
    async with open_apart(tmp_path, broker) as world:
        abe, browser, stranger = await make_person(world, "AGENT"), Browser(world), Browser(world)
        await browser.sign_in(abe)
        assert (await browser.http.get("/api/tickets")).status_code == 200
        assert world.desk.proxy is not None
        assert world.desk.proxy.visits is not None
        world.desk.proxy.visits._url = world.desk.proxy.visits._url.with_port(1)  # nobody is there
        world.desk.proxy._peers["users"] = "http://127.0.0.1:1"
        world.clock.now += 60_000_000
        assert (await browser.http.get("/api/tickets")).status_code == 200
        away = await browser.http.get("/profile", headers=BROWSER)
        assert away.status_code == 503
        assert "away for a moment" in away.text, "as a page"
        stranger.http.cookies.set(SESSION, "unknown", domain="desk.test")
        assert (await stranger.http.get("/api/tickets")).status_code == 503


async def test_nobody_is_signed_out_while_gateway_and_services_have_different_secrets(
    tmp_path: Path, broker: Broker
) -> None:
    """An operator changes ``peers.secret``: between two restarts, services do not believe the gateway."""
    async with open_apart(tmp_path, broker) as world:
        abe, browser = await make_person(world, "AGENT"), Browser(world)
        await browser.sign_in(abe)
        proxy = world.desk.proxy
        assert proxy is not None
        newer = world.desk.settings.with_values("test", peers__secret="a newer one, known to the gateway alone")
        mine, proxy._inner = proxy._inner, InnerDoor(newer, world.clock, grants_of)
        world.clock.now += 60 * SECOND
        with capture_logs() as lines:
            page = await browser.open("/queue")
            assert (page.status_code, page.url.path) == (503, "/queue"), "not sent to sign in"
            answer = await world.http.get("/api/tickets", headers=abe.headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), "a program keeps its token"
        told = [line["event"] for line in lines]
        assert "an identity is signed with another peers.secret: has the gateway the same one?" in told
        assert ("tickets", "it does not believe this gateway: do peers.secret and the clocks agree?") in [
            (line["peer"], line["error"]) for line in lines if line["event"] == "peer is away"
        ]
        proxy._inner = mine
        world.clock.now += 60 * SECOND
        page = await browser.open("/queue")
        assert (page.status_code, page.url.path) == (200, "/queue")


async def test_a_manager_works_at_all_services_through_the_gateway(tmp_path: Path, broker: Broker) -> None:
    async with open_apart(tmp_path, broker) as world:
        ada = await make_person(world, "ADMIN", name="Ada Admin")
        una, abe = await make_person(world), await make_person(world, "AGENT", name="Abe Agent")
        browser = Browser(world)
        await browser.sign_in(ada, zone="Europe/Berlin")
        await browser.open(f"/assignment/agents/{abe.id}")
        await browser.send(
            f"/assignment/agents/{abe.id}/availability", {"available": "no", "capacity": "5", "skills": ""}
        )
        draft = (
            b'{"title": "Printer on fire", "description": "It burns, help.", "category": "OTHER", "priority": "LOW"}'
        )
        ticket = (await ask(world, "POST", "/api/tickets", una.headers | JSON, draft)).json["id"]
        await world.settle()
        page = await browser.open("/dashboard")
        for path in ("/assignment/board", "/sla/pressing", "/sla/escalations"):
            assert f'hx-get="{path}"' in page.text
            assert (await browser.open(path)).status_code == 200
        page = await browser.open(f"/assignment/tickets/{ticket}/assign")
        assert "Printer on fire" in page.text
        page = await browser.send("/assignment/assign", {"ticket": ticket, "agent": abe.id, "back": "/dashboard"})
        assert "is with Abe Agent now." in page.text, "said by the page of another service"
        assert (await browser.http.get(f"/api/tickets/{ticket}")).json()["assignedTo"] == abe.id
        for name in ("people", "categories", "sla", "audit", "events", "settings"):
            page = await browser.open(f"/admin/{name}")
            assert page.status_code == 200, name
            assert page.text.count('href="/admin/') >= 6, "every service knows all pages of administration"
        assert "Services run apart" in page.text
        await each_service_tells_of_itself(world, browser)
        page = await browser.open(f"/admin/people/{abe.id}/deactivate")
        assert f'hx-get="/assignment/agents/{abe.id}/leaving"' in page.text
        page = await browser.open(f"/assignment/agents/{abe.id}/leaving")
        assert "Abe Agent has one open ticket." in page.text


async def each_service_tells_of_itself(world: ApartWorld, browser: Browser) -> None:
    """Show parked events and settings of every service on pages of the gateway."""
    await world.tell(TicketCreated(ticket=ref("t-bad", number="NO_NUMBER"), created_by="una"))
    for _ in range(MAX_ATTEMPTS + 2):
        await world.advance(minutes=2)
    page = await browser.open("/admin/events")
    for service in ("users", "tickets", "assignment", "notifications", "reporting"):
        assert f'hx-get="/admin/events?service={service}"' in page.text
        settings = await browser.open(f"/admin/settings?service={service}")
        assert f"Service {service}" in settings.text
        assert str(world.by_service[service].settings.storage.data_dir) in settings.text
    parked = await world.rows(
        world.by_service["reporting"], "SELECT message FROM bus_retry WHERE parked_at IS NOT NULL"
    )
    message = parked[0]["message"]
    page = await browser.open("/admin/events?service=reporting")
    assert f'href="/admin/events/{message}?service=reporting"' in page.text
    assert "NO_NUMBER" in (await browser.open(f"/admin/events/{message}?service=reporting")).text
    assert message not in (await browser.open("/admin/events?service=unknown")).text, "that is the gateway's own"
    page = await browser.send("/admin/events/retry?service=reporting", {"message": message})
    assert "It is tried again now." in page.text
    assert page.url.query == b"service=reporting"
