"""The fields of documents, read from their schemas: type in words, default, values allowed.

In: the name of a schema, a kind or `Project`. Out: a `Field` for each key path that the schema has. Alternatives of
a field are one `Field`, with the fields of all of them below it. `explain` adds where a field goes and its rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

from sagespec.checking import schema

Shape = dict[str, Any]
Steps = tuple[str, ...]
"""Names from the top of a document: ENTRY for each entry of a list, ANY_KEY for each key of a free mapping."""

ENTRY, ANY_KEY = "[]", "*"
Required = Literal["", "required", "required in its form"]
_BRANCHES = ("anyOf", "oneOf", "allOf")
_TYPES = {"string": "text", "number": "number", "boolean": "true or false", "null": "null", "integer": "whole number"}
_LARGE = 2**31 - 1
"""Bounds from here on only say what the API can hold."""


class Named(NamedTuple):
    """The files that a field may name: those with one of the suffixes; folders too with `is_folder`.

    Paths are relative to the document, or to the folder that the field `within` beside it names.
    """

    suffixes: tuple[str, ...] = ()
    is_folder: bool = False
    within: str = ""


@dataclass(frozen=True)
class Field:
    """A field as its schema has it.

    `type` is in words, with the range. `default` is JSON, '' where there is none. `required` tells whether its parent
    needs it. `refs` are the kinds that `{ref: Kind/name}` may name, `values` all allowed values where they are few.
    `choice` says which fields exclude it, or which one of several is needed. `files` are the files that it may name,
    if any. `members` are the fields directly below.
    """

    document: str
    path: Steps
    type: str
    description: str = ""
    default: str = ""
    required: Required = ""
    takes_values: bool = False
    refs: tuple[str, ...] = ()
    choice: str = ""
    files: Named | None = None
    values: tuple[Any, ...] = ()
    examples: tuple[Any, ...] = field(default=(), repr=False)
    members: tuple[Steps, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        return dotted(self.path[-1:]) if self.path else self.document

    @property
    def address(self) -> str:
        """The field with its kind, such as `ModelTrainer.spec.compute.instance_count`."""
        return ".".join(part for part in (self.document, dotted(self.path)) if part)


def dotted(path: Iterable[str]) -> str:
    """Write steps as text: `spec.input_data_config[].channel_name`."""
    return "".join(step if step == ENTRY else f".{step}" for step in path).removeprefix(".")


@cache
def of(document: str) -> Mapping[Steps, Field]:
    """Return all fields of a kind or of the project file by path, parents first; `()` is the document itself."""
    return {one.path: one for one in _fields(document, schema.load(document))}


def find(document: str, path: Iterable[str | int]) -> Field | None:
    """Find the field at a key path of a document: entries of lists by number, keys of mappings by name."""
    known = of(document)
    steps: Steps = ()
    for step in path:
        candidates = [ENTRY] if isinstance(step, int) else [step, ANY_KEY]
        found = next(((*steps, one) for one in candidates if (*steps, one) in known), None)
        if found is None:
            return None
        steps = found
    return known[steps]


def _fields(document: str, whole: Shape) -> Iterator[Field]:
    pending: list[tuple[Steps, list[Shape], Required, str]] = [((), [whole], "", "")]
    while pending:
        path, shapes, required, choice = pending.pop(0)
        forms = [form for shape in shapes for form in alternatives(shape, whole)]
        below = list(_members(forms))
        members = tuple((*path, name) for name, *_ in below)
        yield Field(
            document=document,
            path=path,
            type=_type(forms, whole),
            description=next((str(f["description"]) for f in forms if f.get("description")), ""),
            default=next((json.dumps(f["default"], ensure_ascii=False) for f in forms if "default" in f), ""),
            required=required,
            takes_values=_takes_values(document, path),
            refs=tuple(dict.fromkeys(kind for form in forms for kind in form.get("x-ref", ()))),
            choice=choice,
            files=next((_files(form["x-path"]) for form in forms if "x-path" in form), None),
            values=tuple(_values(forms)),
            examples=tuple(one for form in forms for one in form.get("examples", ())),
            members=members,
        )
        pending[:0] = [((*path, name), inner, needed, said) for name, inner, needed, said in below]


def _files(given: Mapping[str, Any]) -> Named:
    return Named(tuple(given.get("suffixes", ())), given.get("folder", False), given.get("within", ""))


def _takes_values(document: str, path: Steps) -> bool:
    """Return whether `${value}` is filled in: not in the envelope, in a project only in defaults and values."""
    if document == "Project":
        return "defaults" in path[:3:2] or (path[:1] == ("environments",) and "values" in path)
    return len(path) > 1 and path[0] in ("metadata", "spec")


def alternatives(shape: Shape, whole: Shape) -> Iterator[Shape]:
    """Yield a schema and its alternatives; those that only require fields are no forms of a value."""
    if "$ref" in shape:
        target: Any = whole
        for step in shape["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        rest = {key: value for key, value in shape.items() if key != "$ref"}
        yield from alternatives({**target, **rest}, whole)
        return
    yield shape
    for inner in _branches(shape):
        yield from alternatives(inner, whole)


def _branches(shape: Shape) -> list[Shape]:
    listed = [inner for key in _BRANCHES for inner in shape.get(key, ()) if set(inner) != {"required"}]
    if "then" in shape:  # alternatives that `if` tells apart
        listed += [{**shape["if"], **shape["then"]}, shape["else"]]
    return listed


def _members(forms: list[Shape]) -> Iterator[tuple[str, list[Shape], Required, str]]:
    """Yield what is directly below: name, schemas, which forms require it, and its exclusive fields."""
    mappings = [form for form in forms if form.get("properties")]
    names = dict.fromkeys(name for form in forms for name in form.get("properties", {}))
    for name in names:
        having = [form for form in forms if name in form.get("properties", {})]
        choices = [_choice(form, name) for form in having]
        needed: Required = "required" if all(name in form.get("required", ()) for form in having) else ""
        if needed and len(having) < len(mappings):
            needed = "required in its form"
        yield name, [form["properties"][name] for form in having], needed, next(filter(None, choices), "")
    if items := [form["items"] for form in forms if isinstance(form.get("items"), dict)]:
        yield ENTRY, items, "", ""
    if free := [shape for form in forms if (shape := _of_any_key(form)) is not None]:
        yield ANY_KEY, free, "", ""


def _of_any_key(form: Shape) -> Shape | None:
    """Return the schema of the values of a mapping whose keys are free; None for any other form."""
    others = form.get("additionalProperties", {})
    is_free = form.get("type") == "object" and not form.get("properties")
    return others if isinstance(others, dict) and (is_free or "additionalProperties" in form) else None


def _choice(form: Shape, name: str) -> str:
    groups = (form.get(key, ()) for key in ("oneOf", "anyOf"))
    concerned = any(set(inner) == {"required"} and name in inner["required"] for group in groups for inner in group)
    return str(form.get("x-message", "")) if concerned else ""


def _type(forms: list[Shape], whole: Shape) -> str:
    """Write the type of a field in words, alternatives with `or`."""
    if values := [str(value) for value in _values(forms)]:
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    alternatives = [form for form in forms if _branches(form)]
    if alternatives and (said := alternatives[0].get("x-message")):
        return str(said)
    words = dict.fromkeys(word for form in forms if not _branches(form) for word in _words(form, whole))
    return " or ".join(words) or "any value"


def _values(forms: list[Shape]) -> list[Any]:
    """Return the values that are allowed, where they are listed."""
    listed = (
        value for form in forms for value in (*form.get("enum", ()), *([form["const"]] if "const" in form else ()))
    )
    return [*dict.fromkeys(listed)]


def _words(form: Shape, whole: Shape) -> Iterator[str]:
    types = form.get("type", "object" if "properties" in form else "array" if "items" in form else ())
    for name in [types] if isinstance(types, str) else types:
        if name == "object":
            yield _mapping(form, whole)
        elif name == "array":
            entries = (
                _type(list(alternatives(form["items"], whole)), whole) if isinstance(form.get("items"), dict) else ""
            )
            counted = _between(form.get("minItems"), form.get("maxItems"), "entries")
            yield " ".join(filter(None, ["list", f"of {entries}" if entries else "", counted]))
        elif name == "string":
            yield _text(form)
        else:
            yield " ".join(filter(None, [_TYPES[name], _range(form)]))


def _mapping(form: Shape, whole: Shape) -> str:
    free = form.get("additionalProperties")
    if not isinstance(free, dict):
        return "mapping"
    return f"mapping of names to {_type(list(alternatives(free, whole)), whole)}"


def _text(form: Shape) -> str:
    if form.get("x-content"):
        return "path of a file"
    if "x-message" in form and form.get("type") == "string":
        return str(form["x-message"])
    least, most = form.get("minLength", 0), form.get("maxLength")
    return " ".join(filter(None, ["text", _between(least if least > 1 else None, most, "characters")]))


def _range(form: Shape) -> str:
    low, high = form.get("minimum"), form.get("maximum")
    if high is not None and abs(high) >= _LARGE:
        low, high = (None if low is not None and low <= -_LARGE else low), None
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f">= {low}" if low is not None else f"<= {high}" if high is not None else ""


def _between(low: int | None, high: int | None, unit: str) -> str:
    """Write the bounds of a length; '' without any."""
    if low is not None and high is not None:
        return f"({unit}: {low})" if low == high else f"({low} to {high} {unit})"
    return f"({unit}: at least {low})" if low else f"(at most {high} {unit})" if high is not None else ""
