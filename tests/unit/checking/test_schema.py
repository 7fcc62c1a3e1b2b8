"""The schemas of kinds: what several have stands once, and what is printed for editors is whole in itself."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from sagespec import assets
from sagespec.checking import schema
from sagespec.sagemaker import recipes

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


def test_no_annotation_is_misspelt() -> None:
    known = set(re.findall(r"`(x-[a-z]+)`", schema.__doc__ or ""))
    trees = [tree for name in schema.names() for tree, _ in parts(schema.load(name), "")]
    assert known == {key for tree in trees for key in json.loads(tree) if re.match(r"x-[a-z]+$", key)}


def test_what_a_schema_says_of_recipes_is_read() -> None:
    said = [recipe for kind in schema.kinds() for recipe in schema.load(kind).get("x-recipes", ())]
    assert {key for recipe in said for key in recipe} == {"key", "nova", "modality", "entries"}
    assert {recipe["entries"] for recipe in said if "entries" in recipe} == {"inference"}


@pytest.mark.parametrize("kind", schema.kinds())
def test_a_kind_has_recipes_just_when_it_takes_hyperparameters_by_name_of_a_model(kind: str) -> None:
    fields = schema.fields(kind)
    assert bool(recipes.of_kind(kind)) == ({"model", "hyperparameters"} <= fields.keys())


@pytest.mark.parametrize("kind", recipes.kinds())
@pytest.mark.parametrize("is_nova", [False, True])
def test_of_a_kinds_recipes_one_is_for_each_model(kind: str, is_nova: bool) -> None:
    benchmarks = assets.document(assets.data() / "benchmarks.json")
    for modality in {about["modality"] for about in benchmarks.values()}:
        assert recipes.choose(kind, is_nova=is_nova, modality=modality)


def test_no_code_but_the_sandbox_knows_a_recipe() -> None:
    keys = {recipe.key for kind in recipes.kinds() for recipe in recipes.of_kind(kind)}
    known = {key.partition("/")[2] for key in keys if key.startswith("Evaluation/Deterministic")}
    for file in (f for f in (ROOT / "compiler").rglob("*.py") if "sandbox" not in f.parts):
        text = file.read_text("utf-8")
        assert not [key for key in keys | known if key in text], file
