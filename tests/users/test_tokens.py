"""Access tokens: what passes for one, and what must never."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.settings import Settings
from answerable.users.queries import identity
from answerable.users.queries.keyring import Keyring, make_key
from tests.people import TestPerson, door_of, make_person, token_for
from tests.world import TESTER, World, json_of, open_world, settings_for


async def read_me(world: World, token: str) -> httpx.Response:
    return await world.http.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def packed(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


async def test_a_token_says_what_the_contract_says(world: World) -> None:
    una = await make_person(world, "AGENT", "MANAGER", email="una@desk.test")
    claims = claims_of(una.token)
    assert set(claims) == {"iss", "aud", "sub", "email", "roles", "iat", "exp", "jti", "ver"}
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("answerable", "answerable", una.id)
    assert (claims["email"], claims["roles"], claims["ver"]) == ("una@desk.test", ["AGENT", "MANAGER"], 1)
    assert claims["iat"] == world.clock.now // SECOND
    assert claims["exp"] == claims["iat"] + 3600
    header = jwt.get_unverified_header(una.token)
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")


async def test_anybody_can_verify_a_token_with_the_published_keys(world: World) -> None:
    una = await make_person(world)
    answer = await world.http.get("/api/auth/jwks.json")
    assert answer.status_code == 200
    keys = json_of(answer)
    assert set(keys["keys"][0]) == {"kty", "crv", "alg", "use", "kid", "x"}  # and no "d"
    kid = jwt.get_unverified_header(una.token)["kid"]
    [key] = [jwt.PyJWK(key) for key in keys["keys"] if key["kid"] == kid]
    claims = jwt.decode(
        una.token, key, algorithms=["EdDSA"], audience="answerable", options={"verify_exp": False, "verify_iat": False}
    )
    assert claims["sub"] == una.id


async def test_people_are_signed_in_while_the_keys_are_read_again(world: World) -> None:
    keyring = door_of(world).keyring
    token, published = (await make_person(world)).token, keyring.published()

    async def read_again(tx: Tx) -> None:
        reading = asyncio.create_task(keyring.load(tx))  # as a token with a key that nobody knows makes it
        while not reading.done():
            assert keyring.published() == published
            assert keyring.sign(claims_of(token))
            await asyncio.sleep(0)
        assert await reading

    await world.db.read(TESTER, read_again)
    assert keyring.published() == published


async def test_a_token_ends_on_the_desks_clock_also_when_it_is_remembered(world: World) -> None:
    una = await make_person(world)
    assert (await read_me(world, una.token)).status_code == 200
    await world.advance(minutes=59, seconds=59)
    assert (await read_me(world, una.token)).status_code == 200
    await world.advance(seconds=1)
    answer = await read_me(world, una.token)
    assert answer.status_code == 401
    assert "expired" in json_of(answer)["message"]


def forgeries(world: World, una: TestPerson) -> dict[str, str]:
    header, body, signature = una.token.split(".")
    kid = jwt.get_unverified_header(una.token)["kid"]
    claims = claims_of(una.token)
    stranger = Ed25519PrivateKey.generate()
    ours = door_of(world).keyring
    public = ours.published()["keys"][0]["x"]
    made = {"kid": kid, "typ": "at+jwt"}

    def without(name: str) -> str:
        return ours.sign({key: value for key, value in claims.items() if key != name})

    return {
        "none": f"{packed({'alg': 'none', **made})}.{body}.",
        "none with the signature": f"{packed({'alg': 'none', **made})}.{body}.{signature}",
        "the public key as an HMAC key": jwt.encode(claims, public.ljust(32, "="), algorithm="HS256", headers=made),
        "another key": jwt.encode(claims, stranger, algorithm="EdDSA", headers=made),
        "an unknown kid": jwt.encode(claims, stranger, algorithm="EdDSA", headers={**made, "kid": "mine"}),
        "no kid": jwt.encode(claims, stranger, algorithm="EdDSA", headers={"typ": "at+jwt"}),
        "its own key": jwt.encode(
            claims,
            stranger,
            algorithm="EdDSA",
            headers={**made, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "x"}, "jku": "https://evil.test/k"},
        ),
        "more roles": f"{header}.{packed({**claims, 'roles': ['ADMIN']})}.{signature}",
        "another person": f"{header}.{packed({**claims, 'sub': 'somebody'})}.{signature}",
        "a changed signature": f"{header}.{body}.{signature[:-4]}AAAA",
        "no signature": f"{header}.{body}.",
        "another issuer": ours.sign({**claims, "iss": "evil"}),
        "another audience": ours.sign({**claims, "aud": "other"}),
        "another kind": jwt.encode(claims, ours._signer[1], algorithm="EdDSA", headers={"kid": kid}),  # type: ignore[index]
        "no issuer": without("iss"),
        "no audience": without("aud"),
        "no expiry": without("exp"),
        "no version": without("ver"),
        "no person": without("sub"),
        "a version of another type": ours.sign({**claims, "ver": "1"}),
        "a version that is nearly one": ours.sign({**claims, "ver": True}),
        "an expiry far away, as text": ours.sign({**claims, "exp": "9999999999"}),
        "an old version": ours.sign({**claims, "ver": 0}),
        "a version to come": ours.sign({**claims, "ver": 2}),
        "nobody": ours.sign({**claims, "sub": "nobody"}),
        "two parts": f"{header}.{body}",
        "nothing": "",
        "noise": "ÿþ.ÿ.ÿ",
        "too long": una.token + "A" * 5000,
        "deep": f"{'W' * 4000}.{body}.{signature}",
    }


async def test_nothing_else_passes_for_a_token(world: World) -> None:
    una = await make_person(world, "ADMIN")
    for name, token in forgeries(world, una).items():
        header = f"Bearer {token}".encode("latin-1")
        answer = await world.http.get("/api/auth/me", headers={b"Authorization": header})
        assert answer.status_code == 401, name
        assert answer.headers["www-authenticate"].startswith("Bearer"), name
    assert (await read_me(world, una.token)).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "bearer  ", "Token {}", "{}"])
async def test_other_headers_are_refused(world: World, header: str) -> None:
    una = await make_person(world)
    answer = await world.http.get("/api/auth/me", headers={"Authorization": header.format(una.token)})
    assert answer.status_code == 401


async def test_the_scheme_may_be_written_in_any_case(world: World) -> None:
    una = await make_person(world)
    answer = await world.http.get("/api/auth/me", headers={"Authorization": f"bEARER {una.token}"})
    assert answer.status_code == 200


async def test_a_bad_token_does_not_close_public_doors(world: World) -> None:
    answer = await world.http.get("/api/auth/jwks.json", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 200


async def test_one_request_costs_one_read_of_the_person_and_no_cryptography(world: World) -> None:
    una = await make_person(world)
    door = door_of(world)
    await world.db.read(TESTER, door.identity.identify, f"Bearer {una.token}")
    asked: list[str] = []

    async def identify(tx: Any) -> Any:
        class Counting:
            now, settings = tx.now, tx.settings

            async def run(self, sql: str, /, **values: Any) -> Any:
                asked.append(sql)
                return await tx.run(sql, **values)

        door.keyring._public.clear()  # nothing left to verify with
        counting: Any = Counting()
        return await door.identity.identify(counting, f"Bearer {una.token}")

    assert await world.db.read(TESTER, identify) is await world.db.read(TESTER, identify)
    assert len(asked) == 2
    assert all("users_person" in sql for sql in asked)


async def test_what_is_remembered_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "KNOWN", 3)
    people = [await make_person(world) for _ in range(5)]
    for person in people * 2:
        assert (await read_me(world, person.token)).status_code == 200
    door = door_of(world)
    assert len(door.identity._passes) <= 3
    assert len(door.identity._actors) <= 3


def with_another_secret(folder: Path) -> Settings:
    return settings_for(folder).with_values("test", storage__secret="another secret, 32 characters or so")


async def test_a_token_outlives_a_restart_but_not_a_new_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_world(tmp_path, ("users",)) as world:
        una = await make_person(world)
    async with open_world(tmp_path, ("users",)) as world:
        assert (await read_me(world, una.token)).status_code == 200
        assert len(json_of(await world.http.get("/api/auth/jwks.json"))["keys"]) == 1
    monkeypatch.setattr("tests.world.settings_for", with_another_secret)
    async with open_world(tmp_path, ("users",)) as world:
        assert (await read_me(world, una.token)).status_code == 401
        assert (await read_me(world, await token_for(world, una.id))).status_code == 200


async def test_a_key_that_another_process_made_is_found(world: World) -> None:
    una = await make_person(world)
    secret = world.db.settings.storage.secret

    async def add_key(tx: Any) -> str:
        sealed, public = make_key("kid-2", secret)
        await tx.run(
            "INSERT INTO users_signing_key VALUES ('kid-2', :sealed, :public, :now, :now)",
            sealed=sealed,
            public=public,
            now=tx.now + 1,
        )
        other = Keyring()
        assert await other.load(tx)
        return other.sign(claims_of(una.token))

    token = await world.db.write(TESTER, add_key)
    assert jwt.get_unverified_header(token)["kid"] == "kid-2"
    assert (await read_me(world, token)).status_code == 200
    assert (await read_me(world, una.token)).status_code == 200
