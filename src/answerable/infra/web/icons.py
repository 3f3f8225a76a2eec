"""Icons, written into the page: no request of their own, and they take the colour of the text around them."""

from functools import cache
from pathlib import Path

import msgspec
from markupsafe import Markup, escape

FILE = Path(__file__).parents[2] / "static" / "icons.json"


@cache
def _drawings() -> dict[str, str]:
    """Return the inside of each icon by name; none where the assets were not built."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, str]) if FILE.is_file() else {}


@cache
def icon(name: str, label: str = "", size: int = 20) -> Markup:
    """Draw an icon of ``assets/icons.json``; without a ``label`` it is decoration. Raises ``KeyError`` for no icon."""
    drawings = _drawings()
    drawing = drawings[name] if drawings else ""
    spoken = f' role="img" aria-label="{escape(label)}"' if label else ' aria-hidden="true"'
    return Markup(  # noqa: S704  # drawings are ours
        f'<svg class="icon" viewBox="0 0 24 24" width="{size}" height="{size}"{spoken}>{drawing}</svg>'
    )
