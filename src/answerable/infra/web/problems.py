"""Errors as RFC 9457 problem details, always with ``message``, never with internals."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import structlog
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.exceptions.http_exceptions import MethodNotAllowedException, NotFoundException

from answerable.infra.web.html import Page, show
from answerable.infra.web.inner import SCHEME, NotFromGateway
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.wording import field_error
from answerable.kernel.errors import Invalid, Problem
from answerable.kernel.words import N_

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)
_TITLES = {
    400: "Invalid input",
    404: "Not found",
    405: N_("Method not allowed"),
    413: "Too large",
    415: "Unsupported media type",
}
_WORDS = {
    404: N_("There is nothing here."),
    405: N_("This address does not take that method."),
    413: N_("The request is larger than the desk takes."),
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
        scheme = SCHEME if isinstance(problem, NotFromGateway) else "Bearer"
        headers["WWW-Authenticate"] = f'{scheme} realm="answerable"'
    return headers


def answer_problem(request: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    """Answer something that the features or the infrastructure raised on purpose."""
    return _answer(
        request, problem.status, problem.title, problem.message, problem.errors, headers=problem_headers(problem)
    )


def problem_page(app: Litestar, scope: Any, problem: Problem) -> Any:
    """Return what sends a problem that was raised outside the application, as the application would."""
    scope["app"] = scope["litestar_app"] = app
    request = DeskRequest(scope)
    return answer_problem(request, problem).to_asgi_response(None, request)


def answer_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what the framework found wrong with a request."""
    status = error.status_code
    if isinstance(error, ValidationException):
        return answer_problem(request, Invalid(N_("The request has invalid values."), errors=_field_errors(error)))
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
    return _answer(request, 500, "Internal error", N_("Something went wrong on our side. It has been logged."))


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    title: str,
    message: str,
    errors: tuple[str, ...] = (),
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response[bytes]:
    """Answer a problem document, or the same words as a page where a browser asked for a page."""
    if wants_page(request.scope):
        return _page(request, status, title, message, errors, headers)
    return Response(
        problem_body(status, title, message, errors), status_code=status, headers=dict(headers), media_type=MEDIA_TYPE
    )


def wants_page(scope: Any) -> bool:
    """Tell whether a browser asked for a page, or for a part of one."""
    path: str = scope["path"]
    if path == "/api" or path.startswith("/api/"):
        return False
    headers = scope["state"]["headers"]
    return b"text/html" in headers.get(b"accept", b"") or b"hx-request" in headers


def _page(
    request: Request[Any, Any, Any],
    status: int,
    title: str,
    message: str,
    errors: tuple[str, ...],
    headers: Mapping[str, str],
) -> Response[bytes]:
    """Show what went wrong; whoever must sign in for a page is sent to do so, and comes back to it."""
    asked = request.scope["state"]["headers"]
    more = dict(headers)
    if b"hx-request" in asked:
        if status == 401:
            more["HX-Redirect"] = f"/login?next={quote(_page_around(asked), safe='')}"
        else:  # the page stays, and says so
            more["HX-Reswap"] = "none"
            more["HX-Trigger"] = _ascii({"desk:problem": {"status": status, "title": title, "message": message}})
    elif status == 401:
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        to = f"/login?next={quote(back, safe='')}" if request.method == "GET" else "/login"
        return Page(b"", 303, {"Location": to})
    return show(
        request,
        "frame/problem.html",
        status,
        headers=more,
        status=status,
        title=title,
        message=message,
        errors=errors,
        again=request.method == "GET",  # to read it again does no harm
        sheet=status == 500,
    )


def _page_around(asked: Mapping[bytes, bytes]) -> str:
    """Return path and query of the page that a fragment is for."""
    try:
        url = urlsplit(asked.get(b"hx-current-url", b"").decode("latin-1"))
    except ValueError:  # no browser is at such an address
        return "/"
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _ascii(value: Any) -> str:
    return json.dumps(value)  # headers are ASCII; msgspec would write letters as they are


def _field_errors(error: ValidationException) -> tuple[str, ...]:
    found = []
    for item in error.extra if isinstance(error.extra, list) else []:
        key, message = str(item.get("key", "")), _first_line(str(item.get("message", "is not valid")))
        found.append(field_error(key, message))
    return tuple(found[:50]) or (f"body: {_first_line(error.detail)}",)


def _first_line(text: str) -> str:
    return text.splitlines()[0][:300] if text else "is not valid"
