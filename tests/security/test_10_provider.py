"""10: nobody is believed because of a header, a session is new at each sign-in, and a provider only what it signed."""

import asyncio
import base64
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import msgspec
import pytest

from answerable.infra.web.cookies import SESSION
from answerable.kernel.errors import Invalid
from answerable.kernel.times import SECOND
from answerable.settings import Settings, checked
from tests.forms import BROWSER, Browser
from tests.patience import PATIENCE
from tests.people import door_of, make_person
from tests.provider import CLIENT, SECRET, Provider, key_named, open_provider
from tests.security.asgi import ask
from tests.world import World, json_of, open_world

UNA = {"sub": "una-1", "email": "una@desk.test", "email_verified": True, "name": "Una User"}
Bend = Callable[[dict[str, Any]], dict[str, Any]]


@asynccontextmanager
async def desk_with(folder: Path, provider: Provider, **values: Any) -> AsyncIterator[World]:
    settings = {
        "server__public_url": "http://desk.test",
        "oidc__issuer": provider.issuer,
        "oidc__client_id": CLIENT,
        "oidc__client_secret": SECRET,
        "oidc__allow_http": True,
        "oidc__private_networks": ("127.0.0.0/8",),
        **values,
    }
    async with open_world(folder, ("users",), **settings) as world:
        provider.clock = lambda: world.clock.now / SECOND
        yield world


async def go_there(browser: Browser, after: str = "/profile") -> str:
    """Follow the button of the sign-in page to the provider; return where the provider sends the browser back to."""
    sent = await browser.http.get("/login/provider", params={"next": after, "zone": "Europe/Berlin"})
    assert sent.status_code == 303, sent.text
    async with httpx.AsyncClient(verify=False, trust_env=False, timeout=PATIENCE) as client:  # plain http, here
        back = (await client.get(sent.headers["location"])).headers["location"]
    assert back.startswith("http://desk.test/login/provider/back?")
    return str(back)


async def come_in(browser: Browser) -> httpx.Response:
    return await browser.open(await go_there(browser))


async def test_somebody_new_comes_in_and_has_an_account(tmp_path: Path) -> None:
    async with open_provider(**UNA) as provider, desk_with(tmp_path, provider, oidc__name="Acme") as world:
        browser = Browser(world)
        assert "Sign in with Acme" in (await browser.open("/login")).text
        page = await come_in(browser)
        assert str(page.url) == "http://desk.test/profile"
        assert "una@desk.test" in page.text
        assert "Europe/Berlin" in page.text
        [person] = await world.sql("SELECT id, roles, password_hash, verified_at FROM users_person")
        assert (person["roles"], person["password_hash"], person["verified_at"] > 0) == ("USER", "", True)
        assert str((await come_in(Browser(world))).url).endswith("/profile")  # again, into the same account
        assert (await world.sql("SELECT COUNT(*) AS n FROM users_person"))[0]["n"] == 1
        assert provider.asked.count("/keys") == 1
        acts = [row["act"] for row in await world.sql("SELECT act FROM users_act")]
        assert acts == ["IDENTITY_CREATED"]


async def test_the_way_there_says_what_it_must_and_keeps_its_secrets(tmp_path: Path) -> None:
    async with open_provider(**UNA) as provider, desk_with(tmp_path, provider) as world:
        first, second = [await world.http.get("/login/provider?next=//evil.test") for _ in range(2)]
        asked = {name: value[0] for name, value in parse_qs(urlsplit(first.headers["location"]).query).items()}
        assert asked["response_type"] == "code"
        assert (asked["code_challenge_method"], asked["scope"]) == ("S256", "openid email profile")
        assert asked["redirect_uri"] == "http://desk.test/login/provider/back"
        other = parse_qs(urlsplit(second.headers["location"]).query)
        for name in ("state", "nonce", "code_challenge"):
            assert len(asked[name]) >= 43
            assert other[name] != [asked[name]]
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert asked["nonce"] not in cookie
        assert (await Browser(world).open("/login/provider/back?code=x&state=y")).status_code == 401


FORGED: dict[str, Bend] = {
    "of another issuer": lambda claims: claims | {"iss": "http://evil.test"},
    "for another desk": lambda claims: claims | {"aud": "another"},
    "for many, given to another": lambda claims: claims | {"aud": [CLIENT, "another"], "azp": "another"},
    "for many, given to nobody": lambda claims: claims | {"aud": [CLIENT, "another"]},
    "given to another": lambda claims: claims | {"azp": "another"},
    "of another attempt": lambda claims: claims | {"nonce": "x" * 43},
    "of no attempt": lambda claims: {name: claims[name] for name in claims if name != "nonce"},
    "expired": lambda claims: claims | {"exp": claims["iat"] - 61},
    "without an end": lambda claims: {name: claims[name] for name in claims if name != "exp"},
    "not good yet": lambda claims: claims | {"nbf": claims["iat"] + 120},
    "made long ago": lambda claims: claims | {"iat": claims["iat"] - 1000},
    "made later": lambda claims: claims | {"iat": claims["iat"] + 1000},
    "about nobody": lambda claims: claims | {"sub": ""},
    "about a number": lambda claims: claims | {"sub": 7},
    "with odd times": lambda claims: claims | {"exp": True},
    "without an address": lambda claims: claims | {"email": "nobody"},
}


def _unsigned(provider: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": "k1"})


def _with_the_public_key(provider: Provider, claims: dict[str, Any]) -> str:
    """Sign with HMAC and what everybody knows (the oldest trick)."""

    numbers = key_named("k1").public_key().public_numbers()
    parts = [{"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims]
    text = ".".join(base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=").decode() for part in parts)
    mac = hmac.new(str(numbers.n).encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _with_another_key(provider: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, key_named("evil"), algorithm="RS256", headers={"kid": "k1"})


def _with_a_key_of_its_own(provider: Provider, claims: dict[str, Any]) -> str:
    headers = {"kid": "evil", "jku": f"{provider.issuer}/evil", "jwk": {"kty": "RSA"}}
    return jwt.encode(claims, key_named("evil"), algorithm="RS256", headers=headers)


def _with_another_hash(provider: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, key_named("k1"), algorithm="RS512", headers={"kid": "k1"})


def _changed_afterwards(provider: Provider, claims: dict[str, Any]) -> str:
    head, _, mac = jwt.encode(claims, key_named("k1"), algorithm="RS256", headers={"kid": "k1"}).split(".")
    body = base64.urlsafe_b64encode(msgspec.json.encode(claims | {"sub": "ada"})).rstrip(b"=").decode()
    return f"{head}.{body}.{mac}"


SIGNED = {
    "not signed": _unsigned,
    "signed with the public key": _with_the_public_key,
    "signed by another": _with_another_key,
    "signed with a key of its own": _with_a_key_of_its_own,
    "signed in another way": _with_another_hash,
    "changed after it was signed": _changed_afterwards,
    "no token": lambda provider, claims: "not.a.token",
    "empty": lambda provider, claims: "",
}


async def test_no_forged_token_lets_anybody_in(tmp_path: Path) -> None:
    async with open_provider(**UNA) as provider, desk_with(tmp_path, provider, auth__login_tries=100) as world:
        for what, bend in FORGED.items():
            provider.bend = bend
            page = await come_in(Browser(world))
            assert (page.status_code, "did not succeed" in page.text) == (401, True), what
        provider.bend = lambda claims: claims
        for what, sign in SIGNED.items():
            provider.sign = sign
            page = await come_in(Browser(world))
            assert (page.status_code, "did not succeed" in page.text) == (401, True), what
        provider.sign = None
        assert await world.sql("SELECT id FROM users_person") == []
        assert (await come_in(Browser(world))).status_code == 200


async def test_a_way_back_is_good_in_its_browser_once_and_not_for_long(tmp_path: Path) -> None:
    async with open_provider(**UNA) as provider, desk_with(tmp_path, provider) as world:
        una, eve = Browser(world), Browser(world)
        stolen = await go_there(una)
        assert (await eve.open(stolen)).status_code == 401  # no attempt in this browser
        await go_there(eve)
        assert (await eve.open(stolen)).status_code == 401  # an attempt, but another one
        wrong = {"state": ["x" * 43], "code": ["", "another"], "iss": ["http://evil.test", ""]}
        for name, value in [(name, value) for name, values in wrong.items() for value in values]:
            bent = httpx.URL(await go_there(una)).copy_set_param(name, value)
            assert (await una.open(str(bent))).status_code == 401, (name, value)
        back = await go_there(una)
        assert (await una.open(back)).status_code == 200
        await una.http.post("/logout")
        assert (await una.open(back)).status_code in (200, 401)
        una.http.cookies.delete(SESSION)
        assert (await una.open(back)).status_code == 401  # used
        late = await go_there(una)
        await world.advance(minutes=10)
        assert (await una.open(late)).status_code == 401


async def test_who_is_deactivated_stays_so_and_accounts_are_linked_only_where_that_is_allowed(tmp_path: Path) -> None:
    async with open_provider(**UNA) as provider:
        async with desk_with(tmp_path / "a", provider) as world:
            await make_person(world, "ADMIN", email="una@desk.test")
            page = await come_in(Browser(world))
            assert (page.status_code, "already" in page.text) == (403, True)
        async with desk_with(tmp_path / "b", provider, oidc__link_by_email=True) as world:
            una = await make_person(world, "AGENT", email="UNA@desk.test")
            ada = await make_person(world, "ADMIN")
            provider.user = UNA | {"email_verified": False}
            assert (await come_in(Browser(world))).status_code == 403
            provider.user = UNA | {"email_verified": "true"}  # a word is no promise
            assert (await come_in(Browser(world))).status_code == 403
            provider.user = UNA
            assert (await come_in(Browser(world))).status_code == 200
            provider.user = UNA | {"email": "una.new@desk.test"}  # who they are is the subject, not the address
            assert (await come_in(Browser(world))).status_code == 200
            [row] = await world.sql("SELECT person_id FROM users_identity")
            assert row["person_id"] == una.id
            path = f"/api/users/admin/{una.id}"
            assert (await world.http.patch(path, json={"active": False}, headers=ada.headers)).status_code == 200
            assert (await come_in(Browser(world))).status_code == 401
            provider.user = UNA | {"sub": "another"}
            assert (await come_in(Browser(world))).status_code == 401
            [mail] = await world.sql("SELECT kind FROM users_mail")
            assert mail["kind"] == "LINKED"
        async with desk_with(tmp_path / "c", provider, oidc__create_accounts=False) as world:
            assert (await come_in(Browser(world))).status_code == 403
            assert await world.sql("SELECT id FROM users_person") == []


async def test_roles_follow_the_claim_and_the_last_administrator_stays(tmp_path: Path) -> None:
    groups = {"oidc__roles_claim": "realm.groups", "oidc__roles": ("admins=ADMIN", "a=b=AGENT")}
    async with open_provider(**UNA) as provider, desk_with(tmp_path, provider, **groups) as world:

        async def roles_with(*held: str) -> str:
            provider.user = UNA | {"realm": {"groups": list(held)}}
            assert (await come_in(Browser(world))).status_code == 200
            return str((await world.sql("SELECT roles FROM users_person WHERE email = 'una@desk.test'"))[0]["roles"])

        assert await roles_with("a=b", "other", "ADMIN") == "AGENT"
        assert await roles_with("admins", "a=b") == "AGENT ADMIN"
        assert await roles_with() == "AGENT ADMIN"  # nobody else would be left
        browser = Browser(world)
        await come_in(browser)
        await make_person(world, "ADMIN")
        assert "ADMIN" in (await world.sql("SELECT roles FROM users_person WHERE email = 'una@desk.test'"))[0]["roles"]
        assert await roles_with() == "USER"
        assert "/login" in str((await browser.open("/profile")).url)  # the rights of before ended at once


async def test_keys_are_changed_while_people_sign_in(tmp_path: Path) -> None:
    async with open_provider(**UNA) as provider, desk_with(tmp_path, provider) as world:
        assert (await come_in(Browser(world))).status_code == 200
        provider.kid, provider.published = "k2", ["k1", "k2"]
        assert (await come_in(Browser(world))).status_code == 401  # the keys were read a moment ago
        await world.advance(minutes=1)
        assert (await come_in(Browser(world))).status_code == 200
        assert provider.asked.count("/keys") == 2
        provider.kid, provider.published = "k1", ["k2"]
        await world.advance(hours=1)
        assert (await come_in(Browser(world))).status_code == 401  # withdrawn


async def test_a_provider_that_hangs_is_asked_once_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("answerable.users.queries.provider.PAUSE", 600)
    document = "/.well-known/openid-configuration"

    async def opened(world: World, addresses: list[str], browsers: list[Browser]) -> list[int]:
        pages = [browser.open(address) for browser, address in zip(browsers, addresses, strict=True)]
        return [page.status_code for page in await asyncio.gather(*pages)]

    async with open_provider(**UNA) as provider, desk_with(tmp_path, provider, oidc__timeout_seconds=1.0) as world:
        known, browsers = door_of(world).provider, [Browser(world) for _ in range(5)]
        provider.silent = {document}
        assert await opened(world, ["/login/provider"] * 5, browsers) == [503] * 5
        assert await opened(world, ["/login/provider"] * 5, browsers) == [503] * 5
        assert provider.asked == [document]
        provider.silent, known._away_until = {"/keys"}, 0.0
        backs = [await go_there(browser) for browser in browsers]
        assert await opened(world, backs, browsers) == [503] * 5
        assert provider.asked.count("/keys") == 1
        provider.silent, known._away_until = set(), 0.0
        assert await opened(world, [await go_there(browser) for browser in browsers], browsers) == [200] * 5
        assert (provider.asked.count(document), provider.asked.count("/keys")) == (2, 2)


async def test_a_provider_that_is_away_or_another_one_is_told_kindly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("answerable.users.queries.provider.PAUSE", 0)  # it is put right in no time
    async with open_provider(**UNA) as provider, desk_with(tmp_path, provider) as world:
        for document in ({"issuer": "http://evil.test"}, {"jwks_uri": None}, {"token_endpoint": "file:///etc/passwd"}):
            provider.document = document
            page = await Browser(world).open("/login/provider")
            assert page.status_code == 503, document
            assert "does not answer right now" in page.text
        provider.document = {"authorization_endpoint": f"{provider.issuer}/authorize"}
        back = await go_there(browser := Browser(world))
        provider.document, issuer = {}, provider.issuer
    async with desk_with(tmp_path, provider) as world:
        browser.http = Browser(world).http
        assert issuer
        assert (await browser.open(back)).status_code == 401


async def test_a_provider_leads_the_desk_to_no_inner_place(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own place must be public or named by the operator, and so must be whatever its document names."""
    monkeypatch.setattr("answerable.users.queries.provider.PAUSE", 0)
    with socket.create_server(("127.0.0.2", 0)) as inner:
        inner.setblocking(False)
        place = f"http://127.0.0.2:{inner.getsockname()[1]}"
        async with open_provider(**UNA) as provider:
            async with desk_with(tmp_path / "a", provider, oidc__private_networks=()) as world:
                assert (await Browser(world).open("/login/provider")).status_code == 503
                assert provider.asked == []
            async with desk_with(tmp_path / "b", provider, oidc__private_networks=("127.0.0.1/32",)) as world:
                assert (await come_in(Browser(world))).status_code == 200
                for number, name in enumerate(("token_endpoint", "jwks_uri"), 1):
                    provider.document, provider.kid = {name: f"{place}/{name}"}, f"k{number}"
                    await world.advance(hours=1, minutes=1)
                    assert (await come_in(Browser(world))).status_code == 503, name
        with pytest.raises(BlockingIOError):
            inner.accept()  # nobody came
    assert capfd.readouterr().out.count("must be a public address") == 2
    with pytest.raises(Invalid, match=r"oidc\.private_networks"):
        checked(Settings().with_values("test", oidc__private_networks=("10.1.0.0/33",)))


async def test_the_desks_second_factor_is_asked_for_all_the_same(tmp_path: Path) -> None:
    must = {"auth__require_second_factor": ("USER",), "auth__second_factor_grace_days": 0}
    async with open_provider(**UNA) as provider:
        async with desk_with(tmp_path / "a", provider, **must) as world:
            assert "Set up a second factor" in (await come_in(Browser(world))).text
        async with desk_with(tmp_path / "b", provider, **must, oidc__trust_second_factor=True) as world:
            assert str((await come_in(Browser(world))).url).endswith("/profile")


async def test_a_session_is_new_at_each_sign_in(world: World) -> None:
    una = await make_person(world, email="una@desk.test")
    browser = Browser(world)
    browser.http.cookies.set(SESSION, "chosen-by-somebody-else", domain="desk.test")
    await browser.sign_in(una, next="/profile")
    first = browser.http.cookies.get(SESSION, domain="desk.test") or browser.http.cookies[SESSION]
    assert first != "chosen-by-somebody-else"
    again = Browser(world)
    await again.sign_in(una, next="/profile")
    assert again.http.cookies[SESSION] != first


HEADERS = ("Remote-User", "X-Remote-User", "X-Forwarded-User", "X-Auth-Request-Email", "X-Authenticated-User", "From")


async def test_no_header_says_who_somebody_is(world: World) -> None:
    ada, una = await make_person(world, "ADMIN", email="ada@desk.test"), await make_person(world)
    for header in HEADERS:
        for value in (ada.id, ada.email, ada.name):
            assert (await ask(world, "GET", "/api/auth/me", {header: value})).status == 401, header
            me = await world.http.get("/api/auth/me", headers=una.headers | {header: value})
            assert json_of(me)["id"] == una.id, header


def test_a_provider_is_reached_by_tls_unless_a_test_says_otherwise() -> None:
    right = {"oidc__client_id": "x", "oidc__client_secret": "y"}
    checked(Settings().with_values("test", oidc__issuer="https://login.test/realms/desk", **right))
    for wrong in (
        {"oidc__issuer": "http://login.test"},
        {"oidc__issuer": "https://login.test", "oidc__client_secret": ""},
        {"oidc__issuer": "https://login.test", "oidc__scopes": ("email",)},
        {"oidc__issuer": "https://login.test", "oidc__roles": ("admins=KING",)},
        {"oidc__issuer": "https://login.test/?a=b"},
    ):
        with pytest.raises(Invalid):
            checked(Settings().with_values("test", **(right | wrong)))


async def test_a_desk_without_a_provider_has_no_such_door(world: World) -> None:
    for path in ("/login/provider", "/login/provider/back?code=x&state=y"):
        assert (await world.http.get(path, headers=BROWSER)).status_code == 404
