"""The web application: the features' routes under one roof."""

from functools import lru_cache
from typing import Any

from litestar import Litestar, Router
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from answerable import __version__
from answerable.infra.web import probes
from answerable.infra.web.bodies import BodyCheck
from answerable.infra.web.described import DescribedStructs
from answerable.infra.web.forms import FormCheck
from answerable.infra.web.grants import PUBLIC, GrantCheck, needs
from answerable.infra.web.problems import answer_crash, answer_http, answer_problem
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Missing, Problem


@lru_cache(maxsize=64)
def build_app(routes: tuple[Any, ...], max_body_bytes: int) -> Litestar:
    """Build the application of some routes, once: it keeps nothing of a desk.

    Reading the signatures of all handlers takes longer than opening a database, and they are the same for every desk;
    what differs comes with each request (``DeskRequest.parts``). Raises ``RuntimeError`` for a route that names no
    grant: nothing is open by accident.
    """
    app = Litestar(
        route_handlers=[*probes.ROUTES, *routes],
        middleware=[GrantCheck, BodyCheck, FormCheck],
        exception_handlers={Problem: answer_problem, HTTPException: answer_http, Exception: answer_crash},
        request_class=DeskRequest,
        request_max_body_size=max_body_bytes,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Answerable",
            version=__version__,
            description="The HTTP interface of the Answerable support desk. Errors are RFC 9457 problem details.",
            openapi_router=_closed_router(),  # the gateway serves the document; see infra/web/openapi.py
            render_plugins=[JsonRenderPlugin()],
            components=Components(
                security_schemes={"token": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
            ),
            security=[{"token": []}],
            use_handler_docstrings=True,
        ),
        plugins=[DescribedStructs()],
        debug=False,
    )
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if "grant" not in handler.opt and not _is_frameworks_own(handler):
                raise RuntimeError(f"{handler} names no grant; use {PUBLIC!r} for a public route")
    return app


def _closed_router() -> Router:
    """Return where the framework puts its own schema pages, which load scripts from elsewhere: nobody gets in."""

    async def answer_missing(_: ASGIConnection[Any, Any, Any, Any], __: BaseRouteHandler) -> None:
        raise Missing("There is nothing here.")

    return Router("/_openapi", route_handlers=[], include_in_schema=False, guards=[answer_missing], opt=needs(PUBLIC))


def _is_frameworks_own(handler: Any) -> bool:
    return str(getattr(handler.fn, "__module__", "")).startswith("litestar.")
