"""How the pages of reports write what the API answers."""

from datetime import date
from typing import Any

import msgspec

from answerable.infra.web.viewer import Viewer
from answerable.kernel.span import midnight
from answerable.kernel.times import parse_iso


def tools_for(viewer: Viewer) -> dict[str, Any]:
    """Return what the templates of reports use to write values for whoever looks."""

    def instant_of(text: str) -> int:
        """Return the instant of a day, as it begins for the reader, or of an instant of the API."""
        return midnight(date.fromisoformat(text), viewer.zone) if len(text) == len("2026-03-02") else parse_iso(text)

    return {"instant_of": instant_of, "api_text": api_text}


def api_text(value: Any) -> str:
    """Write a value as it is in the API's JSON, texts without their quotes; nothing for null."""
    return "" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
