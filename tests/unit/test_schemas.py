"""The schemas of kinds: what several have stands once, and what is printed for editors is whole in itself."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from compiler import schema
from tests.conftest import ROOT

MOST_REPEATED = 80
"""How long, as JSON, a part of a schema may be that stands more than once: a `$ref` with a description is one."""


def parts(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every mapping in a schema, as JSON, with where it stands."""
    if isinstance(tree, dict):
        yield json.dumps(tree, sort_keys=True), path
        for key, value in tree.items():
            yield from parts(value, f"{path}/{key}")
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from parts(value, f"{path}/{index}")


def test_what_several_kinds_have_stands_once() -> None:
    places = defaultdict(list)
    for name in (*schema.kinds(), "common"):
        document = json.loads((ROOT / "schemas" / "v1" / f"{name}.json").read_text("utf-8"))
        for text, path in parts(document, name):
            if len(text) > MOST_REPEATED:
                places[text].append(path)
    assert not {text[:60]: found for text, found in places.items() if len(found) > 1}


@pytest.mark.parametrize("kind", schema.kinds())
def test_what_is_printed_of_a_kind_needs_no_other_file(kind: str) -> None:
    refs = [tree["$ref"] for text, _ in parts(schema.load(kind), "") if "$ref" in (tree := json.loads(text))]
    assert refs == []


@pytest.mark.parametrize("kind", schema.kinds())
def test_every_field_says_what_it_is(kind: str) -> None:
    silent = [name for name, shape in schema.fields(kind).items() if not shape.get("description")]
    assert silent == []
