"""A real https server on this machine, with a certificate made for the test that uses it."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Respond = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request; what it is answered with is up to the test."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        self.server.source.asked.append(dict(self.headers.items()) | {"path": self.path})
        self.close_connection = True
        self.server.source.respond(self)

    def say(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer with ``body``; an underscore in a header's name stands for a hyphen."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class HttpsSource:
    """A running server: what it answers can be changed at any time, and what it was asked is noted."""

    url: str
    authority: Path
    respond: Respond
    asked: list[dict[str, str]] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def serve(self, text: str, **headers: str) -> None:
        """Answer every request with a text."""
        self.respond = lambda exchange: exchange.say(text.encode(), 200, **headers)

    def answer(self, status: int, **headers: str) -> None:
        """Answer every request with a status and nothing else."""
        self.respond = lambda exchange: exchange.say(b"", status, **headers)


def make_certificate(folder: Path, name: str = "source") -> tuple[Path, Path]:
    """Make a self-signed certificate for this machine; return its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    source: HttpsSource

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what some tests are about."""


@contextmanager
def https_source(folder: Path, scheme: str = "https") -> Iterator[HttpsSource]:
    """Run a server for the time of a test; ``scheme`` may be http."""
    server = _Server(("127.0.0.1", 0), Exchange)
    certificate, private = make_certificate(folder)
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, private)
        # The handshake is for the thread of the request: a client that leaves must not end the server.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.source = HttpsSource(
        f"{scheme}://127.0.0.1:{server.server_port}/desk.toml", certificate, lambda exchange: exchange.say(b"")
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.source
    finally:
        server.source.ending.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
