"""Who looks at a page, and what the frame around it shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from answerable.infra.web.cookies import FORM, cookie_name, form_key, new_form_cookie, read_cookie
from answerable.infra.web.words import best_language, zone_of
from answerable.infra.web.words.zones import UTC
from answerable.kernel.actor import ANONYMOUS, Actor
from answerable.kernel.manifest import Feature, Finder, Panel, Place
from answerable.kernel.visit import Preferences, Visit

WORKS_HERE = "desk.work"  # held by those for whom the desk is the day's work


@dataclass(frozen=True)
class Frame:
    """What all features offer to the frame around the pages, in order, wherever they run."""

    places: Sequence[Place] = ()
    panels: Mapping[str, Sequence[Panel]] = field(default_factory=dict)
    finders: Sequence[Finder] = ()


def frame_of(features: Sequence[Feature]) -> Frame:
    """Collect what the manifests offer."""
    panels: dict[str, list[Panel]] = {}
    for panel in sorted((p for f in features for p in f.panels), key=lambda panel: panel.order):
        panels.setdefault(panel.slot, []).append(panel)
    return Frame(
        sorted((p for f in features for p in f.navigation), key=lambda place: place.order),
        panels,
        sorted((p for f in features for p in f.finders), key=lambda finder: finder.order),
    )


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. ``now`` is when, in UTC microseconds; ``here`` the path with its query, as it was asked for."""

    actor: Actor
    preferences: Preferences
    language: str
    zone: ZoneInfo
    now: int
    here: str
    frame: Frame
    form_key: bytes
    fragment: bool = False
    form_cookie: str = ""  # new, to be set with the answer
    visit: Visit | None = None

    def may(self, grant: str) -> bool:
        """Tell whether the viewer holds a grant."""
        return self.actor.may(grant)

    @property
    def signed_in(self) -> bool:
        """Tell whether somebody is signed in."""
        return self.actor.kind == "person"

    @property
    def works_here(self) -> bool:
        """Tell whether the viewer is at work here, or somebody who asks for help."""
        return self.actor.may(WORKS_HERE)

    @property
    def path(self) -> str:
        """Return the path that was asked for."""
        return self.here.partition("?")[0]

    @property
    def places(self) -> list[Place]:
        """Return the navigation of this viewer."""
        return [place for place in self.frame.places if place.is_for(self.actor)]

    @property
    def finders(self) -> list[Finder]:
        """Return what the command palette looks through for this viewer."""
        return [finder for finder in self.frame.finders if self.actor.may(finder.grant)]

    def panels(self, slot: str) -> list[Panel]:
        """Return what other features show in a slot of a page."""
        return [panel for panel in self.frame.panels.get(slot, ()) if self.actor.may(panel.grant)]

    def is_at(self, place: Place) -> bool:
        """Tell whether the page belongs to a place of the navigation: the longest path that fits."""
        fitting = [each.path for each in self.frame.places if _is_below(self.path, each.path)]
        return bool(fitting) and max(fitting, key=len) == place.path


def viewer_of(scope: Any) -> Viewer:
    """Return who looks at the answer to a request."""
    state = scope["state"]
    known: Viewer | None = state.get("viewer")
    if known is not None:
        return known
    headers: Mapping[bytes, bytes] = state["headers"]
    visit: Visit | None = state.get("visit")
    liked = visit.preferences if visit else Preferences()
    accepted = headers.get(b"accept-language", b"").decode("latin-1")
    key, made = state.get("form_key", b""), ""
    if not key:  # not signed in by cookie: what a bearer token sends needs no form token
        cookie = read_cookie(headers, cookie_name(FORM, state["database"].settings))
        made = "" if cookie or state.get("actor", ANONYMOUS).kind == "person" else new_form_cookie()
        key = form_key(cookie or made)
    query = scope.get("query_string", b"").decode("latin-1")
    viewer = Viewer(
        actor=state.get("actor", ANONYMOUS),
        preferences=liked,
        language=liked.language or best_language(accepted),
        zone=zone_of(liked.zone) or zone_of(visit.browser_zone if visit else "") or UTC,
        now=state["database"].clock(),
        here=quote(scope["path"]) + (f"?{query}" if query else ""),
        frame=state["parts"]["frame"],
        form_key=key,
        fragment=b"hx-request" in headers and b"hx-boosted" not in headers,
        form_cookie=made,
        visit=visit,
    )
    state["viewer"] = viewer
    return viewer


def _is_below(path: str, place: str) -> bool:
    return path == place or (place != "/" and path.startswith(place.rstrip("/") + "/"))


__all__ = ["Frame", "Viewer", "frame_of", "viewer_of"]
