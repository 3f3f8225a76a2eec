"""``GET /api/live``: the stream itself."""

import base64
import binascii

import msgspec
from litestar import get

from answerable.gateway.live.hub import Hub
from answerable.gateway.live.stream import StreamResponse
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Unauthenticated
from answerable.kernel.times import SECOND


class _Claims(msgspec.Struct):
    exp: float


def token_ends_at(authorization: str) -> int:
    """Return when a bearer token ends, in microseconds. The edge has verified the token already.

    Raises ``Unauthenticated`` for a token that does not say.
    """
    parts = authorization.split(".")
    payload = parts[1] if len(parts) == 3 else ""
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=_Claims)
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        raise Unauthenticated("The token does not say when it ends.") from error
    return int(claims.exp * SECOND)


@get("/api/live", opt=needs(SIGNED_IN), media_type="text/event-stream", tags=["Live"])
async def live(request: DeskRequest) -> StreamResponse:
    """Follow what changes, as server-sent events.

    Signals have no content; they say what to read again: `ticket` (data `{"ticket": "<id>"}`), `queue`, `bell` (your
    notifications) and `refresh` (read everything again). You hear only of what you may see. Send the last `id` you
    received as `Last-Event-ID` to be told what you missed. The stream ends when the token does, and at once when
    your rights change.
    """
    hub: Hub = request.parts["live"]
    last, visit = request.headers.get("last-event-id"), request.visit
    if request.actor.key is not None:
        stream = hub.join(request.actor, request.actor.key.expires_at, last)
    elif visit is not None:
        stream = hub.join(request.actor, visit.expires_at, last, visit.session_id)
    else:
        stream = hub.join(request.actor, token_ends_at(request.headers.get("authorization", "")), last)
    return StreamResponse(stream, hub.leave)
