"""What is promised changes: a new edition, and the open clocks follow it."""

from collections.abc import Callable

import msgspec

from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.times import DAY, iso
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.audit import RecordAct
from answerable.messages.sla import SlaTermsChanged
from answerable.sla import rules, store
from answerable.sla.actions.clocks import bring_up
from answerable.sla.queries.terms import expect
from answerable.sla.rules import WrittenTerms
from answerable.sla.store import Since, StoredEdition

FURTHEST = 366 * DAY  # ahead, from which an edition may hold


class Outcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a change did: the lines that say so, none where all is as it was, and the number of the new edition."""

    changes: list[str]
    number: int
    effective_from: str


async def change_terms(
    tx: Tx,
    edit: Callable[[WrittenTerms], WrittenTerms],
    effective_from: int | None = None,
    source: str | None = None,
    expected: str | None = None,
) -> Outcome:
    """Make what ``edit`` returns hold from an instant on, by default from now; all of it, or nothing.

    ``expected`` is the tag of the edition that the change was made of. Raises ``Stale`` where there is a newer one,
    ``Invalid`` for what cannot hold and for an instant that is past or too far away, ``Conflict`` while another change
    waits for its instant.
    """
    before = await store.load_newest(tx)
    if before.effective_from > tx.now:
        raise Conflict(f"A change waits for {iso(before.effective_from)}. Withdraw it first.")
    await expect(tx, before, expected)
    at = tx.now if effective_from is None else effective_from
    if not tx.now <= at <= tx.now + FURTHEST:
        raise Invalid(
            N_("The change must hold from now on or later, within a year."), errors=("effectiveFrom: too far",)
        )
    after = edit(before.terms)
    rules.read_terms(after)
    changes = rules.changes_between(before.terms, after)
    if not changes:
        if source is not None and before.id:
            await store.save_source(tx, before.id, source)
        return Outcome(changes=[], number=before.number, effective_from=iso(before.effective_from))
    made = StoredEdition(
        id=tx.new_id(),
        number=before.number + 1,
        effective_from=at,
        terms=after,
        since=_since(before, after, at),
        source=source,
        made_at=tx.now,
        made_by=tx.actor.id,
        changes=changes,
    )
    await store.insert_edition(tx, made)
    tx.publish(SlaTermsChanged(edition_id=made.id, number=made.number, effective_from=at, changes=changes))
    tx.send(_act("SLA_TERMS_CHANGED", made))
    return Outcome(changes=changes, number=made.number, effective_from=iso(at))


async def withdraw_terms(tx: Tx) -> Outcome:
    """Take back a change that waits for its instant. Raises ``Conflict`` where none does."""
    planned = await store.load_newest(tx)
    if planned.effective_from <= tx.now:
        raise Conflict("No change waits for its instant.")
    await store.delete_edition(tx, planned.id)
    tx.publish(
        SlaTermsChanged(
            edition_id=planned.id,
            number=planned.number,
            effective_from=planned.effective_from,
            changes=planned.changes,
            withdrawn=True,
        )
    )
    tx.send(_act("SLA_TERMS_WITHDRAWN", planned))
    return Outcome(changes=planned.changes, number=planned.number, effective_from=iso(planned.effective_from))


def _act(act: str, edition: StoredEdition) -> RecordAct:
    return RecordAct(
        act=act,
        about="sla terms",
        about_id=edition.id,
        named=f"#{edition.number}",
        changes={"from": [None, iso(edition.effective_from)], "changes": [None, edition.changes]},
    )


def _since(before: StoredEdition, after: WrittenTerms, at: int) -> dict[str, Since]:
    old = {f"calendar {each.name}": each for each in before.terms.calendars} | {
        f"policy {each.name}": each for each in before.terms.policies
    }
    new = {f"calendar {each.name}": each for each in after.calendars} | {
        f"policy {each.name}": each for each in after.policies
    }
    first = Since(1, before.effective_from)
    found = {}
    for name, each in new.items():
        last = before.since.get(name, first if name in old else Since(0, 0))
        found[name] = last if old.get(name) == each else Since(last.version + 1, at)
    # What is gone keeps its number, so that it goes on from there if it comes again.
    return {**before.since, **found}


async def follow_terms(tx: Tx, limit: int) -> int:
    """Let some open clocks follow the terms that hold by now; return how many were looked at."""
    following = await store.load_following(tx)
    if following is None:
        return 0
    edition_id, after = following
    edition = await store.load_in_force(tx, tx.now)
    promises = await store.list_open_promises(tx, after, limit)
    for clock, ticket in promises:
        await bring_up(tx, ticket, [clock], edition)
    if len(promises) < limit:
        await store.end_following(tx, edition_id)
    else:
        await store.save_following(tx, edition_id, promises[-1][0].id)
    return max(1, len(promises))
