"""What people read, in their language: texts, dates, numbers, spans of time."""

from answerable.infra.web.words.dates import ago, clock, day, exact, iso_of, moment, span, worked
from answerable.infra.web.words.languages import SHOWN, Text, best_language, text_in, translations
from answerable.infra.web.words.zones import known_zones, zone_of, zone_options

__all__ = [
    "SHOWN",
    "Text",
    "ago",
    "best_language",
    "clock",
    "day",
    "exact",
    "iso_of",
    "known_zones",
    "moment",
    "span",
    "text_in",
    "translations",
    "worked",
    "zone_of",
    "zone_options",
]
