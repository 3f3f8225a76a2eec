"""6: the desk goes to public places only, however an address is written and whatever a name server says."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import pytest

from answerable.infra.fetching import exchange, fetch, post
from answerable.infra.places import check_url, may_go_to, networks_of
from answerable.kernel.errors import Invalid
from tests.people import make_person
from tests.world import World

PRIVATE_4 = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.0.1.1",
    "127.1.2.3",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.1.254",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
]
PRIVATE_6 = [
    "::",
    "::1",
    "::2",
    "::ffff:0:0",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "::7f00:1",
    "::8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2001:db8:ffff::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:c0a8:101::1",
    "2002:808:808::",
    "2620:4f:8000::1",
    "3fff::1",
    "3fff:fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fd12:3456:789a:1::1",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::1",
    "ff01::1",
    "ff02::1",
    "ff05::2",
    "ff0e::1",
    "4000::1",
    "6000::1",
    "8000::1",
    "e000::1",
    "0400::1",
    "1fff:ffff::1",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "9.9.9.9",
    "93.184.215.14",
    "2606:4700:4700::1111",
    "2620:fe::fe",
    "2a00:1450:4001:82a::200e",
]


def spellings_of(quad: str) -> list[str]:
    """Write an IPv4 address in the ways that some readers understand."""
    number = int(IPv4Address(quad))
    a, b, c, d = (int(part) for part in quad.split("."))
    wide = str.maketrans("0123456789.", "０１２３４５６７８９．")
    return [
        str(number),
        hex(number),
        hex(number).upper().replace("X", "x"),
        f"0{number:o}",
        f"0x{a:02x}.0x{b:02x}.0x{c:02x}.0x{d:02x}",
        f"0x{a:x}.{b}.{c}.{d}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"0{a:o}.{b}.0x{c:x}.{d}",
        f"000{a:o}.{b}.{c}.{d}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:x}.{number & 0xFFFFFF}",
        f"{quad}.",
        f"{quad}..",
        f".{quad}",
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{a + 256}.{b}.{c}.{d}",
        f"{number + 2**32}",
        quad.replace(".", "。"),
        quad.replace(".", "．"),
        quad.replace(".", "｡"),
        quad.replace(".", "%2e"),
        quad.translate(wide),
        f"①{quad[1:]}",
        f"{quad}%00",
        f"{quad}%00.example.com",
        f"{quad}\t",
        f"{quad}\\@example.com",
        f"[{quad}]",
        f"[::{quad}]",
        f"[::ffff:{quad}]",
        f"[0:0:0:0:0:ffff:{quad}]",
        f"[::FFFF:{quad}]",
        f"[64:ff9b::{quad}]",
        f"[::ffff:0:{quad}]",
    ]


HOSTS = [
    *PRIVATE_4,
    *(f"[{place}]" for place in PRIVATE_6),
    *(f"[{IPv6Address(place).exploded}]" for place in PRIVATE_6),
    *(
        spelling
        for quad in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.0.1")
        for spelling in spellings_of(quad)
    ),
    *(
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[::1%25lo]",
        "[::1%lo]",
        "[2606:4700:4700::1111%25eth0]",
        "[v1.x]",
        "[]",
        "[::",
    ),
    *(
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost.localdomain",
        "a.localhost",
        "desk",
        "router",
        "intranet",
        "metadata",
    ),
    *(
        "metadata.google.internal",
        "kubernetes.default.svc.cluster.local",
        "printer.local",
        "nas.lan",
        "db.corp",
        "x.home.arpa",
    ),
    *(
        "ｌｏｃａｌｈｏｓｔ",
        "ⓛocalhost",
        "loc\u00adalhost",
        "ex\u200bample.com",
        "bücher.example",
        "ﬀ.example",
        "127。0。0。1",
    ),
    *(
        "a..b.com",
        "-a.com",
        "a-.com",
        "a_b.com",
        "exa mple.com",
        "example.com%00",
        "1.2.3",
        "1.2.3.4.5",
        "0x7f.1",
        "1.0x7f",
    ),
    *(
        "127.0.0.1.",
        "0",
        "00",
        "0x0",
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0177.1",
        "256.256.256.256",
        "999.1.1.1",
    ),
]
URLS = [
    "http://example.com/",  # plain http is for networks that are allowed
    "https://user@example.com/",
    "https://user:pw@example.com/",
    "https://8.8.8.8@127.0.0.1/",
    "https://127.0.0.1@8.8.8.8/",
    "https://example.com:80@127.0.0.1/",
    "https://@127.0.0.1/",
    "https://example.com\\@127.0.0.1/",
    "https://:@example.com/",
    "https://example.com#@127.0.0.1/",
    "https://example.com/#x",
    "https://127.0.0.1#.example.com/",
    "https://127.0.0.1?.example.com/",
    "https://127.0.0.1/.example.com",
    "https://127.0.0.1;.example.com/",
    "https://127.0.0.1,example.com/",
    "https:127.0.0.1/",
    "https:/127.0.0.1/",
    "https:///127.0.0.1/",
    "https:////127.0.0.1/",
    "//127.0.0.1/",
    "127.0.0.1",
    "example.com",
    "",
    " ",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "dict://127.0.0.1:11211/",
    "ldap://127.0.0.1/",
    "jar:https://example.com!/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:///var/run/docker.sock",
    "HTTPS://127.0.0.1/",
    "https://example.com:0/",
    "https://example.com:22/",
    "https://example.com:25/",
    "https://example.com:65536/",
    "https://example.com:99999/",
    "https://example.com:-1/",
    "https://example.com:x/",
    "https://example.com:/",
    "https://example.com: 443/",
    "https://example.com:６６/",
    "https://example.com\r\nHost: x/",
    "https://example.com/\r\nX: y",
    "https://example.com/ x",
    "https://example.com/\x00",
    "https://exam\nple.com/",
    " https://example.com/",
    "https://example.com/\t",
    "https://example.com/é",
    "https://example.com/" + "a" * 2000,
    "https://[::1]:443/",
    "https://[::1].example.com/",
    "https://[::1]example.com/",
    "https://[::ffff:127.0.0.1]:8443/",
    "https://::1/",
    "https://2130706433:443/",
    "https://0x7f000001:8443/hook",
    "https://127.0.0.1:8443/hook",
    "https://169.254.169.254/latest/meta-data/",
]


def test_the_table_is_as_long_as_it_was_promised() -> None:
    assert len(set(HOSTS)) + len(set(URLS)) >= 300, (len(set(HOSTS)), len(set(URLS)))


@pytest.mark.parametrize("place", [*PRIVATE_4, *PRIVATE_6])
def test_no_special_number_is_public(place: str) -> None:
    assert not may_go_to(place, ())


@pytest.mark.parametrize("place", PUBLIC)
def test_public_numbers_are(place: str) -> None:
    assert may_go_to(place, ())
    assert check_url(f"https://[{place}]/hook" if ":" in place else f"https://{place}/hook", ())


def test_no_spelling_of_a_place_that_is_not_public_is_taken() -> None:
    taken, refusals = [], []
    for url in [*URLS, *(f"https://{host}/hook" for host in HOSTS), *(f"https://{host}:8443/" for host in HOSTS)]:
        try:
            taken.append(check_url(url, ()))
        except Invalid as refusal:
            refusals.append(refusal)
    assert taken == []
    assert all(refusal.errors[0].startswith("url: ") for refusal in refusals)


def test_plain_names_and_ports_of_the_web_are_taken() -> None:
    for url in (
        "https://example.com/hook",
        "https://example.com",
        "https://EXAMPLE.com:8443/a/b?c=d&e=%20",
        "https://xn--bcher-kva.example/hook",
        "https://a-b.c1.example.co.uk:443/",
    ):
        assert check_url(url, ()) == url


def test_an_operator_allows_networks_by_name_and_no_more_than_those() -> None:
    allowed = networks_of(("10.1.0.0/16", "127.0.0.0/8"))
    for url in (
        "http://10.1.2.3:8080/",
        "https://10.1.255.255/",
        "http://127.0.0.1:9000/hook",
        "http://desk-bot:8080/",
    ):
        assert check_url(url, allowed) == url
    for url in (
        "http://10.2.0.1/",
        "https://192.168.0.1/",
        "http://[::1]/",
        "https://[::ffff:10.1.2.3]/",
        "http://0x7f000001/",
    ):
        with pytest.raises(Invalid):
            check_url(url, allowed)
    assert not may_go_to("::ffff:127.0.0.1", allowed)
    assert may_go_to("fd00::5", [ip_network("fd00::/64")])


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%2"],
        ["8.8.8.8", "127.0.0.1"],  # one of several is enough
        ["2606:4700:4700::1111", "fd00:ec2::254"],
    ],
)
def test_a_name_is_judged_by_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:  # stands for a name server, which is not part of the desk
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, 443)) for place in answers]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went there"))
    with pytest.raises(Invalid, match="not public"):
        post("https://rebound.example/hook", b"{}", {})
    with pytest.raises(Invalid, match="not public"):  # what a provider of sign-in names
        fetch("https://rebound.example/keys", allowed=())
    with pytest.raises(Invalid, match="not public"):
        exchange("https://rebound.example/token", {}, {}, allowed=())


def test_where_a_provider_may_be_is_judged_as_it_is_for_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went there"))
    for url in [*URLS, *(f"https://{host}/keys" for host in HOSTS)]:
        with pytest.raises(Invalid):
            fetch(url, allowed=())
        with pytest.raises(Invalid):
            exchange(url, {"code": "x"}, {}, allowed=())


def test_a_second_answer_of_a_name_server_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: public when it is judged, private a moment later. It is asked once, and what it said is kept."""
    asked, went = [], []

    def resolve(*_: Any, **__: Any) -> list[Any]:
        asked.append(1)
        place = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, 443))]

    def connect(_: socket.socket, place: tuple[str, int]) -> None:
        went.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(Exception, match="nobody listens"):
        post("https://rebound.example/hook", b"{}", {})
    assert (len(asked), went) == (1, [("93.184.215.14", 443)])


async def test_an_administrator_cannot_point_a_webhook_inside(world: World) -> None:
    admin = await make_person(world, "ADMIN")
    for url in (
        "https://169.254.169.254/",
        "http://127.0.0.1:8765/api/users/admin",
        "https://[::1]/",
        "https://2130706433/",
    ):
        body = {"name": "Inside", "url": url, "events": ["TICKET_CREATED"]}
        refused = await world.http.post("/api/webhooks", json=body, headers=admin.headers)
        assert refused.status_code == 400, url
        assert refused.json()["errors"][0].startswith("url: ")
