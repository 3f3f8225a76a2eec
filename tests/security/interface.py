"""The interface as the desk's own OpenAPI document describes it: its parameters and the fields of its bodies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from answerable.infra.web.openapi import document_of
from tests.world import World

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """One method of one path. Names of path parameters are the public ones (``ticketId``)."""

    method: str
    path: str
    query: Mapping[str, Schema]
    in_path: tuple[str, ...]
    body: Schema | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations_of(world: World) -> Iterator[Operation]:
    """Yield everything under ``/api`` that the document describes."""
    document = document_of(world.desk.litestar)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            own = [part for part in operation["parameters"] if "in" in part]
            content = operation.get("requestBody", {}).get("content", {})
            yield Operation(
                method.upper(),
                path,
                {part["name"]: part["schema"] for part in own if part["in"] == "query"},
                tuple(part["name"] for part in own if part["in"] == "path"),
                _resolved(document, content["application/json"]["schema"]) if content else None,
            )


def _resolved(document: Mapping[str, Any], schema: Schema) -> Schema:
    """Follow references; of a choice between something and nothing, take the something and say so."""
    if "$ref" in schema:
        return _resolved(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if "oneOf" in schema:
        [choice] = [choice for choice in schema["oneOf"] if choice != {"type": "null"}]
        return {**_resolved(document, choice), "nullable": len(schema["oneOf"]) > 1}
    if schema.get("type") == "object":
        fields = {name: _resolved(document, part) for name, part in schema.get("properties", {}).items()}
        return {**schema, "properties": fields}
    if schema.get("type") == "array":
        return {**schema, "items": _resolved(document, schema["items"])}
    return schema
