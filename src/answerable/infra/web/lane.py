"""The short way to a handler that needs little: the request, texts of its path, a JSON body, and answers for itself.

Litestar describes, documents and checks every route; for these it also spends more time on finding the handler and
handing it its values than the handler takes. The lane does just that part (``docs/decisions/0013-short-way.md``);
whatever is the least bit unusual goes on to Litestar.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from litestar import Litestar, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive, Send

from answerable.infra.web.bodies import check_body, read_json
from answerable.infra.web.grants import check_grant
from answerable.infra.web.problems import answer_crash, answer_http
from answerable.infra.web.request import DeskRequest, JsonAnswer
from answerable.kernel.errors import Problem


class _Request(DeskRequest):
    """A request that prepares what the framework keeps about it only when something asks for that."""

    def __init__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send

    def __getattr__(self, name: str) -> Any:
        """Prepare everything, then answer."""
        if name.startswith("__") or "prepared" in self.__dict__:
            raise AttributeError(name)
        self.__dict__["prepared"] = True
        super().__init__(self.scope, self.receive, self.send)
        return getattr(self, name)


@dataclass(frozen=True, slots=True)
class _Way:
    """A handler, and what it is called with. ``parameter`` names the variable part of its path, if there is one."""

    handler: HTTPRouteHandler
    call: Callable[..., Awaitable[Response[Any]]]
    template: str
    grant: str | None
    parameter: str
    body: Any


class Lane:
    """ASGI application around Litestar's that answers plain requests itself."""

    def __init__(self, app: Litestar) -> None:
        self._app = app
        self._whole: dict[tuple[str, str], _Way] = {}
        self._split: dict[tuple[str, str, str], _Way] = {}
        self._fixed: set[str] = set()  # beginnings and whole paths that a variable part must not be taken for
        for route in app.routes:
            parts = route.path.split("/")
            self._fixed.update("/".join(parts[:end]) for end in range(2, len(parts) + 1) if "{" not in parts[end - 1])
            for handler in getattr(route, "route_handlers", ()):
                self._add(route.path_format, handler)

    def _add(self, template: str, handler: HTTPRouteHandler) -> None:
        way = _way(template, handler)
        if way is None:
            return
        before, brace, rest = template.partition("/{")
        for method in handler.http_methods:
            if not brace:
                self._whole[str(method), template] = way
            elif "{" not in rest and rest.count("/") <= 1:
                self._split[str(method), before, rest.partition("}")[2][1:]] = way

    def covers(self, method: str, path: str) -> bool:
        """Tell whether a request goes the short way."""
        return self._find(method, path)[0] is not None

    def _find(self, method: str, path: str) -> tuple[_Way | None, str]:
        way = self._whole.get((method, path))
        if way is not None:
            return way, ""
        before, _, last = path.rpartition("/")
        way, value = self._split.get((method, before, "")), last
        if way is None:
            before, _, value = before.rpartition("/")
            way = self._split.get((method, before, last)) if last else None
        if way is None or not value or f"{before}/{value}" in self._fixed:
            return None, ""
        return way, value

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request; what is wrong with it is raised as a ``Problem``."""
        if scope["type"] == "http":
            way, value = self._find(scope["method"], scope["path"])
            if way is not None:
                await self._serve(way, value, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _serve(self, way: _Way, value: str, scope: Any, receive: Receive, send: Send) -> None:
        check_grant(scope, way.grant, way.template)
        check_body(scope)
        scope["app"] = scope["litestar_app"] = self._app
        scope["route_handler"] = way.handler
        values = {way.parameter: value} if value else {}
        scope["path_params"] = values
        request = _Request(scope, receive, send)
        try:
            if way.body is None:
                answer = await way.call(request, **values)
            else:
                answer = await way.call(request, data=read_json(await request.body(), way.body), **values)
        except Problem:
            raise
        except HTTPException as error:
            answer = answer_http(request, error)
        except Exception as error:
            answer = answer_crash(request, error)
        if isinstance(answer, JsonAnswer) and scope["state"]["answer"](
            answer.status_code, answer.raw_headers(), answer.content
        ):
            return
        await answer.to_asgi_response(None, request)(scope, receive, send)


@lru_cache(maxsize=8)
def lane_around(app: Litestar) -> Lane:
    """Return the lane around an application, which the desks of one process share where they have the same routes."""
    return Lane(app)


def _way(template: str, handler: HTTPRouteHandler) -> _Way | None:
    """Return how to call a handler, ``None`` for one that needs more than the lane has."""
    if not template.startswith("/api/"):
        return None  # pages tell what went wrong as pages; that is the framework's way
    own = (handler.guards, handler.middleware, handler.dependencies, handler.before_request, handler.after_request)
    signature = handler.parsed_fn_signature
    if any(own) or not signature.return_type.is_subclass_of(Response) or handler.has_sync_callable:
        return None
    named = {name: field.annotation for name, field in signature.parameters.items()}
    body = named.pop("data", None)
    if named.pop("request", None) is not DeskRequest or len(named) > 1 or not isinstance(body, type | None):
        return None
    if any(kind is not str or f"{{{name}}}" not in template for name, kind in named.items()):
        return None
    return _Way(handler, handler.fn, template, handler.opt.get("grant"), next(iter(named), ""), body)
