"""A person in a browser: who they are, until when, and how they like the desk to look."""

from dataclasses import dataclass

from answerable.kernel.actor import Actor

THEMES = ("system", "light", "dark")
DENSITIES = ("comfortable", "compact")
LANGUAGES = ("en", "de")


@dataclass(frozen=True, slots=True)
class Preferences:
    """How somebody likes the desk. An empty ``language`` or ``zone`` is what the browser says."""

    theme: str = "system"
    density: str = "comfortable"
    language: str = ""
    zone: str = ""
    keys: bool = True


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser session as it stands.

    ``version`` is the person's session version, ``browser_zone`` the time zone that the browser told at sign-in;
    instants are microseconds.
    """

    actor: Actor
    session_id: str
    version: int
    seen_at: int
    expires_at: int
    preferences: Preferences = Preferences()
    browser_zone: str = ""
