"""Comparing: what the event log says of every document, and what MongoDB holds."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from answerable.infra.bus import outbox
from answerable.infra.bus.history import History, Place
from answerable.messages.base import Envelope
from answerable.mirror import rules
from answerable.mirror.rules import Difference, Document, Key, group_of

if TYPE_CHECKING:
    from answerable.mirror.store.mongodb import MongoDB

MESSAGES_AT_ONCE = 1_000_000  # a longer log is gone through several times, each time for a share of the documents
LOOKS = 20  # at documents that differ, for the mirror may be just about to write them
BETWEEN_LOOKS = 0.1
MOST = 2**63  # numbers of a document are less
Tell = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Comparison:
    """How many documents were compared, how many messages the mirror has still to read, and what differs.

    ``lost`` says what is missing at the beginning of the history, empty where it is whole.
    """

    documents: int
    behind: int
    differences: list[Difference]
    lost: str = ""


def tell_nobody(what: str, done: int, total: int | None) -> None:
    """Hear how far a comparison is, and say nothing."""


async def compare_all(history: History, store: "MongoDB", tell: Tell = tell_nobody, looks: int = LOOKS) -> Comparison:
    """Compare each document of the four collections with what the events say. Works beside a running desk.

    ``tell`` hears what is done, how far it is, and the end where that is known. Documents that differ are looked at
    again, up to ``looks`` times, for as long as the mirror has messages to read. Where the beginning of the history is
    lost, only what events are left of is compared. Raises ``Conflict`` where it is the mirror of another desk.
    """
    await store.find_generation()  # before a long log is read
    end, size = await history.end()
    shares = 1 + size // MESSAGES_AT_ONCE
    documents, differences = 0, list[Difference]()
    for share in range(shares):
        compared, found = await _compare_share(history, store, (end, size), (share, shares), tell)
        documents += compared
        differences += await _look_again(history, store, end, found, looks)
    behind = await count_behind(history, store)
    return Comparison(documents, behind, sorted(differences, key=_order), history.lost)


async def count_behind(history: History, store: "MongoDB") -> int:
    """Return how many messages the mirror has still to read; its position is kept a second late at most."""
    generation = await store.find_generation()
    return await history.count_behind(None if generation is None else group_of(generation))


async def _compare_share(
    history: History, store: "MongoDB", end: tuple[Place, int], share: tuple[int, int], tell: Tell
) -> tuple[int, list[Difference]]:
    expected: dict[Key, Document] = {}
    async for messages, _, count in history.read(until=end[0]):
        changes = (each for each in changes_of(messages) if _is_of(each.id, share))
        rules.fold(expected, changes)
        tell("reading the log", count, end[1])
    compared, found = 0, list[Difference]()
    left = set(expected)
    for collection in rules.COLLECTIONS:
        async for document in store.read_all(collection):
            if not _is_of(document["_id"], share):
                continue
            key = (collection, document["_id"])
            left.discard(key)
            compared += 1
            wanted = expected.get(key)
            if history.lost:
                wanted = rules.with_what_is_not_known(collection, wanted, document)
            if difference := rules.compare(collection, wanted, document):
                found.append(difference)
            if compared % 1000 == 0:
                tell("comparing", compared, len(expected))
    found += [Difference(key[0], key[1], "missing", (), expected[key], None) for key in left]
    return compared + len(left), found


async def _look_again(
    history: History, store: "MongoDB", place: Place, differences: list[Difference], looks: int
) -> list[Difference]:
    """Return what still differs once the mirror has written what the log says by now, or had the time to."""
    expected: dict[Key, Document] = {}
    for each in differences:
        expected[each.key] = each.expected or rules.blank(each.collection, each.id)
    for look in range(looks):
        if not differences:
            break
        await asyncio.sleep(BETWEEN_LOOKS if look else 0)
        has_all, before = await count_behind(history, store) == 0, place
        async for messages, behind, _ in history.read(after=place):
            rules.fold(expected, [each for each in changes_of(messages) if each.key in expected])
            place = behind
        differences = await _differences_of(store, {each.key: expected[each.key] for each in differences})
        if has_all and place == before:
            break
    return differences


async def _differences_of(store: "MongoDB", expected: dict[Key, Document]) -> list[Difference]:
    found: list[Difference] = []
    for collection in rules.COLLECTIONS:
        ids = [key[1] for key in expected if key[0] == collection]
        there = await store.read_some(collection, ids)
        for each in ids:
            difference = rules.compare(collection, expected[collection, each], there.get(each))
            if difference is not None:
                found.append(difference)
    return found


def changes_of(messages: Iterable[Envelope]) -> list[rules.Change]:
    """Return what some messages say of documents."""
    return [change for sealed in messages if sealed.type in rules.TYPES for change in changes_in(sealed) or ()]


def changes_in(sealed: Envelope) -> list[rules.Change] | None:
    """Return what a message says of documents, ``None`` where it does not say what its type has to say.

    Only somebody else than a desk writes such a message to the topics; the consumers put it aside.
    """
    try:
        changes = rules.changes_of(sealed, outbox.open_envelope(sealed))
    except (msgspec.DecodeError, OverflowError):
        return None
    return changes if all(map(_can_be_kept, changes)) else None


def _can_be_kept(change: rules.Change) -> bool:
    """Tell whether MongoDB has numbers that are so large."""
    return not any(isinstance(value, int) and not -MOST <= value < MOST for value in change.fields.values())


def _is_of(document_id: Any, share: tuple[int, int]) -> bool:
    return share[1] == 1 or crc32(str(document_id).encode()) % share[1] == share[0]


def _order(difference: Difference) -> tuple[int, str]:
    return rules.COLLECTIONS.index(difference.collection), str(difference.id)
