"""Which rules concern a field, from the examples of the rules.

A rule's example of what is wrong is the smallest part of a spec that shows it, so the fields in it are those that the
rule is about. What a rule says of a field of one kind it says of the same field of other kinds, too. Rules of syntax
and of the form of fields concern all fields, and are not listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sagespec.checking import schema
from sagespec.diagnostics.rules import AREAS
from sagespec.diagnostics.rules.rule import Rule
from sagespec.project.settings import FILE
from sagespec.reading import source
from sagespec.review import examples, fields
from sagespec.review.fields import Steps

GENERAL = ("Files and syntax", "Fields")
"""Areas whose rules concern every field."""
_NAME = ("metadata", "name")
_OF_NAMES = ("duplicate-address", "name-too-long", "shared-output", "shared-function")
"""Rules about the name of a spec; in the examples of others a name only makes the document whole."""


@cache
def of(document: str) -> Mapping[Steps, tuple[str, ...]]:
    """Return the ids of the rules that concern each field of a kind or of the project file."""
    known = fields.of(document)
    found: dict[Steps, tuple[str, ...]] = {}
    for rule, owner, path in _concerned():
        if path in known and (owner == document or _alike(owner, document, path)):
            found[path] = (*found.get(path, ()), rule)
    return found


def _alike(one: str, other: str, path: Steps) -> bool:
    """Return whether a field means the same in two kinds: its schema is the same."""
    return other != "Project" != one and _said(fields.of(one)[path]) == _said(fields.of(other)[path])


def _said(field: fields.Field) -> tuple[Any, ...]:
    return field.type, field.description, field.refs


@cache
def _concerned() -> tuple[tuple[str, str, Steps], ...]:
    """Return rule, kind and path of every field in the examples of rules."""
    rules = (rule for area, listed in AREAS.items() if area not in GENERAL for rule in listed)
    return tuple((rule.id, *field) for rule in rules for field in dict.fromkeys(_fields(rule)))


def _fields(rule: Rule) -> Iterator[tuple[str, Steps]]:
    parts = source.load("example.yaml", rule.bad.encode())[0]
    for part in (one.data for one in parts if isinstance(one.data, dict)):
        document = "Project" if rule.where == FILE else str(part.get("kind", rule.where))
        if document not in (*schema.kinds(), "Project"):
            continue
        whole = part if document == "Project" or "spec" in part or "metadata" in part else {"spec": part}
        for path, value in examples.walk(document, whole):
            steps = examples.generic(document, path)
            is_plain = not isinstance(value, dict | list)
            if len(steps) > 1 and is_plain and (steps != _NAME or rule.id in _OF_NAMES):
                yield document, steps
