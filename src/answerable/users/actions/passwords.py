"""Passwords are hashed with argon2id, in threads of their own: it takes 20 ms and 19 MiB on purpose."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from answerable.kernel.errors import Unavailable
from answerable.kernel.words import N_
from answerable.users.rules import PASSWORD_LENGTH, password_form

WORKERS = 2
LONGEST_QUEUE = 64
# RFC 9106 and OWASP: m = 19 MiB, t = 2, p = 1
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
# of a random text that nobody kept: what a sign-in under an unknown address is held against
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$Tm44AJmzrlkKLZRzzE4geg$YFq8jiG/DFrTOvMKQ6mHKDNM+xLObLfcwpiuk8b9FFA"
T = TypeVar("T")


class Passwords:
    """Hashes and verifies, a few at a time."""

    def __init__(self) -> None:
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="password")
        self._waiting = 0
        self.worked = 0  # how many were hashed: the same number whoever is asked for

    async def hash(self, password: str) -> str:
        """Return the hash of a checked password. Raises ``Unavailable`` when too many wait."""
        return await self._in_thread(lambda: HASHER.hash(password_form(password)))

    async def verify(self, known: str, password: str) -> bool:
        """Tell whether ``password`` is the one of the hash ``known``; an empty hash fits none, as slowly.

        Raises ``Unavailable`` when too many wait.
        """
        return await self._in_thread(lambda: _matches(known, password))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= LONGEST_QUEUE:
            raise Unavailable(N_("Too many people are signing in right now. Please try again soon."), retry_after=2)
        self._waiting += 1
        self.worked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._workers, work)
        finally:
            self._waiting -= 1


def _matches(known: str, password: str) -> bool:
    offered = password_form(password) if len(password) <= PASSWORD_LENGTH[1] else ""
    try:
        right = HASHER.verify(known or NOBODY, offered)
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False
    return right and bool(known)
