"""REST: one's own second factor, and taking it away from somebody who has lost it."""

import msgspec
from litestar import Response, get, post

from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.kernel.errors import Missing
from answerable.kernel.words import N_
from answerable.users.actions import second
from answerable.users.actions.door import prove_oneself
from answerable.users.api.answers import NOT_KEPT, door_of, nothing
from answerable.users.queries import second as queries
from answerable.users.queries.second import Offered, SecondFactor


class Proof(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One's password; people without one leave it empty."""

    password: str = ""


class FirstCode(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The first code of the app."""

    code: str


class FullProof(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One's password and a code of the app, or for recovery."""

    code: str
    password: str = ""


class RecoveryCodes(msgspec.Struct, rename="camel"):
    """Codes that each let in once, without the app. They are not shown again."""

    recovery_codes: list[str]


@get("/api/auth/second-factor", opt=needs(SIGNED_IN), tags=["Second factor"])
async def read_second_factor(request: DeskRequest) -> Response[SecondFactor]:
    """Read whether one has a second factor, and needs one."""
    return respond(Reply(await request.ask(queries.read_second_factor)))


@post("/api/auth/second-factor/offer", status_code=200, opt=needs(SIGNED_IN), tags=["Second factor"])
async def offer_second_factor(request: DeskRequest, data: Proof) -> Response[Offered]:
    """Begin to set up a second factor: the secret for an app. It counts once its first code was sent."""
    await prove_oneself(request.database, request.actor, door_of(request), data.password)
    await request.act(second.offer)
    offered = await request.ask(queries.read_offer)
    if offered is None:
        raise Missing(N_("Nothing is offered any more."))
    return respond(Reply(offered, 200, NOT_KEPT))


@post("/api/auth/second-factor/confirm", status_code=200, opt=needs(SIGNED_IN), tags=["Second factor"])
async def confirm_second_factor(request: DeskRequest, data: FirstCode) -> Response[RecoveryCodes]:
    """Switch the second factor on with the first code of the app; the answer has the recovery codes."""
    await request.act(second.take_own_try)
    return await request.post(_codes, second.confirm, data.code)


@post("/api/auth/second-factor/recovery-codes", status_code=200, opt=needs(SIGNED_IN), tags=["Second factor"])
async def renew_recovery_codes(request: DeskRequest, data: FullProof) -> Response[RecoveryCodes]:
    """Make new recovery codes; the ones before are worth nothing from then on."""
    proved = await prove_oneself(request.database, request.actor, door_of(request), data.password)
    await request.act(second.take_own_try)
    return await request.post(_codes, second.renew_recovery, proved, data.code)


@post("/api/auth/second-factor/off", status_code=200, opt=needs(SIGNED_IN), tags=["Second factor"])
async def switch_off_second_factor(request: DeskRequest, data: FullProof) -> Response[dict[str, str]]:
    """Switch the second factor off."""
    proved = await prove_oneself(request.database, request.actor, door_of(request), data.password)
    await request.act(second.take_own_try)
    return await request.post(nothing, second.switch_off, proved, data.code)


@post(
    "/api/users/admin/{user_id:str}/second-factor/reset",
    status_code=200,
    opt=needs("user.admin"),
    tags=["Second factor"],
)
async def reset_second_factor(request: DeskRequest, user_id: str) -> Response[dict[str, str]]:
    """Take somebody's second factor away, who has lost it; their sessions end."""
    return await request.post(nothing, second.take_away, user_id)


ROUTES = [
    read_second_factor,
    offer_second_factor,
    confirm_second_factor,
    renew_recovery_codes,
    switch_off_second_factor,
    reset_second_factor,
]


def _codes(codes: list[str]) -> Reply[RecoveryCodes]:
    return Reply(RecoveryCodes(codes), 200, NOT_KEPT)
