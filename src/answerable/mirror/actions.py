"""Making the mirror anew."""

from dataclasses import replace
from typing import TYPE_CHECKING

from answerable.infra.bus.history import History
from answerable.mirror import queries
from answerable.mirror.queries import Comparison, Tell, tell_nobody
from answerable.mirror.rules import COLLECTIONS, Difference, group_of

if TYPE_CHECKING:
    from answerable.mirror.store.mongodb import MongoDB

ROUNDS = 5  # each one finds less: what the running mirror wrote meanwhile is looked at again
PART = 500


async def rebuild(history: History, store: "MongoDB", tell: Tell = tell_nobody) -> tuple[int, Comparison]:
    """Make the four collections what the event log says, in place; return how many documents were mended.

    Readers see every document all the while. A document is only replaced while it is what was compared, so a mirror at
    work is not disturbed. What is no document of this desk is removed, unless the beginning of the history is lost:
    then it may be one, and what no event is left of stays as it is. The second value is the comparison afterwards.
    Raises ``Conflict``, and changes nothing, where all documents are somebody else's, or another desk's.
    """
    group = group_of(await store.generation())
    mended = 0
    for _ in range(ROUNDS):
        end, _ = await history.end()
        found = await queries.compare_all(history, store, tell, looks=1)
        if not found.differences:
            await history.move_on(group, end)
            return mended, replace(found, behind=await queries.count_behind(history, store))
        await _mend(store, found.differences, tell)
        mended += len(found.differences)
    return mended, await queries.compare_all(history, store, tell)


async def _mend(store: "MongoDB", differences: list[Difference], tell: Tell) -> None:
    done = 0
    for collection in COLLECTIONS:
        mine = [each for each in differences if each.collection == collection]
        missing = [each.expected for each in mine if each.found is None and each.expected is not None]
        for start in range(0, len(missing), PART):
            await store.insert(collection, missing[start : start + PART])
            done += len(missing[start : start + PART])
            tell("writing", done, len(differences))
        for each in mine:
            if each.found is None:
                continue
            if each.expected is None:
                await store.delete(collection, each.found)
            else:
                await store.replace(collection, each.found, each.expected)
            done += 1
            tell("writing", done, len(differences))
