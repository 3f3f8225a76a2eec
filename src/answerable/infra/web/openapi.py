"""The OpenAPI 3.1 document of the canonical paths: what the framework finds, and what all answers share."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from answerable.infra.web.grants import ALSO, PUBLIC
from answerable.infra.web.leads import put_links
from answerable.infra.web.problems import MEDIA_TYPE
from answerable.kernel.paging import MAX_OFFSET, MAX_SIZE

Document = dict[str, Any]
NEEDS = "x-needs"  # the grant that an operation asks for
INTRODUCTION = """The HTTP interface of the Answerable support desk.

Lists are bare arrays; `Link` (`rel="next"`) and `X-Total-Count` page them. Times are ISO-8601 in UTC. Errors are
RFC 9457 problem details and always carry `message`. What you may not see is answered as if it did not exist.

Sign in at `/api/auth/login` and send the token as `Authorization: Bearer <token>`. The older prefixes
`/user-service`, `/ticket-service`, `/assignment-service` and `/notification-service` answer the same as `/api`."""

PROBLEMS = {
    "400": ("InvalidInput", "The input breaks a rule; `errors` names the fields."),
    "401": ("NotSignedIn", "Nobody is signed in, or the token is not valid any more."),
    "403": ("NotAllowed", "The caller may not do this."),
    "404": ("NotFound", "There is no such thing, or the caller may not see it."),
    "409": ("Conflict", "The thing is not in a state that allows this."),
    "412": ("ChangedMeanwhile", "Somebody changed it since it was read."),
    "413": ("TooLarge", "The request is larger than the desk takes."),
    "415": ("NotJson", "The body does not say that it is JSON."),
    "422": ("KeyReused", "The Idempotency-Key came before with another request."),
    "429": ("TooManyRequests", "Too many tries; `Retry-After` says when to come back."),
    "503": ("Unavailable", "The desk cannot do this right now; nothing was changed."),
}
SUCCESS = {"200": "Done.", "201": "Made.", "202": "Accepted.", "204": "Done; there is nothing to say."}
NULLABLE = ("integer", "boolean", "number")
METHODS = ("get", "head", "post", "put", "patch", "delete")
NOISE = {"deprecated": False, "allowEmptyValue": False, "allowReserved": False, "headers": {}}

_PAGING = {
    "page": "Which page, from 0; only as far as page * size is 10000, then follow `Link`.",
    "size": "Rows of a page, 1 to 1000.",
    "cursor": "The opaque place in the list that `Link` names.",
    "count": "`exact` counts all rows; otherwise `X-Total-Count` stops at `1000+`.",
}
_PAGING_SCHEMA: Document = {
    "page": {"minimum": 0, "maximum": MAX_OFFSET},
    "size": {"minimum": 1, "maximum": MAX_SIZE},
    "count": {"enum": ["exact"]},
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "message"],
    "properties": {
        "type": {"type": "string", "examples": ["about:blank"]},
        "title": {"type": "string", "description": "The kind of problem."},
        "status": {"type": "integer", "description": "The status of the answer."},
        "detail": {"type": "string", "description": "The same as message."},
        "message": {"type": "string", "description": "A sentence for people."},
        "errors": {
            "type": "array",
            "items": {"type": "string"},
            "description": "`field: message` for each field that is wrong.",
        },
    },
}
_PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key and body within 24 hours are done once and answered the same.",
        "schema": {"type": "string", "pattern": "^[ -~¡-¬®-ÿ]+$", "minLength": 1, "maxLength": 255},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` that was read; the change is refused with 412 where it is not the newest.",
        "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*")$', "examples": ['"3"']},
    },
}


def document_of(app: Litestar) -> Document:
    """Return the document of an application, made at the first call."""
    document: Document | None = app.state.get("openapi_document")
    if document is None:
        document = app.state["openapi_document"] = _make(app)
    return document


def _make(app: Litestar) -> Document:
    found = app.openapi_schema.to_schema()
    operations = sorted(_operations(app), key=lambda found: (found[0], METHODS.index(found[1])))
    names = Counter(handler.handler_name for _, _, handler in operations)
    paths: dict[str, Any] = {}
    for path, method, handler in operations:
        operation = found["paths"][path][method]
        unique = names[handler.handler_name] == 1
        paths.setdefault(_public(path), {})[method] = _complete(operation, path, method, handler, unique=unique)
    schemas = _reachable(paths, found["components"].get("schemas", {}))
    tags = dict.fromkeys(tag for item in paths.values() for operation in item.values() for tag in operation["tags"])
    document: Document = _prose(
        {
            "openapi": found["openapi"],
            "info": {**found["info"], "description": INTRODUCTION},
            "servers": found["servers"],
            "tags": [{"name": tag} for tag in sorted(tags)],
            "paths": paths,
            "components": {
                "schemas": schemas | {"Problem": _PROBLEM_SCHEMA},
                "responses": {name: _problem(status, words) for status, (name, words) in PROBLEMS.items()},
                "links": put_links(paths, schemas),
                "parameters": _PARAMETERS,
                "securitySchemes": found["components"]["securitySchemes"],
            },
            "security": [{"token": []}],
        }
    )
    return document


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Yield path, method and handler of everything under ``/api`` that the framework did not add itself."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/"):
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS" and handler.resolve_include_in_schema():
                    yield route.path_format, method.lower(), handler


def _complete(operation: Document, path: str, method: str, handler: HTTPRouteHandler, *, unique: bool) -> Document:
    """Add what the framework cannot know: errors, shared headers, who may call, and names for people."""
    grant = handler.opt["grant"]
    words = handler.handler_name.replace("_", " ")
    done = {status: answer for status, answer in operation["responses"].items() if status < "400"}
    for status, answer in done.items():
        answer["description"] = SUCCESS.get(status, answer["description"])
        for media_type in handler.opt.get(ALSO, ()) if "content" in answer else ():
            answer["content"][media_type] = {"schema": {"type": "string"}}
    errors = {
        s: {"$ref": f"#/components/responses/{PROBLEMS[s][0]}"} for s in _errors(operation, path, method, handler)
    }
    parameters = [_parameter(parameter) for parameter in operation.get("parameters", [])]
    if method == "post":
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if handler.opt.get("if_match"):
        parameters.append({"$ref": "#/components/parameters/IfMatch"})
    completed = {
        "tags": operation.get("tags") or [path.split("/")[2].partition(".")[0].capitalize()],
        "summary": words[:1].upper() + words[1:],
        "description": operation.get("description", ""),
        "operationId": _camel(handler.handler_name) if unique else operation["operationId"],
        "parameters": parameters,
        "requestBody": _body(operation, handler),
        "responses": dict(sorted((done | errors).items())),
        "security": [] if grant == PUBLIC else [{"token": []}],
        NEEDS: grant,
    }
    return {name: value for name, value in completed.items() if value is not None}


def _errors(operation: Document, path: str, method: str, handler: HTTPRouteHandler) -> list[str]:
    public = handler.opt["grant"] == PUBLIC
    has_body = "requestBody" in operation
    proves = public and method == "post" and path.startswith("/api/auth/")
    looks = path == "/api/auth/session"  # open to all, and an answer for those alone who have a cookie
    found = {
        "400": has_body or bool(operation.get("parameters")) or method == "post",
        "401": not public or proves or looks,
        "403": not public or method != "get",  # of what is open to all, programs may only read
        "404": "{" in path,
        "409": method != "get",
        "412": bool(handler.opt.get("if_match")),
        "413": has_body,
        "415": has_body,
        "422": method == "post",
        "429": proves or path == "/api/live",
        "503": True,
    }
    return [status for status, possible in found.items() if possible]


def _body(operation: Document, handler: HTTPRouteHandler) -> Document | None:
    field, body = handler.parsed_data_field, operation.get("requestBody")
    return {**body, "required": not field.is_optional} if body and field else body


def _parameter(parameter: Document) -> Document:
    """Name a path parameter as clients know it; a query parameter that is left out is not null."""
    schema = dict(parameter.get("schema", {}))
    choices = [choice for choice in schema.get("oneOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del schema["oneOf"]
        schema |= choices[0]
        if schema.get("type") in NULLABLE:
            schema["type"] = [schema["type"], "null"]  # the framework reads the word null as nothing
    name = _camel(parameter["name"]) if parameter["in"] == "path" else parameter["name"]
    if parameter["in"] == "query":
        schema |= _PAGING_SCHEMA.get(name, {})
    words = parameter.get("description") or (_PAGING.get(name) if parameter["in"] == "query" else None)
    return {**parameter, "name": name, "schema": schema, **({"description": words} if words else {})}


def _problem(status: str, words: str) -> Document:
    headers = {
        "401": {"WWW-Authenticate": {"schema": {"type": "string"}}},
        "429": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
        "503": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    }.get(status)
    answer = {"description": words, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {**answer, "headers": headers} if headers else answer


def _reachable(paths: Document, schemas: Document) -> Document:
    """Keep the schemas that the paths lead to."""
    kept: set[str] = set()
    waiting = list(_references(paths))
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in kept:
            kept.add(name)
            waiting += _references(schemas[name])
    return {name: schema for name, schema in sorted(schemas.items()) if name in kept}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/components/schemas/"):
            yield reference.rsplit("/", 1)[1]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _prose(node: Any) -> Any:
    """Drop what says nothing and turn the double backticks of docstrings into Markdown's single ones."""
    if isinstance(node, dict):
        return {name: _prose(value) for name, value in node.items() if name not in NOISE or value != NOISE[name]}
    if isinstance(node, list):
        return [_prose(value) for value in node]
    return node.replace("``", "`") if isinstance(node, str) else node


def _public(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: "{" + _camel(match[1]) + "}", path)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
