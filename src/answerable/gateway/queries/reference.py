"""The reference page's view of the OpenAPI document: groups of operations and the shapes they speak of."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from answerable.infra.web.grants import PUBLIC, SIGNED_IN
from answerable.infra.web.openapi import NEEDS, Document

SCHEMAS = "#/components/schemas/"
LIMITS = [("minLength", "maxLength", "characters"), ("minimum", "maximum", ""), ("minItems", "maxItems", "items")]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: words, and the shape they lead to where there is one."""

    words: str
    shape: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a shape. ``place`` is where a parameter stands."""

    name: str
    kind: Kind
    required: bool
    words: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One status that an operation may answer with."""

    status: str
    words: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``needs`` is a grant, or empty where ``who`` says it all."""

    anchor: str
    method: str
    path: str
    summary: str
    words: str
    who: str
    needs: str
    parameters: Sequence[Field]
    body: Kind | None
    body_fields: Sequence[Field]
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one tag."""

    name: str
    anchor: str
    operations: Sequence[Operation]


@dataclass(frozen=True, slots=True)
class Shape:
    """A schema by name."""

    name: str
    words: str
    fields: Sequence[Field]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole page."""

    title: str
    version: str
    introduction: str
    groups: Sequence[Group]
    shapes: Sequence[Shape]


def reference_of(document: Document) -> Reference:
    """Arrange a document for reading: groups by name, operations by path."""
    found = [
        (operation["tags"][0], _operation(document, path, method, operation))
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    found.sort(key=lambda pair: pair[0])
    groups = [
        Group(tag, f"group-{tag.lower().replace(' ', '-')}", [operation for _, operation in pairs])
        for tag, pairs in groupby(found, key=lambda pair: pair[0])
    ]
    shapes = [
        Shape(name, schema.get("description", ""), _fields(document, schema))
        for name, schema in document["components"]["schemas"].items()
    ]
    info = document["info"]
    return Reference(info["title"], info["version"], info["description"], groups, shapes)


def _operation(document: Document, path: str, method: str, operation: Document) -> Operation:
    needs = operation[NEEDS]
    who = {PUBLIC: "Anybody", SIGNED_IN: "Anybody signed in"}.get(needs, "")
    body = _content(operation.get("requestBody"))
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        words=operation["description"],
        who=who,
        needs="" if who else needs,
        parameters=[_parameter(_resolved(document, parameter)) for parameter in operation["parameters"]],
        body=kind_of(body) if body is not None else None,
        body_fields=_fields(document, _resolved(document, body)) if body is not None else (),
        answers=[_answer(document, status, answer) for status, answer in operation["responses"].items()],
    )


def _parameter(parameter: Document) -> Field:
    kind = kind_of(parameter.get("schema", {}))
    words = parameter.get("description", "")
    return Field(parameter["name"], kind, parameter.get("required", False), words, parameter["in"])


def _answer(document: Document, status: str, answer: Document) -> Answer:
    answer = _resolved(document, answer)
    schema = _content(answer)
    return Answer(status, answer["description"], kind_of(schema) if schema else None)


def _content(holder: Document | None) -> Document | None:
    media = next(iter((holder or {}).get("content", {}).values()), None)
    return media.get("schema", {}) if media is not None else None


def _resolved(document: Document, node: Document) -> Document:
    while "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def _fields(document: Document, schema: Document) -> list[Field]:
    required = set(schema.get("required", ()))
    return [
        Field(name, kind_of(value), name in required, _resolved(document, value).get("description", ""))
        for name, value in schema.get("properties", {}).items()
    ]


def kind_of(schema: Document) -> Kind:
    """Say in words what a schema takes."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMAS)
        return Kind(name, name)
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        kinds = [kind_of(choice) for choice in choices]
        return Kind(" or ".join(kind.words for kind in kinds), next((k.shape for k in kinds if k.shape), None))
    if "enum" in schema:
        return Kind("one of " + ", ".join(str(value) for value in schema["enum"]))
    if schema.get("type") == "array":
        inner = kind_of(schema.get("items", {}))
        return Kind(f"list of {inner.words}", inner.shape)
    return Kind(_plain(schema))


def _plain(schema: Document) -> str:
    kinds = schema.get("type", "anything")
    words = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    limits = [_range(schema.get(least), schema.get(most), unit) for least, most, unit in LIMITS]
    if (default := schema.get("default")) is not None:
        limits.append(f"{default} if left out")
    return ", ".join([words, *(limit for limit in limits if limit)])


def _range(least: int | None, most: int | None, unit: str) -> str:
    if least is not None and most is not None:
        return f"{least} to {most} {unit}".strip()
    if least is not None:
        return f"at least {least} {unit}".strip()
    return f"at most {most} {unit}".strip() if most is not None else ""
