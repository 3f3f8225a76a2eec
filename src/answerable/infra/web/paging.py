"""Paging headers of lists: ``Link`` (RFC 8288) and ``X-Total-Count``."""

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from litestar import Response

from answerable.infra.web.request import DeskRequest, JsonAnswer
from answerable.kernel.paging import Page

T = TypeVar("T")


def list_headers(request: DeskRequest, page: Page[Any]) -> dict[str, str]:
    """Return the paging headers for a page of the list that was asked for."""
    headers = {"X-Total-Count": page.total}
    if page.next_cursor:
        query = request.scope["query_string"].decode("latin-1")
        kept = [part for part in query.split("&") if part and part.partition("=")[0] not in ("page", "cursor")]
        asked = "&".join([*(quote(part, safe="=%+") for part in kept), f"cursor={page.next_cursor}"])
        url = f"{quote(request.scope['path'])}?{asked}"
        headers["Link"] = f'<{url}>; rel="next"'
    return headers


def list_response(request: DeskRequest, page: Page[Any], rows: Sequence[T]) -> Response[list[T]]:
    """Answer a page as a bare array with its headers."""
    return JsonAnswer(msgspec.json.encode(rows), 200, list_headers(request, page))


def written_list(request: DeskRequest, page: Page[Any], documents: Sequence[bytes]) -> Response[Any]:
    """Answer a page whose rows are JSON already."""
    return JsonAnswer(b"[" + b",".join(documents) + b"]", 200, list_headers(request, page))
