"""Deny by default: every route names the grant it needs, or that it is open to all."""

from collections.abc import Sequence
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

from answerable.kernel.actor import ANONYMOUS, Actor, ApiKey
from answerable.kernel.errors import Refused, Unauthenticated
from answerable.kernel.scopes import SAFE_METHODS, scope_of
from answerable.kernel.words import N_

PUBLIC = "*"  # anybody, signed in or not
SIGNED_IN = "desk.enter"  # held by every role
ALSO = "also"  # in the opt of a handler: media types that it answers besides JSON


def needs(grant: str, *, also: Sequence[str] = ()) -> dict[str, Any]:
    """Return the ``opt`` of a route handler that asks for ``grant`` and, where wanted, answers ``also`` other types."""
    return {"grant": grant, **({ALSO: tuple(also)} if also else {})}


class GrantCheck:
    """Middleware of every route: nobody without the grant gets further.

    Not a guard of the framework: it copies the whole route handler for every request. Raises ``Unauthenticated`` for
    nobody, ``Refused`` for a person without the grant.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then go on."""
        check_grant(scope, scope["route_handler"].opt.get("grant"), scope.get("path_template", ""))
        await self._app(scope, receive, send)


def check_grant(scope: Scope, grant: str | None, template: str) -> None:
    """Let the caller of a request pass to the route ``template``, or raise as :class:`GrantCheck` says."""
    state = scope["state"]
    state["route"] = template  # what the edge counts the request under
    actor: Actor = state.get("actor", ANONYMOUS)
    if actor.key is not None:
        _check_scope(str(scope.get("method", "")), grant, template, actor.key)
    if grant != PUBLIC:
        if actor.kind == "anonymous":
            raise state.get("refusal") or Unauthenticated("Please sign in first.")
        if grant is None or grant not in actor.grants:
            raise Refused(N_("You are not allowed to do this."))


def _check_scope(method: str, grant: str | None, template: str, key: ApiKey) -> None:
    """Keep a program to what its key opens; what everybody may read it may read, too. Raises ``Refused``."""
    scope = scope_of(method, template)
    if scope is None:
        if grant != PUBLIC or method not in SAFE_METHODS:
            raise Refused(N_("API keys are not taken here."))
    elif scope not in key.scopes:
        raise Refused(f"This API key lacks the scope {scope}.")
