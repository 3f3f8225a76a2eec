import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from tests.world import World, json_of

METHODS = {"get", "put", "post", "delete", "patch", "head"}


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    answer = await world.http.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = json_of(answer)
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        assert set(item) <= METHODS
        for method, operation in item.items():
            yield path, method, operation


def parameters(document: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [resolve(document, parameter) for parameter in operation["parameters"]]


def resolve(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    resolved: dict[str, Any] = found
    return resolved


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def api_handlers(world: World) -> Iterator[tuple[str, str, Any]]:
    for route in world.desk.litestar.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/"):
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS":
                    yield re.sub(r"\{\w+\}", "{}", route.path_format), method.lower(), handler


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] == "Answerable"
    assert document["info"]["version"]
    assert document["components"]["securitySchemes"]["token"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }


async def test_every_route_under_api_is_in_it_and_nothing_else(world: World, document: dict[str, Any]) -> None:
    written = {(re.sub(r"\{\w+\}", "{}", path), method) for path, method, _ in operations(document)}
    assert written == {(path, method) for path, method, _ in api_handlers(world)}
    assert all(path.startswith("/api/") for path, _, _ in operations(document))


def test_every_operation_says_what_it_does_and_who_may_call_it(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert operation["security"] in ([], [{"token": []}]), where
        assert (operation["security"] == []) == (operation["x-needs"] == "*"), where
        assert operation["tags"], where
        assert any(status < "400" for status in operation["responses"]), where


def test_ids_are_unique_and_references_lead_somewhere(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for reference in references(document):
        resolve(document, {"$ref": reference})
    used = set(references(document["paths"])) | set(references(document["components"]))
    for name in document["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in used


def test_path_parameters_are_declared_and_required(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        declared = {p["name"]: p for p in parameters(document, operation) if p["in"] == "path"}
        assert set(re.findall(r"\{(\w+)\}", path)) == set(declared)
        assert all(parameter["required"] for parameter in declared.values())


async def test_errors_are_problem_documents(world: World, document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        errors = {status for status in operation["responses"] if status >= "400"}
        for status in errors:
            answer = resolve(document, operation["responses"][status])
            assert list(answer["content"]) == ["application/problem+json"]
        assert "503" in errors
        assert ("404" in errors) == ("{" in path)
        if operation["security"]:
            assert errors >= {"401", "403"}
        if method == "post":
            assert errors >= {"400", "409", "422"}
    problem = json_of(await world.http.get("/api/tickets"))
    schema = document["components"]["schemas"]["Problem"]
    assert set(schema["required"]) <= set(problem) <= set(schema["properties"])


async def test_shared_headers_stand_where_they_work(world: World, document: dict[str, Any]) -> None:
    guarded = {(path, method) for path, method, handler in api_handlers(world) if handler.opt.get("if_match")}
    assert guarded
    for path, method, operation in operations(document):
        headers = {p["name"] for p in parameters(document, operation) if p["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (method == "post")
        assert ("If-Match" in headers) == ((re.sub(r"\{\w+\}", "{}", path), method) in guarded)
        assert ("If-Match" in headers) == ("412" in operation["responses"])


async def test_the_page_shows_the_whole_document_and_needs_nobody_else(world: World, document: dict[str, Any]) -> None:
    page = await world.http.get("/api/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policies = page.headers.get_list("content-security-policy")
    assert any("default-src 'none'" in policy for policy in policies)
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert not re.search(r"(?:src|href|action)=[\"']?(?:[a-z]+:)?//", page.text)
    for path, _, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in page.text
        assert f">{path}</code>" in page.text
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in page.text
    anchors = re.findall(r'href="#([^"]+)"', page.text)
    assert set(anchors) <= set(re.findall(r'id="([^"]+)"', page.text))


async def test_the_framework_shows_no_pages_of_its_own(world: World) -> None:
    for path in ("/_openapi", "/_openapi/openapi.json", "/_openapi/swagger", "/schema", "/docs"):
        assert (await world.http.get(path)).status_code == 404
