"""Values with the key path of the spec field that they came from.

Templates and request builders pass `Traced` values along. `settle` replaces them in a finished tree by plain values,
and returns the key path that each came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagespec.diagnostics import KeyPath

Provenance = dict[KeyPath, KeyPath]
"""Key path in a document -> key path of the spec field that the value came from."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A value with the key path of its spec field.

    A member of a traced mapping or list is traced, too. An absent member is a traced None, which is falsy, so that
    rules and templates can read optional fields without a test.
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
        if name.startswith("__"):  # no field: copying, pickling and Jinja ask for such names
            raise AttributeError(name)
        return self[name]

    def __bool__(self) -> bool:
        return bool(self.value)

    def __iter__(self) -> Iterator[Traced]:
        """Iterate over the items of a list; an absent list has none."""
        for index in range(len(self.value or ())):
            yield self[index]

    def __len__(self) -> int:
        return len(self.value or ())

    @property
    def given(self) -> bool:
        """Whether the field has a value; false, 0 and empty text are values."""
        return self.value is not None

    def entries(self) -> Iterator[tuple[str, Traced]]:
        """Iterate over the members of a mapping; an absent mapping has none."""
        for key in self.value or {}:
            yield key, self[key]

    def to(self, value: Any) -> Traced:
        """Return another value with the same key path."""
        return Traced(value, self.path)


def settle(tree: Any) -> tuple[Any, Provenance]:
    """Replace every traced value of a tree by its plain value, and return the tree and its provenance."""
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
    """Return the spec path that a path in a document came from.

    That is its own, the nearest parent's, the field that all its children came from, else that of the first child or
    sibling.
    """
    own = own_origin(provenance, path)
    if own is not None:
        return own
    shared = _shared([source for below, source in provenance.items() if below[: len(path)] == path])
    if len(shared) > 1:  # a field, and not the spec as a whole
        return shared
    for length in range(len(path), -1, -1):
        below = [p for p in provenance if p[:length] == path[:length]]
        if below:
            return provenance[min(below, key=lambda p: (len(p), str(p)))]
    return ()


def own_origin(provenance: Provenance, path: KeyPath) -> KeyPath | None:
    """Return the spec path that a path in a document, or its nearest parent, came from as a whole."""
    for length in range(len(path), -1, -1):
        source = provenance.get(path[:length])
        if source is not None:
            return (*source, *path[length:])
    return None


def _shared(paths: list[KeyPath]) -> KeyPath:
    """Return the longest beginning that all key paths have; () without any."""
    first, last = min(paths, key=_steps, default=()), max(paths, key=_steps, default=())
    differs = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first[:differs]


def _steps(path: KeyPath) -> list[str]:
    return [str(step) for step in path]
