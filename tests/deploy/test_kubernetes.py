"""The manifests: every service once, probed, bounded, not root, and only the gateway reaches the others."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from answerable import __version__
from tests.deploy.files import MANIFESTS, TRYING_OUT, compose, documents, manifests, stages
from tests.deploy.program import APART, check_command, check_variables, ports, setting_of

DEPLOYMENTS = manifests("Deployment")
SETS = manifests("StatefulSet")
SERVICES = manifests("Service")
PODS = {name: each["spec"]["template"]["spec"] for name, each in (DEPLOYMENTS | SETS).items()}
LABEL = "app.kubernetes.io/component"


def container(name: str) -> dict[str, Any]:
    [found] = PODS[name]["containers"]
    return dict(found)


def environment(name: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(name)["env"]}


def test_everything_is_in_one_namespace_that_comes_first() -> None:
    [namespace] = documents(MANIFESTS[0])
    assert namespace["kind"] == "Namespace"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for path in (*MANIFESTS[1:], *TRYING_OUT):
        for each in documents(path):
            assert each["metadata"]["namespace"] == namespace["metadata"]["name"], path.name


def test_every_service_of_the_program_is_there_once() -> None:
    assert sorted(DEPLOYMENTS) == sorted(APART)
    assert sorted(SETS) == ["kafka", "postgres"]
    assert sorted(SERVICES) == sorted({*APART, *SETS})


@pytest.mark.parametrize("name", APART)
def test_a_service_runs_what_it_is_called_and_answers_where_its_peers_ask(name: str) -> None:
    ours = container(name)
    assert ours["image"] == f"answerable:{__version__}"
    assert ours["args"] == ["serve", name]
    check_command(ours["args"])
    check_variables(environment(name))
    assert environment(name)["ANSWERABLE_SERVICE"] == name
    assert ours["ports"] == [{"name": "http", "containerPort": ports()[name]}]
    assert SERVICES[name]["spec"]["ports"] == [{"name": "http", "port": ports()[name], "targetPort": "http"}]
    labels = DEPLOYMENTS[name]["spec"]["template"]["metadata"]["labels"]
    for selector in (SERVICES[name]["spec"]["selector"], DEPLOYMENTS[name]["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
        assert selector[LABEL] == name


@pytest.mark.parametrize("name", APART)
def test_a_service_is_probed(name: str) -> None:
    ours = container(name)
    starting = ours["startupProbe"]
    assert starting["periodSeconds"] * starting["failureThreshold"] >= 600, "or migrations of a large desk never end"
    assert ours["livenessProbe"]["httpGet"] == ours["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert ours["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert ours["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in ours["resources"]["limits"]


@pytest.mark.parametrize("name", APART)
def test_a_service_writes_nothing_but_its_data_and_reads_secrets_from_files(name: str) -> None:
    ours, pod = container(name), PODS[name]
    user, group = map(int, stages()[-1].last("USER").rest.split(":"))
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (user, group)
    assert ours["securityContext"]["readOnlyRootFilesystem"] is True
    volumes = {each["name"]: each for each in pod["volumes"]}
    mounts = {each["mountPath"]: each for each in ours["volumeMounts"]}
    assert {each["name"] for each in mounts.values()} == set(volumes)
    writable = {path for path, each in mounts.items() if not each.get("readOnly")}
    assert writable == {"/data", "/tmp"}
    secrets = {item["key"]: item["path"] for item in volumes["secrets"]["secret"]["items"]}
    files = {variable: path for variable, path in environment(name).items() if variable.endswith("_FILE")}
    for path in map(PurePosixPath, files.values()):
        assert mounts[str(path.parent)]["name"] == "secrets"
        assert path.name in secrets.values()
    assert {setting_of(variable) for variable in files} == {"storage.database", "storage.secret", "peers.secret"}
    config = PurePosixPath(environment(name)["ANSWERABLE_CONFIG"])
    assert mounts[str(config.parent)]["name"] == "config"
    assert config.name in manifests("ConfigMap")[volumes["config"]["configMap"]["name"]]["data"]


@pytest.mark.parametrize("name", PODS)
def test_nobody_is_root_or_may_more_than_needed(name: str) -> None:
    pod, inner = PODS[name], container(name)["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    # Kubernetes would set ANSWERABLE_..., KAFKA_... for Services of such names, and both would be taken for settings.
    assert pod["enableServiceLinks"] is False
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    for variable, value in environment(name).items():
        assert not variable.endswith(("PASSWORD", "SECRET", "TOKEN")), f"{variable} by value: {value}"


def test_the_gateway_stays_when_a_node_goes() -> None:
    [budget] = manifests("PodDisruptionBudget").values()
    labels = DEPLOYMENTS["gateway"]["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert budget["spec"]["minAvailable"] < DEPLOYMENTS["gateway"]["spec"]["replicas"]


def test_only_the_gateway_reaches_services_and_only_the_desk_reaches_stores() -> None:
    def let_in(labels: dict[str, str]) -> list[Any]:
        found = []
        for policy in manifests("NetworkPolicy").values():
            assert policy["spec"]["policyTypes"] == ["Ingress"]
            chosen = policy["spec"]["podSelector"]
            of_labels = chosen.get("matchLabels", {}).items() <= labels.items()
            of_lists = all(labels.get(e["key"]) in e["values"] for e in chosen.get("matchExpressions", []))
            if of_labels and of_lists:
                found += policy["spec"].get("ingress", [])
        return found

    nobody = manifests("NetworkPolicy")["nobody"]["spec"]
    assert nobody["podSelector"] == {}
    assert "ingress" not in nobody
    desk = {"app.kubernetes.io/name": "answerable"}
    for name in APART:
        [rule] = let_in(DEPLOYMENTS[name]["spec"]["template"]["metadata"]["labels"])
        assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
        if name == "gateway":
            assert "from" not in rule
        else:
            assert rule["from"] == [{"podSelector": {"matchLabels": desk | {LABEL: "gateway"}}}]
    for name, port in (("postgres", 5432), ("kafka", 9092)):
        [rule] = let_in(SETS[name]["spec"]["template"]["metadata"]["labels"])
        assert rule == {"from": [{"podSelector": {"matchLabels": desk}}], "ports": [{"port": port, "protocol": "TCP"}]}
        assert container(name)["ports"][0]["containerPort"] == port


def test_the_stores_are_marked_as_for_trying_out_and_apart_from_the_rest() -> None:
    assert [path.stem for path in TRYING_OUT] == ["kafka", "postgres"]
    for path in TRYING_OUT:
        assert path.read_text().startswith("# FOR TRYING OUT")
        assert {each["kind"] for each in documents(path)} == {"StatefulSet", "Service"}


def test_the_stores_are_the_same_as_with_compose() -> None:
    with_compose = compose("compose.yaml")["services"]
    for name in SETS:
        assert container(name)["image"] == with_compose[name]["image"]
        assert PODS[name]["securityContext"]["runAsUser"] == int(with_compose[name]["user"].split(":")[0])
