"""Values with the key path of the spec field that they came from.

A `Traced` value carries the path of the spec field that caused it. Templates and request builders pass
these along; `settle` takes them out of a finished tree and returns the plain tree with its provenance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagespec.diagnostics import KeyPath

Provenance = dict[KeyPath, KeyPath]
"""Place in a document -> path of the spec field that put the value there."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A value and the path of the spec field that it came from.

    Reading a member of a traced mapping or list gives a traced value one step further down; an absent
    member is a falsy traced None, so that rules and templates can ask for optional fields by name.
    """

    value: Any
    path: KeyPath = ()

    def __getitem__(self, key: str | int) -> Traced:
        if isinstance(self.value, dict):
            return Traced(self.value.get(key), (*self.path, key))
        if isinstance(self.value, list) and isinstance(key, int):
            return Traced(self.value[key], (*self.path, key))
        return Traced(None, (*self.path, key))

    def __getattr__(self, name: str) -> Traced:
        if name.startswith("__"):  # not a field: copying, pickling and Jinja probe for these
            raise AttributeError(name)
        return self[name]

    def __bool__(self) -> bool:
        return bool(self.value)

    def __iter__(self) -> Iterator[Traced]:
        """Go through the items of a list; an absent one has none."""
        for index in range(len(self.value or ())):
            yield self[index]

    def __len__(self) -> int:
        return len(self.value or ())

    @property
    def given(self) -> bool:
        """Whether the field has a value at all: false, 0 and empty text count."""
        return self.value is not None

    def entries(self) -> Iterator[tuple[str, Traced]]:
        """Go through the members of a mapping; an absent one has none."""
        for key in self.value or {}:
            yield key, self[key]

    def to(self, value: Any) -> Traced:
        """Another value with the same origin."""
        return Traced(value, self.path)


def settle(tree: Any) -> tuple[Any, Provenance]:
    """Replace every traced value in a tree by its plain value; say where each came from."""
    provenance: Provenance = {}
    return _settle(tree, (), provenance), provenance


def _settle(tree: Any, path: KeyPath, provenance: Provenance) -> Any:
    if isinstance(tree, Traced):
        provenance[path] = tree.path
        return _settle(tree.value, path, provenance)
    if isinstance(tree, dict):
        return {key: _settle(value, (*path, key), provenance) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_settle(value, (*path, index), provenance) for index, value in enumerate(tree)]
    return tree


def origin(provenance: Provenance, path: KeyPath) -> KeyPath:
    """The spec path behind a place in a document: its own, the nearest above, else the first below or beside it."""
    for length in range(len(path), -1, -1):
        source = provenance.get(path[:length])
        if source is not None:
            return (*source, *path[length:])
    for length in range(len(path), -1, -1):
        below = [p for p in provenance if p[:length] == path[:length]]
        if below:
            return provenance[min(below, key=lambda p: (len(p), str(p)))]
    return ()
