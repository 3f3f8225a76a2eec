"""Endpoints come, change and go; deliveries are queued, tried, and tried again."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from answerable.infra.bus.redaction import ask_to_scrub
from answerable.infra.places import check_url, networks_of
from answerable.kernel.errors import Conflict, Invalid, Missing
from answerable.kernel.times import DAY
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.audit import RecordAct
from answerable.messages.base import Event
from answerable.messages.webhooks import WebhookDisabled
from answerable.webhooks import rules, store
from answerable.webhooks.rules import ACTIVE, MOST_ENDPOINTS, PAUSED, Delivery, Endpoint, Outcome, Told, Wanted

FORGOTTEN_AT_ONCE = 500  # deliveries in one unit of work


@dataclass(frozen=True, slots=True)
class Keyed:
    """An endpoint with the secret that its program verifies signatures with: shown to whoever makes or replaces it."""

    endpoint: Endpoint
    secret: str


# --- endpoints -------------------------------------------------------------------------------------------------------


async def make_endpoint(tx: Tx, wanted: Wanted) -> Keyed:
    """Add an endpoint. Raises ``Invalid`` for what cannot be, ``Conflict`` for too many."""
    checked = _checked(tx, wanted)
    if len(await store.list_endpoints(tx)) >= MOST_ENDPOINTS:
        raise Conflict(f"There are {MOST_ENDPOINTS} endpoints. Please remove one first.")
    endpoint = Endpoint(
        id=tx.new_id(),
        name=checked.name,
        url=checked.url,
        events=" ".join(checked.events),
        notes=checked.notes,
        state=ACTIVE,
        reason="",
        secret_number=1,
        former_until=0,
        failing_since=None,
        created_by=tx.actor.id,
        created_at=tx.now,
        updated_at=tx.now,
    )
    await store.insert_endpoint(tx, endpoint)
    _record(tx, "WEBHOOK_MADE", endpoint, {"url": [None, endpoint.url], "events": [None, endpoint.events]})
    return Keyed(endpoint, _secret(tx, endpoint))


async def change_endpoint(tx: Tx, endpoint_id: str, wanted: Wanted) -> Endpoint:
    """Change what an endpoint is called, where it is and what it is told. Raises ``Missing`` and ``Invalid``."""
    before, checked = await get_endpoint(tx, endpoint_id), _checked(tx, wanted)
    after = msgspec.structs.replace(
        before, name=checked.name, url=checked.url, events=" ".join(checked.events), notes=checked.notes
    )
    return await _changed(tx, before, after)


async def pause_endpoint(tx: Tx, endpoint_id: str) -> Endpoint:
    """Tell an endpoint nothing for now: what waits goes on waiting, what happens meanwhile is not told."""
    before = await get_endpoint(tx, endpoint_id)
    return await _changed(tx, before, msgspec.structs.replace(before, state=PAUSED, reason=""))


async def resume_endpoint(tx: Tx, endpoint_id: str) -> Endpoint:
    """Tell an endpoint of what happens again; one that the desk disabled gets another chance."""
    before = await get_endpoint(tx, endpoint_id)
    return await _changed(tx, before, msgspec.structs.replace(before, state=ACTIVE, reason="", failing_since=None))


async def rotate_secret(tx: Tx, endpoint_id: str) -> Keyed:
    """Replace an endpoint's secret; the former one signs beside it for a day. Raises ``Missing`` and ``Conflict``."""
    before = await get_endpoint(tx, endpoint_id)
    if tx.now < before.former_until:  # with a third secret, whoever still has the first would be cut off
        raise Conflict(N_("The secret was replaced less than a day ago. Please wait until the former one has ended."))
    after = msgspec.structs.replace(
        before,
        secret_number=before.secret_number + 1,
        former_until=tx.now + rules.FORMER_LIFE,
        updated_at=tx.now,
    )
    await store.save_endpoint(tx, after)
    _record(tx, "WEBHOOK_SECRET_REPLACED", after, {})
    return Keyed(after, _secret(tx, after))


async def remove_endpoint(tx: Tx, endpoint_id: str) -> None:
    """Forget an endpoint and its deliveries."""
    endpoint = await get_endpoint(tx, endpoint_id)
    await store.delete_endpoint(tx, endpoint_id)
    _record(tx, "WEBHOOK_REMOVED", endpoint, {"url": [endpoint.url, None]})


async def get_endpoint(tx: Tx, endpoint_id: str) -> Endpoint:
    """Return an endpoint; raises ``Missing``."""
    endpoint = await store.load_endpoint(tx, endpoint_id)
    if endpoint is None:
        raise Missing("There is no such endpoint.")
    return endpoint


def _checked(tx: Tx, wanted: Wanted) -> Wanted:
    found: list[Invalid] = []
    networks = networks_of(tx.settings.webhooks.private_networks)
    for check in (lambda: rules.check_wanted(wanted), lambda: check_url(wanted.url, networks)):
        try:
            check()
        except Invalid as complaint:
            found.append(complaint)
    if found:
        raise Invalid(found[0].message, errors=tuple(error for one in found for error in one.errors))
    return rules.check_wanted(wanted)


async def _changed(tx: Tx, before: Endpoint, after: Endpoint) -> Endpoint:
    if changes := rules.differences(before, after):
        after = msgspec.structs.replace(after, updated_at=tx.now)
        await store.save_endpoint(tx, after)
        _record(tx, "WEBHOOK_CHANGED", after, changes)
    return after


def _record(tx: Tx, act: str, endpoint: Endpoint, changes: dict[str, list[object]]) -> None:
    tx.send(RecordAct(act=act, about="webhook", about_id=endpoint.id, named=endpoint.name, changes=changes))


def _secret(tx: Tx, endpoint: Endpoint) -> str:
    return rules.secret_of(tx.settings.storage.secret, endpoint.id, endpoint.secret_number)


# --- deliveries ------------------------------------------------------------------------------------------------------


async def tell(tx: Tx, event: Event) -> None:
    """Queue an event for each endpoint that wants it."""
    cause = tx.cause
    assert cause is not None
    wanting = [endpoint for endpoint in await store.list_endpoints(tx) if rules.wants(endpoint, event)]
    if not wanting:
        return
    erased = await store.load_erased(tx, event.key, rules.author_of(event))
    told = rules.told_of(event, cause, erased)
    for endpoint in wanting:
        await _queue(tx, endpoint, told)


async def ping(tx: Tx, endpoint_id: str) -> Delivery:
    """Queue a delivery that says nothing, to see whether it arrives. Raises ``Missing``, and ``Conflict``."""
    endpoint = await get_endpoint(tx, endpoint_id)
    if endpoint.state != ACTIVE:
        raise Conflict(N_("The endpoint is not active. Please resume it first."))
    message_id = tx.new_id()
    payload = rules.write_payload(message_id, rules.PING, "/answerable/webhooks", endpoint.id, tx.now, {})
    return await _queue(tx, endpoint, Told(message_id, rules.PING, endpoint.id, "", payload))


async def _queue(tx: Tx, endpoint: Endpoint, told: Told) -> Delivery:
    hours = tx.settings.webhooks.give_up_hours
    delivery = rules.new_delivery(tx.new_id(), endpoint, told, now=tx.now, give_up_hours=hours)
    await store.insert_delivery(tx, delivery)
    return delivery


async def send_again(tx: Tx, endpoint_id: str, delivery_id: str) -> Delivery:
    """Queue a delivery that is done once more. Raises ``Missing`` and ``Conflict``."""
    before = await store.load_delivery(tx, endpoint_id, delivery_id)
    if before is None:
        raise Missing(N_("There is no such delivery."))
    after = rules.send_again(before, tx.now, tx.settings.webhooks.give_up_hours)
    if not await store.save_delivery(tx, before, after):
        raise Conflict("This delivery is on its way already.")
    return after


async def claim(tx: Tx, busy: Collection[str]) -> tuple[Endpoint, Delivery] | None:
    """Claim what is due first, for as long as a try can take; nothing of endpoints that are busy."""
    delivery = await store.claim_delivery(tx, busy, tx.now + rules.LEASE)
    if delivery is None:
        return None
    return await get_endpoint(tx, delivery.endpoint_id), delivery


async def note_outcome(tx: Tx, delivery: Delivery, outcome: Outcome) -> None:
    """Note what a try brought, for the delivery and for its endpoint."""
    if not await store.save_delivery(tx, delivery, rules.after_try(delivery, outcome, tx.now)):
        return  # removed, or claimed again after a lease
    before = await store.load_endpoint(tx, delivery.endpoint_id)
    if before is None:
        return
    after = rules.judge(before, outcome, tx.now, tx.settings.webhooks.disable_days)
    if after == before:
        return
    await store.save_endpoint(tx, after)
    if after.state != before.state:
        _record(tx, "WEBHOOK_DISABLED", after, {"state": [before.state, after.state]})
        tx.publish(WebhookDisabled(endpoint_id=after.id, name=after.name, reason=after.reason))


async def prune(tx: Tx, most: int) -> int:
    """Forget more of what was erased, and what was done long ago; give up what waited in vain for too long."""
    subject = await store.next_forgotten(tx)
    forgotten = await _forget(tx, subject) if subject else 0
    given_up = await store.give_up_waiting(tx, rules.NOT_ACTIVE, most)
    return forgotten + given_up + await store.delete_done(tx, tx.now - tx.settings.webhooks.keep_days * DAY, most)


async def forget(tx: Tx, subject: str, version: int) -> None:
    """Forget what programs were told, or are yet to be told, of a person or ticket: some at once, more by and by."""
    await store.note_erased(tx, subject, version)
    await _forget(tx, subject)


async def _forget(tx: Tx, subject: str) -> int:
    gone = await store.delete_about(tx, subject, FORGOTTEN_AT_ONCE)
    gone += await store.delete_by(tx, subject, FORGOTTEN_AT_ONCE - gone)
    if gone < FORGOTTEN_AT_ONCE:
        await store.end_forgetting(tx, subject)
    await ask_to_scrub(tx)
    return gone
