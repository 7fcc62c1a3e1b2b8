"""Derive `schemas/v1/api/` from botocore's models of the operations that compiled files hold.

    python tools/derive_api_schemas.py            write the schemas
    python tools/derive_api_schemas.py --check    exit 1 where they are not what botocore gives

Compiling must not load botocore (its SageMaker model alone takes longer than a compile), and the schemas make
it reviewable which version of the API we check against.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

from compiler import patterns

OPERATIONS = {
    "sagemaker": (
        "CreateArtifact",
        "CreateJob",
        "CreateModelPackageGroup",
        "CreatePipeline",
        "CreateTrainingJob",
        "StartPipelineExecution",
    ),
    "lambda": ("CreateFunction",),
    "s3": ("PutObject",),
}
FOLDER = Path(__file__).parent.parent / "schemas" / "v1" / "api"
OTHERS: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "blob": {"x-blob": True},
    "timestamp": {"type": ["string", "number"]},
}
NUMBERS = {"integer": "integer", "long": "integer", "float": "number", "double": "number"}


def schema(service: str, operation: str) -> dict[str, Any]:
    """Derive the JSON Schema of an operation's input."""
    model = ServiceModel(Loader().load_service_model(service, "service-2"))
    definitions: dict[str, Any] = {}
    top = model.operation_model(operation).input_shape
    _define(top, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{service} {operation}",
        "$ref": f"#/$defs/{top.name}",
        "$defs": dict(sorted(definitions.items())),
    }


def _define(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    """Describe a shape; structures are named once, everything else stands in place."""
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


def _plain(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    limits = shape.metadata
    found: dict[str, Any]
    if isinstance(shape, ListShape):
        found = {"type": "array", "items": _define(shape.member, definitions)}
        names = {"min": "minItems", "max": "maxItems"}
    elif isinstance(shape, MapShape):
        found = {
            "type": "object",
            "propertyNames": _plain(shape.key, definitions),
            "additionalProperties": _define(shape.value, definitions),
        }
        names = {"min": "minProperties", "max": "maxProperties"}
    elif isinstance(shape, StringShape):
        found = {"type": "string"}
        names = {"min": "minLength", "max": "maxLength"}
        if shape.enum:
            found["x-enum"] = sorted(shape.enum)  # not `enum`: AWS adds members every week
        elif pattern := limits.get("pattern"):
            found["pattern"] = patterns.translated(pattern)  # matched as a whole
    elif shape.type_name in NUMBERS:
        found = {"type": NUMBERS[shape.type_name]}
        names = {"min": "minimum", "max": "maximum"}
    else:
        found, names = OTHERS[shape.type_name], {}
    return found | {ours: limits[theirs] for theirs, ours in names.items() if limits.get(theirs) is not None}


def text(service: str, operation: str) -> str:
    """Write the schema file of an operation."""
    return json.dumps(schema(service, operation), indent=1, sort_keys=True) + "\n"


def main(check: bool) -> int:
    stale = []
    for service, operations in OPERATIONS.items():
        for operation in operations:
            file = FOLDER / f"{service}.{operation}.json"
            wanted = text(service, operation)
            if not file.is_file() or file.read_text("utf-8") != wanted:
                stale.append(file.name)
                if not check:
                    FOLDER.mkdir(parents=True, exist_ok=True)
                    file.write_text(wanted, "utf-8")
    sys.stdout.write("".join(f"{'stale' if check else 'wrote'} {name}\n" for name in stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
