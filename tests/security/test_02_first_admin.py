"""02: no public way to an administrator, and no secret that others know."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from answerable.infra.secret import FILE, with_secret
from answerable.kernel.errors import Invalid
from answerable.runtime import Desk
from answerable.settings import Settings
from answerable.users.actions.mails import make_setup_link
from tests.people import PASSWORD, make_person
from tests.security.asgi import JSON, ask
from tests.world import TESTER, World, open_world

NEW: dict[str, Any] = {"name": "Eve Evil", "email": "eve@desk.test", "password": PASSWORD}
WEAK = (
    "short",
    "x" * 31,
    "x" * 64,
    "changeme" * 8,
    "secretsecretsecretsecretsecretsecret",
    "answerable" * 4,
    "password-------------------------1234567890",
    "abab" * 16,
    " " * 64,
    "1" * 40,
)


async def roles(world: World) -> list[str]:
    return [row["roles"] for row in await world.sql("SELECT roles FROM users_person ORDER BY created_at, id")]


@pytest.mark.parametrize("secret", WEAK)
def test_a_secret_that_is_easy_to_guess_does_not_start_the_desk(secret: str, tmp_path: Path) -> None:
    settings = Settings().with_values("test", storage__data_dir=str(tmp_path), storage__secret=secret)
    with pytest.raises(Invalid, match=r"storage\.secret") as refusal:
        Desk(settings)
    assert secret not in refusal.value.message
    (tmp_path / FILE).write_text(secret)
    with pytest.raises(Invalid, match=r"storage\.secret"):
        with_secret(Settings().with_values("test", storage__data_dir=str(tmp_path)))


def test_each_desk_makes_its_own_secret_and_keeps_it_to_itself(tmp_path: Path) -> None:
    secrets = []
    for name in ("one", "two"):
        settings = Settings().with_values("test", storage__data_dir=str(tmp_path / name))
        secrets.append(with_secret(settings).storage.secret)
        assert (tmp_path / name / FILE).stat().st_mode & 0o077 == 0
        assert with_secret(settings).storage.secret == secrets[-1]
    assert secrets[0] != secrets[1]
    assert all(len(secret) >= 43 for secret in secrets)


@pytest.mark.parametrize(
    "more",
    [{"roles": ["ADMIN"]}, {"role": "ADMIN"}, {"isAdmin": True}, {"active": True}, {"id": "x"}, {"grants": ["*"]}],
)
async def test_nobody_registers_with_roles(world: World, more: dict[str, Any]) -> None:
    answer = await ask(world, "POST", "/api/auth/register", JSON, msgspec.json.encode(NEW | more))
    assert answer.status == 400
    assert await roles(world) == []
    assert (await ask(world, "POST", "/api/auth/register", JSON, msgspec.json.encode(NEW))).status == 201
    assert await roles(world) == ["USER"]


async def test_nobody_gives_themselves_roles(world: World) -> None:
    for role in ("USER", "AGENT", "MANAGER"):
        person = await make_person(world, role)
        headers = person.headers | JSON
        for field, value in (("roles", ["ADMIN"]), ("active", True), ("email", "a@b.test"), ("sessionVersion", 1)):
            body = msgspec.json.encode({"name": "Another Name", field: value})
            assert (await ask(world, "PATCH", "/api/auth/me", headers, body)).status == 400
        body = msgspec.json.encode({"roles": ["ADMIN"]})
        assert (await ask(world, "PATCH", f"/api/users/admin/{person.id}", headers, body)).status == 403
    assert await roles(world) == ["USER", "AGENT", "MANAGER"]


async def test_a_desk_without_anybody_gives_nobody_rights(world: World) -> None:
    """The first to come is a USER like any other; without the link there is no way in."""
    for token in ("", "x" * 43, "null", "undefined", "' OR 1=1 --"):
        body = msgspec.json.encode(NEW | {"token": token})
        assert (await ask(world, "POST", "/api/auth/setup", JSON, body)).status == 400
    for email, password in (("admin", "admin"), ("admin@localhost", "password"), ("admin@desk.test", "changeme")):
        body = msgspec.json.encode({"email": email, "password": password})
        assert (await ask(world, "POST", "/api/auth/login", JSON, body)).status == 401
    assert await roles(world) == []


async def test_only_one_of_two_who_race_for_the_link_becomes_administrator(world: World) -> None:
    token = await world.db.write(TESTER, make_setup_link)
    statuses = []
    for email in ("ada@desk.test", "eve@desk.test"):
        body = msgspec.json.encode(NEW | {"token": token, "email": email})
        statuses.append((await ask(world, "POST", "/api/auth/setup", JSON, body)).status)
    assert statuses == [201, 400]
    assert await roles(world) == ["ADMIN"]


async def test_a_desk_that_is_closed_to_strangers_takes_none(tmp_path: Path) -> None:
    async with open_world(tmp_path, auth__registration=False) as world:
        assert (await ask(world, "POST", "/api/auth/register", JSON, msgspec.json.encode(NEW))).status == 403
        assert await roles(world) == []
