"""Check data against the JSON Schemas in `schemas/`.

In: data and the name of a schema. Out: problems, each at its own key.

Our annotations in schemas: `x-runs` is what a kind runs as, `x-aliases` what others call it, `x-module` the module of
a kind whose name does not tell it, `x-recipes` the recipes of its hyperparameters (`recipes`), `x-starter` the text
that `init` writes, `x-ref` the kinds that a field may refer to, `x-names` the resources that it names where its
pattern does not tell (`resources`), `x-texts` marks a mapping of texts (numbers keep their spelling), `x-own` a file
or folder of the user (code, data) in which nothing is a spec, `x-path` a field whose text may be the path of a file
(`suffixes`) or `folder`, relative to the document, or to the folder that the field `within` beside it names,
`x-content` one whose text is the path of a file with its value, `x-message` describes a valid value, `x-not-fields`
is the hint for a field that only other kinds have.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from sagespec import assets
from sagespec.checking import acceptance, schema_errors
from sagespec.diagnostics import KeyPath, Problems
from sagespec.reading.source import ANY

_OWN = {"common", "Compiled", "Lock", "Project"}


@cache
def load(name: str) -> dict[str, Any]:
    """Read a schema by its name, with references to `common` replaced by the definitions."""
    schema: dict[str, Any] = _inlined(_read(name), _read("common"), shared=False)
    return schema


@cache
def _read(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = assets.document(assets.schemas() / f"{name}.json")
    return schema


def _inlined(schema: Any, common: dict[str, Any], *, shared: bool) -> Any:
    """Replace references by their definitions, which makes validation three times as fast.

    A schema that is not `shared` keeps references to its own definitions, because they may be recursive.
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
    """Return the kinds of specs: all schemas but those of our own files."""
    return tuple(sorted(f.stem for f in assets.schemas().glob("*.json") if f.stem not in _OWN))


def names() -> tuple[str, ...]:
    """Return the names of all schemas of documents: the kinds, and our own files."""
    return tuple(sorted({*kinds(), *_OWN} - {"common"}))


def fields(kind: str) -> dict[str, Any]:
    """Return the schemas of a kind's fields by name."""
    properties: dict[str, Any] = load(kind)["properties"]["spec"]["properties"]
    return properties


@lru_cache(maxsize=1_000)
def own_fields(kind: object) -> frozenset[KeyPath]:
    """Return the key paths below `spec` of a kind's fields that name files or folders of the user.

    They are those of all kinds where there is no such kind: a misspelt one must not turn the user's files into specs.
    """
    if kind not in kinds():
        return frozenset().union(*map(own_fields, kinds()))
    return frozenset(path for path, shape in shapes(str(kind)) if shape.get("x-own"))


@cache
def shapes(kind: str) -> tuple[tuple[KeyPath, dict[str, Any]], ...]:
    """Return the schemas of a kind's fields and of everything in them, with key paths below `spec`."""
    return tuple(_shapes(load(kind)["properties"]["spec"], ()))


def _shapes(shape: dict[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    yield path, shape
    for name, inner in shape.get("properties", {}).items():
        yield from _shapes(inner, (*path, name))
    if isinstance(shape.get("items"), dict):
        yield from _shapes(shape["items"], (*path, ANY))
    for inner in (inner for key in ("allOf", "anyOf", "oneOf") for inner in shape.get(key, ())):
        yield from _shapes(inner, path)


def runs(kind: str) -> str:
    """Return what a kind runs as: `job/<category>`, `training-job`, `execution/<evaluation type>`, or ''."""
    return str(load(kind).get("x-runs", ""))


def aliases(kind: str) -> tuple[str, ...]:
    """Return the names that the SDK's older classes and other tools have for what a kind does."""
    return tuple(load(kind).get("x-aliases", ()))


def validate(name: str, data: Any) -> Problems:
    """Check data against a schema by its name; returns all problems."""
    if _accepts(name)(data):
        return Problems()
    return schema_errors.explained(_validator(name).iter_errors(data))


def validate_against(schema: dict[str, Any], data: Any) -> Problems:
    """Check data against a part of one of our schemas."""
    return schema_errors.explained(_strict(schema).iter_errors(data))


def validate_part(name: str, definition: str, data: Any) -> Problems:
    """Check data against one of the `$defs` of a schema."""
    if _accepts(name, definition)(data):
        return Problems()
    return schema_errors.explained(_validator(name, definition).iter_errors(data))


@cache
def _validator(name: str, definition: str = "") -> Any:
    return _strict(_schema(name, definition))


def _strict(shape: dict[str, Any]) -> Any:
    from sagespec.checking import strict  # for invalid data alone

    return strict.Validator(shape)


@cache
def _accepts(name: str, definition: str = "") -> acceptance.Accepts:
    return acceptance.of(_schema(name, definition)) or (lambda _data: False)


def _schema(name: str, definition: str) -> dict[str, Any]:
    definitions = load(name).get("$defs", {})
    return {"$defs": definitions, **definitions[definition]} if definition else load(name)
