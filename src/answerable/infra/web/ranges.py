"""The ranges of days that pages of reports offer, and addresses that keep one."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from answerable.infra.web.viewer import Viewer
from answerable.kernel.times import SECOND
from answerable.kernel.words import N_


def ranges_for(viewer: Viewer) -> list[tuple[str, dict[str, str]]]:
    """Return the ranges that end today where the viewer is: what each is called, and its first and last day."""
    today = datetime.fromtimestamp(viewer.now // SECOND, UTC).astimezone(viewer.zone).date()

    def since(day: date) -> dict[str, str]:
        return {"from": day.isoformat(), "to": today.isoformat()}

    return [
        (N_("7 days"), since(today - timedelta(days=6))),
        (N_("30 days"), since(today - timedelta(days=29))),
        (N_("90 days"), since(today - timedelta(days=89))),
        (N_("This year"), since(date(today.year, 1, 1))),
        (N_("All time"), {"from": ""}),
    ]


def address(path: str, values: Mapping[str, str]) -> str:
    """Return a path with a query."""
    return f"{path}?{urlencode(values)}" if values else path
