"""Where the desk may be sent by an address that somebody wrote: public places, and what the operator allows besides.

An address is taken only as the standards write it. Every other spelling of a number (octal, hexadecimal, one long
number, foreign digits) is refused, so that no two parts of the desk can read the same text as different places.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_

Network = IPv4Network | IPv6Network
LONGEST_URL = 2000
LOWEST_PORT = 1024  # beside 443 and 80: nobody has the desk talk to a mail server or a shell
WEB_PORTS = (443, 80)
NOT_PUBLIC = N_("must be a public address")
NOT_URL = N_("must be an address like https://example.com/hook")

_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_QUAD = re.compile(r"(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}")
_NUMBERISH = re.compile(r"(\d+|0x[0-9a-f]*)")  # a last label that some readers take for a number
_INNER_NAMES = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "corp",
    "home",
    "private",
    "localdomain",
)

# IANA's registries of special addresses, and what clouds answer their own machines on.
_SPECIAL_4 = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24
192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4
240.0.0.0/4 168.63.129.16/32"""
_REFUSED_4 = tuple(map(IPv4Network, _SPECIAL_4.split()))
# Of IPv6 only what is handed out as global unicast is public: nothing mapped, translated (NAT64), unique local,
# link-local, site-local, multicast or loopback is in it. Taken out of it again: Teredo, ORCHID and other protocols,
# examples, 6to4, and segment routing.
_GLOBAL_6 = IPv6Network("2000::/3")
_REFUSED_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read networks; raises ``ValueError``."""
    return tuple(ip_network(text) for text in texts)


def may_go_to(place: str, allowed: Sequence[Network]) -> bool:
    """Tell whether the desk may connect to a number, public or in a network that the operator allows."""
    if "%" in place:
        return False
    number = ip_address(place)
    if any(number in network for network in allowed if network.version == number.version):
        return True
    if isinstance(number, IPv4Address):
        return number.is_global and not any(number in network for network in _REFUSED_4)
    return number in _GLOBAL_6 and number.is_global and not any(number in network for network in _REFUSED_6)


def check_url(text: str, allowed: Sequence[Network]) -> str:
    """Return an address that may be sent to, as far as its text tells; raises ``Invalid``.

    Names are judged again by what they resolve to, each time that the desk goes there. Plain http and names without a
    public ending are for networks that the operator allows.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _wrong(NOT_URL) from None
    plain = text.isascii() and text.isprintable() and not set(text) & set(' \\"<>^`{|}')
    if not plain or len(text) > LONGEST_URL or parts.scheme not in ("https", "http") or not parts.hostname:
        raise _wrong(NOT_URL)
    if (
        "@" in parts.netloc
        or parts.fragment
        or "#" in text
        or "%" in parts.netloc
        or not text.startswith(f"{parts.scheme}://")
    ):
        raise _wrong(NOT_URL)
    if parts.netloc.endswith(":") or (port is not None and not (port in WEB_PORTS or LOWEST_PORT <= port <= 65535)):
        raise _wrong(N_("must have the port 443, 80, or one from 1024 on"))
    if parts.scheme == "http" and not allowed:
        raise _wrong(N_("must begin with https://"))
    _check_host(parts.netloc, parts.hostname, allowed)
    return text


def _check_host(netloc: str, host: str, allowed: Sequence[Network]) -> None:
    if netloc.startswith("["):
        literal = netloc[1:].partition("]")[0]
        try:
            canonical = IPv6Address(literal).compressed == literal.lower()
        except ValueError:
            raise _wrong(NOT_URL) from None
        if not canonical or not may_go_to(literal, allowed):
            raise _wrong(NOT_PUBLIC)
        return
    name = netloc.partition(":")[0].lower()
    if name != host or ":" in host or len(name) > 253 or not _NAME.fullmatch(name):
        raise _wrong(NOT_URL)
    last = name.rpartition(".")[2]
    if _NUMBERISH.fullmatch(last):
        if (
            not _QUAD.fullmatch(name)
            or any(int(part) > 255 for part in name.split("."))
            or not may_go_to(name, allowed)
        ):
            raise _wrong(NOT_PUBLIC)
    elif not allowed and ("." not in name or name.endswith(tuple(f".{inner}" for inner in _INNER_NAMES))):
        raise _wrong(NOT_PUBLIC)


def _wrong(complaint: str) -> Invalid:
    return Invalid(N_("The desk cannot send to this address."), errors=(f"url: {complaint}",))
