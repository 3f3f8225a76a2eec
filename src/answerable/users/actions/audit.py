"""The audit log is added to."""

from typing import Any

import msgspec

from answerable.kernel.tx import Tx
from answerable.users.rules.acts import ERASED, PERSON, Act, Chain
from answerable.users.store import acts

ADOPTED_AT_ONCE = 500


async def record(
    tx: Tx, act: str, *, about: str, about_id: str = "", named: str = "", changes: dict[str, list[Any]] | None = None
) -> None:
    """Keep what ``tx.actor`` has just done; ``changes`` is field -> [before, after]."""
    await _append(
        tx,
        Act(
            id=tx.new_id(),
            at=tx.now,
            actor_id=tx.actor.id,
            actor_kind=tx.actor.kind,
            act=act,
            about=about,
            about_id=about_id,
            named=named,
            changes=_written(changes or {}),
        ),
    )


async def record_person(tx: Tx, act: str, person_id: str, **changes: list[Any]) -> None:
    """Keep what was done to a person; their name is the one of whoever reads it later."""
    await record(tx, act, about=PERSON, about_id=person_id, changes=changes)


async def record_told(
    tx: Tx, act: str, *, about: str, about_id: str, named: str, changes: dict[str, list[Any]]
) -> None:
    """Keep what was done in another feature, by whom and when the message says that is being consumed."""
    cause = tx.cause
    assert cause is not None
    told = Act(cause.id, cause.time, cause.actor, cause.actor_kind, act, about, about_id, named, _written(changes))
    await _append(tx, told)


async def record_export(tx: Tx, shape: str) -> None:
    """Keep that the audit log was written out."""
    await record(tx, "AUDIT_EXPORTED", about="audit", changes={"format": [None, shape]})


async def forget_person(tx: Tx, person_id: str) -> None:
    """Forget what the log says of a person beyond their id, and record that they were erased; the chain still holds."""
    await acts.delete_details(tx, PERSON, person_id)
    await record_person(tx, ERASED, person_id)


async def adopt_old_lines(tx: Tx) -> int:
    """Put some of the record from before there was a chain into it; return how many lines that was."""
    old = await acts.take_old(tx, ADOPTED_AT_ONCE)
    for row in old:
        act = row["action"] if row["action"] not in ("CREATED", "CHANGED") else f"PERSON_{row['action']}"
        await _append(
            tx,
            Act(
                id=row["id"],
                at=row["at"],
                actor_id=row["actor_id"],
                actor_kind=row["actor_kind"],
                act=act,
                about=PERSON,
                about_id=row["person_id"],
                named="",
                changes=row["detail"],
            ),
        )
        await acts.delete_old(tx, row["id"])
    return len(old)


async def _append(tx: Tx, act: Act) -> None:
    # Units are serial over all processes, so nobody else takes the place behind the last one.
    last = await acts.load_last(tx)
    await acts.insert_act(tx, act, Chain(tx.settings.storage.secret).next(last, act))


def _written(changes: dict[str, list[Any]]) -> str:
    return msgspec.json.encode(changes).decode()
