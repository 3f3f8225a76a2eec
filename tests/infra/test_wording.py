"""What is wrong with a body is said in words."""

import pytest

from answerable.infra.web.wording import field_error
from answerable.infra.web.words import text_in


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


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("must have 5 to 200 characters, has 3", "muss 5 bis 200 Zeichen haben, hat 3"),
        ("Abe Agnew is not active.", "Abe Agnew ist nicht aktiv."),
        (
            "The ticket is cancelled and cannot be changed.",
            "Das Ticket ist abgebrochen und kann nicht geändert werden.",
        ),
        ("must have 5 to {least} characters", "must have 5 to {least} characters"),
        ("Nobody has translated this.", "Nobody has translated this."),
    ],
)
def test_a_refusal_with_values_is_said_in_german(english: str, german: str) -> None:
    assert text_in("de")(english) == german
    assert text_in("en")(english) == english
