"""One document of a YAML or JSON file: data, spans, and faults.

A number such as 1.30 or 007 has a value, and the text that stands in the file: `Written` keeps both, until it is
known which of them is meant (`as_data`, `as_text`).

Readers go on after a mistake where they can. Where they cannot, the document is not `whole`: its data are the
entries that were complete before that place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sagespec.diagnostics import KeyPath, Problem, Span

MAX_NODES = 200_000
"""Values in one document, aliases counted as often as they are used."""
MAX_DEPTH = 100


class Fault(NamedTuple):
    """A mistake that a reader has found, at its token."""

    problem: Problem
    span: Span


class Written(NamedTuple):
    """A null, or a number or boolean whose text is not the one that JSON has for its value."""

    value: Any
    text: str


def as_data(tree: Any) -> Any:
    """Give every scalar of a tree its value."""
    if isinstance(tree, dict):
        return {key: as_data(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [as_data(item) for item in tree]
    return tree.value if isinstance(tree, Written) else tree


def as_text(scalar: Any) -> Any:
    """Write a number, boolean or null as its file does; text, lists, mappings and what is not written stay."""
    if isinstance(scalar, Written):
        return scalar.text
    return json.dumps(scalar) if isinstance(scalar, int | float) else scalar


def as_texts(tree: Any) -> Any:
    """Write the scalars of a mapping of texts, or of a list of such mappings, as their file does."""
    if isinstance(tree, dict):
        return {key: as_text(item) for key, item in tree.items()}
    return [as_texts(item) for item in tree] if isinstance(tree, list) else tree


@dataclass
class Document:
    """What was read: `tree`, with `Written` scalars if `has_written`; `values` and `keys` say where each stands."""

    tree: Any = None
    has_written: bool = False
    values: dict[KeyPath, Span] = field(default_factory=dict)
    keys: dict[KeyPath, Span] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    whole: bool = True

    @property
    def data(self) -> Any:
        """The document as plain data."""
        return as_data(self.tree) if self.has_written else self.tree

    def scalar(self, value: Any, text: str) -> Any:
        """Keep the text of a number, boolean or null where its value alone would lose it."""
        as_json = "true" if value is True else "false" if value is False else repr(value)
        if text in ("", as_json):
            return value
        self.has_written = True
        return Written(value, text)

    def fault(self, span: Span, rule: str, message: str, path: KeyPath, hint: str = "") -> None:
        self.faults.append(Fault(Problem(rule, message, path, hint), span))

    def cut(self, fault: Fault) -> None:
        """End the document where it cannot be read any further."""
        self.faults.append(fault)
        self.whole = False


class Unreadable(Exception):
    """Raised where a text cannot be read any further."""

    def __init__(self, span: Span, rule: str, message: str, path: KeyPath = (), hint: str = "") -> None:
        self.fault = Fault(Problem(rule, message, path, hint), span)
