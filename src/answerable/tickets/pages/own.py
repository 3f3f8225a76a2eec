"""Pages of those who ask: their tickets, and one of them as its requester sees it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from litestar import Response, get, post

from answerable.infra.web.forms import Form, form_of, go, words
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.html import show
from answerable.infra.web.markdown import render
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.said import Said
from answerable.kernel.errors import Conflict, Invalid, Missing, Problem
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.tickets import actions, queries
from answerable.tickets.actions import own as deeds
from answerable.tickets.queries import own
from answerable.tickets.rules import Ticket
from answerable.tickets.rules.own import asks_here

T = TypeVar("T")
PLAIN = {"comment": N_("Please write something first, at most 20,000 characters.")}
CHANGED = N_("This ticket has changed in the meantime. Here is how it stands now.")


@get("/my", opt=needs(SIGNED_IN), include_in_schema=False)
async def show_own_list(
    request: DeskRequest, part: str = "", q: str = "", cursor: str | None = None
) -> Response[bytes]:
    """List one's own tickets, newest first; ``part`` is open, done or all."""
    chosen = part or ("all" if q.strip() else "open")
    ask = request.scan if q.strip() else request.ask
    found = await ask(own.list_own, chosen, q, cursor)
    return show(request, "tickets/own/list.html", found=found, part=chosen, q=q.strip(), is_first=not cursor)


@post("/my/{ticket_id:str}/answer", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def answer(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Say something on one's own ticket."""
    return await _do_saying(request, ticket_id, str, deeds.say, N_("Your message is sent."))


@post("/my/{ticket_id:str}/solved", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def confirm_solved(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Say that it is solved: that closes it."""
    return await _do_saying(request, ticket_id, Ticket, deeds.confirm_solved, N_("Good to hear. It is closed."))


@post("/my/{ticket_id:str}/reopen", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def reopen(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Say that it is not solved: that opens it again."""
    return await _do_saying(request, ticket_id, Ticket, deeds.reopen_saying, N_("It is open again."))


@get("/my/{ticket_id:str}/cancel", opt=needs(SIGNED_IN), include_in_schema=False)
async def ask_cancel(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Ask whether to take a ticket back, where no script can."""
    await _check_own(request, ticket_id)
    return show(request, "tickets/own/cancel.html", seen=await request.ask(own.get_own, ticket_id, None))


@post("/my/{ticket_id:str}/cancel", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def cancel(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Take a ticket back."""
    await _check_own(request, ticket_id)
    try:
        await request.act(actions.cancel_ticket, ticket_id, None)
    except Problem as problem:
        return await _shown_again(request, ticket_id, Form([], problem))
    return _back(request, ticket_id, words(request)(N_("It is taken back.")))


async def show_own_ticket(request: DeskRequest, ticket: Ticket) -> Response[bytes]:
    """Show a ticket as its requester sees it. Raises ``Missing`` where somebody else asks."""
    return await _page(request, ticket.id, Form(), request.query_params.get("cursor"))


def in_plain_words(problem: Problem, plain: Mapping[str, str]) -> Problem:
    """Return what is wrong in words for people who know nothing of the desk's insides."""
    if isinstance(problem, Conflict):
        return Conflict(CHANGED)
    errors = [error.partition(": ")[::2] for error in problem.errors]
    if isinstance(problem, Invalid) and errors:
        return Invalid(problem.message, errors=tuple(f"{name}: {plain.get(name, text)}" for name, text in errors))
    return problem


ROUTES = (show_own_list, answer, confirm_solved, reopen, ask_cancel, cancel)


async def _check_own(request: DeskRequest, ticket_id: str) -> None:
    """Raise ``Missing`` for a ticket that is not the caller's own; staff have other pages for the others."""
    ticket = await request.ask(queries.get_ticket, ticket_id)
    if not asks_here(request.actor, ticket):
        raise Missing("There is no such ticket.")


async def _do_saying(
    request: DeskRequest, ticket_id: str, made: type[T], verb: Callable[[Tx, str, str], Awaitable[T]], told: str
) -> Response[bytes]:
    """Do once what a form with a comment asks for, and say so; show the page again where it is refused."""
    form = await form_of(request)
    await _check_own(request, ticket_id)
    try:
        await request.act_once(form.once, made, verb, ticket_id, form["comment"])
    except Problem as problem:
        return await _shown_again(request, ticket_id, form.refused(problem))
    return _back(request, ticket_id, words(request)(told))


async def _shown_again(request: DeskRequest, ticket_id: str, form: Form) -> Response[bytes]:
    return await _page(request, ticket_id, form, None)


async def _page(request: DeskRequest, ticket_id: str, form: Form, cursor: str | None) -> Response[bytes]:
    seen = await request.ask(own.get_own, ticket_id, cursor)
    if form.problem:
        form = form.refused(in_plain_words(form.problem, PLAIN))
    status = form.problem.status if form.problem else 200
    return show(request, "tickets/own/ticket.html", status, seen=seen, form=form, said_as=render)


def _back(request: DeskRequest, ticket_id: str, said: str) -> Response[bytes]:
    return go(request, f"/tickets/{ticket_id}", Said(said))
