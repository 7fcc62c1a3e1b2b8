"""Make the JSON Schemas that editors read.

In: our schemas. Out: schemas of draft 7, which every editor knows, without references to other files or addresses.
They accept what `compile` accepts once values are filled in: where a value of another type or form than any text is
expected, `${name}` may stand too, in texts also inside longer text. What is said about a field (`_SAID`) stays at the
field itself, so that editors find it whichever alternative applies.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sagespec.checking import schema

ANY = "sagespec"
"""The name of the schema that accepts a spec of any kind, and the project file."""

DRAFT = "http://json-schema.org/draft-07/schema#"
PROJECT = "Project"

_WHOLE = {"type": "string", "pattern": r"^\$\{[^}]+\}$"}
_PART = {"type": "string", "pattern": r"\$\{[^}]+\}"}
_SAID = ("title", "description", "default", "examples")
_BRANCHES = ("anyOf", "oneOf", "allOf")
_RENAMED = {"dependentRequired": "dependencies", "$defs": "definitions"}
_AS_IT_IS = ("default", "examples", "enum", "const", "required", "dependentRequired")
_SHORT = len("${a}")

Shape = dict[str, Any]


def load(name: str) -> Shape:
    """Return the schema of a kind, of one of our own files, or of ANY of the specs and the project file."""
    if name == ANY:
        return {"$schema": DRAFT, **_any()}
    if name in schema.kinds() or name == PROJECT:
        return {"$schema": DRAFT, **_document(name)}
    return {key: value for key, value in schema.load(name).items() if key != "$id"}


@cache
def names() -> tuple[str, ...]:
    """Return the names of all schemas, ANY included."""
    return (*schema.names(), ANY)


def _any() -> Shape:
    """Choose the schema of a kind by `kind`: alternatives would report the errors of all kinds."""
    kinds = (*schema.kinds(), PROJECT)
    rules = [
        {
            "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
            "then": {"$ref": f"#/definitions/{kind}"},
        }
        for kind in kinds
    ]
    described = [str(schema.load(kind)["description"]) for kind in kinds]
    return {
        "title": "sagespec",
        "description": "A spec of any kind, or the project file.",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": schema.load(PROJECT)["properties"]["apiVersion"],
            "kind": {"enum": list(kinds), "enumDescriptions": described, "description": "Kind of the document."},
        },
        "allOf": rules,
        "definitions": {kind: _moved(_document(kind), kind) for kind in kinds},
    }


def _moved(shape: Any, kind: str) -> Any:
    """Let the references of a schema to its own definitions lead to its new place among others."""
    if isinstance(shape, list):
        return [_moved(item, kind) for item in shape]
    if not isinstance(shape, dict):
        return shape
    moved = {key: _moved(value, kind) for key, value in shape.items()}
    if isinstance(moved.get("$ref"), str):
        moved["$ref"] = moved["$ref"].replace("#/", f"#/definitions/{kind}/", 1)
    return moved


@cache
def _document(name: str) -> Shape:
    """Return the schema of a document: values are filled in everywhere in a spec, in defaults only of a project."""
    given = schema.load(name)
    document = _plain(given)
    for part in ("metadata", "spec") if name in schema.kinds() else ():
        document["properties"][part] = _filled(given["properties"][part])
    if name == PROJECT:
        document["properties"]["defaults"] = _filled(given["properties"]["defaults"], whole=False)
        inner = given["properties"]["environments"]["additionalProperties"]["properties"]["defaults"]
        environment = document["properties"]["environments"]["additionalProperties"]
        environment["properties"]["defaults"] = _filled(inner, whole=False)
    return {key: value for key, value in document.items() if key != "$id"}


def _plain(shape: Any) -> Any:
    """Translate a schema to draft 7, with our messages in the words of editors."""
    if isinstance(shape, list):
        return [_plain(item) for item in shape]
    if not isinstance(shape, dict):
        return shape
    plain: dict[Any, Any] = {}
    for key, value in shape.items():
        if key in ("properties", "$defs"):  # its keys are names
            plain[_RENAMED.get(key, key)] = {name: _plain(inner) for name, inner in value.items()}
        elif key == "$ref":
            plain[key] = value.replace("#/$defs/", "#/definitions/")
        elif key in _AS_IT_IS:
            plain[_RENAMED.get(key, key)] = value
        elif key == "x-message":
            if "properties" not in shape:  # an editor would show it for every error in them
                plain["patternErrorMessage" if "pattern" in shape else "errorMessage"] = f"expected {value}"
        elif not key.startswith("x-") and key != "$schema":
            plain[key] = _plain(value)
    return plain


def _filled(given: Shape, *, whole: bool = True) -> Shape:
    """Return a schema that takes values in all that it describes, and as a `whole` unless it takes any text."""
    shape: Shape = _plain(given)
    for name, inner in given.get("properties", {}).items():
        shape["properties"][name] = _filled(inner)
    for key in ("additionalProperties", "items"):
        if isinstance(given.get(key), dict):
            shape[key] = _filled(given[key])
    for key in _BRANCHES:
        if key in given:
            shape[key] = [_filled(inner, whole=False) for inner in given[key]]
    if not whole or _takes_any_text(given):
        return shape
    value = dict(_PART if _takes_text(given) else _WHOLE)
    said = {key: shape.pop(key) for key in _SAID if key in shape}
    if set(shape) <= {"anyOf", "errorMessage"}:  # one more alternative
        return {**said, **shape, "anyOf": [*shape["anyOf"], value]}
    return {**said, "anyOf": [shape, value]}


def _takes_any_text(shape: Shape) -> bool:
    """Return whether a schema accepts any short text, and so `${name}` as well."""
    if any(key in shape for key in ("const", "enum", "pattern", "maxLength", "if", "oneOf", "allOf", "$ref")):
        return False
    if shape.get("minLength", 0) > _SHORT:
        return False
    types = shape.get("type", ())
    is_text = not types or "string" in ([types] if isinstance(types, str) else types)
    return is_text and ("anyOf" not in shape or any(_takes_any_text(inner) for inner in shape["anyOf"]))


def _takes_text(shape: Shape) -> bool:
    """Return whether some text is valid, so that a value may stand inside longer text."""
    if "anyOf" in shape:
        return any(_takes_text(inner) for inner in shape["anyOf"])
    if "const" in shape or "enum" in shape:
        return any(isinstance(value, str) for value in (shape.get("const"), *shape.get("enum", ())))
    types = shape.get("type", ())
    return "string" in ([types] if isinstance(types, str) else types)
