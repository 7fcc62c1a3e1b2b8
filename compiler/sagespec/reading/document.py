"""One document of a YAML or JSON file: data, spans and faults.

A number such as 1.30 or 007 has a value and a spelling in the file. `Written` keeps both until the schema decides
whether the field is a number (`as_data`) or text (`as_text`).

Readers continue after a fault where they can. Where they cannot, the document is not `whole`: its data contain only
the entries that were complete before the fault.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sagespec.diagnostics import KeyPath, Problem, Span

MAX_NODES = 200_000
"""The most values in one document; an alias counts as many values as its anchor has, each time it is used."""
MAX_DEPTH = 100


class Fault(NamedTuple):
    """A mistake that a reader has found, with the span of its token."""

    problem: Problem
    span: Span


class Written(NamedTuple):
    """A null, number or boolean that the file spells differently from JSON: `text` is its spelling."""

    value: Any
    text: str


def as_data(tree: Any) -> Any:
    """Replace every `Written` of a tree by its value."""
    if isinstance(tree, dict):
        return {key: as_data(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [as_data(item) for item in tree]
    return tree.value if isinstance(tree, Written) else tree


def as_text(scalar: Any) -> Any:
    """Return the spelling of a number, boolean or null.

    Texts, lists, mappings, and a null in JSON's form, are returned unchanged.
    """
    if isinstance(scalar, Written):
        return scalar.text
    return json.dumps(scalar) if isinstance(scalar, int | float) else scalar


def as_texts(tree: Any) -> Any:
    """Replace the scalars of a mapping, or of a list of mappings, by their spelling in the file."""
    if isinstance(tree, dict):
        return {key: as_text(item) for key, item in tree.items()}
    return [as_texts(item) for item in tree] if isinstance(tree, list) else tree


@dataclass
class Document:
    """The result of a reader.

    `tree`, with `Written` scalars if `has_written`, and the spans of `values` and `keys`.
    """

    tree: Any = None
    has_written: bool = False
    values: dict[KeyPath, Span] = field(default_factory=dict)
    keys: dict[KeyPath, Span] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    whole: bool = True

    @property
    def data(self) -> Any:
        """The tree as plain data, without `Written`."""
        return as_data(self.tree) if self.has_written else self.tree

    def scalar(self, value: Any, text: str) -> Any:
        """Return a `Written` where the value alone does not tell how the file spells it, else the value."""
        as_json = "true" if value is True else "false" if value is False else repr(value)
        if text in ("", as_json):
            return value
        self.has_written = True
        return Written(value, text)

    def fault(self, span: Span, rule: str, message: str, path: KeyPath, hint: str = "") -> None:
        self.faults.append(Fault(Problem(rule, message, path, hint), span))

    def cut(self, fault: Fault) -> None:
        """Add a fault after which nothing more can be read."""
        self.faults.append(fault)
        self.whole = False


CUTTING = frozenset({"syntax", "too-deep", "too-large"})
"""The rules of faults after which nothing more of a file can be read."""


class Unreadable(Exception):
    """A fault after which nothing more of a document can be read; `rule` is one of `CUTTING`."""

    def __init__(self, span: Span, rule: str, message: str, path: KeyPath = (), hint: str = "") -> None:
        assert rule in CUTTING
        self.fault = Fault(Problem(rule, message, path, hint), span)
