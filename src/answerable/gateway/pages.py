"""The pages that belong to no other feature: the start page and the reference of the interface."""

from litestar import Response, get

from answerable.gateway.queries.reference import reference_of
from answerable.infra.web.assets import find_asset
from answerable.infra.web.forms import go
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.html import render, show
from answerable.infra.web.openapi import document_of
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import viewer_of
from answerable.kernel.errors import Missing


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


ROUTES = [start, reference, offline, service_worker]
