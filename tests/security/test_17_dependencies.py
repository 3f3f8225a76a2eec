"""17: what others wrote is little, locked to the byte, and looked up in the lists of known holes."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
ASSETS = json.loads((ROOT / "assets" / "package-lock.json").read_text())


def test_every_python_package_is_pinned_with_hashes() -> None:
    pins = re.findall(r"^([a-z0-9][\w.-]*(?:\[[\w,-]+\])?)==(\S+)", LOCK, re.M)
    assert len(pins) > 50
    blocks = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.M)[1:]
    for block in blocks:
        assert re.match(r"[\w.\[\],-]+==\S+", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]
    assert "--index-url" not in LOCK
    assert "://" not in re.sub(r"#.*", "", LOCK), "an address in the lock"


def test_every_dependency_that_is_named_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    locked = {name.replace("_", "-").replace(".", "-") for name in re.findall(r"^([a-z0-9][\w.-]*)", LOCK, re.M)}
    for line in wanted:
        name = re.match(r"[\w.-]+", line)
        assert name is not None
        assert name[0].lower().replace("_", "-").replace(".", "-") in locked, line


def test_every_package_of_the_assets_is_pinned_with_its_integrity() -> None:
    packages = {name: entry for name, entry in ASSETS["packages"].items() if name and not entry.get("link")}
    assert packages
    for name, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert not entry.get("hasInstallScript") or "esbuild" in name, name


def test_they_are_installed_by_their_hashes_and_audited_in_the_check() -> None:
    make = (ROOT / "Makefile").read_text()
    assert "--require-hashes -r requirements.lock" in make
    assert "npm ci" in make
    assert "--ignore-scripts" in make
    assert re.search(r"^check:.*\n(\t.*\n)*?\t@scripts/audit$", make, re.M)
    audit = (ROOT / "scripts" / "audit").read_text()
    assert "pip-audit" in audit
    assert "npm audit" in audit
