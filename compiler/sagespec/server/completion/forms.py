"""The alternatives of a schema that fit what stands in a document already.

In: the name of a schema, data, and a key path in it. Out: the schemas of the value there. Alternatives whose fields
or constants exclude what is written are left out, as long as any is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sagespec.checking import schema
from sagespec.diagnostics import KeyPath
from sagespec.reading import source
from sagespec.review import fields
from sagespec.review.fields import Required, Shape

_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
MOST = 1_000_000
"""More than any mapping has."""
_UNSAID: tuple[Any, ...] = (None, "")
"""What stands where something is being typed."""


def at(document: str, data: Any, path: KeyPath) -> list[Shape]:
    """Return the schemas of the value at a key path; none where there is no such field."""
    whole = schema.load(document)
    shapes, here = [whole], data
    for step in path:
        shapes = [inner for form in _fitting(shapes, here, whole) if (inner := _below(form, step)) is not None]
        here = source.get(here, (step,))
    return _fitting(shapes, here, whole)


def below(forms: Iterable[Shape], document: str, step: str | int) -> list[Shape]:
    """Return the schemas of one field or entry of a value."""
    shapes = [inner for form in forms if (inner := _below(form, step)) is not None]
    return _fitting(shapes, None, schema.load(document))


def missing(forms: Iterable[Shape], data: Any) -> Iterator[tuple[str, Required]]:
    """Yield the fields that a mapping may still get, and whether it needs them; without those that are excluded."""
    present = set(data) if isinstance(data, dict) else set()
    having = [form for form in forms if form.get("properties")]
    shut: set[str] = set().union(*(_excluded(form, present) for form in having))
    full = {number for number, form in enumerate(having) if len(present) >= form.get("maxProperties", MOST)}
    open_forms = [form for number, form in enumerate(having) if number not in full]
    for name in dict.fromkeys(name for form in open_forms for name in form["properties"]):
        if name not in present and name not in shut:
            needing = [name in form.get("required", ()) for form in having]
            yield name, "required" if all(needing) else "required in its form" if any(needing) else ""


def _fitting(shapes: Iterable[Shape], data: Any, whole: Shape) -> list[Shape]:
    forms = [form for shape in shapes for form in fields.alternatives(shape, whole)]
    fitting = [form for form in forms if _fits(form, data)]
    if not any(has_content(form) for form in fitting):
        return forms
    return fitting


def has_content(form: Shape) -> bool:
    """Return whether a schema says something of the value itself, and is not only a list of alternatives."""
    return any(key in form for key in ("type", "properties", "items", "enum", "const"))


def _fits(form: Shape, data: Any) -> bool:
    if data in _UNSAID or not has_content(form):
        return True
    types = form.get("type", "object" if "properties" in form else "array" if "items" in form else ())
    if types and _TYPES.get(type(data)) not in ([types] if isinstance(types, str) else types):
        return False
    if not isinstance(data, dict) or "properties" not in form:
        return True
    is_open = form.get("additionalProperties", form.get("unevaluatedProperties", True)) is not False
    return all(
        is_open if name not in form["properties"] else _may_be(form["properties"][name], value)
        for name, value in data.items()
    )


def _may_be(shape: Shape, value: Any) -> bool:
    return "const" not in shape or value in (*_UNSAID, shape["const"])


def _below(form: Shape, step: str | int) -> Shape | None:
    if isinstance(step, int):
        items = form.get("items")
        return items if isinstance(items, dict) else None
    named: Shape | None = form.get("properties", {}).get(step)
    if named is not None:
        return named
    others = form.get("additionalProperties")
    return others if isinstance(others, dict) else None


def _excluded(form: Shape, present: set[str]) -> set[str]:
    """Return the fields of alternatives that are excluded by the one that is chosen."""
    groups = [set(one["required"]) for one in form.get("oneOf", ()) if set(one) == {"required"}]
    chosen = [group for group in groups if group & present]
    return set().union(*groups).difference(*chosen) if chosen else set()
