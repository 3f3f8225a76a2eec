"""A configuration that many processes share, at an https address; a copy in the data folder serves while it is away."""

import hashlib
import json
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import structlog

from answerable.infra.fetching import Address, Answer, Away, fetch
from answerable.kernel.errors import Invalid, Unavailable
from answerable.settings import Document
from answerable.settings.reading import SHARED

COPY = "config.copy"
_AWAY = (408, 429)
_LONGEST_ETAG = 200
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Copy:
    """What the source said. ``source`` is a hash of its address, ``confirmed`` when it last said so (UTC seconds)."""

    source: str
    etag: str
    sha256: str
    confirmed: int
    text: str


@dataclass(frozen=True)
class Found:
    """The document that counts now; ``away`` is the reason why it is the copy, empty where it is the source's own."""

    document: Document
    copy: Copy
    away: str = ""

    @property
    def age(self) -> str:
        """Say how long ago the source was last heard."""
        minutes = max(0, int(time.time()) - self.copy.confirmed) // 60
        days, hours = minutes // 1440, minutes // 60 % 24
        return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


class SharedConfiguration:
    """The configuration at ``url``, with its copy in ``folder``.

    ``authorities`` is a PEM file that replaces the system's, ``pin`` the SHA-256 that the document must have.
    """

    def __init__(self, url: str, folder: Path, authorities: str = "", pin: str = "", seconds: float = 10.0) -> None:
        """Hold where to ask. Raises ``Invalid`` for an address that is never asked."""
        self.address = Address.of(url)
        self._url = url
        self._path = folder / COPY
        self._authorities = authorities
        self._pin = pin
        self._seconds = seconds
        # Without the password: the copy must not be a way to guess it.
        self._source = hashlib.sha256(f"{self.address.origin} {self.address.target}".encode()).hexdigest()

    def find(self) -> Found:
        """Ask the source, or take the copy where it is away.

        Raises ``Invalid`` for a source that answers with something unusable (the copy is not used then), and
        ``Unavailable`` for one that is away and has left no copy.
        """
        copy = self._load()
        try:
            answer = fetch(
                self._url,
                authorities=self._authorities,
                etag=copy.etag if copy else "",
                seconds=self._seconds,
            )
            if answer.status in _AWAY or answer.status >= 500:
                raise Away(f"it answers {answer.status}")
        except Away as away:
            return self._without_source(copy, str(away))
        current = self._copy_of(answer, copy)
        check_pin(str(self.address), current.text, self._pin)
        return Found(Document(str(self.address), current.text, SHARED), current)

    def keep(self, found: Found) -> None:
        """Keep a copy of what the source said, for its owner alone; call it once the document proved usable."""
        if found.away:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f"{COPY}.", dir=self._path.parent)  # made with mode 0600
            try:
                with os.fdopen(handle, "w") as file:
                    json.dump(asdict(found.copy), file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, self._path)
            except OSError:
                with suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as error:
            _log.warning("no copy of the configuration can be kept", file=str(self._path), reason=error.strerror)

    def _copy_of(self, answer: Answer, copy: Copy | None) -> Copy:
        if answer.status == 304 and copy is not None:
            return replace(copy, confirmed=int(time.time()))
        if answer.status != 200:
            raise Invalid(f"{self.address}: answers {answer.status}.")
        try:
            text = answer.body.decode()
        except UnicodeDecodeError as error:
            raise Invalid(f"{self.address}: is not text in UTF-8.") from error
        etag = answer.etag if answer.etag.isprintable() and len(answer.etag) <= _LONGEST_ETAG else ""
        return Copy(self._source, etag, _sha256(text), int(time.time()), text)

    def _without_source(self, copy: Copy | None, reason: str) -> Found:
        if copy is None:
            raise Unavailable(f"{self.address}: cannot be read ({reason}), and {self._path} has no copy of it.")
        if self._pin and copy.sha256 != self._pin:
            raise Unavailable(
                f"{self.address}: cannot be read ({reason}), and the copy in {self._path} is not the document that "
                "ANSWERABLE_CONFIG_SHA256 names."
            )
        kept = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(copy.confirmed))
        return Found(Document(f"{self.address} (copy of {kept})", copy.text, SHARED), copy, reason)

    def _load(self) -> Copy | None:
        """Read the copy; none where it is of another address, or not whole."""
        try:
            copy = Copy(**json.loads(self._path.read_bytes()))
            whole = copy.source == self._source and copy.sha256 == _sha256(copy.text)
            return copy if whole and isinstance(copy.etag, str) and isinstance(copy.confirmed, int) else None
        except (OSError, ValueError, TypeError, AttributeError):
            return None


def check_pin(origin: str, text: str, pin: str) -> None:
    """Raise ``Invalid`` where a document is not the one that ``ANSWERABLE_CONFIG_SHA256`` names (empty: any)."""
    if not pin:
        return
    if len(pin) != 64 or set(pin) - set("0123456789abcdef"):
        raise Invalid("ANSWERABLE_CONFIG_SHA256: must be 64 hexadecimal digits.")
    found = _sha256(text)
    if found != pin:
        raise Invalid(f"{origin}: is not the document that ANSWERABLE_CONFIG_SHA256 names; its SHA-256 is {found}.")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
