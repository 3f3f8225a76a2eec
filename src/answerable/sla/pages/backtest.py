"""The back-test as a page: a draft beside what holds, over the real history; nothing is written."""

from typing import Any

from litestar import Response, get, post

from answerable.infra.web.forms import Form, form_of, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import viewer_of
from answerable.kernel.errors import Conflict, Invalid, Problem, Unavailable
from answerable.kernel.span import days_between
from answerable.kernel.times import parse_iso
from answerable.sla.pages.reports import GROUPS, MOST
from answerable.sla.queries import reports
from answerable.sla.queries import terms as queries
from answerable.sla.queries.apart import Backtests
from answerable.sla.queries.backtest import BacktestView, Comparison
from answerable.sla.rules import TARGETS

PATH = "/admin/sla/backtest"
CHANGED = 200  # verdicts in the list
READ: dict[str, Any] = {"opt": needs("sla.manage"), "include_in_schema": False}


@get(PATH, **READ)
async def show_backtest(request: DeskRequest) -> Response[bytes]:
    """Show the form, with what holds as the draft to begin with."""
    held = await request.ask(queries.read_terms)
    return _show(request, Form([("text", held.text)]))


@post(PATH, status_code=200, **READ)
async def run_backtest(request: DeskRequest) -> Response[bytes]:
    """Replay the history under the draft, and show what would be otherwise."""
    form = await form_of(request)
    tests: Backtests = request.parts["backtests"]
    try:
        span = days_between(form["from"], form["to"], viewer_of(request.scope).zone)
        text = form["text"].replace("\r\n", "\n")
        found = await tests.run(request.desk_settings, text, span, request.database.clock())
    except Invalid as problem:
        if any(error.startswith(("from: ", "to: ")) for error in problem.errors):
            return _show(request, form.refused(problem), 400)
        told = "\n".join(map(words(request), problem.errors)) or problem.message
        return _show(request, form.refused(Invalid(problem.message, errors=(f"text: {told}",))), 400)
    except (Conflict, Unavailable) as problem:
        return _show(request, form.refused(Problem(problem.message)), problem.status)
    names = await request.ask(reports.names_of, [each.name for each in found.comparisons if each.by == "agent"])
    return _show(request, form, found=found, groups=_grouped(found), names=names)


ROUTES = (show_backtest, run_backtest)


def _show(request: DeskRequest, form: Form, status: int = 200, **values: Any) -> Response[bytes]:
    shown = {"found": None, "groups": (), "names": {}, **values}
    return show(
        request,
        "sla/backtest.html",
        status,
        form=form,
        targets=TARGETS,
        most=MOST,
        listed=CHANGED,
        parse=parse_iso,
        **shown,
    )


def _grouped(found: BacktestView) -> list[tuple[str, str, list[tuple[str, dict[str, Comparison]]]]]:
    groups = []
    for by, title in GROUPS:
        named: dict[str, dict[str, Comparison]] = {}
        for each in found.comparisons:
            if each.by == by:
                named.setdefault(each.name, {})[each.target] = each
        lines = list(named.items())
        groups.append((by, title, lines[::-1] if by == "week" else lines))
    return groups
