"""How fast the desk's own work goes on while people ask: as fast as it can, or with rests.

Requests go before the work of the bus and the timers, but whatever else is on the machine (brokers, a database, the
programs of those who ask) shares its cores with it. A desk that catches up with much would keep one of them busy
throughout, and everybody who asks would wait for a turn on the other. So it rests after each piece, while it has much
to do and somebody asks.
"""

ASKED_SECONDS = 0.1  # after a request: who asks again has done so by then
AT_ONCE = 0.05  # seconds of work that need no rests: what follows from one request is never held up
PIECE_SECONDS = 0.002  # of work between two rests
REST = 1.0  # times as long as it worked
# Where people change so much a second, what follows must keep up with them: there are no rests then.
MANY_CHANGES = 20


class Pace:
    """Knows when somebody asked last, how much they change, and how much was worked of late.

    ``rested`` is how many seconds it has let the desk rest. All instants are those of ``time.perf_counter``.
    """

    __slots__ = ("_asked_at", "_changed_at", "_changes", "_looked_at", "_of_late", "_since_rest", "rested")

    def __init__(self) -> None:
        self._asked_at = self._changed_at = self._looked_at = -ASKED_SECONDS
        self._changes = self._of_late = self._since_rest = self.rested = 0.0

    def asked(self, now: float, *, to_change: bool) -> None:
        """Note that somebody asks."""
        self._asked_at = now
        if to_change:
            # A level that sinks by so many a second: it stays high while more come.
            self._changes, self._changed_at = min(self._changes_at(now) + 1, 2 * MANY_CHANGES), now

    def _changes_at(self, now: float) -> float:
        return max(0.0, self._changes - (now - self._changed_at) * MANY_CHANGES)

    def worked(self, now: float, seconds: float) -> None:
        """Note how long one of those who take turns has worked until now."""
        left = max(0.0, self._of_late - (now - self._looked_at) / (1 + REST))
        self._of_late, self._looked_at = min(left + seconds, AT_ONCE + PIECE_SECONDS), now
        self._since_rest += seconds

    def rest(self, now: float) -> float:
        """Return how many seconds to rest now: none where nobody asks, or there was little to do of late."""
        if self._since_rest < PIECE_SECONDS:
            return 0.0
        worked, self._since_rest = self._since_rest, 0.0
        if now - self._asked_at > ASKED_SECONDS or self._of_late < AT_ONCE or self._changes_at(now) > MANY_CHANGES:
            return 0.0
        self.rested += worked * REST
        return worked * REST


PACE = Pace()  # a process has one loop
