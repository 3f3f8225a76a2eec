"""Links: the first administrator, a forgotten password, a confirmed address; and the mails that carry them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from answerable.kernel.visit import Preferences
from answerable.users.actions.browsers import prefer
from answerable.users.actions.mails import make_setup_link
from answerable.users.cli import greeting
from tests.forms import Browser
from tests.patience import PATIENCE
from tests.people import PASSWORD, make_person
from tests.smtp import Mailbox, open_mailbox
from tests.world import TESTER, World, json_of, open_world

NEW = "a brand new password"


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with open_mailbox() as opened:
        yield opened


def mail_settings(mailbox: Mailbox) -> dict[str, Any]:
    return {
        "mail__host": "127.0.0.1",
        "mail__port": mailbox.port,
        "mail__security": "none",
        "mail__timeout_seconds": PATIENCE,
        "server__public_url": "https://desk.example.org/",
    }


@pytest.fixture
async def mailing(tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[World]:
    async with open_world(tmp_path / "mailing", ("users",), **mail_settings(mailbox)) as opened:
        yield opened


@pytest.fixture
async def confirming(tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[World]:
    settings = mail_settings(mailbox) | {"auth__verify_email": True}
    async with open_world(tmp_path / "confirming", ("users",), **settings) as opened:
        yield opened


async def post(world: World, path: str, **body: Any) -> httpx.Response:
    return await world.http.post(f"/api/auth/{path}", json=body)


def token_in(mailbox: Mailbox, page: str) -> str:
    """Return the token of the link in the latest mail."""
    found = re.search(rf"https://desk\.example\.org/{page}\?token=(\S+)", mailbox.messages[-1].get_content())
    assert found
    return found[1]


# --- the first administrator -----------------------------------------------------------------------------------------


async def first_token(world: World) -> str:
    token = await world.db.write(TESTER, make_setup_link)
    assert token
    return token


async def set_up(world: World, token: str, **fields: str) -> httpx.Response:
    body = {"token": token, "name": "Ada Admin", "email": "ada@desk.test", "password": PASSWORD} | fields
    return await post(world, "setup", **body)


async def test_the_first_administrator_is_made_with_the_link(world: World) -> None:
    token = await first_token(world)
    assert token not in str([dict(row) for row in await world.sql("SELECT * FROM users_link")])
    answer = await set_up(world, token)
    assert answer.status_code == 201
    made = json_of(answer)
    login = await post(world, "login", email="ada@desk.test", password=PASSWORD)
    headers = {"Authorization": f"Bearer {json_of(login)['token']}"}
    me = await world.http.get("/api/auth/me", headers=headers)
    assert json_of(me)["id"] == made["id"]
    assert json_of(me)["roles"] == ["ADMIN"]
    again = await set_up(world, token, email="eve@desk.test")
    assert again.status_code == 400
    assert json_of(again)["message"] == "Invalid or expired link"
    assert await world.db.write(TESTER, make_setup_link) is None
    [line] = json_of(await world.http.get("/api/users/admin/audit", headers=headers))
    assert line["action"] == "SET_UP"


async def test_a_setup_link_lasts_an_hour_and_only_until_the_next(world: World) -> None:
    first = await first_token(world)
    second = await first_token(world)
    assert (await set_up(world, first)).status_code == 400
    await world.advance(hours=1)
    assert (await set_up(world, second)).status_code == 400
    for wrong in ("", "x", "x" * 5000, "\ud800"):
        answer = await world.http.post(
            "/api/auth/setup",
            content=(
                b'{"token": "'
                + wrong.encode("unicode_escape")
                + b'", "name": "Ada", "email": "a@b.test", "password": "12345678"}'
            ),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 400
    assert await world.log() == []


async def test_a_mistake_in_the_form_does_not_use_the_link_up(world: World) -> None:
    token = await first_token(world)
    assert (await set_up(world, token, password="short")).status_code == 400
    assert (await set_up(world, token)).status_code == 201


async def test_a_setup_link_is_worth_nothing_beside_an_administrator(world: World) -> None:
    token = await first_token(world)
    await make_person(world, "ADMIN")
    answer = await set_up(world, token)
    assert answer.status_code == 409
    assert (await world.sql("SELECT COUNT(*) AS n FROM users_person"))[0]["n"] == 1


async def test_a_link_for_one_thing_is_not_one_for_another(mailing: World, mailbox: Mailbox) -> None:
    token = await first_token(mailing)
    assert (await post(mailing, "reset-password", token=token, newPassword=NEW)).status_code == 400
    assert (await post(mailing, "verify", token=token)).status_code == 400
    await make_person(mailing, email="una@desk.test")
    await post(mailing, "forgot-password", email="una@desk.test")
    await mailing.advance(seconds=1)
    assert (await set_up(mailing, token_in(mailbox, "reset"))).status_code == 400


async def test_whoever_starts_the_server_is_told_the_link(world: World) -> None:
    lines = await world.db.write(TESTER, greeting)
    found = re.search(r"http://127\.0\.0\.1:8765/setup\?token=(\S+)", "\n".join(lines))
    assert found
    assert (await set_up(world, found[1])).status_code == 201
    assert await world.db.write(TESTER, greeting) == []


# --- a forgotten password --------------------------------------------------------------------------------------------


async def test_a_letter_is_in_the_language_that_its_reader_chose(mailing: World, mailbox: Mailbox) -> None:
    una = await make_person(mailing, email="una@desk.test")
    await mailing.db.write(una.actor, prefer, Preferences(language="de"))
    await post(mailing, "forgot-password", email="UNA@desk.test")
    await mailing.advance(seconds=1)
    [mail] = mailbox.to("una@desk.test")
    assert mail["Subject"] == "Wählen Sie ein neues Passwort"
    assert "innerhalb von 15 Minuten" in mail.get_content()
    assert token_in(mailbox, "reset")


async def test_who_has_chosen_no_language_is_written_to_in_that_of_the_page_that_asked(
    confirming: World, mailbox: Mailbox
) -> None:
    german = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}
    una = {"name": "Una User", "email": "una@desk.test", "password": PASSWORD}
    await confirming.http.post("/api/auth/register", json=una, headers=german)
    await confirming.advance(seconds=1)
    [mail] = mailbox.to("una@desk.test")
    assert mail["Subject"] == "Bestätigen Sie Ihre E-Mail-Adresse"
    assert "innerhalb eines Tages" in mail.get_content()
    assert (await post(confirming, "verify", token=token_in(mailbox, "verify"))).status_code == 200
    browser = Browser(confirming, **german)
    browser.http.base_url = "https://desk.example.org"
    await browser.open("/forgot")
    await browser.send("/forgot", {"email": "una@desk.test"})
    await post(confirming, "forgot-password", email="una@desk.test")
    await confirming.advance(seconds=1)
    subjects = [mail["Subject"] for mail in mailbox.to("una@desk.test")[1:]]
    assert sorted(subjects) == ["Choose a new password", "Wählen Sie ein neues Passwort"]


async def test_una_forgets_her_password_and_chooses_another(mailing: World, mailbox: Mailbox) -> None:
    una = await make_person(mailing, email="una@desk.test")
    answer = await post(mailing, "forgot-password", email=" UNA@desk.test")
    assert (answer.status_code, json_of(answer)) == (202, {})
    await mailing.advance(seconds=1)
    [mail] = mailbox.to("una@desk.test")
    assert mail["Subject"] == "Choose a new password"
    token = token_in(mailbox, "reset")
    short = await post(mailing, "reset-password", token=token, newPassword="short")
    assert json_of(short)["errors"] == ["newPassword: must have 8 to 128 characters"]
    answer = await post(mailing, "reset-password", token=token, newPassword=NEW)
    assert (answer.status_code, json_of(answer)) == (200, {})
    assert (await mailing.http.get("/api/auth/me", headers=una.headers)).status_code == 401
    assert (await post(mailing, "login", email="una@desk.test", password=PASSWORD)).status_code == 401
    assert (await post(mailing, "login", email="una@desk.test", password=NEW)).status_code == 200
    again = await post(mailing, "reset-password", token=token, newPassword="yet another one")
    assert again.status_code == 400
    assert json_of(again)["message"] == "Invalid or expired token"


async def test_nobody_learns_who_has_an_account(mailing: World, mailbox: Mailbox) -> None:
    await make_person(mailing, email="una@desk.test")
    gone = await make_person(mailing, email="gone@desk.test")
    await mailing.db.write(gone.actor, _deactivate, gone.id)
    answers = [
        await post(mailing, "forgot-password", email=email)
        for email in ("una@desk.test", "gone@desk.test", "nobody@desk.test", "not an address", "", "x" * 3000)
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.content for answer in answers} == {b"{}"}
    rows = await mailing.sql("SELECT recipient FROM users_mail ORDER BY recipient")
    assert [row["recipient"] for row in rows] == ["", "", "", "", "", "una@desk.test"]  # the same work for all
    await mailing.advance(seconds=1)
    assert len(mailbox.messages) == 1


async def _deactivate(tx: Any, person_id: str) -> None:
    await tx.run("UPDATE users_person SET active = 0 WHERE id = :id", id=person_id)


async def test_a_reset_link_lasts_a_quarter_of_an_hour(mailing: World, mailbox: Mailbox) -> None:
    await make_person(mailing, email="una@desk.test")
    await post(mailing, "forgot-password", email="una@desk.test")
    await mailing.advance(minutes=15)
    answer = await post(mailing, "reset-password", token=token_in(mailbox, "reset"), newPassword=NEW)
    assert answer.status_code == 400


async def test_a_new_password_ends_all_links_and_the_waiting_time(mailing: World, mailbox: Mailbox) -> None:
    await make_person(mailing, email="una@desk.test")
    tokens = []
    for _ in range(2):
        await post(mailing, "forgot-password", email="una@desk.test")
        await mailing.advance(seconds=1)
        tokens.append(token_in(mailbox, "reset"))
    for _ in range(11):
        answer = await post(mailing, "login", email="una@desk.test", password="wrong password")
    assert answer.status_code == 429
    assert (await post(mailing, "reset-password", token=tokens[0], newPassword=NEW)).status_code == 200
    assert (await post(mailing, "reset-password", token=tokens[1], newPassword=NEW)).status_code == 400
    assert (await post(mailing, "login", email="una@desk.test", password=NEW)).status_code == 200


async def test_nobody_is_flooded_with_mail(mailing: World, mailbox: Mailbox) -> None:
    await make_person(mailing, email="una@desk.test")
    for _ in range(10):
        assert (await post(mailing, "forgot-password", email="una@desk.test")).status_code == 202
    await mailing.advance(minutes=1)
    assert len(mailbox.messages) == 3
    await mailing.advance(minutes=15)
    await post(mailing, "forgot-password", email="una@desk.test")
    await mailing.advance(minutes=1)
    assert len(mailbox.messages) == 4


async def test_asking_without_end_fills_no_table(world: World) -> None:
    for number in range(60):
        assert (await post(world, "forgot-password", email=f"nobody{number}@desk.test")).status_code == 202
    assert (await world.sql("SELECT COUNT(*) AS n FROM users_link"))[0]["n"] == 50


async def test_the_token_is_never_at_rest(mailing: World, mailbox: Mailbox) -> None:
    await make_person(mailing, email="una@desk.test")
    await post(mailing, "forgot-password", email="una@desk.test")
    await mailing.advance(seconds=1)
    token = token_in(mailbox, "reset").encode()
    stored = await mailing.everything_stored()
    assert b"una@desk.test" in stored
    assert token not in stored


async def test_a_mail_is_tried_again_until_its_link_is_too_old(mailing: World, mailbox: Mailbox) -> None:
    await make_person(mailing, email="una@desk.test")
    mailbox.down = True
    await post(mailing, "forgot-password", email="una@desk.test")
    await mailing.advance(minutes=2)
    assert mailbox.conversations > 1
    mailbox.down = False
    await mailing.advance(minutes=5)
    assert len(mailbox.messages) == 1
    mailbox.down = True
    await post(mailing, "forgot-password", email="una@desk.test")
    await mailing.advance(minutes=16)
    tried = mailbox.conversations
    mailbox.down = False
    await mailing.advance(hours=2)
    assert mailbox.conversations == tried
    assert [row["state"] for row in await mailing.sql("SELECT state FROM users_mail ORDER BY id")] == ["SENT", "FAILED"]


async def test_a_mail_that_nobody_takes_is_given_up(mailing: World, mailbox: Mailbox) -> None:
    await make_person(mailing, email="una@desk.test")
    mailbox.recipients = "550 no such mailbox"
    await post(mailing, "forgot-password", email="una@desk.test")
    await mailing.advance(minutes=10)
    assert mailbox.conversations == 1


async def test_a_desk_without_mail_writes_the_link_to_the_log_once(world: World) -> None:
    await make_person(world, email="una@desk.test")
    with structlog.testing.capture_logs() as lines:
        await post(world, "forgot-password", email="una@desk.test")
        await world.advance(minutes=5)
    [line] = [line for line in lines if "link" in line]
    token = line["link"].removeprefix("http://127.0.0.1:8765/reset?token=")
    assert (await post(world, "reset-password", token=token, newPassword=NEW)).status_code == 200


async def test_people_without_a_password_are_invited(mailing: World, mailbox: Mailbox) -> None:
    boss = await make_person(mailing, "ADMIN")
    body = {"name": "Abe Agent", "email": "abe@desk.test", "roles": ["AGENT"]}
    answer = await mailing.http.post("/api/users/admin", json=body, headers=boss.headers)
    assert answer.status_code == 201
    for nothing in ("", PASSWORD):
        assert (await post(mailing, "login", email="abe@desk.test", password=nothing)).status_code == 401
    await mailing.advance(days=2)
    token = token_in(mailbox, "reset")
    assert (await post(mailing, "reset-password", token=token, newPassword=NEW)).status_code == 200
    assert (await post(mailing, "login", email="abe@desk.test", password=NEW)).status_code == 200


# --- a confirmed address ---------------------------------------------------------------------------------------------


async def register(world: World, email: str = "una@desk.test", password: str = PASSWORD) -> httpx.Response:
    return await post(world, "register", name="Una <b>User", email=email, password=password)


async def test_an_account_exists_once_its_address_is_confirmed(confirming: World, mailbox: Mailbox) -> None:
    answer = await register(confirming)
    assert answer.status_code == 201
    made = json_of(answer)
    assert await confirming.log() == []
    early = await post(confirming, "login", email="una@desk.test", password=PASSWORD)
    assert early.status_code == 403
    assert "confirm" in json_of(early)["message"]
    assert (await post(confirming, "login", email="una@desk.test", password="wrong one")).status_code == 401
    await confirming.advance(seconds=1)
    assert "Una" not in mailbox.messages[-1].get_content()  # no words of strangers in our mail
    answer = await post(confirming, "verify", token=token_in(mailbox, "verify"))
    assert answer.status_code == 200
    assert json_of(answer)["id"] == made["id"]
    assert len(await confirming.log("USER_REGISTERED")) == 1
    assert (await post(confirming, "login", email="una@desk.test", password=PASSWORD)).status_code == 200
    assert (await post(confirming, "verify", token=token_in(mailbox, "verify"))).status_code == 400


async def test_a_taken_address_looks_like_any_other(confirming: World, mailbox: Mailbox) -> None:
    await make_person(confirming, email="una@desk.test")
    taken, free = await register(confirming), await register(confirming, "free@desk.test")
    assert taken.status_code == free.status_code == 201
    assert set(json_of(taken)) == set(json_of(free))
    await confirming.advance(seconds=1)
    [mail] = mailbox.to("una@desk.test")
    assert mail["Subject"] == "You already have an account"
    assert "token" not in mail.get_content()


async def test_the_first_to_confirm_gets_the_address(confirming: World, mailbox: Mailbox) -> None:
    await register(confirming, password="of a stranger")
    await confirming.advance(seconds=1)
    stranger = token_in(mailbox, "verify")
    await register(confirming)
    await confirming.advance(seconds=1)
    una = token_in(mailbox, "verify")
    assert (await post(confirming, "verify", token=una)).status_code == 200
    late = await post(confirming, "verify", token=stranger)
    assert late.status_code == 400
    assert json_of(late)["message"] == "Email already exists"
    assert (await post(confirming, "login", email="una@desk.test", password="of a stranger")).status_code == 401
    assert (await post(confirming, "login", email="una@desk.test", password=PASSWORD)).status_code == 200


async def test_what_expired_is_forgotten(confirming: World, mailbox: Mailbox) -> None:
    await register(confirming)
    await make_person(confirming, email="abe@desk.test")
    await post(confirming, "login", email="abe@desk.test", password=PASSWORD)
    await post(confirming, "forgot-password", email="abe@desk.test")
    await confirming.advance(days=3)
    for table in ("users_pending", "users_link", "users_mail"):
        assert (await confirming.sql(f"SELECT COUNT(*) AS n FROM {table}"))[0]["n"] == 0, table
    assert (await confirming.sql("SELECT COUNT(*) AS n FROM users_refresh"))[0]["n"] == 1
    await confirming.advance(days=29)
    assert (await confirming.sql("SELECT COUNT(*) AS n FROM users_refresh"))[0]["n"] == 0
    assert (await confirming.sql("SELECT COUNT(*) AS n FROM users_person"))[0]["n"] == 1
