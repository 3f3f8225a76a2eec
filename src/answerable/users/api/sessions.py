"""REST: where one is signed in."""

from litestar import Response, delete, get

from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.users.actions import sessions
from answerable.users.queries import visits
from answerable.users.queries.visits import SessionView


@get("/api/auth/sessions", opt=needs(SIGNED_IN), tags=["Identity"])
async def list_sessions(request: DeskRequest) -> Response[list[SessionView]]:
    """List where one is signed in, last used first: browsers, and programs with a refresh token."""
    return respond(Reply(await request.ask(visits.list_sessions, request.visit.session_id if request.visit else "")))


@delete("/api/auth/sessions/{session_id:str}", status_code=200, opt=needs(SIGNED_IN), tags=["Identity"])
async def end_session(request: DeskRequest, session_id: str) -> Response[dict[str, str]]:
    """End one of one's own sessions; whatever it holds is worth nothing from then on."""
    await request.act(sessions.end_own_session, session_id)
    return respond(Reply({}))


ROUTES = [list_sessions, end_session]
