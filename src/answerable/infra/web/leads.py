"""Where answers lead to: the links of the OpenAPI document, read off its paths and the shapes of its answers.

A path such as ``/api/tickets/{ticketId}`` says that there are tickets, and which operations a ticket's id is enough
for. What answers a ticket, or a list of them, leads to all of those; a list leads on by its first row, and to making
another one. What only mentions a ticket (``ticketId`` of a comment) leads to what can be read of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
_THING = re.compile(r"(.+)/\{(\w+)\}")
_NAMED = re.compile(r"\{(\w+)\}")
_LOCAL = ("name", "code", "status")  # different things may share these
_IF_MATCH = {"$ref": "#/components/parameters/IfMatch"}


@dataclass(frozen=True)
class _Operation:
    path: str
    method: str
    said: Document

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(_NAMED.findall(self.path))


@dataclass(frozen=True)
class _Answer:
    """An answer of an operation: how it, or a row of it, is written (a reference), and where the first one stands."""

    source: _Operation
    said: Document
    schema: str
    pointer: str


@dataclass(frozen=True)
class _Thing:
    """Things of one kind: where they stand, the parameter that names one, and how one is written, if one is read."""

    place: str
    parameter: str
    schema: str


def put_links(paths: Mapping[str, Document], schemas: Mapping[str, Document]) -> Document:
    """Put links into the answers that have what other operations ask for; return all of them by their names."""
    operations = [_Operation(path, method, said) for path, item in paths.items() for method, said in item.items()]
    things = [_thing(found[1], found[2], paths) for path in paths if (found := _THING.fullmatch(path))]
    links: Document = {}
    for source in operations:
        for answer in _answers(source):
            fields = schemas.get(answer.schema.rsplit("/", 1)[-1], {}).get("properties", {})
            led = dict(_leads(answer, fields, things, operations))
            links |= led
            if led:
                answer.said["links"] = {
                    link["operationId"]: {"$ref": f"#/components/links/{name}"} for name, link in led.items()
                }
    return dict(sorted(links.items()))


def _answers(source: _Operation) -> Iterator[_Answer]:
    for status, said in source.said["responses"].items():
        schema = said.get("content", {}).get("application/json", {}).get("schema")
        if status >= "300" or schema is None:
            continue
        if schema.get("type") == "array":
            yield _Answer(source, said, schema["items"].get("$ref", ""), "/0")
        else:
            yield _Answer(source, said, schema.get("$ref", ""), "")


def _thing(place: str, parameter: str, paths: Mapping[str, Document]) -> _Thing:
    path = f"{place}/{{{parameter}}}"
    reader = paths[path].get("get")
    answers = _answers(_Operation(path, "get", reader)) if reader else ()
    written = [answer.schema for answer in answers if not answer.pointer]
    return _Thing(place, parameter, next(iter(written), ""))


def _leads(
    answer: _Answer, fields: Mapping[str, Any], things: Sequence[_Thing], operations: Sequence[_Operation]
) -> Iterator[tuple[str, Document]]:
    """Yield names and links of what an answer leads to."""
    for target in operations:
        if (answer.source.method, target.method) == ("get", "post") and target.path == answer.source.path:
            known = {name: f"$request.path.{name}" for name in sorted(target.needs)}
            yield target.said["operationId"], {"operationId": target.said["operationId"], "parameters": known}
    for thing in things:
        is_one = bool(answer.schema) and (answer.schema == thing.schema or answer.source.path == thing.place)
        mentions = thing.parameter in fields and thing.parameter not in _LOCAL
        key = "id" if is_one and "id" in fields else thing.parameter
        if key not in fields or not (is_one or mentions):
            continue
        for target in operations:
            if (is_one or target.method == "get") and _is_enough(answer.source, thing, target):
                yield _link(answer, thing, key, target)


def _is_enough(source: _Operation, thing: _Thing, target: _Operation) -> bool:
    """Tell whether somebody who has a thing has all that an operation asks for in its path."""
    if thing.parameter not in target.needs or (target.said is source.said and source.method == "get"):
        return False
    if not target.needs - {thing.parameter} <= source.needs:
        return False
    return thing.parameter not in _LOCAL or target.path.startswith(f"{thing.place}/{{")


def _link(answer: _Answer, thing: _Thing, key: str, target: _Operation) -> tuple[str, Document]:
    identity = target.said["operationId"]
    known = {name: f"$request.path.{name}" for name in sorted(target.needs - {thing.parameter})}
    known[thing.parameter] = f"$response.body#{answer.pointer}/{key}"
    tagged = not answer.pointer and answer.schema == thing.schema and _IF_MATCH in target.said["parameters"]
    if tagged:
        known["header.If-Match"] = "$response.header.ETag"
    name = (
        f"{identity}By{key[0].upper()}{key[1:]}{'OfFirst' if answer.pointer else ''}{'IfUnchanged' if tagged else ''}"
    )
    return name, {"operationId": identity, "parameters": known}
