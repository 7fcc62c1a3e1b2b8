"""The schemas for editors: of draft 7, whole in themselves, and they accept what `compile` accepts."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from sagespec.checking import editor_schema, schema

from tests.conftest import ROOT

NULLS = "nulls-among-texts"
"""The golden case of nulls where texts are expected: `compile` warns of them, and an editor may mark them."""
GOLDEN = [
    document
    for file in sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("tests/golden/ok/*/**/*.yaml")])
    if NULLS not in file.parts
    for document in yaml.safe_load_all(file.read_text("utf-8"))
    if isinstance(document, dict) and {"apiVersion", "kind", "metadata"} <= document.keys()
]
EDITED = (*schema.kinds(), "Project", editor_schema.ANY)


def errors(name: str, data: Any) -> list[str]:
    return [
        f"{e.json_path}: {e.message}" for e in jsonschema.Draft7Validator(editor_schema.load(name)).iter_errors(data)
    ]


def spec(**fields: Any) -> dict[str, Any]:
    given = {"training_image": "image", "compute": {"instance_type": "ml.m5.large"}, **fields}
    return {"apiVersion": "sagespec/v1", "kind": "ModelTrainer", "metadata": {"name": "a"}, "spec": given}


@pytest.mark.parametrize("name", EDITED)
def test_each_is_valid_and_refers_to_itself_only(name: str) -> None:
    made = editor_schema.load(name)
    jsonschema.Draft7Validator.check_schema(made)
    refs = {value for key, value in pairs(made) if key == "$ref"}
    assert all(ref.startswith("#/definitions/") for ref in refs)
    for ref in refs:
        shape: Any = made
        for step in ref.removeprefix("#/").split("/"):
            shape = shape[step]
    assert {key for key, _ in pairs(made) if key == "$id" or key.startswith("x-")} == set()


def pairs(tree: Any) -> list[tuple[str, Any]]:
    if isinstance(tree, dict):
        return [*tree.items(), *(pair for value in tree.values() for pair in pairs(value))]
    return [pair for item in tree for pair in pairs(item)] if isinstance(tree, list) else []


def test_what_compiles_is_accepted() -> None:
    assert len(GOLDEN) > 50
    for document in GOLDEN:
        for name in (editor_schema.ANY, document["kind"]):
            assert errors(name, document) == [], json.dumps(document)


@pytest.mark.parametrize("kind", schema.kinds())
def test_a_value_may_stand_for_every_field(kind: str) -> None:
    """The value of each field at every depth in turn, also of the members of lists and mappings."""
    for path, _ in schema.shapes(kind):
        data: Any = "${some.value-1}"
        for step in reversed(path):
            data = {step: data} if isinstance(step, str) else [data]
        wrong = errors_below(kind, data, path)
        assert not wrong, (path, wrong)


def errors_below(kind: str, data: Any, path: tuple[Any, ...]) -> list[str]:
    """Return the errors at the value itself; those of what is missing around it are others."""
    if not path:
        data = "${fields}"
    document = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": "a"}, "spec": data}
    found = []
    for error in jsonschema.Draft7Validator(editor_schema.load(kind)).iter_errors(document):
        found += leaves(error, ("spec", *(step if isinstance(step, str) else 0 for step in path)))
    return found


def leaves(error: jsonschema.ValidationError, path: tuple[Any, ...]) -> list[str]:
    """Return the message of an error that lies at a path, unless an alternative accepts what is there."""
    here = tuple(error.absolute_path)
    if here == path:
        return [error.message]
    if not error.context:
        return []
    alternatives: dict[int, list[str]] = {}
    for inner in error.context:
        alternatives.setdefault(int(inner.schema_path[0]), []).extend(leaves(inner, path))
    reaching = [found for found in alternatives.values() if found]
    return [] if len(reaching) < len(alternatives) else [message for found in reaching for message in found]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"compute": {"instance_type": "ml.${size}.large", "instance_count": "${count}"}}, False),
        ({"compute": {"instance_type": "ml.m5.large", "instance_count": "1${count}"}}, True),
        ({"compute": {"instance_type": "ml.m5.large", "instance_count": "two"}}, True),
        ({"region": "us-${side}-2"}, False),
        ({"region": "uswest"}, True),
        ({"tags": "${tags}", "networking": "${vpc}", "training_input_mode": "${mode}"}, False),
        ({"tags": "team", "networking": "none"}, True),
        ({"training_input_mode": "Slow"}, True),
        ({"training_imag": "${image}"}, True),
    ],
)
def test_values_stand_where_they_are_filled_in_and_mistakes_are_found(fields: dict[str, Any], wrong: bool) -> None:
    assert bool(errors("ModelTrainer", spec(**fields))) == wrong
    assert bool(errors(editor_schema.ANY, spec(**fields))) == wrong


def test_only_the_errors_of_the_kind_itself_are_reported() -> None:
    (error,) = errors(editor_schema.ANY, spec(region="uswest"))
    assert "uswest" in error
    (error,) = errors(editor_schema.ANY, {**spec(), "kind": "ModelTrainr"})
    assert "ModelTrainr" in error


def test_descriptions_defaults_and_choices_stay_at_the_field() -> None:
    fields = editor_schema.load("ModelTrainer")["properties"]["spec"]["anyOf"][0]["properties"]
    mode = fields["training_input_mode"]
    assert mode["default"] == "File"
    assert mode["description"] == schema.fields("ModelTrainer")["training_input_mode"]["description"]
    assert mode["anyOf"][0] == {"enum": ["File", "FastFile", "Pipe"]}


def test_other_files_of_ours_are_described_as_they_are() -> None:
    for name in ("Compiled", "Lock"):
        assert editor_schema.load(name) == {key: value for key, value in schema.load(name).items() if key != "$id"}
