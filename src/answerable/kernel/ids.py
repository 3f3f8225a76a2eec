"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so ids sort by the time they were made."""

import os

_COUNTER_LIMIT = 1 << 12
_POOL = 4096
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def uuid7(unix_ms: int, counter: int, random: str) -> str:
    """Return the UUIDv7 text for a Unix time in milliseconds, a counter below 4096 and 16 random hexadecimal digits."""
    return f"{_beginning(unix_ms)}{counter:03x}-{_end(random)}"


def unix_ms_of(made: str) -> int:
    """Return the Unix time in milliseconds at which a UUIDv7 was made."""
    return int(made[:8] + made[9:13], 16)


def _end(random: str) -> str:
    return f"{_VARIANT[random[0]]}{random[1:4]}-{random[4:]}"


def _beginning(unix_ms: int) -> str:
    time = f"{unix_ms & 0xFFFFFFFFFFFF:012x}"
    return f"{time[:8]}-{time[8:]}-7"


class IdMaker:
    """Makes ids that sort in the order in which this process made them (RFC 9562, section 6.2, method 1)."""

    __slots__ = ("_beginning", "_counter", "_ends", "_ms")

    def __init__(self) -> None:
        self._ms = 0
        self._beginning = ""
        self._counter = 0
        self._ends: list[str] = []

    def make(self, now: int) -> str:
        """Make an id for the instant ``now`` (microseconds)."""
        ms = now // 1000
        if ms <= self._ms:  # the same millisecond, or a clock that went back
            self._counter += 1
            if self._counter == _COUNTER_LIMIT:
                self._begin(self._ms + 1)
        else:
            self._begin(ms)
        if not self._ends:  # one call to the system for many ids
            random = os.urandom(_POOL).hex()
            self._ends = [_end(random[at : at + 16]) for at in range(0, 2 * _POOL, 16)]
        return f"{self._beginning}{self._counter:03x}-{self._ends.pop()}"

    def _begin(self, ms: int) -> None:
        self._ms, self._beginning, self._counter = ms, _beginning(ms), 0
