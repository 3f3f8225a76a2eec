"""The compose files: every service once, nobody is root, only the gateway is reachable, all wait for what they need."""

import re
from pathlib import PurePosixPath
from typing import Any

import pytest

from answerable import __version__
from tests.deploy.files import DEPLOY, compose, stages
from tests.deploy.program import APART, check_command, check_variables, ports, setting_of, settings_for

DESK = compose("compose.yaml")
SINGLE = compose("compose.single.yaml")
SERVICES: dict[str, Any] = DESK["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("answerable:")}
ALL = [*SERVICES.items(), ("single", SINGLE["services"]["desk"])]
ALL_OURS = [*OURS.items(), ("single", SINGLE["services"]["desk"])]


def test_every_service_of_the_program_is_there_once() -> None:
    assert sorted(OURS) == sorted(APART)
    assert {name: each["command"] for name, each in OURS.items()} == {name: ["serve", name] for name in APART}
    assert {name: each["environment"]["ANSWERABLE_SERVICE"] for name, each in OURS.items()} == {n: n for n in APART}
    assert sorted(set(SERVICES) - set(OURS)) == ["kafka", "postgres"]


@pytest.mark.parametrize(("name", "service"), ALL_OURS, ids=lambda each: each if isinstance(each, str) else "")
def test_ours_are_one_image_that_may_do_next_to_nothing(name: str, service: dict[str, Any]) -> None:
    assert service["image"] == f"answerable:{__version__}"
    check_command(service["command"])
    check_command(service["healthcheck"]["test"][1:])
    check_variables(service["environment"])
    assert service["user"] == stages()[-1].last("USER").rest
    assert service["read_only"] is True
    writable = {re.split("[:]", each)[0] for each in service["tmpfs"]}
    writable |= {each.split(":")[1] for each in service.get("volumes", [])}
    assert writable == {"/data", "/tmp"}


@pytest.mark.parametrize(("name", "service"), ALL, ids=lambda each: each if isinstance(each, str) else "")
def test_nobody_is_root_and_everybody_has_a_health_check(name: str, service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", service["user"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["healthcheck"]["test"][0] == "CMD"
    assert re.search(r":\d+(\.\d+)+$|:\d+-\w+$", service["image"]), "an image has a version"


def test_only_the_gateway_is_published_and_only_to_this_machine() -> None:
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert published == {"gateway": [f"127.0.0.1:8765:{ports()['gateway']}"]}
    assert SINGLE["services"]["desk"]["ports"] == [f"127.0.0.1:8765:{stages()[-1].last('EXPOSE').rest}"]
    outside = {name for name, each in SERVICES.items() if "outside" in each["networks"]}
    assert outside == {"gateway", "users", "notifications"}, "people; an OpenID provider; mail and webhooks"
    assert DESK["networks"]["inside"] == {"internal": True}


def test_who_waits_for_whom_is_there_and_has_a_health_check() -> None:
    for name, service in OURS.items():
        waits = service["depends_on"]
        assert {"postgres", "kafka"} <= set(waits), name
        assert set(waits) <= set(SERVICES)
        assert {each["condition"] for each in waits.values()} == {"service_healthy"}
    assert set(APART) - {"gateway"} <= set(OURS["gateway"]["depends_on"])


def test_secrets_are_files_and_each_is_declared() -> None:
    declared = DESK["secrets"]
    used = {secret for each in SERVICES.values() for secret in each.get("secrets", [])}
    assert used == set(declared)
    assert {each["file"] for each in declared.values()} == {f"secrets/{name}" for name in declared}
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            if variable.endswith("_FILE"):
                assert str(PurePosixPath(value).parent) == "/run/secrets", f"{name}: {variable}"
                assert PurePosixPath(value).name in service["secrets"], f"{name}: {variable}"
            assert not re.search(r"(PASSWORD|SECRET|TOKEN)$", variable), f"{name}: {variable} by value"
    for service in OURS.values():
        files = {setting_of(name) for name in service["environment"] if name.endswith("_FILE")}
        assert files == {"storage.database", "storage.secret", "peers.secret"}


def test_the_shared_document_is_mounted_where_it_is_read() -> None:
    [(name, config)] = DESK["configs"].items()
    assert (DEPLOY / config["file"]).exists()
    for service in OURS.values():
        assert service["configs"] == [{"source": name, "target": service["environment"]["ANSWERABLE_CONFIG"]}]


def test_the_stores_are_who_the_document_and_the_secrets_say() -> None:
    postgres, kafka = SERVICES["postgres"]["environment"], SERVICES["kafka"]["environment"]
    script = (DEPLOY / "make-secrets").read_text()
    assert f"@postgres:5432/{postgres['POSTGRES_DB']}" in script
    assert f"postgresql://{postgres['POSTGRES_USER']}:" in script
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    assert 'url = "kafka://kafka:9092"' in (DEPLOY / "answerable.toml").read_text()
    assert f"{kafka['KAFKA_LOG_DIRS']}" == SERVICES["kafka"]["volumes"][0].split(":")[1]
    named = {each["volumes"][0].split(":")[0] for each in SERVICES.values() if "volumes" in each}
    assert named == set(DESK["volumes"])


def test_the_published_address_is_the_public_one() -> None:
    assert settings_for("users").server.public_url == "http://127.0.0.1:8765"
    assert SINGLE["services"]["desk"]["environment"]["ANSWERABLE_SERVER_PUBLIC_URL"] == "http://127.0.0.1:8765"
