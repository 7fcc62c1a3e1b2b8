"""Substitute `${name}` in parsed scalars.

In: a tree of plain data and the known values. Out: the same tree with values filled in. Refuses unknown names, values
that contain themselves, values in keys, lists and mappings inside longer text, and results that are too large.
Scalars are replaced after parsing, so no value can change the structure around it. `$${` is a literal `${`. Inside
longer text a number has the spelling of its file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sagespec.diagnostics import Hint, KeyPath, Problems, nearest
from sagespec.reading.document import MAX_DEPTH, Written, as_text

MAX_SIZE = 1_000_000
"""The most characters that are filled into one tree; requests are smaller."""

OF_SPEC = {"spec.name": "", "spec.run": 1}
"""Values that only a spec has, with examples of their type."""

BUILT_IN = {
    "env": "choose an environment with -e",
    "spec.name": "the fields and the description of a spec may use it",
    "spec.run": "the fields, the name and the description of a spec may use it",
}
"""Reserved names, with the hint where they have no value."""

REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
"""A use of a value, with its name and the space around it; without a group `$${`, or a `${` that is not closed."""


def expand(
    values: Mapping[str, Any], known: Mapping[str, Any], problems: Problems
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill values and known names into the values.

    Returns the values that are complete, and unchanged those that use the name or run of a spec, in the order of
    their dependencies. The path of a problem begins with the name of its value.
    """
    graph = {name: names(value) for name, value in values.items()}
    for name in _cycles(graph):
        problems.error("cyclic-value", f"the value {name!r} contains itself", (name,))
    filled: dict[str, Any] = {**values, **known, **OF_SPEC}
    filling = _Filling(filled, problems)
    pending: dict[str, Any] = {}
    for name in _sorted(graph):
        if name in values:
            filled[name] = filling.fill(values[name], (name,))
            if any(used in OF_SPEC or used in pending for used in graph[name]):
                pending[name] = values[name]
    return {name: value for name, value in filled.items() if name not in pending and name not in OF_SPEC}, pending


def of_spec(
    filled: Mapping[str, Any], pending: Mapping[str, Any], metadata: Any, problems: Problems
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill the name and the run of a spec into the values that wait for them.

    `filled` and `pending` are those of `expand`. Returns all values that the fields of the spec may use, and what is
    filled into its `name` and `run`, as far as `metadata` has them. A name that is no text has the value ''.
    """
    known = dict(filled)
    given: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
    own: dict[str, Any] = {}
    for name, otherwise in (("run", 1), ("name", "")):  # the name may use the run, everything else may use both
        if name in given:
            own[name] = substitute(given[name], known, problems, ("metadata", name))
        known[f"spec.{name}"] = own.get(name, otherwise)
    if not isinstance(known["spec.name"], str):
        known["spec.name"] = ""
    for name, value in pending.items():
        known[name] = substitute(value, known, problems)
    return known, own


def substitute(data: Any, values: Mapping[str, Any], problems: Problems, path: KeyPath = ()) -> Any:
    """Fill values into a tree; what cannot be filled in is reported and left unchanged."""
    return _Filling(values, problems).fill(data, path)


def names(data: Any) -> set[str]:
    """Return the names that a tree refers to."""
    if isinstance(data, str):
        return {match[1].strip() for match in REFERENCE.finditer(data) if match[1] is not None}
    members = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return set().union(*map(names, members))


def _sorted(graph: Mapping[str, set[str]]) -> list[str]:
    """Sort dependencies first; cycles, and names that depend on them, are left out."""
    sorter = TopologicalSorter(graph)
    with suppress(CycleError):  # the sorter still returns the names outside of cycles
        sorter.prepare()
    ordered: list[str] = []
    while ready := sorter.get_ready():
        ordered += ready
        sorter.done(*ready)
    return ordered


def _cycles(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the members of cycles, and the names between two cycles."""
    left = set(graph).difference(_sorted(graph))
    users: dict[str, set[str]] = {name: set() for name in left}
    for user in left:
        for name in graph[user] & left:
            users[name].add(user)
    return sorted(left.difference(_sorted(users)))


class _Unfit(Exception):
    """A reference that cannot be filled in."""

    def __init__(self, rule: str, message: str, hint: str = "") -> None:
        self.rule, self.message, self.hint = rule, message, hint


class _Filling:
    """Fills one tree, and counts the characters that may still be filled in."""

    def __init__(self, known: Mapping[str, Any], problems: Problems) -> None:
        self.known, self.problems = known, problems
        self.left = MAX_SIZE
        self.measures: dict[str, tuple[int, int]] = {}

    def fill(self, data: Any, path: KeyPath) -> Any:
        if isinstance(data, str):
            return self._scalar(data, path) if "${" in data else data
        if isinstance(data, dict):
            for key in (key for key in data if "${" in key):
                message = "values are not filled into keys"
                self.problems.error("value-in-key", message, (*path, key), "write the key out", on_key=True)
            return {key: self.fill(item, (*path, key)) for key, item in data.items()}
        if isinstance(data, list):
            return [self.fill(item, (*path, index)) for index, item in enumerate(data)]
        return data

    def _scalar(self, text: str, path: KeyPath) -> Any:
        if self.left < 0:  # reported already
            return text
        whole = REFERENCE.fullmatch(text)
        unfit: dict[str, _Unfit] = {}

        def fill(match: re.Match[str]) -> Any:
            try:
                return self._value(match[1].strip(), path) if match is whole else self._inside(match, path)
            except _Unfit as error:
                unfit.setdefault(error.message, error)
                return ""

        if whole is not None and whole[1] is None:
            whole = None
        filled = fill(whole) if whole else REFERENCE.sub(fill, text)
        for error in unfit.values():
            self.problems.error(error.rule, error.message, path, error.hint)
        return text if unfit else filled

    def _inside(self, match: re.Match[str], path: KeyPath) -> str:
        if match[0] == "$${":
            return "${"
        if match[1] is None:
            raise _Unfit("unknown-value", "'${' without a name and '}'", "write $${ for the text ${")
        value = self._value(match[1].strip(), path)
        inner = as_text(value)
        if isinstance(inner, str):
            if isinstance(value, Written) and value.value is None:
                message = f"${{{match[1]}}} is null and stands here as the text {inner!r}"
                self.problems.warn("null-text", message, path, "quote the value")
            return inner
        kind = "a mapping" if isinstance(inner, dict) else "a list" if isinstance(inner, list) else "nothing"
        raise _Unfit("unknown-value", f"${{{match[1]}}} is {kind} and cannot stand inside text")

    def _value(self, name: str, path: KeyPath) -> Any:
        if name not in self.known:
            raise _unknown(name, [known for known in self.known if known not in path[:1]])  # a value is not its own
        value = self.known[name]
        if name not in self.measures:
            self.measures[name] = _measure(value)
        size, height = self.measures[name]
        if len(path) + height > MAX_DEPTH:
            raise _Unfit("too-deep", f"with {name!r} filled in, this is more than {MAX_DEPTH} levels deep")
        self.left -= size
        if self.left < 0:
            raise _Unfit("too-large", f"more than {MAX_SIZE:,} characters filled in")
        return value


def _measure(data: Any) -> tuple[int, int]:
    """Return the number of characters of a tree, at least one for each value, and its depth."""
    if isinstance(data, str | Written):
        return len(as_text(data)) + 1, 0
    if not isinstance(data, dict | list):
        return len(json.dumps(data)), 0
    members = [_measure(item) for item in (data.values() if isinstance(data, dict) else data)]
    size = sum(len(key) for key in data) if isinstance(data, dict) else 0
    return 1 + size + sum(s for s, _ in members), 1 + max((height for _, height in members), default=0)


def _unknown(name: str, known: Iterable[str]) -> _Unfit:
    if name in BUILT_IN:
        return _Unfit("unknown-value", f"{name!r} is not known here", BUILT_IN[name])
    near = nearest(name, known)
    meant = Hint(near, "word", f"${{{name}}}", [f"${{{one}}}" for one in near.choices])
    hint = meant or "give it with -D, or choose an environment with -e; the text ${ is $${"
    return _Unfit("unknown-value", f"no value is called {name!r}", hint)
