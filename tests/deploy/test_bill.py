"""The bill of materials: everything of both lock files, the same bytes each time, nothing of this machine."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.deploy.files import ROOT


@pytest.fixture
def sbom(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "scripts" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_has_what_is_locked_and_can_be_made_again(sbom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    text = sbom.bill()
    assert text == sbom.bill()
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "answerable"
    assert "timestamp" not in bill["metadata"]
    listed = {each["purl"]: each for each in bill["components"]}
    pinned = re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    packages = json.loads((ROOT / "assets" / "package-lock.json").read_text())["packages"]
    assert len(listed) == len(bill["components"]) == len(pinned) + len([path for path in packages if path])
    assert {f"pkg:pypi/{name}@{version}" for name, version in pinned} <= set(listed)
    assert all(each["hashes"] for purl, each in listed.items() if purl.startswith("pkg:pypi/"))
    scopes = {purl.rpartition("@")[0]: each["scope"] for purl, each in listed.items()}
    assert (scopes["pkg:pypi/litestar"], scopes["pkg:pypi/pytest"]) == ("required", "excluded")
    assert (scopes["pkg:npm/htmx.org"], scopes["pkg:npm/esbuild"]) == ("required", "excluded")
    edges = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert any(each.startswith("pypi:litestar@") for each in edges["answerable@" + sbom_version()])


def test_it_holds_no_registry_and_no_path(sbom: ModuleType) -> None:
    text = sbom.bill().replace("http://cyclonedx.org/schema/", "")
    assert "://" not in text
    assert not any(place in text for place in (str(Path.home()), str(ROOT), sys.prefix))


def sbom_version() -> str:
    found = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]
