"""Numbers as people write them."""

from babel.numbers import format_decimal, format_percent

_LOCALES = {"en": "en_GB"}


def number(value: float, language: str, digits: int = 0) -> str:
    """Write a number with its groups, ``1,042``, and a fixed number of ``digits`` after the point."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, pattern, locale=_LOCALES.get(language, language))


def percent(share: float, language: str, digits: int = 0) -> str:
    """Write a share of 1 in percent."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "") + ("%" if language == "en" else "\u00a0%")
    return format_percent(share, pattern, locale=_LOCALES.get(language, language))
