"""The built style sheets, scripts and pictures of ``static/``: read once, known by name, named by their content."""

import gzip
import hashlib
import re
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
_VERSIONED = re.compile(r"(.+)\.([0-9a-f]{16})(\.\w+)")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the web desk. ``version`` changes when its content does; ``packed`` is the content by encoding."""

    content: bytes
    media_type: str
    version: str
    packed: Mapping[str, bytes]

    def packed_for(self, accepted: str) -> tuple[str, bytes]:
        """Return the smallest form that an ``Accept-Encoding`` header allows, with its name (empty: as it is)."""
        for name, content in self.packed.items():
            if re.search(rf"\b{name}\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))", accepted):
                return name, content
        return "", self.content


def read_assets(folder: Path) -> Mapping[str, Asset]:
    """Read the files of a folder that browsers may have; none where the folder was not built."""
    found: dict[str, Asset] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        media_type = MEDIA_TYPES.get(path.suffix)
        if media_type and path.is_file():
            content = path.read_bytes()
            version = hashlib.sha256(content).hexdigest()[:16]
            found[path.name] = Asset(content, media_type, version, _packed(path, content))
    return MappingProxyType(found)


def _packed(path: Path, content: bytes) -> Mapping[str, bytes]:
    brotli = path.with_name(path.name + ".br")  # by the build, at the highest level
    packed = {"br": brotli.read_bytes()} if brotli.is_file() else {}
    return MappingProxyType({**packed, "gzip": gzip.compress(content, 9, mtime=0)})


@cache
def built_assets() -> Mapping[str, Asset]:
    """Return the files that ``npm run build`` made, by name."""
    return read_assets(FOLDER)


def asset_url(name: str) -> str:
    """Return the address of a built file with its version in it, empty where it was not built."""
    asset = built_assets().get(name)
    stem, _, suffix = name.rpartition(".")
    return f"/static/{stem}.{asset.version}.{suffix}" if asset else ""


def find_asset(name: str) -> tuple[Asset | None, bool]:
    """Return the file that an address names, and whether it is the very version that the address asks for.

    Another version is answered with today's: a page may be older than the desk that runs by now.
    """
    versioned = _VERSIONED.fullmatch(name)
    if versioned is None:
        return built_assets().get(name), False
    asset = built_assets().get(versioned[1] + versioned[3])
    return asset, asset is not None and asset.version == versioned[2]
