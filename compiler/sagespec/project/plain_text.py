"""Secrets in plain text among the values of a spec.

In: the fields of a spec, and the names that the project allows. Out: problems. A secret is recognised by the form of
its value, whatever its name is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sagespec.diagnostics import KeyPath, Problem, secrets

_SHORTEST = 12
"""No secret of a known form has fewer characters."""
_HINT = (
    "read it at run time, for instance from AWS Secrets Manager; `allow_secrets` in the project file allows a name"
)


def check(fields: Any, allowed: Collection[str]) -> Iterator[Problem]:
    """Yield an error for each value that has the form of a secret."""
    for path, text in _texts(fields, ("spec",)):
        name = str(path[-1]) if isinstance(path[-1], str) else str(path[-2])
        if name not in allowed and (kind := secrets.kind_of(text)):
            yield Problem("plain-text-secret", f"{name} holds {kind} in plain text", path, _HINT)


def _texts(tree: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(tree, str):
        if len(tree) >= _SHORTEST:
            yield path, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _texts(value, (*path, key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from _texts(item, (*path, index))
