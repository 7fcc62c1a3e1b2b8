"""Derive JSON Schemas of operations from botocore's model.

In: a service and an operation. Out: the schema of its input or output, in the few keywords that `api` reads. Refuses
an operation that the service does not have. `tools/derive_api_schemas.py` writes `schemas/v1/api/` with it, because
compiling must not load botocore.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import (
    ListShape,
    MapShape,
    OperationNotFoundError,
    ServiceModel,
    Shape,
    StringShape,
    StructureShape,
)

from sagespec.checking import patterns

Schema = dict[str, Any]
NUMBERS = {"integer": "integer", "long": "integer", "float": "number", "double": "number"}
BITS = {"integer": 32, "long": 64}
OTHERS: dict[str, Schema] = {
    "boolean": {"type": "boolean"},
    "blob": {"x-blob": True},
    "timestamp": {"type": ["string", "number"]},
}


def schema(service: str, operation: str, *, output: bool = False) -> Schema:
    """Derive the schema of an operation's input, or of its output.

    Raises LookupError for an unknown operation.
    """
    try:
        model = _model(service).operation_model(operation)
        top = model.output_shape if output else model.input_shape
    except OperationNotFoundError:
        raise LookupError(f"{service} has no operation {operation}") from None
    definitions: dict[str, Schema] = {}
    name = top.name if top is not None else "Nothing"
    if top is None:
        definitions[name] = {"type": "object", "properties": {}, "additionalProperties": False}
    else:
        _define(top, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{service} {operation}",
        "$ref": f"#/$defs/{name}",
        "$defs": dict(sorted(definitions.items())),
    }


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"))


def _define(shape: Shape, definitions: Schema) -> Schema:
    """Describe a shape; structures get a definition by name, everything else is inlined."""
    if not isinstance(shape, StructureShape):
        return _plain(shape, definitions)
    if shape.name not in definitions:
        definitions[shape.name] = {}
        definitions[shape.name] = {
            "type": "object",
            "properties": {name: _define(member, definitions) for name, member in sorted(shape.members.items())},
            "required": sorted(shape.required_members),
            "additionalProperties": False,
        }
        if not definitions[shape.name]["required"]:
            del definitions[shape.name]["required"]
    return {"$ref": f"#/$defs/{shape.name}"}


def _plain(shape: Shape, definitions: Schema) -> Schema:
    limits = shape.metadata
    described: Schema
    if isinstance(shape, ListShape):
        described = {"type": "array", "items": _define(shape.member, definitions)}
        names = {"min": "minItems", "max": "maxItems"}
    elif isinstance(shape, MapShape):
        described = {
            "type": "object",
            "propertyNames": _plain(shape.key, definitions),
            "additionalProperties": _define(shape.value, definitions),
        }
        names = {"min": "minProperties", "max": "maxProperties"}
    elif isinstance(shape, StringShape):
        described = {"type": "string"}
        names = {"min": "minLength", "max": "maxLength"}
        if shape.enum:
            described["x-enum"] = sorted(shape.enum)  # not `enum`: AWS adds members every week
        elif pattern := limits.get("pattern"):
            described["pattern"] = patterns.translated(pattern)  # matched against the whole text
    elif shape.type_name in NUMBERS:
        described = {"type": NUMBERS[shape.type_name]}
        names = {"min": "minimum", "max": "maximum"}
        if bits := BITS.get(shape.type_name):
            described |= {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}
    else:
        described, names = OTHERS[shape.type_name], {}
    return described | {ours: limits[theirs] for theirs, ours in names.items() if limits.get(theirs) is not None}
