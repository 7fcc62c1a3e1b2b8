"""JSON Schemas that are not ours: policies, and the job schemas that AWS gives.

In: a schema as data. Out: a `Foreign`, which checks documents, and what is wrong with the schema itself, at
places in it. Nothing is ever fetched: a schema must stand on its own. Understands the drafts from 4 to 2020-12.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import jsonschema
from jsonschema.validators import extend
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing import Registry, Specification
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from compiler import mistakes, patterns, schema
from compiler.diagnostics import Path, Problem, Problems, did_you_mean

_DRAFTS = {
    str(draft.META_SCHEMA.get("$id", draft.META_SCHEMA.get("id"))).strip("#"): draft
    for draft in (
        jsonschema.Draft4Validator,
        jsonschema.Draft6Validator,
        jsonschema.Draft7Validator,
        jsonschema.Draft201909Validator,
        jsonschema.Draft202012Validator,
    )
}
_LATEST = next(reversed(_DRAFTS))
_BY_NAME = {"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
"""Keywords whose values are schemas by name."""
_NESTED = {"additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "else", "if", "items", "not"}
_NESTED |= {"oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
"""Keywords whose values are schemas, or lists of them."""
_NO_MORE = {"additionalItems", "additionalProperties", "items", "unevaluatedItems", "unevaluatedProperties"}
"""Of these, the ones in which `false` has words of its own."""
_DATA = {"const", "default", "enum", "examples"}
"""Keywords whose values are no schemas; in those of any other keyword a reference may still find one."""


@dataclass(frozen=True)
class Foreign:
    """A schema to check with; one that cannot be used at all finds nothing.

    `flaws` are what is wrong with it: places in the schema.
    """

    flaws: tuple[Problem, ...] = ()
    validator: Any = field(default=None, repr=False)

    def check(self, document: Any) -> Problems:
        """Check a document; all problems at once."""
        if self.validator is None:
            return Problems()
        try:
            return mistakes.explained(self.validator.iter_errors(document))
        except (RecursionError, Unresolvable):
            message = "the schema refers to itself without end, or to nothing"
            return Problems([Problem("bad-schema", message, severity="warning")])


def load(data: Any) -> Foreign:
    """Read a schema; the same one is read once."""
    try:
        return _load(json.dumps(data))
    except RecursionError:
        return Foreign((Problem("bad-schema", "is nested too deeply"),))


@cache
def _load(text: str) -> Foreign:
    data = json.loads(text)
    problems = Problems()
    draft = _draft(data, problems)
    problems += _misfits(draft, data)
    if problems:
        return Foreign(tuple(problems))
    reader = _Reader(draft, specification_with(draft.ID_OF(draft.META_SCHEMA)))
    readable = reader.read(data)
    if reader.broken:
        return Foreign(tuple(reader.flaws))
    strict: Any = extend(  # type: ignore[no-untyped-call]  # untyped in its stubs
        draft, type_checker=draft.TYPE_CHECKER.redefine("integer", schema.is_integer)
    )
    return Foreign(tuple(reader.flaws), strict(readable, registry=Registry()))


def _draft(data: Any, problems: Problems) -> Any:
    """The draft of JSON Schema that a schema says it is written in."""
    said = data.get("$schema", _LATEST) if isinstance(data, dict) else _LATEST
    known = {uri: draft for uri, draft in _DRAFTS.items() if str(said).strip("#").endswith(uri.partition(":")[2])}
    if not known:
        hint = did_you_mean(str(said), tuple(_DRAFTS))
        problems.error("bad-schema", f"{said} is not a draft of JSON Schema that is known", ("$schema",), hint)
    return next(iter(known.values()), _DRAFTS[_LATEST])


def _misfits(draft: Any, data: Any) -> Iterator[Problem]:
    """What the draft's own schema says of a schema."""
    for problem in mistakes.explained(draft(_whole(draft)).iter_errors(data)):
        yield Problem("bad-schema", problem.message, problem.path, problem.hint)


@cache
def _whole(draft: Any) -> Any:
    """The schema of a draft's schemas, whose parts in later drafts lie in seven files: in one it is far quicker."""
    meta = draft.META_SCHEMA
    if "allOf" not in meta:
        return meta
    resolver = REGISTRY.resolver(meta["$id"])
    parts = [meta, *(resolver.lookup(part["$ref"]).contents for part in meta["allOf"])]
    whole = {
        "type": meta["type"],
        "properties": {name: inner for part in parts for name, inner in part["properties"].items()},
        "$defs": {name: inner for part in parts for name, inner in part.get("$defs", {}).items()},
    }
    text = re.sub(r'"\$(dynamicRef|recursiveRef)": "#\w*"', '"$ref": "#"', json.dumps(whole))
    return json.loads(re.sub(r'"\$ref": "meta/\w+#', '"$ref": "#', text))


@dataclass
class _Reader:
    """Goes through a schema: says its patterns in Python's words, and follows its references."""

    draft: Any
    specification: Specification[Any]
    flaws: Problems = field(default_factory=Problems)
    broken: bool = False
    seen: set[int] = field(default_factory=set)
    targets: list[tuple[str, Path, Any]] = field(default_factory=list)

    def read(self, data: Any) -> Any:
        try:
            resource = self.specification.create_resource(data)
            read = self._schema(data, (), Registry().with_resource("", resource).resolver())
        except ValueError as error:
            self._break(f"has an identifier that is none: {error}", ())
            return None
        for reference, path, found in self.targets:
            for problem in () if id(found) in self.seen else _misfits(self.draft, found):
                self._break(f"{reference} leads to no schema: {problem.message}", path)
        return read

    def _schema(self, data: Any, path: Path, resolver: Any) -> Any:
        if isinstance(data, list):
            return [self._schema(item, (*path, index), resolver) for index, item in enumerate(data)]
        if data is False:
            return {"not": {}}  # the same, but a validator says where
        if not isinstance(data, dict):
            return data
        self.seen.add(id(data))
        if isinstance(data.get("$id", data.get("id", "")), str):
            resolver = resolver.in_subresource(self.specification.create_resource(data))
        read: dict[str, Any] = {}
        for key, value in data.items():
            here = (*path, key)
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                self._follow(value, here, resolver)
            if key == "pattern" and isinstance(value, str):
                read.update((key, said) for said in self._pattern(value, here))
            elif key in _BY_NAME and isinstance(value, dict):
                read[key] = self._by_name(key, value, here, resolver)
            elif key in _NESTED and not (value is False and key in _NO_MORE):
                read[key] = self._schema(value, here, resolver)
            elif key not in _DATA and isinstance(value, dict | list):
                read[key] = replace(self, flaws=Problems(), seen=set(), targets=[])._schema(value, here, resolver)
            elif key != "$schema":  # a validator would change to another draft in mid-document
                read[key] = value
        return read

    def _by_name(self, key: str, schemas: dict[str, Any], path: Path, resolver: Any) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for name, inner in schemas.items():
            here = (*path, name)
            for said in self._pattern(name, here) if key == "patternProperties" else (name,):
                read[said] = self._schema(inner, here, resolver)
        return read

    def _pattern(self, pattern: str, path: Path) -> Iterator[str]:
        """Say a pattern in Python's words; nothing where there are none."""
        try:
            yield patterns.compiled(pattern).pattern
        except re.error as error:
            self.flaws.error("bad-schema", f"the pattern cannot be checked: {error}", path)

    def _follow(self, reference: str, path: Path, resolver: Any) -> None:
        try:
            self.targets.append((reference, path, resolver.lookup(reference).contents))
        except (Unresolvable, ValueError, TypeError):
            self._break(f"{reference} leads to nothing in this file, and nothing is fetched", path)

    def _break(self, message: str, path: Path) -> None:
        self.flaws.error("bad-schema", message, path)
        self.broken = True
