"""The dashboard: how the desk stands now. Other features add who works on what, and what is at risk."""

from datetime import UTC, datetime, timedelta

from litestar import Response, get

from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import viewer_of
from answerable.kernel.span import midnight
from answerable.kernel.times import SECOND
from answerable.reporting import queries
from answerable.reporting.pages.showing import tools_for

DAYS = 14


@get("/dashboard", opt=needs("report.read"), include_in_schema=False)
async def show_dashboard(request: DeskRequest) -> Response[bytes]:
    """Show how the desk stands, and the last two weeks."""
    viewer = viewer_of(request.scope)
    today = datetime.fromtimestamp(viewer.now // SECOND, UTC).astimezone(viewer.zone).date()
    first = midnight(today - timedelta(days=DAYS - 1), viewer.zone)
    figures, course = await request.scan(queries.last_days, first, viewer.zone)
    return show(request, "reporting/dashboard.html", figures=figures, days=course.rows, **tools_for(viewer))


ROUTES = [show_dashboard]
