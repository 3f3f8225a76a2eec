"""One document for six services: each finds its port, its schema and its peers in it."""

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from answerable.infra.secret import check_secret
from tests.deploy.files import DEPLOY, DOCUMENT, EXAMPLE, ROOT, documents, manifests
from tests.deploy.program import APART, ports, program, settings_for
from tests.patience import PATIENCE

TEXTS = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parent.parts)
PLACEHOLDER = re.compile(r"<\w+>")


def test_every_setting_of_the_document_exists() -> None:
    section = ""
    for line in DOCUMENT.read_text().splitlines():
        if match := re.match(r"\[(?:service\.\w+\.)?(\w+)\]", line):
            section = match[1]
        elif match := re.match(r"(\w+) =", line):
            assert f"{section}.{match[1]}" in program(), line


def test_every_service_has_a_port_and_a_schema_of_its_own() -> None:
    assert len(set(ports().values())) == len(APART)
    parts = re.findall(r'^\[service\.(\w+)\.storage\]\nschema = "(\w+)"$', DOCUMENT.read_text(), re.MULTILINE)
    assert sorted(name for name, _ in parts) == sorted(APART)
    assert len({schema for _, schema in parts}) == len(APART)


@pytest.mark.parametrize("service", APART)
def test_peers_are_where_the_services_answer(service: str) -> None:
    peers = settings_for(service).peers
    found = {name: urlsplit(getattr(peers, name)) for name in APART if name != "gateway"}
    assert {name: (url.scheme, url.hostname, url.port) for name, url in found.items()} == {
        name: ("http", name, port) for name, port in ports().items() if name != "gateway"
    }


def test_kubernetes_has_the_same_document() -> None:
    [config] = manifests("ConfigMap").values()
    assert config["data"] == {"answerable.toml": DOCUMENT.read_text()}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_no_secret_is_in_the_files(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"-----BEGIN|://[^/\s:@]+:(?!<|\$)[^@\s/]+@", text)
    tokens = re.findall(r"(?<![\w./-])[A-Za-z0-9+=]{32,}(?![\w./-])", text)
    assert tokens == []
    for name, value in re.findall(r"^ *(\w*(?:secret|password)\w*) *[:=] *(\S.*)$", text, re.MULTILINE | re.I):
        harmless = name.endswith("_FILE") or name in ("secretName",) or re.match(r"\[|#|\"?<", value)
        assert harmless, f"{path.name}: {name} = {value}"


def test_the_example_of_the_secret_has_only_placeholders_and_is_not_applied() -> None:
    [example] = documents(EXAMPLE)
    assert not EXAMPLE.name.endswith((".yaml", ".yml", ".json"))
    assert all(PLACEHOLDER.search(value) for value in example["stringData"].values())
    assert set(example["stringData"]) == secret_keys()


def secret_keys() -> set[str]:
    """Return the keys of the Secret that the manifests mount."""
    pods = [each["spec"]["template"]["spec"] for k in ("Deployment", "StatefulSet") for each in manifests(k).values()]
    volumes = [volume["secret"] for pod in pods for volume in pod.get("volumes", []) if "secret" in volume]
    assert {each["secretName"] for each in volumes} == {"answerable"}
    return {item["key"] for each in volumes for item in each["items"]}


def test_made_secrets_are_good_ones_and_stay(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "make-secrets"
    script.parent.mkdir()
    script.write_bytes((DEPLOY / "make-secrets").read_bytes())
    first = subprocess.run(["bash", str(script)], check=True, capture_output=True, text=True, timeout=PATIENCE)
    folder = tmp_path / "deploy" / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == secret_keys()
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("storage_secret", "peers_secret", "postgres_password"):
        check_secret(made[name], name)
        assert re.fullmatch(r"[\w-]{64}", made[name])
        assert made[name] not in first.stdout + first.stderr
    assert made["storage_secret"] != made["peers_secret"]
    url = urlsplit(made["database"])
    assert (url.scheme, url.username, url.password) == ("postgresql", "answerable", made["postgres_password"])
    assert (url.hostname, url.port, url.path) == ("postgres", 5432, "/answerable")
    again = subprocess.run(["bash", str(script)], check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert again.stdout == ""
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    # What is read as a secret from such a file counts as one.
    settings = settings_for("users", {"ANSWERABLE_PEERS_SECRET_FILE": str(folder / "peers_secret")})
    assert settings.peers.secret == made["peers_secret"]


def test_made_secrets_never_get_into_git_or_an_image() -> None:
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert not any(line.startswith("!deploy") for line in ignored)
