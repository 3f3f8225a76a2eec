"""Everything that reads what comes from outside: each parser, what it reads when all is right, and how it refuses."""

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.commands.replay.log import read_log
from answerable.commands.top.reading import _reasons, _with_numbers
from answerable.gateway.live.handler import token_ends_at
from answerable.gateway.live.marks import Marks
from answerable.infra.bus.wire import Poison, message_of
from answerable.infra.database.backup.postgres import _without_password
from answerable.infra.database.postgres.address import check_address, check_schema, is_postgres
from answerable.infra.database.search import sqlite_query, words
from answerable.infra.fetching import Address, _on_one_line
from answerable.infra.mail import Mailer
from answerable.infra.places import check_url, networks_of
from answerable.infra.web import idempotency
from answerable.infra.web.bodies import check_media_type, read_json
from answerable.infra.web.cookies import is_form_token, read_cookie
from answerable.infra.web.edge import _request_id
from answerable.infra.web.forms import fields_in, local_path, whole_number
from answerable.infra.web.inner import InnerDoor
from answerable.infra.web.limits import Proxies
from answerable.infra.web.markdown import _render
from answerable.infra.web.multiparts import MULTIPART, parts_in
from answerable.infra.web.problems import _page_around
from answerable.infra.web.request import DeskRequest, read_body
from answerable.infra.web.sheet import _prefers_csv, csv_lines
from answerable.infra.web.tokens import TYPE, BadToken, bearer, key_id, read_token
from answerable.infra.web.words import best_language
from answerable.infra.web.words import zone_of as shown_zone
from answerable.kernel.actor import ANONYMOUS
from answerable.kernel.errors import Problem, Unauthenticated
from answerable.kernel.paging import decode_cursor, encode_cursor
from answerable.kernel.span import days_between, read_span
from answerable.kernel.times import parse_iso
from answerable.settings import Settings
from answerable.settings.reading import Document, load_settings
from answerable.settings.sections import Auth, Mail
from answerable.sla.rules import own_terms, toml
from answerable.sla.rules.calendar import zone_of
from answerable.sla.rules.holidays import read_ics
from answerable.sla.rules.vectors import due_of, read_vectors
from answerable.sla.rules.written import read_date, read_duration, read_moment, read_window
from answerable.tickets.pages.screens import place_of
from answerable.tickets.rules.filter import clean_sort
from answerable.tickets.rules.ticket import known_status
from answerable.tickets.rules.views import filter_of
from answerable.users.queries.provider import _key_of, _list, _object, open_attempt
from answerable.users.rules import check_email, check_name, device_of
from answerable.users.rules.provider import Untrusted, check_claims, identity_of, read_discovery
from answerable.users.rules.second import matching_step, tidy_code

NOBODY = cast(Any, SimpleNamespace(actor=ANONYMOUS))
ICS = (
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:New Year\r\nDTSTART;VALUE=DATE:20260101\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
LOG = (
    "number,incident_state,sys_mod_count,caller_id,opened_at,sys_updated_at,category,priority,assigned_to\n"
    "INC1,New,0,Caller 1,29/2/2016 01:16,29/2/2016 01:23,Category 55,3 - Moderate,?\n"
)
RECORD = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"x"),
    ("ce_type", b"TICKET_CREATED"),
    ("ce_time", b"2026-03-02T09:00:00Z"),
    ("ce_sequence", b"1"),
    ("ce_actor", b"a"),
    ("ce_actorkind", b"person"),
    ("ce_depth", b"0"),
]


FILES = (
    '--x\r\nContent-Disposition: form-data; name="file"; filename="a.ics"\r\n'
    "Content-Type: text/calendar\r\n\r\nBEGIN\r\n--x--\r\n"
)
DISCOVERY = (
    '{"issuer": "https://id.test", "authorization_endpoint": "https://id.test/a", "token_endpoint": "https://id.test/t",'
    ' "jwks_uri": "https://id.test/k", "token_endpoint_auth_methods_supported": ["client_secret_post"]}'
)
CLAIMS = (
    '{"iss": "https://id.test", "aud": ["desk"], "azp": "desk", "nonce": "n", "sub": "7", "exp": 90, "iat": 30,'
    ' "nbf": 30, "email": "una@desk.test", "name": "Una", "groups": {"desk": ["staff"]}}'
)


class Line(msgspec.Struct):
    """A row of a table."""

    text: str


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A body of a request."""

    title: str
    count: int = 0
    tags: list[str] = []


def _file(text: str) -> Any:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "log.csv"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        return read_log(file)


def _record(text: str) -> Any:
    raw = text.encode("utf-8", "surrogatepass")
    for place in range(len(RECORD)):
        headers = [(name, raw if number == place else value) for number, (name, value) in enumerate(RECORD)]
        try:
            message_of("answerable.tickets", b"k", b"{}", headers, "here")
        except Poison:
            continue
    return message_of("answerable.tickets", raw, raw, RECORD, "here")


def _settings(text: str) -> Any:
    return load_settings(Document("file", text), {})


def _tag(text: str) -> Any:
    asked: Any = {
        "type": "http",
        "headers": [(b"if-match", _raw(text))],
        "state": {"headers": {b"if-match": _raw(text)}},
    }
    return DeskRequest(asked).expected_version()


def _json(text: str) -> Any:
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(_raw(text))
    return text


def _claims(text: str) -> Any:
    claims = _json(text)
    if isinstance(claims, dict):
        check_claims(claims, issuer="https://id.test", client="desk", nonce="n", now=60_000_000)
        identity_of(claims, "https://id.test", "groups.desk", ["staff=AGENT"])


KEY = Ed25519PrivateKey.generate()
ISSUED = '{"iss": "answerable", "aud": "answerable", "sub": "x", "iat": 1, "exp": 9, "jti": "y", "ver": 1}'
JWK = (
    '{"kty": "OKP", "crv": "Ed25519", "kid": "k", "use": "sig", "alg": "EdDSA",'
    ' "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
)
RSA = '{"kty": "RSA", "kid": "r", "alg": "RS256", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri", "e": "AQAB"}'
VECTORS = (
    '[{"id": "a", "target_minutes": 30, "created_utc": "2026-03-02T09:00:00Z", "pauses_utc": [["2026-03-02T09:10:00Z",'
    ' null]], "calendars": [{"tz": "Europe/Berlin", "week": {"0": [["09:00", "17:00"]]}, "holidays": ["2026-12-25"]}]}]'
)
NUMBERS = (
    '# TYPE answerable_consumer_lag gauge\nanswerable_consumer_lag{consumer="sla"} 3\n'
    "# TYPE answerable_live_streams gauge\nanswerable_live_streams 7\n"
)


def _token(text: str) -> Any:
    """Read a token that is signed as it must be, with what it says."""
    claims = _json(text)
    with suppress(TypeError, ValueError):  # what cannot be signed
        token = jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k", "typ": TYPE})
        return read_token(token, {"k": KEY.public_key()}, Auth()), token_ends_at(f"Bearer {token}")
    return None


def _token_head(text: str) -> Any:
    head = base64.urlsafe_b64encode(_raw(text)).rstrip(b"=").decode()
    return key_id(f"{head}.e30.AA")


def _inner(text: str) -> Any:
    settings = Settings().with_values("test", peers__secret="Kq3v-9Wd_x7Tz1LmB5nRc8YpGf2HsJ4uE6aQ0oXi")
    return InnerDoor(settings, lambda: 0, lambda roles: frozenset(roles)).open(_raw(text))


def _keys(text: str) -> Any:
    found = _object(_raw(text))
    return [_key_of(each) for each in (found, *_list(found.get("keys")), *_list([found]))]


def _announced(text: str) -> Any:
    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    return asyncio.run(read_body({b"content-length": _raw(text)}, receive, 1000))


def _where(text: str) -> Any:
    found = Address.of(text)
    return found.port, found.host, found.origin, found.target, found.credentials, str(found)


def _database(text: str) -> Any:
    return is_postgres(text), _without_password(check_address(text)), check_schema(text)


def _second(text: str) -> Any:
    return matching_step(b"k" * 20, tidy_code(text), 10**15, 0)


# What is read, what it looks like when it is right, and how it is refused.
PARSERS: dict[str, tuple[Callable[[str], Any], str, tuple[type[Exception], ...]]] = {
    "markdown": (
        lambda text: _render(_raw(text).decode(errors="replace")),
        "# A *b* `c` [d](https://e.test) | f |\n> 1. g\n",
        (),
    ),
    "cursor": (lambda text: decode_cursor(text, "-createdAt"), encode_cursor("-createdAt", 1, 1), (Problem,)),
    "accept-language": (best_language, "de-CH, de;q=0.9, en;q=0.8", ()),
    "accept": (_prefers_csv, "text/csv, application/json;q=0.5", ()),
    "cookie": (
        lambda text: read_cookie({b"cookie": _raw(text)}, "answerable_session"),
        "answerable_session=x; a=b",
        (),
    ),
    "form token": (lambda text: is_form_token(text, b"k" * 32), "A" * 86 + "==", ()),
    "form": (lambda text: fields_in(_raw(text)), "a=1&b=%41&c=+", (Problem,)),
    "json": (lambda text: read_json(_raw(text), Body), '{"title": "x", "tags": ["y"]}', (Problem,)),
    "idempotency key": (lambda text: idempotency.claim(text, ANONYMOUS, "a", "f"), "key-1", (Problem,)),
    "last event id": (lambda text: Marks().open(text, b"1234"), "A" * 22, ()),
    "bearer": (lambda text: key_id(bearer(text)), "Bearer aaaa.bbbb.cccc", (BadToken,)),
    "instant": (parse_iso, "2026-03-02T09:00:00Z", (ValueError, OverflowError)),
    "path": (local_path, "/queue?view=all", ()),
    "number": (whole_number, "12", ()),
    "search": (lambda text: (words(text), sqlite_query(text)), "printer fire", ()),
    "filter": (lambda text: filter_of(lambda _: text, ANONYMOUS), "all", ()),
    "terms": (lambda text: toml.read_toml(_raw(text)), toml.write_toml(own_terms()), (Problem,)),
    "settings": (_settings, "[server]\nport = 8765\n[sla]\nwarn_share = 0.75\n", (Problem,)),
    "calendar file": (read_ics, ICS, (Problem,)),
    "incident log": (_file, LOG, (Problem,)),
    "cloud event": (_record, '{"ticket": {"id": "x"}}', (Poison,)),
    "email": (lambda text: check_email(text), "una@desk.test", (Problem,)),
    "name": (lambda text: check_name(text), "Una Owner", (Problem,)),
    "if match": (_tag, '"3"', (Problem,)),
    "media type": (check_media_type, "application/json; charset=utf-8", (Problem,)),
    "forwarded for": (
        lambda text: Proxies(("10.0.0.0/8",)).client_of("10.0.0.1", _raw(text)),
        "192.0.2.7, 2001:db8::1, 10.0.0.2",
        (),
    ),
    "form with files": (lambda text: parts_in(MULTIPART + "; boundary=x", _raw(text), 20), FILES, (Problem,)),
    "kind of form": (lambda text: parts_in(text, FILES.encode(), 20), MULTIPART + '; boundary="x"', (Problem,)),
    "working time": (read_duration, "1h 30m", (ValueError,)),
    "level": (read_moment, "deadline + 4h", (ValueError,)),
    "window": (read_window, "22:00-06:00", (ValueError,)),
    "day": (read_date, "2026-12-25", (ValueError,)),
    "span": (lambda text: read_span(text, text), "2026-03-02", (Problem,)),
    "provider's addresses": (lambda text: read_discovery(_json(text), "https://id.test"), DISCOVERY, (Untrusted,)),
    "provider's claims": (_claims, CLAIMS, (Untrusted,)),
    "provider's keys": (_keys, JWK, (Untrusted,)),
    "provider's RSA keys": (_keys, '{"keys": [' + RSA + "]}", (Untrusted,)),
    "sign-in begun": (lambda text: open_attempt("s" * 40, "state", text, 0), "A" * 88, ()),
    "token": (_token, ISSUED, (BadToken, Unauthenticated)),
    "head of a token": (_token_head, '{"alg": "EdDSA", "typ": "at+jwt", "kid": "k"}', (BadToken,)),
    "who asks a service": (_inner, "eyJhbGciOiJIUzI1NiIsInR5cCI6ImlubmVyK2p3dCJ9.e30.AAAA", (Unauthenticated,)),
    "page around": (lambda text: _page_around({b"hx-current-url": _raw(text)}), "https://desk.test/queue?view=all", ()),
    "place of a form": (lambda text: place_of(NOBODY, text), "/queue?view=all&ticket=x&all=1", (Problem,)),
    "length of a body": (_announced, "12", (Problem,)),
    "request id": (lambda text: _request_id(_raw(text)), "0190-aa", ()),
    "browser": (device_of, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ()),
    "code": (_second, "123-456", ()),
    "order of a list": (clean_sort, "createdAt,desc", (Problem,)),
    "status": (known_status, "OPEN", (Problem,)),
    "zone": (lambda text: (shown_zone(text), zone_of(text)), "Europe/Berlin", (ValueError,)),
    "days": (lambda text: days_between(text, text, ZoneInfo("Europe/Berlin")), "2026-03-02", (Problem,)),
    "address of a webhook": (lambda text: check_url(text, ()), "https://example.com:8443/hook?a=b", (Problem,)),
    "address in a network": (
        lambda text: check_url(text, networks_of(["10.0.0.0/8"])),
        "http://10.0.0.1:8080/hook",
        (Problem,),
    ),
    "answer of a webhook": (lambda text: _on_one_line(_raw(text)), "Thank you\r\n", ()),
    "address of settings": (_where, "https://a:b@desk.test:8443/answerable.toml?x=y", (Problem,)),
    "redirect": (
        lambda text: str(Address.of("https://desk.test/a").redirected(text)),
        "/b/answerable.toml",
        (Problem,),
    ),
    "database": (_database, "postgresql://user:word@host:5432/name?sslmode=require", (Problem,)),
    "sender of mail": (lambda text: Mailer(replace(Mail(), sender=text)), "Answerable <desk@localhost>", (Problem,)),
    "vectors": (lambda text: [due_of(each) for each in read_vectors(_raw(text))], VECTORS, (Problem,)),
    "numbers of a desk": (
        lambda text: _with_numbers("sla", "http://a", True, (), text),
        NUMBERS,
        (ValueError, OverflowError, KeyError),
    ),
    "why a desk is not ready": (lambda text: _reasons(503, _raw(text)), '{"message": "x", "errors": ["y"]}', ()),
    "csv": (lambda text: list(csv_lines(Line, [Line(text)])), "=1+1", ()),
}


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
