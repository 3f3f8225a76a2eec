"""Deny by default: every route names the grant it needs, or that it is open to all."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from answerable.kernel.actor import ANONYMOUS, Actor
from answerable.kernel.errors import Refused, Unauthenticated

PUBLIC = "*"  # anybody, signed in or not
SIGNED_IN = "desk.enter"  # held by every role


def needs(grant: str) -> dict[str, Any]:
    """Return the ``opt`` of a route handler that asks for ``grant``."""
    return {"grant": grant}


async def check_grant(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard of all routes. Raises ``Unauthenticated`` for nobody, ``Refused`` for a person without the grant.

    It awaits nothing; it is a coroutine because the framework sends plain functions to a thread, on every request.
    """
    state = connection.scope["state"]
    state["route"] = connection.scope.get("path_template", "")  # what the edge counts the request under
    grant = handler.opt.get("grant")
    if grant == PUBLIC:
        return
    actor: Actor = state.get("actor", ANONYMOUS)
    if actor.kind == "anonymous":
        raise state.get("refusal") or Unauthenticated("Please sign in first.")
    if grant is None or grant not in actor.grants:
        raise Refused("You are not allowed to do this.")
