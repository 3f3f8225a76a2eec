"""The built style sheets and pictures of ``static/``: read once, known by name, named by their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parents[2] / "static"
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the web desk. ``version`` changes when its content does."""

    content: bytes
    media_type: str
    version: str


def read_assets(folder: Path) -> Mapping[str, Asset]:
    """Read the files of a folder that browsers may have; none where the folder was not built."""
    found: dict[str, Asset] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        media_type = MEDIA_TYPES.get(path.suffix)
        if media_type and path.is_file():
            content = path.read_bytes()
            found[path.name] = Asset(content, media_type, hashlib.sha256(content).hexdigest()[:16])
    return MappingProxyType(found)


@cache
def built_assets() -> Mapping[str, Asset]:
    """Return the files that ``npm run build`` made, by name."""
    return read_assets(FOLDER)


def asset_url(name: str) -> str:
    """Return the address of a built file with its version, empty where it was not built."""
    asset = built_assets().get(name)
    return f"/static/{name}?v={asset.version}" if asset else ""
