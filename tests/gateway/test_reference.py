import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from litestar.routes import HTTPRoute

from tests.people import make_person
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


@pytest.mark.one_engine
async def test_links_lead_from_one_thing_to_the_next(world: World, document: dict[str, Any]) -> None:
    """Somebody who knows nothing but the links raises a ticket, sees it through its life and reads what was said."""
    agent = await make_person(world, "AGENT", "ADMIN", name="Abe Agent")
    another = await make_person(world, "AGENT", name="Bea Agent")
    by_id = {operation["operationId"]: (method, path, operation) for path, method, operation in operations(document)}

    async def ask(name: str, path: str, body: Any = None, **headers: str) -> Said:
        method, _, operation = by_id[name]
        answer = await world.http.request(method, path, json=body, headers={**agent.headers, **headers})
        assert answer.status_code < 300, f"{name}: {answer.text}"
        await world.settle()
        return Said(operation["responses"][str(answer.status_code)].get("links", {}), answer, path)

    async def follow(said: Said, name: str, body: Any = None) -> Said:
        link = resolve(document, said.links[name])
        values = {where: said.value(expression) for where, expression in link.get("parameters", {}).items()}
        headers = {where.removeprefix("header."): values.pop(where) for where in list(values) if "." in where}
        path = re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), by_id[name][1])
        return await ask(name, path, body, **headers)

    tickets = await ask("listTickets", "/api/tickets")
    draft = {"title": "No paper", "description": "The printer is empty.", "category": "HARDWARE", "priority": "HIGH"}
    ticket = await follow(await follow(tickets, "createTicket", draft), "getTicket")
    ticket = await follow(ticket, "updateTicket", {"title": "No paper at all"})
    await follow(ticket, "addComment", {"comment": "None at all."})
    assert json_of((await follow(ticket, "listComments")).answer)[0]["comment"] == "None at all."
    ticket = await follow(ticket, "getTicket")
    other = next(person.id for person in (agent, another) if person.id not in ticket.answer.text)
    ticket = await follow(ticket, "assignTicket", {"agentId": other})
    for step, body in (
        ("setStatus", {"status": "IN_PROGRESS"}),
        ("setStatus", {"status": "RESOLVED"}),
        ("reopenTicket", None),
        ("setStatus", {"status": "RESOLVED"}),
        ("closeTicket", None),
    ):
        ticket = await follow(ticket, step, body)
    assert json_of(ticket.answer)["status"] == "CLOSED"
    for story in ("listHistory", "listTimeline", "readClocks"):
        assert json_of((await follow(ticket, story)).answer)


@dataclass
class Said:
    """An answer, the links that the document has for it, and how its values are taken out."""

    links: dict[str, Any]
    answer: httpx.Response
    path: str

    def value(self, expression: str) -> Any:
        if expression.startswith("$response.header."):
            return self.answer.headers[expression.removeprefix("$response.header.")]
        found = json_of(self.answer)
        for step in expression.removeprefix("$response.body#/").split("/"):
            found = found[int(step) if isinstance(found, list) else step]
        return found


@pytest.mark.one_engine
def test_every_link_names_an_operation_and_all_that_its_path_asks_for(document: dict[str, Any]) -> None:
    paths = {operation["operationId"]: path for path, _, operation in operations(document)}
    links = document["components"]["links"]
    assert {link["operationId"] for link in links.values()} <= set(paths)
    for link in links.values():
        asked = set(re.findall(r"\{(\w+)\}", paths[link["operationId"]]))
        assert asked == {name for name in link.get("parameters", {}) if not name.startswith("header.")}
    used = {link["$ref"] for _, _, operation in operations(document) for link in _links_of(document, operation)}
    assert used == {f"#/components/links/{name}" for name in links}


def _links_of(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for answer in operation["responses"].values():
        yield from resolve(document, answer).get("links", {}).values()
