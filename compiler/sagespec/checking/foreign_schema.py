"""Check documents against JSON Schemas from outside the package: policies, and the job schemas of AWS.

In: a schema as data. Out: a `Foreign`, which checks documents, and the flaws of the schema at key paths in it.
References to other files and to the network are not followed. Supports the drafts from 4 to 2020-12.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

import jsonschema
from jsonschema.validators import extend
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing import Registry, Specification
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from sagespec.checking import patterns, schema_errors, strict
from sagespec.checking.automaton import Automaton, Budget, Exhausted, Unbounded
from sagespec.diagnostics import KeyPath, Problem, Problems, did_you_mean

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
"""Keywords whose values are mappings of names to schemas."""
_NESTED = {"additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "else", "if", "items", "not"}
_NESTED |= {"oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
"""Keywords whose values are schemas, or lists of schemas."""
_NO_MORE = {"additionalItems", "additionalProperties", "items", "unevaluatedItems", "unevaluatedProperties"}
"""Of these, keywords for which the validator has its own message where the value is `false`."""
MAX_STEPS = 10_000_000
"""The budget for checking one document: some seconds, hundreds of times what real documents need."""
_KEYWORD_STEPS = 20
_BUDGET: ContextVar[Budget] = ContextVar("budget")
_DATA = {"const", "default", "enum", "examples"}
"""Keywords whose values are not schemas. The value of an unknown keyword may be the target of a reference."""


@dataclass(frozen=True)
class Foreign:
    """A schema from outside; an invalid one accepts every document.

    `flaws` are the problems of the schema itself, at key paths in it.
    """

    flaws: tuple[Problem, ...] = ()
    prepared: _Prepared | None = field(default=None, repr=False)
    given_up: list[str] = field(default_factory=list, repr=False, compare=False)
    """Why nothing is checked any more, after a document has exceeded the budget."""

    def check(self, document: Any) -> Problems:
        """Check a document; returns all problems, or one warning where the schema cannot be applied."""
        if self.prepared is None:
            return Problems()
        if not self.given_up:
            budget = _BUDGET.set(Budget(MAX_STEPS))
            try:
                return schema_errors.explained(self.prepared.validator(document).iter_errors(document))
            except (RecursionError, Unresolvable):
                message = "the schema refers to itself endlessly, or to something that does not exist"
                return Problems([Problem("bad-schema", message, severity="warning")])
            except Exhausted:
                self.given_up.append("checking with the schema takes too long: it has too many alternatives")
            finally:
                _BUDGET.reset(budget)
        return Problems([Problem("bad-schema", self.given_up[0], severity="warning")])


def load(data: Any) -> Foreign:
    """Prepare a schema; cached."""
    try:
        return _load(json.dumps(data))
    except RecursionError:
        return Foreign((Problem("bad-schema", "is nested too deeply"),))


@lru_cache(maxsize=100)
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
    return Foreign(tuple(reader.flaws), _Prepared(reader, data, readable))


class _Prepared:
    """A valid schema with its validator."""

    def __init__(self, reader: _Reader, data: Any, readable: Any) -> None:
        self.reader, self.data, self.readable = reader, data, readable
        keywords = {name: _counted(name, keyword) for name, keyword in reader.draft.VALIDATORS.items()}
        keywords["pattern"] = _counted("pattern", self._pattern)
        self.strict: Any = extend(  # type: ignore[no-untyped-call]  # untyped in its stubs
            reader.draft,
            validators=keywords,
            type_checker=reader.draft.TYPE_CHECKER.redefine("integer", strict.is_integer),
        )

        self.whole = None if reader.named else self._validator(readable)

    def validator(self, document: Any) -> Any:
        """Return the validator for a document; with `patternProperties` it depends on the document's keys."""
        if self.whole is not None:
            return self.whole
        names = frozenset(_names(document))
        return self._validator(
            replace(self.reader, flaws=Problems(), seen=set(), targets=[], names=names).read(self.data)
        )

    def _validator(self, readable: Any) -> Any:
        resource = self.reader.specification.create_resource(readable)
        # crawled once here, else the registry would be crawled at each reference
        return self.strict(readable, registry=Registry().with_resource(resource.id() or "", resource).crawl())

    def _pattern(self, validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
        if validator.is_type(instance, "string") and not self.reader.automata[pattern].finds(instance, _BUDGET.get()):
            yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _counted(name: str, keyword: Any) -> Any:
    """Wrap a keyword's function so that its steps are subtracted from the budget."""

    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        items = len(instance) if isinstance(instance, dict | list) else 0
        steps = _KEYWORD_STEPS + items + (len(value) if isinstance(value, dict | list) else 0)
        if name == "uniqueItems":
            steps += items * items // _KEYWORD_STEPS
        elif name.endswith("Properties") and "patternProperties" in schema:
            steps += items * sum(map(len, schema["patternProperties"])) // _KEYWORD_STEPS
        _BUDGET.get().spend(steps)
        return keyword(validator, value, instance, schema)

    return counted


def _names(document: Any) -> Iterator[str]:
    """Yield the keys of all objects in a document."""
    if isinstance(document, dict):
        yield from document
    members = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    for member in members:
        yield from _names(member)


def _draft(data: Any, problems: Problems) -> Any:
    """Return the draft that `$schema` names, by default the latest."""
    named = data.get("$schema", _LATEST) if isinstance(data, dict) else _LATEST
    known = {uri: draft for uri, draft in _DRAFTS.items() if str(named).strip("#").endswith(uri.partition(":")[2])}
    if not known:
        hint = did_you_mean(str(named), tuple(_DRAFTS))
        problems.error("bad-schema", f"{named} is not a known draft of JSON Schema", ("$schema",), hint)
    return next(iter(known.values()), _DRAFTS[_LATEST])


def _misfits(draft: Any, data: Any) -> Iterator[Problem]:
    """Yield the problems of a schema against its draft's meta-schema."""
    for problem in schema_errors.explained(draft(_whole(draft)).iter_errors(data)):
        yield Problem("bad-schema", problem.message, problem.path, problem.hint)


@cache
def _whole(draft: Any) -> Any:
    """Return a draft's meta-schema as one schema: later drafts split it over seven files, which is far slower."""
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
    """Walks a schema: makes automata of its patterns and resolves its references.

    A pattern in `patternProperties` is replaced by one that lists the `names` that it matches. The result is the
    same, but the time of the validator, which uses `re`, is bounded.
    """

    draft: Any
    specification: Specification[Any]
    flaws: Problems = field(default_factory=Problems)
    broken: bool = False
    seen: set[int] = field(default_factory=set)
    targets: list[tuple[str, KeyPath, Any]] = field(default_factory=list)
    automata: dict[str, Automaton] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    named: set[str] = field(default_factory=set)

    def read(self, data: Any) -> Any:
        try:
            resource = self.specification.create_resource(data)
            read = self._schema(data, (), Registry().with_resource("", resource).crawl().resolver())
        except ValueError as error:
            self._break(f"has a malformed identifier: {error}", ())
            return None
        for reference, path, target in self.targets:
            for problem in () if id(target) in self.seen else _misfits(self.draft, target):
                self._break(f"{reference} does not refer to a schema: {problem.message}", path)
        return read

    def _schema(self, data: Any, path: KeyPath, resolver: Any) -> Any:
        if isinstance(data, list):
            return [self._schema(item, (*path, index), resolver) for index, item in enumerate(data)]
        if data is False:
            return {"not": {}}  # equivalent, but the validator reports the position
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
                read.update((key, translated) for translated in self._pattern(value, here))
            elif key in _BY_NAME and isinstance(value, dict):
                read[key] = self._by_name(key, value, here, resolver)
            elif key in _NESTED and not (value is False and key in _NO_MORE):
                read[key] = self._schema(value, here, resolver)
            elif key not in _DATA and isinstance(value, dict | list):
                read[key] = replace(self, flaws=Problems(), seen=set(), targets=[])._schema(value, here, resolver)
            elif key != "$schema":  # a validator would change to another draft in mid-document
                read[key] = value
        return read

    def _by_name(self, key: str, schemas: dict[str, Any], path: KeyPath, resolver: Any) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for name, inner in schemas.items():
            here = (*path, name)
            for own in self._of_names(name, here) if key == "patternProperties" else (name,):
                read[own] = self._schema(inner, here, resolver)
        return read

    def _pattern(self, pattern: str, path: KeyPath) -> Iterator[str]:
        """Yield a pattern in Python's syntax; nothing where that fails or an automaton cannot follow it."""
        try:
            translated = patterns.compiled(pattern).pattern
            if translated not in self.automata:
                self.automata[translated] = Automaton(translated)
            yield translated
        except (re.error, Unbounded) as error:
            self.flaws.error("bad-schema", f"the pattern cannot be checked: {error}", path)

    def _of_names(self, pattern: str, path: KeyPath) -> Iterator[str]:
        for translated in self._pattern(pattern, path):
            self.named.add(translated)
            escaped = []
            for name in sorted(self.names):
                if self.automata[translated].finds(name, _BUDGET.get()):
                    _BUDGET.get().spend(len(name) * _KEYWORD_STEPS)
                    escaped.append(re.escape(name))
            own = id(self.automata[translated])  # makes the keys of two patterns with the same names differ
            yield rf"\A(?:{'|'.join(escaped) or '(?!)'})\Z(?#{own})"

    def _follow(self, reference: str, path: KeyPath, resolver: Any) -> None:
        try:
            self.targets.append((reference, path, resolver.lookup(reference).contents))
        except (Unresolvable, ValueError, TypeError):
            self._break(f"{reference} does not exist in this file, and other files are not loaded", path)

    def _break(self, message: str, path: KeyPath) -> None:
        self.flaws.error("bad-schema", message, path)
        self.broken = True
