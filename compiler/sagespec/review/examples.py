"""The full examples: of each kind, and of the project file, documents in which every field has a value.

In: `schemas/v1/examples/`. Fields that exclude each other are in several documents of one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sagespec import assets
from sagespec.reading import source
from sagespec.review.fields import ANY_KEY, ENTRY, Steps, of


def folder() -> Path:
    """Return the folder of the examples, with the files that they name."""
    return assets.schemas() / "examples"


@cache
def text(document: str) -> str:
    """Return the full example of a kind, or of the project file, as YAML."""
    return assets.text(folder() / f"{document}.yaml")


@cache
def documents(document: str) -> tuple[Mapping[str, Any], ...]:
    """Return the documents of a full example as data."""
    sources, _ = source.load(f"{document}.yaml", text(document).encode())
    return tuple(one.data for one in sources)


@cache
def values(document: str) -> Mapping[Steps, Any]:
    """Return the first value that each field has in the full example, by path."""
    found: dict[Steps, Any] = {}
    for data in documents(document):
        for path, value in walk(document, data):
            found.setdefault(generic(document, path), value)
    return found


def walk(document: str, data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield the key paths in data that are fields, each with its value, parents first."""
    yield path, data
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        if generic(document, (*path, key)):
            yield from walk(document, value, (*path, key))


def generic(document: str, path: tuple[str | int, ...]) -> Steps:
    """Return the path of the field at a key path; () where the schema has none."""
    known = of(document)
    steps: Steps = ()
    for step in path:
        candidates = [ENTRY] if isinstance(step, int) else [step, ANY_KEY]
        steps = next(((*steps, one) for one in candidates if (*steps, one) in known), ())
        if not steps:
            break
    return steps
