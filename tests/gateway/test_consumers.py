"""What the gateway keeps of people and their keys, in whatever order it hears of them."""

from pathlib import Path

from answerable.messages.erasure import ERASED_PERSON
from answerable.messages.users import ApiKeyChanged, PersonErased, UserChanged
from tests.world import open_world


async def test_the_key_of_somebody_forgotten_is_not_kept_in_whatever_order_the_news_comes(tmp_path: Path) -> None:
    """Keys and people are told of under keys of their own: on Kafka, in partitions of their own."""

    def key_of(person_id: str) -> ApiKeyChanged:
        return ApiKeyChanged(
            key_id=f"key-{person_id}",
            fingerprint=f"print-{person_id}",
            name="Una's script",
            person_id=person_id,
            roles=[],
            scopes=[],
            expires_at=2**50,
            revoked=False,
        )

    def nobody(person_id: str) -> UserChanged:
        return UserChanged(
            user_id=person_id, name=ERASED_PERSON, email="x@x.invalid", roles=["USER"], active=False, changed=["name"]
        )

    async with open_world(tmp_path / "desk", ["gateway"]) as world:
        await world.tell(key_of("una"), PersonErased(user_id="una"), nobody("una"))
        await world.tell(PersonErased(user_id="otto"), key_of("otto"), nobody("otto"))
        await world.tell(PersonErased(user_id="ria"), nobody("ria"), key_of("ria"), key_of("kim"), key_of(""))
        kept = await world.sql("SELECT person_id FROM gateway_api_key ORDER BY person_id")
        assert [row["person_id"] for row in kept] == ["", "kim"]
