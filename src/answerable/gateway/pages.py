"""The pages that belong to no other feature: the start page and the reference of the interface."""

from litestar import Response, get

from answerable.gateway.queries.reference import reference_of
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.html import render
from answerable.infra.web.openapi import document_of
from answerable.infra.web.request import DeskRequest


@get("/", opt=needs(PUBLIC), media_type="text/html")
async def start() -> Response[bytes]:
    """Show what this is and where to go."""
    return render("gateway/start.html")


@get("/api/docs", opt=needs(PUBLIC), media_type="text/html", tags=["Reference"])
async def reference(request: DeskRequest) -> Response[bytes]:
    """Read this interface as a page."""
    state = request.app.state
    if "reference_page" not in state:
        state["reference_page"] = render("gateway/reference.html", reference=reference_of(document_of(request.app)))
    page: Response[bytes] = state["reference_page"]
    return Response(page.content, headers={**page.headers, "Cache-Control": "no-cache"}, media_type=page.media_type)


ROUTES = [start, reference]
