"""What happened elsewhere that the gateway keeps: people and keys, so that it tells by itself who is asking."""

from answerable.gateway import store
from answerable.kernel.tx import Tx
from answerable.messages.erasure import ERASED_PERSON
from answerable.messages.users import ApiKeyChanged, PersonErased, PersonEvent, SigningKeyMade


async def know_person(tx: Tx, event: PersonEvent) -> None:
    """Note a person; the news of their keys comes in an order of its own, also after they were forgotten."""
    await store.save_person(
        tx, event.user_id, event.name, " ".join(event.roles), int(event.active), event.session_version
    )
    if event.name == ERASED_PERSON:
        await store.delete_api_keys(tx, event.user_id)


async def know_key(tx: Tx, event: SigningKeyMade) -> None:
    """Note a key."""
    await store.save_key(tx, event.kid, event.public_key)


async def know_api_key(tx: Tx, event: ApiKeyChanged) -> None:
    """Note a key of a program, unless it acts for somebody who was forgotten meanwhile."""
    person = await store.load_person(tx, event.person_id) if event.person_id else None
    if person is None or person["name"] != ERASED_PERSON:
        await store.save_api_key(tx, event)


async def forget_keys(tx: Tx, event: PersonErased) -> None:
    """Somebody is to be forgotten, and so are the keys that act for them."""
    await store.delete_api_keys(tx, event.user_id)
