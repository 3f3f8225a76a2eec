"""A second factor: set up, asked for, lost and found again; for programs and in a browser without scripts."""

import base64
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from answerable.users.queries.second import qr_of
from answerable.users.rules.second import app_address, code_of, matching_step, step_of, tidy_code, written
from answerable.users.store import second
from tests.forms import Browser
from tests.people import PASSWORD, TestPerson, make_person, token_for
from tests.world import TESTER, World, json_of, open_world

FORCED: dict[str, Any] = {"auth__require_second_factor": ("AGENT", "ADMIN"), "auth__second_factor_grace_days": 7}


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    secret = b"12345678901234567890"
    assert code_of(secret, at // 30, 8) == code
    assert matching_step(secret, code[2:], at * 1_000_000, 0) == at // 30


def test_a_code_is_good_one_step_early_or_late_and_once() -> None:
    secret, now = b"s" * 20, 1_000_000 * 30 * 1_000_000
    step = step_of(now)
    for drift in range(-3, 4):
        found = matching_step(secret, code_of(secret, step + drift), now, 0)
        assert found == (step + drift if abs(drift) <= 1 else None)
    assert matching_step(secret, code_of(secret, step), now, step) is None
    assert matching_step(secret, code_of(secret, step - 1), now, step) is None
    assert matching_step(secret, "", now, 0) is None
    assert tidy_code(" abcd-efgh 12 ") == "ABCDEFGH12"


def test_an_app_reads_who_and_what_from_the_code() -> None:
    address = app_address("The Desk", "una+1@desk.test", b"12345678901234567890")
    assert address.startswith("otpauth://totp/The%20Desk:una%2B1@desk.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&")
    size, path = qr_of(address)
    assert size >= 33
    assert set(path) <= set("Mhvz0123456789- 1")


class App:
    """An authenticator app on a phone, by the desk's clock."""

    def __init__(self, world: World, secret: str) -> None:
        self.world = world
        self.secret = base64.b32decode(tidy_code(secret))

    @property
    def code(self) -> str:
        return code_of(self.secret, step_of(self.world.clock.now))

    async def next(self) -> str:
        """Wait for the next code."""
        await self.world.advance(seconds=30)
        return self.code


async def post(world: World, path: str, who: TestPerson | None = None, **body: Any) -> httpx.Response:
    return await world.http.post(f"/api/auth/{path}", json=body, headers=who.headers if who else {})


async def log_in(world: World, person: TestPerson) -> httpx.Response:
    return await post(world, "login", email=person.email, password=PASSWORD)


async def set_up(world: World, person: TestPerson) -> tuple[App, list[str]]:
    offered = await post(world, "second-factor/offer", person, password=PASSWORD)
    assert offered.status_code == 200, offered.text
    app = App(world, json_of(offered)["secret"])
    confirmed = await post(world, "second-factor/confirm", person, code=app.code)
    assert confirmed.status_code == 200, confirmed.text
    return app, json_of(confirmed)["recoveryCodes"]


async def test_a_program_signs_in_in_two_steps(world: World) -> None:
    una = await make_person(world, "AGENT")
    app, codes = await set_up(world, una)
    assert (len(codes), len(set(codes))) == (10, 10)
    step = await log_in(world, una)
    assert step.status_code == 202
    assert json_of(step) | {"challenge": ""} == {"challenge": "", "needs": "code", "expiresIn": 300}
    assert step.headers["cache-control"] == "no-store"
    challenge = json_of(step)["challenge"]
    replayed = await post(world, "login/second", challenge=challenge, code=app.code)  # the code that confirmed it
    assert replayed.status_code == 401
    done = await post(world, "login/second", challenge=challenge, code=await app.next())
    assert done.status_code == 200
    headers = {"Authorization": f"Bearer {json_of(done)['token']}"}
    assert (await world.http.get("/api/auth/me", headers=headers)).status_code == 200
    again = await post(world, "login/second", challenge=challenge, code=await app.next())
    assert again.status_code == 401  # a challenge is good once
    late = json_of(await log_in(world, una))["challenge"]
    await world.advance(minutes=5)
    assert (await post(world, "login/second", challenge=late, code=app.code)).status_code == 401


async def test_a_recovery_code_lets_in_once_and_is_told_by_mail(world: World) -> None:
    una = await make_person(world, "AGENT")
    app, codes = await set_up(world, una)
    for code, status in ((codes[0].lower().replace("-", " "), 200), (codes[0], 401), (codes[1], 200)):
        challenge = json_of(await log_in(world, una))["challenge"]
        assert (await post(world, "login/second", challenge=challenge, code=code)).status_code == status
    state = json_of(await world.http.get("/api/auth/second-factor", headers=una.headers))
    assert state == {"on": True, "required": False, "requiredFrom": None, "recoveryCodesLeft": 8}
    renewed = await post(world, "second-factor/recovery-codes", una, password=PASSWORD, code=await app.next())
    assert len(json_of(renewed)["recoveryCodes"]) == 10
    challenge = json_of(await log_in(world, una))["challenge"]
    assert (await post(world, "login/second", challenge=challenge, code=codes[2])).status_code == 401
    kinds = [row["kind"] for row in await world.sql("SELECT kind FROM users_mail ORDER BY id")]
    assert kinds == ["SECOND_ON", "RECOVERY_USED", "RECOVERY_USED"]


async def test_codes_cannot_be_guessed(world: World) -> None:
    una = await make_person(world, "AGENT")
    app, _ = await set_up(world, una)
    statuses = []
    for number in range(8):
        challenge = json_of(await log_in(world, una))["challenge"]
        statuses.append((await post(world, "login/second", challenge=challenge, code=f"{number:06}")).status_code)
    assert statuses == [401] * 5 + [429] * 3
    await world.advance(seconds=30)
    assert (await post(world, "login/second", challenge=challenge, code=app.code)).status_code == 200


async def test_nothing_at_rest_makes_codes(world: World) -> None:
    una = await make_person(world)
    app, codes = await set_up(world, una)
    stored = await world.everything_stored()
    for secret in (app.secret, written(app.secret).encode(), *(tidy_code(code).encode() for code in codes)):
        assert secret not in stored
        assert base64.b64encode(secret) not in stored


async def test_switching_off_takes_password_and_code(world: World) -> None:
    una = await make_person(world, "AGENT")
    app, codes = await set_up(world, una)
    for password, code in (("wrong password", app.code), (PASSWORD, "000000"), ("", codes[0])):
        assert (await post(world, "second-factor/off", una, password=password, code=code)).status_code == 400
    assert (await post(world, "second-factor/offer", una, password=PASSWORD)).status_code == 409
    assert (await post(world, "second-factor/off", una, password=PASSWORD, code=await app.next())).status_code == 200
    assert (await log_in(world, una)).status_code == 200
    acts = [row["act"] for row in await world.sql("SELECT act FROM users_act ORDER BY number")]
    assert acts == ["SECOND_FACTOR_ON", "SECOND_FACTOR_OFF"]


async def test_an_administrator_takes_away_what_was_lost(world: World) -> None:
    ada, una = await make_person(world, "ADMIN"), await make_person(world, "AGENT")
    await set_up(world, una)
    waiting = json_of(await log_in(world, una))["challenge"]
    path = f"/api/users/admin/{una.id}/second-factor/reset"
    assert (await world.http.post(path, headers=ada.headers)).status_code == 200
    assert (await world.http.get("/api/auth/me", headers=una.headers)).status_code == 401  # their sessions ended
    assert (await post(world, "login/second", challenge=waiting, code="123456")).status_code == 401
    assert (await log_in(world, una)).status_code == 200
    assert (await world.http.post(path, headers=ada.headers)).status_code == 409
    [act] = await world.sql("SELECT actor_id, about_id FROM users_act WHERE act = 'SECOND_FACTOR_RESET'")
    assert (act["actor_id"], act["about_id"]) == (ada.id, una.id)


async def test_a_browser_sets_it_up_and_signs_in_with_it(world: World) -> None:
    una = await make_person(world, "AGENT", name="Una Agent")
    browser = Browser(world)
    await browser.sign_in(una, next="/profile")
    await browser.open("/profile/second")
    page = await browser.send("/profile/second/offer", {"password": "wrong password"})
    assert page.status_code == 400
    page = await browser.send("/profile/second/offer", {"password": PASSWORD})
    assert '<svg class="qr"' in page.text
    assert "style=" not in page.text.partition("<main")[2]
    found = re.search(r'second-secret">([A-Z2-7-]+)<', page.text)
    assert found
    app = App(world, found[1])
    assert (await browser.send("/profile/second/confirm", {"code": "000000"})).status_code == 400
    page = await browser.send("/profile/second/confirm", {"code": app.code})
    codes = re.findall(r"<li><code>([A-Z2-7-]+)</code>", page.text)
    assert len(codes) == 10
    assert codes[0] not in (await browser.open("/profile/second")).text  # shown once
    other = Browser(world)
    page = await other.sign_in(una, next="/profile")
    assert "Second step" in page.text
    assert "/login" in str((await other.open("/profile")).url)  # the first step alone is worth nothing
    await other.open("/login/second?next=/profile")
    page = await other.send("/login/second", {"code": "000000", "next": "/profile"})
    assert page.status_code == 401
    assert "The code is not right." in unescape(page.text)
    page = await other.send("/login/second", {"code": await app.next(), "next": "/profile"})
    assert str(page.url).endswith("/profile")
    await other.open("/profile/second")
    page = await other.send("/profile/second/off", {"password": PASSWORD, "code": codes[3]})
    assert "switched off" in page.text


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[World]:
    """A desk whose staff needs a second factor, after a week."""
    async with open_world(tmp_path / "desk", ("users",), auth__access_seconds=10**7, **FORCED) as opened:
        yield opened


async def test_staff_are_led_to_set_it_up_and_after_a_while_must(strict: World) -> None:
    una, user = await make_person(strict, "AGENT"), await make_person(strict, "USER")
    assert (await log_in(strict, user)).status_code == 200
    browser = Browser(strict)
    page = await browser.sign_in(una, next="/profile")
    assert str(page.url).endswith("/profile/second?next=%2Fprofile")
    assert "You come in without until" in page.text
    assert 'href="/profile"' in page.text  # later
    tokens = json_of(await log_in(strict, una))
    await strict.advance(days=7)
    assert (await log_in(strict, user)).status_code == 200
    assert json_of(await log_in(strict, una))["needs"] == "setup"
    refreshed = await post(strict, "refresh", refreshToken=tokens["refreshToken"])
    assert refreshed.status_code == 401
    late = Browser(strict)
    page = await late.sign_in(una, next="/profile")
    assert "Set up a second factor" in page.text
    found = re.search(r'second-secret">([A-Z2-7-]+)<', page.text)
    assert found
    assert found[1] in (await late.open("/login/second")).text  # the same one where the page is read again
    app = App(strict, found[1])
    page = await late.send("/login/second", {"code": "000000", "next": "/profile"})
    assert "Code is not right." in page.text
    page = await late.send("/login/second", {"code": app.code, "next": "/profile"})
    assert "Your recovery codes" in page.text
    assert (await late.open("/profile")).status_code == 200
    assert json_of(await log_in(strict, una))["needs"] == "code"


async def test_who_stays_signed_in_has_no_more_time_than_others(strict: World) -> None:
    una = await make_person(strict, "AGENT")
    tokens = json_of(await log_in(strict, una))
    await strict.db.write(TESTER, second.delete_second, una.id)  # they came in before the desk asked for it
    statuses = []
    for _ in range(3):
        refreshed = await post(strict, "refresh", refreshToken=tokens["refreshToken"])
        statuses.append(refreshed.status_code)
        tokens = json_of(refreshed) if refreshed.status_code == 200 else tokens
        await strict.advance(days=4)
    assert statuses == [200, 200, 401]


async def test_time_to_set_up_does_not_begin_again_where_it_is_switched_off(strict: World) -> None:
    una = await make_person(strict, "AGENT")
    assert (await log_in(strict, una)).status_code == 200
    for days, status in ((3, 200), (4, 202), (30, 202)):
        await strict.advance(days=days)
        app, _ = await set_up(strict, una)
        off = await post(strict, "second-factor/off", una, password=PASSWORD, code=await app.next())
        assert off.status_code == 200
        assert (await log_in(strict, una)).status_code == status, days
    state = json_of(await strict.http.get("/api/auth/second-factor", headers=una.headers))
    assert (state["on"], state["required"], state["recoveryCodesLeft"]) == (False, True, 0)


async def test_a_password_from_a_link_does_not_do_without_the_second_factor(world: World) -> None:
    una = await make_person(world, "AGENT")
    await set_up(world, una)
    changed = await world.http.post(
        "/api/auth/change-password",
        json={"currentPassword": PASSWORD, "newPassword": PASSWORD},
        headers={"Authorization": f"Bearer {await token_for(world, una.id)}"},
    )
    assert changed.status_code == 200
    assert (await log_in(world, una)).status_code == 202
