"""What the OpenAPI document says of bodies beyond their types: which fields there are, and what a field may hold.

The desk's own rules refuse what is wrong, in their own words; here clients are told before.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar._openapi.schema_generation import SchemaCreator  # not public: to read a struct anew would be to copy it
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi.spec import Schema
from litestar.typing import FieldDefinition


def says(**constraints: Any) -> msgspec.Meta:
    """Return an annotation that tells clients what a field may hold (names as in JSON Schema) and checks nothing."""
    return msgspec.Meta(extra_json_schema={"extra": constraints})


def some_of(values: Iterable[str]) -> msgspec.Meta:
    """Return an annotation of a list that tells clients what it may hold: at least one of some words."""
    return says(items={"type": "string", "enum": list(values)}, minItems=1)


class DescribedStructs(StructSchemaPlugin):
    """The framework's way to describe a struct, and ``additionalProperties: false`` where it forbids unknown fields."""

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        """Describe a struct."""
        schema = super().to_openapi_schema(field_definition, schema_creator)
        if field_definition.annotation.__struct_config__.forbid_unknown_fields:
            schema.additional_properties = False
        return schema
