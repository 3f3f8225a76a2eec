"""Units of work that wait for their turn and their commit."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

from answerable.kernel.actor import Actor
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope

T = TypeVar("T")
_SUSPENDED = "An action awaited something other than its unit of work."


class Unit(Generic[T]):
    """A unit; ``recover`` runs in its place if it raises.

    One with a ``term`` is done by the leader of that term only, where there are several processes.
    """

    __slots__ = ("actor", "cause", "done", "recover", "since", "term", "tries", "verb")

    def __init__(
        self,
        actor: Actor,
        verb: Callable[[Tx], Awaitable[T]],
        cause: Envelope | None = None,
        recover: Callable[[Tx, Exception], Awaitable[T]] | None = None,
        *,
        term: int | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.actor = actor
        self.verb = verb
        self.cause = cause
        self.recover = recover
        self.term = term
        self.tries = 0
        self.since = loop.time()
        self.done: asyncio.Future[T] = loop.create_future()

    def answer(self, result: T) -> None:
        """Tell whoever waits, if somebody still does."""
        if not self.done.done():
            self.done.set_result(result)

    def refuse(self, error: Exception) -> None:
        """Tell whoever waits that it was not done, if somebody still does."""
        if not self.done.done():
            self.done.set_exception(error)


class Spoilt(Exception):
    """A unit failed after it had written something."""


def recovering(recover: Callable[[Tx, Exception], Awaitable[T]], error: Exception, tx: Tx) -> Awaitable[T]:
    """Run what takes the place of a unit that raised ``error``."""
    return recover(tx, error)


class _Rest:
    """What a unit of work suspends with where it has run for a stretch: whoever runs it goes on with it later."""

    def __await__(self) -> Generator["_Rest", None, None]:
        yield self


REST = _Rest()


async def run_in_stretches(work: Awaitable[T], pause: Callable[[], Awaitable[Any]]) -> T:
    """Run a coroutine that awaits nothing but a SQLite unit of work, with a pause wherever that rests."""
    steps = work.__await__()
    while True:
        try:
            rest = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if rest is not REST:
            raise RuntimeError(_SUSPENDED)
        await pause()


def run_without_suspending(work: Awaitable[T]) -> T:
    """Run a coroutine that awaits nothing but a SQLite unit of work, to its end, at once."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError(_SUSPENDED)
