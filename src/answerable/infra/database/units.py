"""Units of work that wait for their turn and their commit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from answerable.kernel.actor import Actor
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope

T = TypeVar("T")


class Unit(Generic[T]):
    """A unit of work that waits for its turn and its commit; ``recover`` runs in its place if it raises."""

    __slots__ = ("actor", "cause", "done", "recover", "verb")

    def __init__(
        self,
        actor: Actor,
        verb: Callable[[Tx], Awaitable[T]],
        done: "asyncio.Future[T]",
        cause: Envelope | None = None,
        recover: Callable[[Tx, Exception], Awaitable[T]] | None = None,
    ) -> None:
        self.actor = actor
        self.verb = verb
        self.done = done
        self.cause = cause
        self.recover = recover


class Spoilt(Exception):
    """A unit failed after it had written something."""


def recovering(recover: Callable[[Tx, Exception], Awaitable[T]], error: Exception, tx: Tx) -> Awaitable[T]:
    """Run what takes the place of a unit that raised ``error``."""
    return recover(tx, error)


def run_without_suspending(work: Awaitable[T]) -> T:
    """Run a coroutine that awaits nothing but a SQLite unit of work, to its end, at once."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("An action awaited something other than its unit of work.")
