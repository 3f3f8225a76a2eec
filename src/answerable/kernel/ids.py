"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so ids sort by the time they were made."""

import os

_COUNTER_LIMIT = 1 << 12
_POOL = 4096


def uuid7(unix_ms: int, counter: int, random: bytes) -> str:
    """Return the UUIDv7 text for a Unix time in milliseconds, a counter below 4096 and eight random bytes."""
    head = (unix_ms & 0xFFFFFFFFFFFF) << 16 | 0x7000 | counter
    tail = int.from_bytes(random, "big") & 0x3FFFFFFFFFFFFFFF | 0x8000000000000000
    text = f"{head:016x}{tail:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class IdMaker:
    """Makes ids that sort in the order in which this process made them (RFC 9562, section 6.2, method 1)."""

    __slots__ = ("_counter", "_ms", "_random", "_used")

    def __init__(self) -> None:
        self._ms = 0
        self._counter = 0
        self._random = b""
        self._used = 0

    def make(self, now: int) -> str:
        """Make an id for the instant ``now`` (microseconds)."""
        ms = now // 1000
        if ms > self._ms:
            self._ms, self._counter = ms, 0
        else:  # the same millisecond, or a clock that went back
            self._counter += 1
            if self._counter == _COUNTER_LIMIT:
                self._ms, self._counter = self._ms + 1, 0
        if self._used == len(self._random):  # one call to the system for many ids
            self._random, self._used = os.urandom(_POOL), 0
        self._used += 8
        return uuid7(self._ms, self._counter, self._random[self._used - 8 : self._used])
