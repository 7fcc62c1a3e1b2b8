"""Two trees compared: the innermost places that differ.

In: two trees of plain data. Out: `Difference`s. A mapping is compared by its keys, a list of the same length item by
item, anything else as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sagespec.diagnostics import KeyPath
from sagespec.documents import identity
from sagespec.documents.compiled import Request, marker


class Difference(NamedTuple):
    """A place where two trees differ; None is absent."""

    path: KeyPath
    old: Any
    new: Any


class Sent(NamedTuple):
    """A place where two versions of a request differ; one that `counts` is part of the identity."""

    request: str
    path: KeyPath
    old: Any
    new: Any
    counts: bool


def of(old: Any, new: Any, path: KeyPath = ()) -> Iterator[Difference]:
    """Compare two trees."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (
            key for key in {**new, **old} if key not in old or key not in new or not same(old[key], new[key])
        ):
            yield from of(old.get(key), new.get(key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and _has_inner(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from of(one, other, (*path, index))
    elif isinstance(new, dict) and new and old is None and not marker(new):
        for key in new:
            yield from of(None, new[key], (*path, key))
    elif isinstance(old, dict) and old and new is None and not marker(old):
        for key in old:
            yield from of(old[key], None, (*path, key))
    elif not same(old, new):
        yield Difference(path, old, new)


def same(one: Any, other: Any) -> bool:
    """Whether two values are written alike: 1, 1.0 and true are three."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other and type(one) is type(other))


def _has_inner(items: Sequence[Any]) -> bool:
    return any(isinstance(item, dict | list) for item in items)


def of_requests(old: Sequence[Request], new: Sequence[Request]) -> Iterator[Sent]:
    """Compare the requests of two compiled files, by their ids."""
    counted_before, counted_after = _counted(old), _counted(new)
    before, after = _parameters(old), _parameters(new)
    for id in (id for id in {**after, **before} if before.get(id) != after.get(id)):
        counting = {one.path for one in of(counted_before.get(id), counted_after.get(id))}
        for path, one, other in of(before.get(id), after.get(id)):
            yield Sent(id, path, one, other, any(path[: len(p)] == p or p[: len(path)] == path for p in counting))


def _parameters(requests: Sequence[Request]) -> Mapping[str, Any]:
    return {request.id: request.parameters for request in requests}


def _counted(requests: Sequence[Request]) -> Mapping[str, Any]:
    return {request.id: content for request, content in identity.counted(requests)}


def files(requests: Sequence[Request]) -> dict[str, str]:
    """The SHA-256 of every file of the project that requests upload, by its path."""
    found: dict[str, str] = {}
    waiting: list[Any] = [request.parameters for request in requests]
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, dict):
            path, digest = tree.get("path"), tree.get("sha256")
            if set(tree) == {"path", "sha256"} and isinstance(path, str) and isinstance(digest, str):
                found[path] = digest
            else:
                waiting += tree.values()
        elif isinstance(tree, list):
            waiting += tree
    return found
