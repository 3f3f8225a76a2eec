"""The HTTP client for an address that somebody names: bounded in size and time, and it stays where it was sent.

The name is resolved once, and only what was found is connected to, so that no second answer of a name server can lead
elsewhere. What is read (``fetch``) may redirect on the same host and port; what is sent (``post``) is not sent on.
Whatever others name leads to public places only (``places.py``), or into networks that the operator allows; the
operator's own configuration may be anywhere. Proxies of the environment are not asked.
"""

import base64
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urljoin, urlsplit

from answerable import __version__
from answerable.infra.places import Network, check_url, may_go_to
from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_

LARGEST = 65_536
BEGINNING = 1024  # bytes read of an answer that nobody waits for
_NOT_THERE = N_("leads to a place that is not public")
REDIRECTS = 3
_PORTS = {"https": 443, "http": 80}
_REDIRECT = (301, 302, 303, 307, 308)


class Away(Exception):
    """Nobody answers there, or not with an answer; ``str()`` says why."""


@dataclass(frozen=True)
class Answer:
    """What came: ``status``, ``body`` (at most 64 KiB) and the ``etag`` to ask with the next time."""

    status: int
    body: bytes
    etag: str


@dataclass(frozen=True)
class Address:
    """An address that may be fetched: https, or http on this machine."""

    parts: SplitResult

    @classmethod
    def of(cls, text: str) -> "Address":
        """Read an address. Raises ``Invalid``, which does not repeat what may be a password."""
        try:
            parts = urlsplit(text)
            usable = text.isascii() and text.isprintable() and " " not in text and parts.port != 0
        except ValueError:
            usable = False
        if not usable or not parts.hostname or parts.scheme not in _PORTS:
            raise Invalid("--config: must be a file, or an address like https://host/answerable.toml.")
        return cls(parts)

    @property
    def port(self) -> int:
        """Return the port, the scheme's own where none is named."""
        return self.parts.port or _PORTS.get(self.parts.scheme, 0)

    @property
    def host(self) -> str:
        """Return the host's name or number."""
        return self.parts.hostname or ""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what a redirect must not leave."""
        return self.parts.scheme, self.host, self.port

    @property
    def target(self) -> str:
        """Return what is asked for: path and query."""
        return (self.parts.path or "/") + (f"?{self.parts.query}" if self.parts.query else "")

    @property
    def credentials(self) -> dict[str, str]:
        """Return the header for a name and password in the address."""
        if self.parts.username is None:
            return {}
        pair = f"{unquote(self.parts.username)}:{unquote(self.parts.password or '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def __str__(self) -> str:
        """Return the address as it may be shown: without name, password and query."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.parts.scheme}://{host}{f':{self.parts.port}' if self.parts.port else ''}{self.parts.path}"

    def redirected(self, location: str) -> "Address":
        """Return where a redirect leads. Raises ``Invalid`` where that is another host, port or scheme."""
        try:
            there = Address(urlsplit(urljoin(self.parts.geturl(), location)))
            plain = location.isascii() and location.isprintable() and " " not in location
            stays = plain and there.origin == self.origin
        except ValueError:
            stays = False
        if not stays:
            raise Invalid(f"{self}: redirects to another place, which is not followed.")
        # The password goes with it, for it stays on the same host.
        return Address(there.parts._replace(netloc=self.parts.netloc))


def exchange(
    text: str,
    form: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    allowed: Sequence[Network] | None = None,
    authorities: str = "",
    seconds: float = 10.0,
) -> Answer:
    """Send a form to an address and return what comes, all in all for ``seconds``. A redirect is the answer.

    Takes ``allowed`` and raises as ``fetch`` does.
    """
    address = Address.of(text)
    places = _resolve(address, text, allowed)
    context = _trust(authorities) if address.parts.scheme == "https" else None
    return _Conversation(address, places, context, seconds).trade(form, headers)


def fetch(
    text: str,
    *,
    allowed: Sequence[Network] | None = None,
    authorities: str = "",
    etag: str = "",
    seconds: float = 10.0,
) -> Answer:
    """Ask for an address with GET, all in all for ``seconds`` (and what the name server takes).

    With ``allowed``, only at a public place or in one of those networks, as ``post`` does; without, anywhere.
    ``authorities`` is a PEM file that replaces the system's. Raises ``Away`` where nobody answers, and ``Invalid``
    where what answers cannot be trusted, leads elsewhere or says too much.
    """
    address = Address.of(text)
    places = _resolve(address, text, allowed)
    context = _trust(authorities) if address.parts.scheme == "https" else None
    end = time.monotonic() + seconds
    for _ in range(REDIRECTS + 1):
        left = max(0.001, end - time.monotonic())
        answer, location = _Conversation(address, places, context, left).ask(etag)
        if not location:
            return answer
        address = address.redirected(location)
    raise Invalid(f"{address}: redirects more than {REDIRECTS} times.")


def post(
    text: str, body: bytes, headers: Mapping[str, str], *, allowed: Sequence[Network] = (), seconds: float = 15.0
) -> tuple[int, str]:
    """Send ``body`` to an address that somebody wrote; return the status and how the answer begins, on one line.

    Only to a public place, or into a network that is ``allowed``: the name is resolved once, all that it resolves to
    must be such places, and only those are connected to. No redirect is followed; a redirect is the answer. All in all
    it takes ``seconds`` (and what the name server takes). Raises ``Away`` where nobody answers, and ``Invalid`` where
    the desk must not go or does not trust the certificate.
    """
    address = Address(urlsplit(check_url(text, allowed)))
    places = _find(address)
    _check_places(address, places, allowed)
    context = _trust("") if address.parts.scheme == "https" else None
    return _Conversation(address, places, context, seconds).tell(body, headers)


def _check_places(address: Address, places: list[Any], allowed: Sequence[Network]) -> None:
    fits = _is_in if address.parts.scheme == "http" else may_go_to
    if not all(fits(place[4][0], allowed) for place in places):
        raise Invalid(_NOT_THERE, errors=(f"url: {_NOT_THERE}",))


def _is_in(place: str, networks: Sequence[Network]) -> bool:
    number = ip_address(place)
    return any(number in network for network in networks if network.version == number.version)


def _trust(authorities: str) -> ssl.SSLContext:
    try:
        changed = os.stat(authorities).st_mtime_ns if authorities else 0
        return _context(authorities, changed, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"ANSWERABLE_CONFIG_CA: {authorities} cannot be used ({error.strerror or error}).") from error


@lru_cache(maxsize=4)
def _context(authorities: str, *_: object) -> ssl.SSLContext:
    """Read the authorities once: the system's are 20 ms of work, in which nothing else in the process goes on."""
    return ssl.create_default_context(cafile=authorities or None)


def _find(address: Address) -> list[Any]:
    try:
        return socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Away(f"the name {address.host} is not known here") from error


def _resolve(address: Address, text: str, allowed: Sequence[Network] | None) -> list[Any]:
    if allowed is not None:
        check_url(text, allowed)
    places = _find(address)
    if allowed is not None:
        _check_places(address, places, allowed)
    if address.parts.scheme == "http" and not all(ip_address(place[4][0]).is_loopback for place in places):
        raise Invalid(f"{address}: must be https; http is for this machine alone.")
    return places


class _Conversation(http.client.HTTPConnection):
    """One question and its answer, on a connection of its own."""

    def __init__(self, address: Address, places: list[Any], context: ssl.SSLContext | None, seconds: float) -> None:
        super().__init__(address.host, address.port, timeout=seconds)
        self.default_port = _PORTS[address.parts.scheme]  # so that Host names a port only where it must
        self._address = address
        self._places = places
        self._context = context
        self._seconds = seconds
        self._late = False
        # Kept apart: the base class forgets its own where an answer ends with the connection, and reads on.
        self._wire: socket.socket | None = None

    def ask(self, etag: str) -> tuple[Answer, str]:
        """Return the answer, and where it redirects to. Raises ``Away`` and ``Invalid``."""
        headers = {
            "Accept": "application/toml, application/json, text/plain",
            "User-Agent": f"answerable/{__version__}",
        }
        headers |= {"If-None-Match": etag} if etag else {}
        try:
            with self._hurry():
                self.request("GET", self._address.target, headers=headers | self._address.credentials)
                return self._read(self.getresponse())
        except ssl.SSLCertVerificationError as error:
            # Not an absence: a mistake, or somebody who wants to be taken for the source.
            raise Invalid(f"{self._address}: its certificate is not trusted ({error.verify_message}).") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Away("it takes too long" if self._late or isinstance(error, TimeoutError) else _why(error)) from error
        finally:
            self.close()

    def tell(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Send ``body``; return the status and the beginning of the answer. Raises ``Away`` and ``Invalid``."""
        sent = {"User-Agent": f"answerable/{__version__}", "Accept": "*/*", **headers}
        try:
            with self._hurry():
                self.request("POST", self._address.target, body, sent)
                response = self.getresponse()
                begins = response.read(BEGINNING) if response.status not in _REDIRECT else b""
            return response.status, _on_one_line(begins)
        except ssl.SSLCertVerificationError as error:
            raise Invalid(f"its certificate is not trusted ({error.verify_message})") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Away("it takes too long" if self._late or isinstance(error, TimeoutError) else _why(error)) from error
        finally:
            self.close()

    def connect(self) -> None:
        """Connect to the first of the places that takes us."""
        for number, (family, kind, proto, _, place) in enumerate(self._places, start=1):
            self.sock = self._wire = socket.socket(family, kind, proto)
            self.sock.settimeout(self._seconds)
            try:
                self.sock.connect(place)
                break
            except OSError:
                self.sock.close()
                if self._late or number == len(self._places):
                    raise
        if self._context is not None:
            self.sock = self._wire = self._context.wrap_socket(
                self.sock, server_hostname=self._address.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()

    def _read(self, response: http.client.HTTPResponse) -> tuple[Answer, str]:
        if self._late:  # what has come may be half of what was meant
            raise TimeoutError
        if response.status in _REDIRECT:
            return Answer(response.status, b"", ""), response.getheader("Location") or ""
        if response.status != 200:
            return Answer(response.status, b"", ""), ""
        declared = response.length
        if declared is None and not response.chunked:
            raise Away("it does not say how long its answer is, so that nobody knows whether it is whole")
        body = response.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise Invalid(f"{self._address}: is larger than {LARGEST // 1024} KiB.")
        if self._late or (declared is not None and len(body) < declared):
            raise http.client.IncompleteRead(body, None)
        return Answer(200, body, response.getheader("ETag") or ""), ""

    def trade(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Send a form; return the answer. Raises ``Away`` and ``Invalid``."""
        sent = {"Accept": "application/json", "User-Agent": f"answerable/{__version__}", **headers}
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            with self._hurry():
                self.request("POST", self._address.target, urlencode(form).encode(), sent)
                return self._read(self.getresponse())[0]
        except ssl.SSLCertVerificationError as error:
            raise Invalid(f"{self._address}: its certificate is not trusted ({error.verify_message}).") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Away("it takes too long" if self._late or isinstance(error, TimeoutError) else _why(error)) from error
        finally:
            self.close()

    @contextmanager
    def _hurry(self) -> Iterator[None]:
        """End the conversation after its time, however slowly the other side goes on to talk."""
        timer = threading.Timer(self._seconds, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self._late = True
        if self._wire is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which takes away what the reading thread works with.
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)


def _on_one_line(text: bytes) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text.decode("utf-8", "replace")).split())


def _why(error: Exception) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return "its answer ended too early"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS as it should"
    if isinstance(error, OSError):
        return (error.strerror or "the connection broke").lower()
    return "its answer is not HTTP"
