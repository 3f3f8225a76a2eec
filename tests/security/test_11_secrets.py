"""11: passwords and tokens are nowhere but with those who own them: not in the log, not in the database."""

import base64
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from answerable.infra.logging import set_up_logging
from answerable.kernel.times import DAY
from answerable.users.actions.mails import make_setup_link
from answerable.users.store import second
from tests.forms import Browser
from tests.patience import PATIENCE
from tests.people import PASSWORD, make_person
from tests.processes import ADMIN, eventually, make_admin, server
from tests.processes import PASSWORD as ADMIN_PASSWORD
from tests.security.asgi import JSON, ask
from tests.smtp import Mailbox, open_mailbox
from tests.world import TESTER, World

FIRST, WRONG, SECOND, THIRD = "first-Pa55word-9f", "wrong-Pa55word-9f", "second-Pa55word-9f", "third-Pa55word-9f"
EMAIL = "una@desk.test"


class Story:
    """Una registers, signs in and out, forgets and changes her password; everything secret is noted."""

    def __init__(self, client: httpx.AsyncClient, mailbox: Mailbox) -> None:
        self._client = client
        self._mailbox = mailbox
        self._count = 0
        self.secrets = {FIRST, WRONG, SECOND, THIRD}

    async def _post(self, path: str, bearer: str = "", **body: object) -> httpx.Response:
        self._count += 1
        headers = {"Idempotency-Key": f"key-{self._count}"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        answer = await self._client.post(f"/api/auth/{path}", json=body, headers=headers)
        again = await self._client.post(f"/api/auth/{path}", json=body, headers=headers)
        assert answer.status_code != 200 or again.status_code in (200, 400, 401)
        return answer

    def _keep(self, answer: httpx.Response) -> tuple[str, str]:
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        self.secrets |= {tokens["token"], tokens["token"].split(".")[2], tokens["refreshToken"]}
        return tokens["token"], tokens["refreshToken"]

    async def play(self) -> None:
        registered = await self._post("register", name="Una User", email=EMAIL, password=FIRST)
        assert registered.status_code == 201
        assert (await self._post("login", email=EMAIL, password=WRONG)).status_code == 401
        _, refresh = self._keep(await self._post("login", email=EMAIL, password=FIRST))
        self._keep(await self._post("refresh", refreshToken=refresh))
        assert (await self._post("refresh", refreshToken=refresh)).status_code == 401  # a thief would do that
        token, _ = self._keep(await self._post("login", email=EMAIL, password=FIRST))
        changed = await self._post("change-password", token, currentPassword=FIRST, newPassword=SECOND)
        self._keep(changed)
        assert (await self._post("forgot-password", email=EMAIL)).status_code == 202

        def link() -> re.Match[str] | None:  # a mail about the token that came twice is there too
            return re.search(r"token=(\S+)", "\n".join(mail.get_content() for mail in self._mailbox.to(EMAIL)))

        async def mailed() -> bool:
            return link() is not None

        await eventually(mailed)
        found = link()
        assert found
        self.secrets.add(found[1])
        page = await self._client.get(f"/reset?token={found[1]}")
        assert page.status_code == 200, page.text
        assert (await self._client.get(f"/reset/{found[1]}/nowhere")).status_code == 404
        reset = await self._post("reset-password", token=found[1], newPassword=THIRD)
        assert reset.status_code == 200, reset.text
        token, _ = self._keep(await self._post("login", email=EMAIL, password=THIRD))
        odd = await self._client.post("/api/auth/login", content=f'{{"password": "{THIRD}", '.encode())
        assert odd.status_code in (400, 415)
        assert (
            await self._client.get("/api/auth/me", headers={"Authorization": f"bearer  {token}x"})
        ).status_code == 401
        assert (await self._post("logout", token)).status_code == 200


@pytest.mark.slow
async def test_a_running_desk_writes_no_secret_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    make_admin(folder)
    async with open_mailbox() as mailbox:
        mail = {"HOST": "127.0.0.1", "PORT": str(mailbox.port), "SECURITY": "none"}
        values = {f"ANSWERABLE_MAIL_{name}": value for name, value in mail.items()}
        with server(folder, **values, ANSWERABLE_SERVER_LOG_FORMAT="json") as running:
            async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
                story = Story(client, mailbox)
                await story.play()
                login = await client.post("/api/auth/login", json={"email": ADMIN, "password": ADMIN_PASSWORD})
                story.secrets |= {ADMIN_PASSWORD, login.json()["token"], login.json()["refreshToken"]}
                headers = {"Authorization": f"Bearer {login.json()['token']}"}
                shown = [
                    (await client.get(path, headers=headers)).text
                    for path in ("/api/notifications/mail?size=1000", "/api/users/admin?size=1000", "/metrics")
                ]
                shown.append((await client.get("/api/users/admin/audit?size=1000", headers=headers)).text)
            running.stop()
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    story.secrets.add(kept.pop("secret").decode().strip())
    kept |= {"log": running.errors.read_bytes(), "answers": "\n".join(shown).encode()}
    assert len(story.secrets) >= 18
    for name, content in kept.items():
        for secret in story.secrets:
            assert secret.encode() not in content, f"{secret} is in {name}"
    assert b"PRIVATE KEY" not in b"".join(kept.values())


async def test_keys_and_hashes_at_rest_are_worth_nothing_without_the_secret(world: World) -> None:
    person = await make_person(world, "ADMIN")
    [key] = await world.sql("SELECT * FROM users_signing_key")
    assert "PRIVATE" not in key["private_key"]
    published = (await ask(world, "GET", "/api/auth/jwks.json")).json
    assert all("d" not in jwk and jwk["kty"] != "oct" for jwk in published["keys"])
    [row] = await world.sql("SELECT password_hash FROM users_person WHERE id = :id", id=person.id)
    assert row["password_hash"].startswith("$argon2id$")


async def test_no_answer_and_no_event_has_a_password_hash(world: World) -> None:
    admin = await make_person(world, "ADMIN")
    await make_person(world, "AGENT")
    for path in ("/api/users/admin", f"/api/users/{admin.id}", "/api/users/agents", "/api/auth/me"):
        text = (await ask(world, "GET", path, admin.headers)).text
        assert "argon2" not in text
        assert "hash" not in text.lower()
    bodies = json.dumps([row["body"] for row in await world.sql("SELECT body FROM bus_outbox")])
    assert "argon2" not in bodies
    assert "assword" not in bodies


async def test_every_token_is_of_256_random_bits_hashed_at_rest_and_ends(world: World) -> None:
    """Refresh token, cookie, challenge of a second step and the token of a link: none can be read from what is kept."""
    una = await make_person(world)
    await world.db.write(TESTER, second.save_second, una.id, "ON", "", 0, 0)
    body = json.dumps({"email": una.email, "password": PASSWORD}).encode()
    challenge = (await ask(world, "POST", "/api/auth/login", JSON, body)).json["challenge"]
    await world.db.write(TESTER, second.delete_second, una.id)
    refresh = (await ask(world, "POST", "/api/auth/login", JSON, body)).json["refreshToken"]
    browser = Browser(world)
    await browser.sign_in(una, next="/profile")
    cookie = browser.http.cookies["answerable_session"]
    setup = await world.db.write(TESTER, make_setup_link)
    tokens = [challenge, refresh, cookie, setup]
    assert all(token and len(base64.urlsafe_b64decode(token + "=")) >= 32 for token in tokens)
    assert len({token[:6] for token in tokens if token}) == len(tokens)
    stored = await world.everything_stored()
    for token in tokens:
        assert token
        assert token.encode() not in stored
        assert hashlib.sha256(token.encode()).hexdigest().encode() in stored or token == challenge
    for table in ("users_refresh", "users_browser", "users_link"):
        [row] = await world.sql(f"SELECT expires_at FROM {table}")
        assert world.clock.now < row["expires_at"] <= world.clock.now + 31 * DAY
    await world.advance(days=33)
    for table in ("users_refresh", "users_browser", "users_link", "users_challenge"):
        assert await world.sql(f"SELECT expires_at FROM {table}") == [], table


@pytest.mark.one_engine
def test_the_database_is_for_its_owner_only(tmp_path: Path, world: World) -> None:
    for path in Path(world.desk.settings.storage.data_dir).iterdir():
        assert path.stat().st_mode & 0o007 == 0 or path.parent.stat().st_mode & 0o077 == 0, path
    assert sqlite3.sqlite_version_info >= (3, 40)


@pytest.fixture(params=["text", "json"])
def log(request: pytest.FixtureRequest) -> Iterator[str]:
    set_up_logging(request.param)
    yield request.param
    structlog.reset_defaults()


def test_a_crash_is_logged_without_the_values_it_worked_on(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    def crash(password: str) -> None:
        headers = {"authorization": f"Bearer {password}"}
        raise RuntimeError(f"something of {len(headers)}")

    try:
        crash(FIRST)
    except RuntimeError as error:
        structlog.get_logger().error("request failed", path="/api/auth/login", exc_info=error)
    written = capsys.readouterr()
    assert "something of 1" in written.err
    assert "crash" in written.err
    assert FIRST not in written.err + written.out


def test_nobody_writes_lines_of_the_log_or_to_the_terminal(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = "/x\n2026-03-02T09:00:00Z [error] the desk is broken\r\x1b[2J\x9b\u2028\u202e"
    structlog.get_logger().error("request failed", path=path, token=FIRST, refresh_token=SECOND)
    written = capsys.readouterr().err
    assert len(written.splitlines()) == 1
    assert not {"\x1b", "\r", "\x9b", "\u2028", "\u202e"} & set(written)
    assert FIRST not in written
    assert SECOND not in written
