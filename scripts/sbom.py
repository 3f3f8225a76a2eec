"""Write the software bill of materials, CycloneDX 1.6 JSON, of both lock files: ``sbom.py [FILE]``.

The same lock files give the same bytes: no time, no random number, nothing of this machine. What only serves
development (tests, checks, building the assets) is in it with the scope ``excluded``.
"""

import importlib
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

locked = importlib.import_module("locked")  # beside this one, which is no package
ROOT = Path(__file__).parent.parent
OUT = ROOT / "build" / "sbom.cdx.json"
_PINNED = re.compile(r"^[A-Za-z0-9._-]+(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_OWN = ("htmx.org", "idiomorph", "uplot", "@tabler/icons")  # what the built assets hold of them goes to browsers


def main() -> None:
    """Write it."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    target.parent.mkdir(parents=True, exist_ok=True)
    text = bill()
    target.write_text(text, encoding="utf-8")
    print(f"sbom: {len(json.loads(text)['components'])} components.")


def bill() -> str:
    """Return the bill as a text."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    root = Component(
        type=ComponentType.APPLICATION,
        name=name,
        version=version,
        bom_ref=f"{name}@{version}",
        purl=PackageURL("pypi", name=name, version=version),
        licenses=[DisjunctiveLicense(id=project["license"])],
    )
    bom = Bom()
    bom.metadata.component = root
    found = locked.blocks((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    runs_with, tools = locked.wanted_to_run(), project["optional-dependencies"]["dev"]
    wanted = locked.needed(found, runs_with)
    python = {each: _python(each, block, each in wanted) for each, block in found.items()}
    for each in python.values():
        bom.components.add(each)
    bom.register_dependency(
        root, [python[each] for each in sorted(runs_with | {locked.name_of(each) for each in tools})]
    )
    for each, block in found.items():
        for by in locked.wanted_by(block) & python.keys():
            bom.register_dependency(python[by], [python[each]])
    packages = json.loads((ROOT / "assets" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for path, package in packages.items():
        if path:
            component = _npm(path.rpartition("node_modules/")[2], package)
            bom.components.add(component)
            bom.register_dependency(root, [component])
    bom.metadata.tools.components.clear()
    bom.metadata.tools.components.add(Component(type=ComponentType.APPLICATION, name="scripts/sbom.py"))
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)
    document.pop("serialNumber", None)
    plain = json.dumps(document, sort_keys=True)
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, plain).urn  # of what is in it, and of nothing else
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _python(name: str, block: str, runs: bool) -> Component:
    pinned = _PINNED.match(block)
    if pinned is None:
        raise SystemExit(f"requirements.lock: {name} has no version")
    version = pinned[1]
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        bom_ref=f"pypi:{name}@{version}",
        purl=PackageURL("pypi", name=locked.name_of(name), version=version),
        scope=ComponentScope.REQUIRED if runs else ComponentScope.EXCLUDED,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in sorted(_HASH.findall(block))],
    )


def _npm(name: str, package: dict[str, Any]) -> Component:
    version = package["version"]
    group, _, plain = name.rpartition("/")
    return Component(
        type=ComponentType.LIBRARY,
        group=group or None,
        name=plain,
        version=version,
        bom_ref=f"npm:{name}@{version}",
        purl=PackageURL("npm", namespace=group or None, name=plain, version=version),
        scope=ComponentScope.REQUIRED if name in _OWN else ComponentScope.EXCLUDED,
        licenses=[DisjunctiveLicense(name=package["license"])] if package.get("license") else [],
    )


if __name__ == "__main__":
    main()
