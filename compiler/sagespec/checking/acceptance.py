"""Say whether data fit one of our own JSON Schemas, many times as fast as the validator that says why they do not.

In: a schema. Out: a function of data, or None where the schema has a keyword that this module does not know. Most
data fit; for those that do not, the validator is asked as well. What is accepted here must fit by the validator too:
`tests/property/test_acceptance.py` compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sagespec.checking import patterns

Accepts = Callable[[Any], bool]

_NOTES = {"$schema", "$id", "$defs", "title", "description", "examples", "default", "then", "else"}
"""Keywords that check nothing, or nothing by themselves."""


class _Unknown(Exception):
    """A schema has something that this module does not know."""


def of(schema: Any) -> Accepts | None:
    """Return a function that says whether data fit a schema; None if there is no way to tell."""
    try:
        return _Reader(schema).read(schema)
    except _Unknown:
        return None


class _Reader:
    """Reads a schema and what it refers to, which may be recursive."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._referred: dict[str, Accepts] = {}

    def read(self, schema: Any) -> Accepts:
        if isinstance(schema, bool):
            return lambda _data: schema
        checks = []
        for keyword in schema:
            if keyword in _KEYWORDS:
                checks.append(_KEYWORDS[keyword](self, schema, schema[keyword]))
            elif keyword not in _NOTES and not keyword.startswith("x-"):
                raise _Unknown(keyword)
        return checks[0] if len(checks) == 1 else _all(checks)

    def referred(self, reference: str) -> Accepts:
        """Return the check of a definition; it is read once, and may refer to itself."""
        if not reference.startswith("#/"):
            raise _Unknown(reference)
        if reference not in self._referred:
            self._referred[reference] = lambda data: self._referred[reference](data)
            target = self._root
            for step in reference[2:].split("/"):
                target = target[step]
            self._referred[reference] = self.read(target)
        return self._referred[reference]


def _all(checks: list[Accepts]) -> Accepts:
    def accepts(data: Any) -> bool:
        for check in checks:  # noqa: SIM110  a generator would take half of the time
            if not check(data):
                return False
        return True

    return accepts


def _number(data: Any) -> bool:
    return isinstance(data, int | float) and not isinstance(data, bool)


_TYPES: dict[str, Accepts] = {
    "object": lambda data: isinstance(data, dict),
    "array": lambda data: isinstance(data, list),
    "string": lambda data: isinstance(data, str),
    "integer": lambda data: isinstance(data, int) and not isinstance(data, bool),
    "number": _number,
    "boolean": lambda data: isinstance(data, bool),
    "null": lambda data: data is None,
}


def _type(_read: _Reader, _schema: Any, wanted: Any) -> Accepts:
    if isinstance(wanted, str):
        return _TYPES[wanted]
    types = [_TYPES[name] for name in wanted]
    return lambda data: any(check(data) for check in types)


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does: true is not 1, 1.0 is."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _const(_read: _Reader, _schema: Any, value: Any) -> Accepts:
    if isinstance(value, dict | list):
        raise _Unknown("const")
    return lambda data: _same(data, value)


def _enum(_read: _Reader, _schema: Any, values: Any) -> Accepts:
    if any(isinstance(value, dict | list) for value in values):
        raise _Unknown("enum")
    return lambda data: any(_same(data, value) for value in values)


def _properties(read: _Reader, _schema: Any, properties: Any) -> Accepts:
    checks = {name: read.read(schema) for name, schema in properties.items()}

    def accepts(data: Any) -> bool:
        if isinstance(data, dict):
            for name, value in data.items():
                check = checks.get(name)
                if check is not None and not check(value):
                    return False
        return True

    return accepts


def _pattern_properties(read: _Reader, _schema: Any, properties: Any) -> Accepts:
    checks = [(re.compile(pattern), read.read(schema)) for pattern, schema in properties.items()]
    return lambda data: (
        not isinstance(data, dict)
        or all(check(value) for name, value in data.items() for pattern, check in checks if pattern.search(name))
    )


def _additional(read: _Reader, schema: Any, additional: Any) -> Accepts:
    known = set(schema.get("properties", {}))
    named = [re.compile(pattern) for pattern in schema.get("patternProperties", {})]
    check = read.read(additional)

    def accepts(data: Any) -> bool:
        if isinstance(data, dict):
            for name, value in data.items():
                if name not in known and not any(p.search(name) for p in named) and not check(value):
                    return False
        return True

    return accepts


def _property_names(read: _Reader, _schema: Any, names: Any) -> Accepts:
    check = read.read(names)
    return lambda data: not isinstance(data, dict) or all(check(name) for name in data)


def _required(_read: _Reader, _schema: Any, names: Any) -> Accepts:
    return lambda data: not isinstance(data, dict) or all(name in data for name in names)


def _dependent(_read: _Reader, _schema: Any, needed: Any) -> Accepts:
    return lambda data: (
        not isinstance(data, dict)
        or all(other in data for name, others in needed.items() if name in data for other in others)
    )


def _items(read: _Reader, schema: Any, items: Any) -> Accepts:
    if "prefixItems" in schema:
        raise _Unknown("prefixItems")
    check = read.read(items)
    return lambda data: not isinstance(data, list) or all(check(item) for item in data)


def _pattern(_read: _Reader, _schema: Any, pattern: Any) -> Accepts:
    translated = patterns.translated(pattern)
    return lambda data: not isinstance(data, str) or patterns.finds(translated, data)


def _size(kind: type[Any], fits: Callable[[int, int], bool]) -> Callable[[_Reader, Any, Any], Accepts]:
    def keyword(_read: _Reader, _schema: Any, limit: Any) -> Accepts:
        return lambda data: not isinstance(data, kind) or fits(len(data), limit)

    return keyword


def _minimum(_read: _Reader, _schema: Any, limit: Any) -> Accepts:
    return lambda data: not (_number(data) and data < limit)


def _maximum(_read: _Reader, _schema: Any, limit: Any) -> Accepts:
    return lambda data: not (_number(data) and data > limit)


def _all_of(read: _Reader, _schema: Any, schemas: Any) -> Accepts:
    return _all([read.read(schema) for schema in schemas])


def _any_of(read: _Reader, _schema: Any, schemas: Any) -> Accepts:
    checks = [read.read(schema) for schema in schemas]
    return lambda data: any(check(data) for check in checks)


def _one_of(read: _Reader, _schema: Any, schemas: Any) -> Accepts:
    checks = [read.read(schema) for schema in schemas]
    return lambda data: sum(check(data) for check in checks) == 1


def _not(read: _Reader, _schema: Any, refused: Any) -> Accepts:
    check = read.read(refused)
    return lambda data: not check(data)


def _if(read: _Reader, schema: Any, condition: Any) -> Accepts:
    check = read.read(condition)
    then, otherwise = read.read(schema.get("then", True)), read.read(schema.get("else", True))
    return lambda data: then(data) if check(data) else otherwise(data)


def _ref(read: _Reader, _schema: Any, reference: Any) -> Accepts:
    return read.referred(reference)


_KEYWORDS: dict[str, Callable[[_Reader, Any, Any], Accepts]] = {
    "$ref": _ref,
    "additionalProperties": _additional,
    "allOf": _all_of,
    "anyOf": _any_of,
    "const": _const,
    "dependentRequired": _dependent,
    "enum": _enum,
    "if": _if,
    "items": _items,
    "maxItems": _size(list, lambda size, limit: size <= limit),
    "maxLength": _size(str, lambda size, limit: size <= limit),
    "maxProperties": _size(dict, lambda size, limit: size <= limit),
    "maximum": _maximum,
    "minItems": _size(list, lambda size, limit: size >= limit),
    "minLength": _size(str, lambda size, limit: size >= limit),
    "minProperties": _size(dict, lambda size, limit: size >= limit),
    "minimum": _minimum,
    "not": _not,
    "oneOf": _one_of,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "properties": _properties,
    "propertyNames": _property_names,
    "required": _required,
    "type": _type,
}
