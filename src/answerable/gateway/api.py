"""What programs and browsers read: the OpenAPI document and the built assets."""

from typing import Any

import msgspec
from litestar import Response, get

from answerable.infra.web.assets import find_asset
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.openapi import document_of
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Missing

NOTHING_HERE = "There is nothing here."
FOREVER = "public, max-age=31536000, immutable"


@get("/api/openapi.json", opt=needs(PUBLIC), tags=["Reference"])
async def openapi_document(request: DeskRequest) -> Response[dict[str, Any]]:
    """Read this interface as an OpenAPI 3.1 document."""
    state = request.app.state
    if "openapi_bytes" not in state:
        state["openapi_bytes"] = msgspec.json.encode(document_of(request.app))
    return Response(state["openapi_bytes"], media_type="application/json", headers={"Cache-Control": "no-cache"})


@get("/static/{name:str}", opt=needs(PUBLIC))
async def static_file(request: DeskRequest, name: str) -> Response[bytes]:
    """Read a style sheet, script or picture of the desk; an address with its version may be kept for ever."""
    asset, exact = find_asset(name)
    if asset is None:
        raise Missing(NOTHING_HERE)
    encoding, content = asset.packed_for(request.headers.get("accept-encoding", ""))
    tag = f'"{asset.version}{encoding and "-" + encoding}"'
    headers = {"ETag": tag, "Cache-Control": FOREVER if exact else "no-cache", "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(content, headers=headers, media_type=asset.media_type)


ROUTES = [openapi_document, static_file]
