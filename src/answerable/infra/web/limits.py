"""How much each caller may ask for: so many requests a second, so many at once. Counted in the memory of one process.

A caller is a person, the key of a program, or, where nobody is signed in, an address. Nothing here waits for a
database; what a request costs is two look-ups. Whoever asks too often is told so (429), and not at once: who does not
wait is made to, so that a flood costs the desk little (``docs/decisions/0021-limits.md``).
"""

import asyncio
import random
from collections import deque
from contextlib import suppress
from ipaddress import ip_address, ip_network

from answerable.infra.web.probes import PATHS as PROBES
from answerable.kernel.actor import Actor
from answerable.kernel.errors import Throttled
from answerable.kernel.places import place_of
from answerable.kernel.words import N_
from answerable.settings import Settings

TOO_MUCH = N_("You ask too often. Please wait a little.")
KNOWN = 50_000  # callers remembered; the ones that were quiet for longest go first
BURST_SECONDS = 10  # what may come at once: as much as in so many seconds
HELD_SECONDS = 1.0  # how long a refusal is held back: as long as Retry-After asks for at least
HELD_AT_ONCE = 64  # of one caller; further refusals are answered at once, and the connection is closed
QUEUE = 256  # requests of one caller that wait for their turn
LIVE = "/api/live"
# What takes long wherever it is asked for: searches over everything, figures, back-tests, exports.
COSTLY = (
    "/api/reports",
    "/api/dashboard",
    "/api/sla/backtest",
    "/api/sla/reports",
    "/api/sla/check",
    "/reports",
    "/dashboard",
    "/admin/audit",
    "/api/audit",
    "/admin/people",
    "/api/users/admin",
)


class Buckets:
    """A bucket of tokens for each caller, filled at ``rate`` a second up to ``BURST_SECONDS`` of it."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._most = max(1.0, rate * BURST_SECONDS)
        self._full: dict[str, tuple[float, float]] = {}

    def wait(self, key: str, now: float) -> float:
        """Take a token; return 0, or the seconds until there is one, and take none."""
        level, at = self._full.get(key) or self._begin(now)
        level = min(self._most, level + (now - at) * self.rate)
        if level < 1.0:
            return (1.0 - level) / self.rate
        self._full[key] = (level - 1.0, now)
        return 0.0

    def _begin(self, now: float) -> tuple[float, float]:
        if len(self._full) >= KNOWN:
            self._forget(now)
        return self._most, now

    def _forget(self, now: float) -> None:
        """Forget who has a full bucket again, and where that is nobody, some of the others."""
        for key in [key for key, (level, at) in self._full.items() if level + (now - at) * self.rate >= self._most]:
            del self._full[key]
        while len(self._full) >= KNOWN:
            del self._full[next(iter(self._full))]


class Turns:
    """At most ``most`` requests of one caller at once; the rest wait for their turn, in order."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, key: str) -> None:
        """Wait for one's turn. Raises ``Throttled`` where too many wait already."""
        running = self._running.get(key, 0)
        if running < self._most:
            self._running[key] = running + 1
            return
        queue = self._waiting.setdefault(key, deque())
        if len(queue) >= QUEUE:
            raise Throttled(TOO_MUCH, retry_after=1)
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(key)  # it came, and nobody wants it any more
            raise

    def give_back(self, key: str) -> None:
        """Let the next one of the caller go."""
        queue = self._waiting.get(key)
        while queue:
            turn = queue.popleft()
            if not queue:
                del self._waiting[key]
            if not turn.done():
                turn.set_result(None)
                return
        left = self._running[key] - 1
        if left:
            self._running[key] = left
        else:
            del self._running[key]


class Limits:
    """What one process lets each caller ask for; a limit of 0 is none."""

    def __init__(self, settings: Settings) -> None:
        """Take the limits, and which addresses may say for whom they ask."""
        limits = settings.limits
        self._people = Buckets(limits.account) if limits.account else None
        self._addresses = Buckets(limits.address) if limits.address else None
        self._costly = Buckets(limits.costly) if limits.costly else None
        self._turns = Turns(limits.at_once) if limits.at_once else None
        self._held: dict[str, int] = {}

    @staticmethod
    def wanted(settings: Settings) -> bool:
        """Tell whether there is any limit."""
        limits = settings.limits
        return bool(limits.account or limits.address or limits.costly or limits.at_once)

    def check(self, actor: Actor, address: str, path: str, now: float) -> str:
        """Count a request; return what to wait for a turn with, empty where it needs none. Raises ``Throttled``."""
        if path in PROBES:
            return ""
        known = actor.kind == "person"
        key = (actor.key.id if actor.key is not None else actor.id) if known else place_of(address)
        buckets = self._people if known else self._addresses
        wait = buckets.wait(key, now) if buckets is not None else 0.0
        if not wait and self._costly is not None and path.startswith(COSTLY):
            wait = self._costly.wait(key, now)
        if wait:
            raise Refusal(key, wait)
        return key if self._turns is not None and path != LIVE else ""

    async def take_turn(self, key: str) -> None:
        """Wait until the caller has fewer than ``limits.at_once`` requests running."""
        assert self._turns is not None
        await self._turns.take(key)

    def give_turn_back(self, key: str) -> None:
        """Say that a request is answered."""
        assert self._turns is not None
        self._turns.give_back(key)

    async def hold(self, refusal: "Refusal") -> bool:
        """Hold a refusal back for a moment; false where the caller has too many of them, and should be cut off."""
        held = self._held.get(refusal.caller, 0)
        if held >= HELD_AT_ONCE:
            return False
        self._held[refusal.caller] = held + 1
        try:
            await asyncio.sleep(HELD_SECONDS * random.uniform(1, 2))  # noqa: S311  # a flood comes back as a trickle, not as a wave
        finally:
            left = self._held[refusal.caller] - 1
            if left:
                self._held[refusal.caller] = left
            else:
                del self._held[refusal.caller]
        return True


class Refusal(Throttled):
    """A caller asked too often."""

    def __init__(self, caller: str, wait: float) -> None:
        """Hold who it was; ``wait`` is the seconds until they may ask again."""
        super().__init__(TOO_MUCH, retry_after=max(1, -(-int(wait * 1000) // 1000)))
        self.caller = caller


class Proxies:
    """Tells for whom a request comes, where it comes from a proxy that is trusted to say so."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        self._networks = tuple(ip_network(text) for text in networks)

    def client_of(self, peer: str, forwarded: bytes | None) -> str:
        """Return the address that a request comes from.

        That is the last one of ``X-Forwarded-For`` that is not a trusted proxy, and only where the neighbour is one:
        what a client writes in front of it is not believed.
        """
        if forwarded is None or not self._is_trusted(peer):
            return peer
        client = peer
        for text in reversed(forwarded.decode("latin-1").split(",")[-20:]):
            place = text.strip()
            try:
                client = str(ip_address(place))
            except ValueError:
                return client
            if not self._is_trusted(client):
                return client
        return client

    def _is_trusted(self, address: str) -> bool:
        with suppress(ValueError):
            number = ip_address(address)
            return any(number in network for network in self._networks if network.version == number.version)
        return False
