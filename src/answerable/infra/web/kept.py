"""All that is kept about a person: by the features of this process, and by the services that run elsewhere.

Each service answers for itself (``PATH``), to whoever has ``peers.secret``; the gateway leads nobody there. It asks
all of them itself, side by side, where a route is ``GATHERED``: what the route answers becomes whole on its way out.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import structlog

from answerable.infra.web.inner import HEADER, Caller, InnerDoor
from answerable.kernel.actor import Actor, service
from answerable.kernel.times import iso
from answerable.settings import Settings

if TYPE_CHECKING:
    import aiohttp

PATH = "/services/kept/"
GATHERED = {"gathered": True}  # part of a route's ``opt``
PATIENCE = 60.0  # seconds for a part, which may be long
LARGEST = 256 * 1024 * 1024
_EXPORTER = service("export")
_log = structlog.get_logger(__name__)


class Part(msgspec.Struct):
    """What one process keeps about a person, feature by feature."""

    parts: dict[str, Any]


class Kept(msgspec.Struct, rename="camel"):
    """What is kept about a person; ``parts_elsewhere`` are the features whose part is not in it."""

    person: str
    exported_at: str
    parts: dict[str, Any]
    parts_elsewhere: list[str]

    def add(self, parts: dict[str, Any]) -> None:
        """Put in what other services keep."""
        self.parts |= parts
        self.parts_elsewhere = [name for name in self.parts_elsewhere if name not in self.parts]


async def kept_here(desk: Any, person_id: str) -> Kept:
    """Return what the features of this process keep about a person."""
    parts: dict[str, Any] = {}
    for feature in desk.features:
        if feature.export:
            parts[feature.name] = await desk.database.scan(_EXPORTER, feature.export, person_id)
    elsewhere = sorted(feature.name for feature in desk.elsewhere if feature.export)
    return Kept(person_id, iso(desk.database.clock()), parts, elsewhere)


async def kept_elsewhere(desk: Any, person_id: str, names: Collection[str] = ()) -> dict[str, Any]:
    """Return what the services of ``[peers]`` keep about a person, for a command: all, or those that are named."""
    if not desk.elsewhere or not desk.settings.peers.urls or not desk.settings.peers.secret:
        return {}
    import aiohttp  # noqa: PLC0415  # a desk in one piece starts without a client

    door = InnerDoor(desk.settings, desk.database.clock, lambda roles: frozenset())
    async with aiohttp.ClientSession(trust_env=False) as session:
        asking = Asking(desk.settings, door, lambda: session)
        return await asking.ask(person_id, names or desk.settings.peers.urls.keys() - set(desk.services), "command")


class Asking:
    """Asks the services what they keep, as somebody who was allowed to know."""

    def __init__(self, settings: Settings, door: InnerDoor, session: "Callable[[], aiohttp.ClientSession]") -> None:
        self._peers = settings.peers.urls
        self._connect = settings.peers.timeout_seconds
        self._door = door
        self._session = session

    async def ask(self, person_id: str, names: Collection[str], asks: str) -> dict[str, Any]:
        """Return the parts that were answered. ``asks`` is the id of whoever wants to know."""
        caller = Caller(Actor(asks, "person", frozenset({"ADMIN"})), "export")
        headers = {HEADER.decode(): self._door.seal(caller).decode()}
        found = await asyncio.gather(*(self._part(name, person_id, headers) for name in sorted(names)))
        return {feature: kept for parts in found for feature, kept in parts.items()}

    async def _part(self, name: str, person_id: str, headers: dict[str, str]) -> dict[str, Any]:
        import aiohttp  # noqa: PLC0415

        address = self._peers[name].rstrip("/") + PATH + quote(person_id, safe="")
        patience = aiohttp.ClientTimeout(total=PATIENCE, sock_connect=self._connect)
        body = bytearray()
        try:
            async with self._session().get(address, headers=headers, allow_redirects=False, timeout=patience) as answer:
                async for chunk in answer.content.iter_chunked(1 << 20):
                    body += chunk
                    if len(body) > LARGEST:
                        break
            if answer.status == 200 and len(body) <= LARGEST:
                return msgspec.json.decode(body, type=Part).parts
            why = f"answers {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
            why = type(error).__name__
        _log.warning("a part of an export is missing", peer=name, reason=why)
        return {}


async def gather(
    asking: Asking, names: Collection[str], asks: str, answer: Callable[[Any], Any], send: Callable[[Any], Any]
) -> None:
    """Send what ``answer`` sends, made whole by what the other services keep; a refusal goes as it is."""
    told: list[Any] = []

    async def keep(message: Any) -> None:
        told.append(message)

    await answer(keep)
    start, body = told[0], b"".join(message.get("body", b"") for message in told[1:])
    if start["status"] == 200:
        kept = msgspec.json.decode(body, type=Kept)
        kept.add(await asking.ask(kept.person, names, asks))
        body = msgspec.json.format(msgspec.json.encode(kept))
        headers = [pair for pair in start["headers"] if pair[0].lower() not in (b"content-length", b"etag")]
        start = {**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})
