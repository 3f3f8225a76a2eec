"""Oneself: name, password, where one is signed in, and how one likes the desk."""

from litestar import Response, get, post

from answerable.infra.web.forms import Form, Said, form_of, go, words
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import viewer_of
from answerable.infra.web.words import SHOWN, text_in, zone_of, zone_options
from answerable.kernel.errors import Invalid, Problem
from answerable.kernel.visit import Preferences
from answerable.kernel.words import N_
from answerable.users.actions import browsers, people, sessions
from answerable.users.pages.door import browser_of, door_of, signed_in
from answerable.users.queries.people import get_person
from answerable.users.queries.second import read_second_factor
from answerable.users.queries.visits import list_browsers, list_programs
from answerable.users.rules import check_password

NAMED = N_("Your name is changed.")
CHANGED = N_("Your password is changed. You are signed out everywhere else.")
LIKED = N_("Your preferences are kept.")
OUT_THERE = N_("Signed out there.")
OUT_ELSEWHERE = N_("You are signed out everywhere else.")


@get("/profile", opt=needs(SIGNED_IN), include_in_schema=False)
async def show_profile(request: DeskRequest) -> Response[bytes]:
    """Show one's own account."""
    return await _profile(request, Form())


@post("/profile/name", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def change_name(request: DeskRequest) -> Response[bytes]:
    """Change one's own name."""
    form = await form_of(request)
    try:
        await request.act(people.rename_oneself, form["name"])
    except Problem as problem:
        return await _profile(request, form.refused(problem), "name")
    return go(request, "/profile", Said(words(request)(NAMED)))


@post("/profile/password", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def change_password(request: DeskRequest) -> Response[bytes]:
    """Change one's own password. All sessions end but this browser's, which gets a new cookie."""
    form = await form_of(request)
    door = door_of(request)
    try:
        check_password(form["newPassword"], "newPassword")
        person = await request.ask(get_person, request.actor.id)
        proved = await door.confirm(request.database, person, form["currentPassword"])
        hashed = await door.passwords.hash(form["newPassword"])
        browser = browser_of(request, request.visit.browser_zone if request.visit else "")
        cookie = await request.act(browsers.change_password, proved, hashed, browser)
    except Problem as problem:
        return await _profile(request, form.refused(problem), "password")
    return go(request, "/profile?done=password", cookies=(signed_in(request, cookie),))


@post("/profile/preferences", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def change_preferences(request: DeskRequest) -> Response[bytes]:
    """Keep how one likes the desk."""
    form = await form_of(request)
    zone = form["zone"]
    liked = Preferences(form["theme"], form["density"], form["language"], zone, "keys" in form)
    try:
        if zone and zone_of(zone) is None:
            raise Invalid(N_("There is no such time zone."), errors=("zone: is not a time zone",))
        await request.act(browsers.prefer, liked)
    except Problem as problem:
        return await _profile(request, form.refused(problem), "preferences")
    said = text_in(liked.language or viewer_of(request.scope).language)
    return go(request, "/profile#preferences", Said(said(LIKED)))


@post("/profile/sessions/{session_id:str}/end", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def end_session(request: DeskRequest, session_id: str) -> Response[bytes]:
    """Sign one of one's own browsers or programs out."""
    await request.act(sessions.end_own_session, session_id)
    return go(request, "/profile#sessions", Said(words(request)(OUT_THERE)))


@post("/profile/sessions/end-others", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def end_others(request: DeskRequest) -> Response[bytes]:
    """Sign out everywhere but in this browser."""
    await request.act(browsers.sign_out_others, request.visit.session_id if request.visit else "")
    return go(request, "/profile#sessions", Said(words(request)(OUT_ELSEWHERE)))


ROUTES = [show_profile, change_name, change_password, change_preferences, end_session, end_others]


async def _profile(request: DeskRequest, form: Form, about: str = "") -> Response[bytes]:
    """Show the page; a form that was refused goes back into the part that it is ``about``."""
    done = CHANGED if request.query_params.get("done") == "password" else ""
    return show(
        request,
        "users/profile.html",
        form.problem.status if form.problem else 200,
        person=await request.ask(get_person, request.actor.id),
        browsers=await request.ask(list_browsers),
        programs=await request.ask(list_programs),
        second=await request.ask(read_second_factor),
        here=request.visit.session_id if request.visit else "",
        browser_zone=request.visit.browser_zone if request.visit else "",
        forms={part: form if part == about else Form() for part in ("name", "password", "preferences")},
        zones=zone_options,
        languages=SHOWN,
        done=done,
    )
