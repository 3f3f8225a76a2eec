"""Everything that is read from outside: whatever it is, it is read or refused in words, and in linear time."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answerable.commands.replay.log import read_log
from answerable.gateway.live.marks import Marks
from answerable.infra.bus.wire import Poison, message_of
from answerable.infra.database.search import sqlite_query, words
from answerable.infra.web import idempotency
from answerable.infra.web.bodies import check_media_type, read_json
from answerable.infra.web.cookies import is_form_token, read_cookie
from answerable.infra.web.forms import fields_in, local_path, whole_number
from answerable.infra.web.limits import Proxies
from answerable.infra.web.markdown import _render
from answerable.infra.web.multiparts import MULTIPART, parts_in
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.sheet import _prefers_csv, csv_lines
from answerable.infra.web.tokens import BadToken, bearer, key_id
from answerable.infra.web.words import best_language
from answerable.kernel.actor import ANONYMOUS
from answerable.kernel.errors import Problem
from answerable.kernel.paging import decode_cursor, encode_cursor
from answerable.kernel.span import read_span
from answerable.kernel.times import parse_iso
from answerable.settings.reading import Document, load_settings
from answerable.sla.rules import own_terms, toml
from answerable.sla.rules.holidays import read_ics
from answerable.sla.rules.written import read_date, read_duration, read_moment, read_window
from answerable.tickets.rules.views import filter_of
from answerable.users.rules import check_email, check_name
from answerable.users.rules.provider import Untrusted, check_claims, identity_of, read_discovery

TEXT = st.text(st.characters(codec="utf-8"), max_size=120)  # what comes as anything else does not come this far
CASES = int(os.environ.get("PARSER_CASES", "60"))
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
    "csv": (lambda text: list(csv_lines(Line, [Line(text)])), "=1+1", ()),
}


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def texts(right: str) -> st.SearchStrategy[str]:
    """Anything, and what is right but for a part."""
    piece = st.one_of(
        st.text(max_size=40), st.sampled_from(["\x00", "\r\n", "9" * 400, "[" * 300, "\ud800", '"', "%", "\u202e"])
    )

    def spoilt(place: int, cut: int, new: str) -> str:
        return right[:place] + new + right[place + cut :]

    changed = st.builds(spoilt, st.integers(0, len(right)), st.integers(0, 12), piece)
    return st.one_of(TEXT, changed, changed)


@pytest.mark.parametrize("name", PARSERS)
def test_whatever_comes_is_read_or_refused(name: str) -> None:
    read, right, refusals = PARSERS[name]

    @settings(
        max_examples=CASES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(texts(right))
    def holds(text: str) -> None:
        told = ""
        try:
            read(text)
        except refusals as refusal:
            told = str(refusal)
        assert len(told) < 5000

    holds()


UNITS = (
    *("a", " ", "[", "(", "*", "_", "`", "<", "> ", "![", "](", "| a ", "- ", "\n", "~~", "\\", "&", "a@", "=", ";"),
    *("http://a.b/", "%41&", '"', "{", "1,", "\t", "<!--", "[a]: b\n", "***a "),
)


@pytest.mark.parametrize("name", PARSERS)
def test_reading_takes_time_in_proportion(name: str) -> None:
    """Four times as much takes at most some ten times as long; what is quadratic takes sixteen times."""
    read, right, refusals = PARSERS[name]

    def seconds(text: str) -> float:
        began = time.process_time()
        with suppress(*refusals):
            read(text)
        return time.process_time() - began

    for unit in (*UNITS, right):
        small, large = (unit * (length // len(unit)) for length in (5_000, 20_000))
        took = seconds(large)
        if took < 0.05:
            continue
        ratio = min(seconds(large) / max(seconds(small), 1e-4) for _ in range(3))
        assert ratio < 11, f"{unit!r}: {took:.3f} s, {ratio:.1f} times as long for four times as much"
