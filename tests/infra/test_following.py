"""A follower gets every message at least once, in order, and what it could not take comes again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from answerable.infra.bus import following as loop
from answerable.infra.bus.following import Following, load_position
from answerable.kernel.errors import Unavailable
from answerable.messages.base import Envelope
from answerable.messages.notifications import NotificationsRead
from answerable.messages.users import UserChanged
from tests.world import EVERY_START, TESTER, World


class Book:
    """A follower that writes down what it is told, and can be closed for a while."""

    name = "book"
    types = frozenset({NotificationsRead.TYPE})

    def __init__(self, title: str = "first") -> None:
        self.title = title
        self.pages: list[str] = []
        self.is_open = True
        self.refusals = 0

    async def group(self) -> str:
        return f"book-{self.title}"

    async def apply(self, messages: Sequence[Envelope]) -> None:
        await asyncio.sleep(0)
        if not self.is_open:
            self.refusals += 1
            raise Unavailable("The book is closed.")
        self.pages += [each.key for each in messages]

    async def close(self) -> None:
        self.is_open = False


def read(*names: str) -> list[NotificationsRead]:
    return [NotificationsRead(user_id=name) for name in names]


async def kept(world: World, group: str = "book-first") -> int:
    """Return how many of the messages that a test sent are noted as taken."""
    return max(0, await world.db.read(TESTER, load_position, group) - len(EVERY_START))


async def test_what_is_wanted_comes_in_order_and_once_while_nothing_breaks(world: World) -> None:
    book = Book()
    following = Following(world.db, book)
    other = UserChanged(user_id="x", name="X", email="x@x.test", roles=["USER"], active=True, changed=[])
    await world.tell(*read("a", "b"), other, *read("c"))
    assert await following.settle() == 4 + len(EVERY_START)
    assert await following.settle() == 0
    await world.tell(*read("d"))
    await following.settle()
    assert book.pages == ["a", "b", "c", "d"]
    assert await kept(world) == 5


async def test_more_than_a_batch_comes_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BATCH", 7)
    names = [f"n{number}" for number in range(30)]
    await world.tell(*read(*names))
    book = Book()
    assert await Following(world.db, book).settle() == 30 + len(EVERY_START)
    assert book.pages == names


async def test_what_was_not_noted_comes_again(world: World) -> None:
    await world.tell(*read("a", "b"))
    book = Book()
    await Following(world.db, book).step()  # and then the lights go out
    await Following(world.db, book).settle()
    assert book.pages == ["a", "b", "a", "b"]


async def test_another_far_side_begins_with_the_first_message(world: World) -> None:
    book = Book()
    following = Following(world.db, book)
    await world.tell(*read("a"))
    await following.settle()
    book.title, book.is_open = "second", False
    await world.tell(*read("b"))
    with pytest.raises(Unavailable):
        await following.settle()
    book.is_open = True
    await following.settle()
    assert book.pages == ["a", "a", "b"]
    assert (await kept(world), await kept(world, "book-second")) == (1, 2)


@asynccontextmanager
async def at_work(world: World, book: Book) -> AsyncIterator[Following]:
    following = Following(world.db, book)
    following.start()
    try:
        yield following
    finally:
        await following.stop()


async def test_it_is_told_at_once_and_goes_on_after_a_while_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(loop, "KEEP_SECONDS", 0.0)  # what is not noted may come again
    book = Book()

    async def pages(*names: str) -> bool:
        return book.pages == list(names)

    with capture_logs() as told:
        async with at_work(world, book):
            await world.tell(*read("a"))
            await world.until(lambda: pages("a"))
            book.is_open = False
            await world.tell(*read("b"))

            async def tried_thrice() -> bool:
                return book.refusals >= 3

            await world.until(tried_thrice)
            book.is_open = True
            await world.until(lambda: pages("a", "b"))
    assert await kept(world) == 2
    lines = [(line["event"], line.get("reason")) for line in told if line["event"].startswith("book")]
    assert lines == [("book is away", "The book is closed."), ("book is back", None)]


async def test_the_position_is_noted_while_nothing_happens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "KEEP_SECONDS", 0.05)
    async with at_work(world, Book()):
        await world.tell(*read("a", "b", "c"))

        async def noted() -> bool:
            return await kept(world) == 3

        await world.until(noted)
