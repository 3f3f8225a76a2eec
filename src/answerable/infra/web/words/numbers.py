"""Numbers as people write them."""

from decimal import Decimal
from functools import cache

from babel.numbers import get_decimal_symbol, get_group_symbol, get_minus_sign_symbol

_LOCALES = {"en": "en_GB"}


def number(value: float, language: str, digits: int = 0) -> str:
    """Write a number with its groups, ``1,042``, and a fixed number of ``digits`` after the point."""
    # Babel's own way takes thirty times as long, and a report has a thousand numbers. Both round what is written.
    whole = isinstance(value, int) and not digits
    return _as_written(f"{value:,}" if whole else f"{Decimal(str(value)):,.{digits}f}", language)


def percent(share: float, language: str, digits: int = 0) -> str:
    """Write a share of 1 in percent."""
    hundredths = f"{Decimal(str(share)).scaleb(2):,.{digits}f}"
    return _as_written(hundredths, language) + ("%" if language == "en" else "\u00a0%")


def _as_written(text: str, language: str) -> str:
    return text.translate(_symbols(language))


@cache
def _symbols(language: str) -> dict[int, str]:
    locale = _LOCALES.get(language, language)
    symbols = {",": get_group_symbol(locale), ".": get_decimal_symbol(locale), "-": get_minus_sign_symbol(locale)}
    return str.maketrans(symbols)
