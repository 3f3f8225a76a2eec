"""Errors as RFC 9457 problem details, always with ``message``, never with internals."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.exceptions.http_exceptions import MethodNotAllowedException, NotFoundException

from answerable.infra.web.html import render
from answerable.infra.web.wording import field_error
from answerable.kernel.errors import Invalid, Problem

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)
_TITLES = {
    400: "Invalid input",
    404: "Not found",
    405: "Method not allowed",
    413: "Too large",
    415: "Unsupported media type",
}
_WORDS = {
    404: "There is nothing here.",
    405: "This address does not take that method.",
    413: "The request is larger than the desk takes.",
}


def problem_body(status: int, title: str, message: str, errors: tuple[str, ...] = ()) -> bytes:
    """Write a problem document."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": message,
        "message": message,
    }
    if errors:
        body["errors"] = list(errors)
    return msgspec.json.encode(body)


def problem_headers(problem: Problem) -> dict[str, str]:
    """Return the headers that go with a problem."""
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="answerable"'
    return headers


def answer_problem(request: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    """Answer something that the features or the infrastructure raised on purpose."""
    return _answer(
        request, problem.status, problem.title, problem.message, problem.errors, headers=problem_headers(problem)
    )


def answer_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what the framework found wrong with a request."""
    status = error.status_code
    if isinstance(error, ValidationException):
        return answer_problem(request, Invalid("The request has invalid values.", errors=_field_errors(error)))
    if status >= 500:
        return answer_crash(request, error)
    headers = dict(error.headers or {}) if isinstance(error, MethodNotAllowedException) else {}
    message = _WORDS.get(status) or (
        "The request body is not valid JSON." if status == 400 else _first_line(error.detail)
    )
    if isinstance(error, NotFoundException):
        message = _WORDS[404]
    return _answer(request, status, _TITLES.get(status, "Request refused"), message, headers=headers)


def answer_crash(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer an error of ours: logged whole, told in one sentence."""
    if isinstance(error, RecursionError):  # JSON nested without end
        return answer_problem(request, Invalid("The request body is nested too deeply."))
    if isinstance(error, UnicodeDecodeError):  # JSON whose texts are not UTF-8
        return answer_problem(request, Invalid("The request body is not valid JSON."))
    _log.error("request failed", path=request.scope["path"], method=request.method, exc_info=error)
    return _answer(request, 500, "Internal error", "Something went wrong on our side. It has been logged.")


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    title: str,
    message: str,
    errors: tuple[str, ...] = (),
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response[bytes]:
    """Answer a problem document, or the same words as a page where a browser asked for a page."""
    if _wants_page(request):
        page = render("problem.html", status_code=status, status=status, title=title, message=message, errors=errors)
        page.headers.update(headers)
        return page
    return Response(
        problem_body(status, title, message, errors), status_code=status, headers=dict(headers), media_type=MEDIA_TYPE
    )


def _wants_page(request: Request[Any, Any, Any]) -> bool:
    path: str = request.scope["path"]
    return not (path == "/api" or path.startswith("/api/")) and "text/html" in request.headers.get("accept", "")


def _field_errors(error: ValidationException) -> tuple[str, ...]:
    found = []
    for item in error.extra if isinstance(error.extra, list) else []:
        key, message = str(item.get("key", "")), _first_line(str(item.get("message", "is not valid")))
        found.append(field_error(key, message))
    return tuple(found[:50]) or (f"body: {_first_line(error.detail)}",)


def _first_line(text: str) -> str:
    return text.splitlines()[0][:300] if text else "is not valid"
