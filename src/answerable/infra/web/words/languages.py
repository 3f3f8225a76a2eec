"""Texts in other languages: gettext catalogues of ``locale/``, read when the first person needs them."""

import io
from collections.abc import Callable
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import TypeAlias

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from answerable.infra.web.words.refusals import refusal_in
from answerable.kernel.visit import LANGUAGES

FOLDER = Path(__file__).parents[3] / "locale"
SHOWN = {"en": "English", "de": "Deutsch"}
Text: TypeAlias = Callable[[str], str]


@cache
def translations(language: str) -> NullTranslations:
    """Return the texts of a language; English is what the code says."""
    sources = sorted((FOLDER / language).glob("*.po")) if language in LANGUAGES else []
    if not sources:
        return NullTranslations()
    whole = Catalog(language)  # one of all: a chain of them would be gone through for every text
    for source in sources:
        with source.open("rb") as text:
            for message in read_po(text, locale=language):
                if message.id and message.id not in whole:
                    whole[message.id] = message
    made = io.BytesIO()
    write_mo(made, whole)
    made.seek(0)
    return GNUTranslations(made)


@cache
def text_in(language: str) -> Text:
    """Return what writes a text in a language, or as it stands where nobody has translated it."""
    known = translations(language).gettext
    if language in ("", LANGUAGES[0]):
        return known

    def say(text: str) -> str:
        said = known(text) if text else text  # of no text, a catalogue says what it is itself
        return refusal_in(known, text) if said == text else said

    return say


@lru_cache(maxsize=512)
def best_language(accepted: str) -> str:
    """Return the language of the desk that fits an ``Accept-Language`` header best (RFC 9110, section 12.5.4)."""
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:500].split(",")):
        name, _, parameter = part.strip().partition(";")
        weight = _weight(parameter.strip().removeprefix("q=")) if parameter else 1.0
        primary = name.strip().partition("-")[0].lower()
        if primary in LANGUAGES and weight > 0:
            weighed.append((-weight, place, primary))
    return min(weighed)[2] if weighed else LANGUAGES[0]


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
