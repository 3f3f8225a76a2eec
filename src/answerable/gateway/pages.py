"""The pages that belong to no other feature: the start page, the reference of the interface, and operation."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post

from answerable.gateway import actions
from answerable.gateway.queries.reference import reference_of
from answerable.infra.bus import inbox
from answerable.infra.web.assets import find_asset
from answerable.infra.web.forms import Said, form_of, go, words
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.html import render, show
from answerable.infra.web.kept import Part, kept_here
from answerable.infra.web.openapi import document_of
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import viewer_of
from answerable.infra.web.words.messages import in_words
from answerable.kernel.errors import Missing
from answerable.kernel.words import N_
from answerable.settings.effective import about, effective
from answerable.settings.sections import sections as all_sections


@get("/", opt=needs(PUBLIC), media_type="text/html")
async def start(request: DeskRequest) -> Response[bytes]:
    """Lead whoever is signed in to their work, and tell everybody else what this is."""
    viewer = viewer_of(request.scope)
    if not viewer.signed_in:
        return show(request, "gateway/start.html")
    home = next((place for place in viewer.places if place.home), None)
    return go(request, home.path) if home else show(request, "gateway/home.html")


@get("/api/docs", opt=needs(PUBLIC), media_type="text/html", tags=["Reference"])
async def reference(request: DeskRequest) -> Response[bytes]:
    """Read this interface as a page."""
    state = request.app.state
    if "reference_page" not in state:
        state["reference_page"] = render("gateway/reference.html", reference=reference_of(document_of(request.app)))
    page: Response[bytes] = state["reference_page"]
    return Response(page.content, headers={**page.headers, "Cache-Control": "no-cache"}, media_type=page.media_type)


@get("/offline", opt=needs(PUBLIC), media_type="text/html", include_in_schema=False)
async def offline(request: DeskRequest) -> Response[bytes]:
    """Say that there is no connection: browsers keep this page for when there is none."""
    return show(request, "gateway/offline.html", sheet=True)


@get("/sw.js", opt=needs(PUBLIC), include_in_schema=False)
async def service_worker(request: DeskRequest) -> Response[bytes]:
    """Read the script that shows that page; it stands at the root because it is for all pages."""
    asset, _ = find_asset("sw.js")
    if asset is None:
        raise Missing("There is nothing here.")
    return Response(asset.content, headers={"Cache-Control": "no-cache"}, media_type=asset.media_type)


# Who could not do a message, and what it says.
PARTS = {
    "gateway": N_("The gateway"),
    "users": N_("People and accounts"),
    "tickets": N_("Tickets"),
    "assignment": N_("Assignment"),
    "sla": N_("Promises"),
    "notifications": N_("Notifications"),
    "webhooks": N_("Webhooks"),
    "reporting": N_("Reports"),
    "mirror": N_("The mirror"),
}
WORDS: dict[str, Any] = {"says": in_words, "parts": PARTS}
# Where a value can come from, but for what names itself: a file, a variable, an address.
ORIGINS = (N_("command line"), N_("services"))
OPERATION: dict[str, Any] = {"opt": needs("event.admin"), "include_in_schema": False}


@get("/admin/events", **OPERATION)
async def show_parked(request: DeskRequest) -> Response[bytes]:
    """Show the messages that were tried several times and set aside."""
    rows = await request.ask(inbox.parked)
    return show(request, "gateway/parked.html", rows=rows, **_place_of(request), **WORDS)


@get("/admin/events/{message_id:str}", **OPERATION)
async def show_message(request: DeskRequest, message_id: str) -> Response[bytes]:
    """Show one of them, and why nobody could do it."""
    found = await request.ask(inbox.load_parked, message_id)
    if not found:
        raise Missing(N_("This message is not parked any more."))
    bodies = [msgspec.json.format(sealed.body.encode()).decode() if sealed else "" for _, sealed in found]
    tries, place = [row for row, _ in found], _place_of(request)
    return show(request, "gateway/message.html", tries=tries, sealed=found[0][1], body=bodies[0], **place, **WORDS)


@post("/admin/events/retry", status_code=200, **OPERATION)
async def retry(request: DeskRequest) -> Response[bytes]:
    """Let a parked message be tried again, or all of them where none is named."""
    form = await form_of(request)
    count = await request.act(actions.try_again, form["message"] or None)
    text = N_("It is tried again now.") if count == 1 else N_("%(count)s messages are tried again now.")
    return go(request, f"/admin/events{_place_of(request)['there']}", Said(words(request)(text) % {"count": count}))


@get("/admin/settings", **OPERATION)
async def show_settings(request: DeskRequest) -> Response[bytes]:
    """Show the settings in effect: their values, secrets masked, and where each came from."""
    sections: dict[str, list[dict[str, str]]] = {}
    for row in effective(request.desk_settings):
        sections.setdefault(row["setting"].partition(".")[0], []).append(row)
    words_of = {name: about(section) for name, section in all_sections().items()}
    return show(request, "gateway/settings.html", sections=sections, about=words_of, **_place_of(request))


@get("/services/kept/{person_id:str}", opt=needs("user.admin"), include_in_schema=False)
async def kept_by_service(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Tell another service what this one keeps about a person, for an export; at the gateway there is nothing here."""
    desk = request.parts["desk"]
    if any(feature.name == "gateway" for feature in desk.features):
        raise Missing("There is nothing here.")
    part = Part((await kept_here(desk, person_id)).parts)
    return Response(msgspec.json.encode(part), headers={"Cache-Control": "no-store"}, media_type="application/json")


OPERATING = [show_parked, show_message, retry, show_settings]
INNER = [kept_by_service]
ROUTES = [start, reference, offline, service_worker, *OPERATING, *INNER]


def _place_of(request: DeskRequest) -> dict[str, Any]:
    """Tell which process answers: ``service`` is its name behind a gateway, ``others`` are those behind this one.

    ``there`` is what leads an address to the same process.
    """
    here = any(feature.name == "gateway" for feature in request.parts["desk"].features)
    service = "" if here else request.query_params.get("service", "")
    there = f"?{urlencode({'service': service})}" if service else ""
    return {"service": service, "there": there, "others": sorted(request.desk_settings.peers.urls) if here else []}
