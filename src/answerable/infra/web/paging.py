"""Paging headers of lists: ``Link`` (RFC 8288) and ``X-Total-Count``."""

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from litestar import Response

from answerable.infra.web.request import DeskRequest, JsonAnswer
from answerable.kernel.paging import Page

T = TypeVar("T")


def list_headers(request: DeskRequest, page: Page[Any]) -> dict[str, str]:
    """Return the paging headers for a page of the list that was asked for."""
    headers = {"X-Total-Count": page.total}
    if page.next_cursor:
        query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        kept = [(name, value) for name, value in query if name not in ("page", "cursor")]
        url = f"{quote(request.scope['path'])}?{urlencode([*kept, ('cursor', page.next_cursor)])}"
        headers["Link"] = f'<{url}>; rel="next"'
    return headers


def list_response(request: DeskRequest, page: Page[Any], rows: Sequence[T]) -> Response[list[T]]:
    """Answer a page as a bare array with its headers."""
    return JsonAnswer(msgspec.json.encode(rows), 200, list_headers(request, page))
