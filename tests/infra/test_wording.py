"""What is wrong with a body is said in words."""

import pytest

from answerable.infra.web.wording import field_error


@pytest.mark.parametrize(
    ("key", "message", "words"),
    [
        ("", "Object missing required field `title`", "title: is missing"),
        ("address", "Object missing required field `city`", "address.city: is missing"),
        ("", "Object contains unknown field `foo`", "foo: is not known here"),
        ("title", "Expected `str`, got `int`", "title: must be a text, not a whole number"),
        ("capacity", "Expected `int | null`, got `str`", "capacity: must be a whole number or null, not a text"),
        ("", "Expected `object`, got `array`", "body: must be an object, not a list"),
        ("data", "'data'", "body: is missing"),
        ("size", "must be small", "size: must be small"),
    ],
)
def test_a_decoders_message_becomes_a_sentence(key: str, message: str, words: str) -> None:
    assert field_error(key, message) == words
