"""Time zones by name."""

from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from markupsafe import Markup

UTC = ZoneInfo("UTC")


@cache
def known_zones() -> tuple[str, ...]:
    """Return the names that people may choose from: places, and UTC."""
    regions = (
        "Africa/",
        "America/",
        "Antarctica/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    )
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(regions)))


@lru_cache(maxsize=64)
def zone_options(chosen: str) -> Markup:
    """Return the choices of a select, with one chosen: made once for each zone, as there are more than four hundred."""
    one = Markup('<option value="{}"{}>{}</option>')
    marks = {chosen: Markup(" selected")}
    return Markup("\n").join(one.format(name, marks.get(name, ""), name.replace("_", " ")) for name in known_zones())


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """Return a zone, ``None`` for a name that is none."""
    if not name or len(name) > 64:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
