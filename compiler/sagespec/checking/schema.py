"""Checks of data against the JSON Schemas in `schemas/`.

In: data and the name of a schema. Out: problems, each at its own key.
Annotations of ours: `x-runs` says what a kind runs as, `x-module` which module serves it where its name does not
say so, `x-recipes` which recipes its hyperparameters come from (`recipes`), `x-starter` what `init` begins with,
`x-ref` to which kinds a field may refer, `x-names` what it names where its pattern does not say so (`resources`),
`x-texts` that it is a mapping of texts (numbers in it arrive as they are written), `x-code` that it names a folder of
code, `x-message` what a value ought to be, `x-not-fields` what to do instead of a field that other kinds have.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from sagespec import assets
from sagespec.checking import patterns, schema_errors
from sagespec.diagnostics import KeyPath, Problems

_OWN = {"common", "Compiled", "Lock", "Project"}


@cache
def load(name: str) -> dict[str, Any]:
    """Read one schema by its name, the definitions that it uses put in place of the references to them."""
    schema: dict[str, Any] = _inlined(_read(name), _read("common"), shared=False)
    return schema


@cache
def _read(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = assets.document(assets.schemas() / f"{name}.json")
    return schema


def _inlined(schema: Any, common: dict[str, Any], *, shared: bool) -> Any:
    """Resolve references once, not at every value: it makes validation three times as fast.

    What is not `shared` may also refer to definitions of its own, which stay: they may contain themselves.
    """
    if isinstance(schema, list):
        return [_inlined(item, common, shared=shared) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" not in schema or (schema["$ref"].startswith("#") and not shared):
        return {key: _inlined(value, common, shared=shared) for key, value in schema.items()}
    rest = {key: _inlined(value, common, shared=shared) for key, value in schema.items() if key != "$ref"}
    shape: Any = common
    for step in schema["$ref"].partition("#/")[2].split("/"):
        shape = shape[step]
    return _extended(_inlined(shape, common, shared=True), rest)


def _extended(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Put what a schema says beside a reference over what it refers to; fields of both stand side by side.

    Once they do, unevaluated properties are additional ones, which are told with a hint.
    """
    merged = {**base, **own}
    if "properties" in base and "properties" in own:
        merged["properties"] = {**base["properties"], **own["properties"]}
        merged["additionalProperties"] = merged.pop("unevaluatedProperties", True)
    if "x-not-fields" in base and "x-not-fields" in own:
        merged["x-not-fields"] = {**base["x-not-fields"], **own["x-not-fields"]}
    return merged


@cache
def kinds() -> tuple[str, ...]:
    """The kinds of specs: every schema but those of our own files."""
    return tuple(sorted(f.stem for f in assets.schemas().glob("*.json") if f.stem not in _OWN))


def names() -> tuple[str, ...]:
    """Everything that has a schema of its own: the kinds, and our own files."""
    return tuple(sorted({*kinds(), *_OWN} - {"common"}))


def fields(kind: str) -> dict[str, Any]:
    """The schemas of a kind's own fields."""
    properties: dict[str, Any] = load(kind)["properties"]["spec"]["properties"]
    return properties


@cache
def code_fields() -> frozenset[KeyPath]:
    """The fields of all kinds that name a folder of code, as paths below `spec`."""
    return frozenset(path for kind in kinds() for path, shape in shapes(kind) if shape.get("x-code"))


ANY = "*"
"""Any item of a list, in the path of a shape."""


def shapes(kind: str) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Go through the schemas of a kind's fields and of all that is in them, with their paths below `spec`."""
    return _shapes(load(kind)["properties"]["spec"], ())


def _shapes(shape: dict[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    yield path, shape
    for name, inner in shape.get("properties", {}).items():
        yield from _shapes(inner, (*path, name))
    if isinstance(shape.get("items"), dict):
        yield from _shapes(shape["items"], (*path, ANY))
    for inner in (inner for key in ("allOf", "anyOf", "oneOf") for inner in shape.get(key, ())):
        yield from _shapes(inner, path)


def runs(kind: str) -> str:
    """What a spec of a kind runs as: `job/<category>`, `training-job`, `execution/<evaluation type>`, or nothing."""
    return str(load(kind).get("x-runs", ""))


def validate(name: str, data: Any) -> Problems:
    """Check data against a schema; all problems at once."""
    return schema_errors.explained(_validator(name).iter_errors(data))


def validate_against(schema: dict[str, Any], data: Any) -> Problems:
    """Check data against a part of a schema of ours."""
    return schema_errors.explained(_Strict(schema).iter_errors(data))


def validate_part(name: str, definition: str, data: Any) -> Problems:
    """Check data against one of the definitions of a schema."""
    return schema_errors.explained(_part(name, definition).iter_errors(data))


@cache
def _part(name: str, definition: str) -> Any:
    definitions = load(name)["$defs"]
    return _Strict({"$defs": definitions, **definitions[definition]})


def is_integer(_checker: Any, value: Any) -> bool:
    """Let 1.0 be no integer: to JSON Schema it is one, to the service it is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _matches(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and not patterns.finds(patterns.translated(pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Strict: Any = extend(  # type: ignore[no-untyped-call]  # untyped in its stubs
    Draft202012Validator,
    validators={"pattern": _matches},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer),
)


@cache
def _validator(name: str) -> Any:
    return _Strict(load(name))
