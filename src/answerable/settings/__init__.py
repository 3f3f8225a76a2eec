"""Settings: defaults < TOML document < environment (``ANSWERABLE_SECTION_NAME``) < command line. Read once, frozen.

Standard library only. ``sections.py`` says what can be set, ``reading.py`` where values come from.
"""

from answerable.settings.reading import SOURCES, Document, load_settings, read_file
from answerable.settings.sections import (
    DEFAULT_CATEGORIES,
    PREFIX,
    SHORT_NAMES,
    Assignment,
    Auth,
    Bus,
    Limits,
    Mail,
    Mirror,
    Oidc,
    Peers,
    Server,
    Settings,
    Sla,
    Storage,
    Tickets,
    Webhooks,
    checked,
    may_hold_secret,
    sections,
    without_password,
)

__all__ = [
    "DEFAULT_CATEGORIES",
    "PREFIX",
    "SHORT_NAMES",
    "SOURCES",
    "Assignment",
    "Auth",
    "Bus",
    "Document",
    "Limits",
    "Mail",
    "Mirror",
    "Oidc",
    "Peers",
    "Server",
    "Settings",
    "Sla",
    "Storage",
    "Tickets",
    "Webhooks",
    "checked",
    "load_settings",
    "may_hold_secret",
    "read_file",
    "sections",
    "without_password",
]
