"""What happened elsewhere that the gateway keeps: people and keys, so that it tells by itself who is asking."""

from answerable.gateway import store
from answerable.kernel.tx import Tx
from answerable.messages.users import ApiKeyChanged, PersonEvent, SigningKeyMade


async def know_person(tx: Tx, event: PersonEvent) -> None:
    """Note a person."""
    await store.save_person(
        tx, event.user_id, event.name, " ".join(event.roles), int(event.active), event.session_version
    )


async def know_key(tx: Tx, event: SigningKeyMade) -> None:
    """Note a key."""
    await store.save_key(tx, event.kid, event.public_key)


async def know_api_key(tx: Tx, event: ApiKeyChanged) -> None:
    """Note a key of a program."""
    await store.save_api_key(tx, event)
