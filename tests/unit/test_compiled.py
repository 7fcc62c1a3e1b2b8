"""Compiled files: their bytes, their identity, and what does not count towards it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import compiled
from compiler.compiled import Compiled, Generated, InvalidCompiled, Request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
MADE = Compiled(
    "K/n", "specs/a.yaml", "123456789012", "us-west-2", "f" * 64, (), (Request("a", "s3", "PutObject", {}),)
)


@given(st.dictionaries(st.text(), JSON))
def test_dump_and_load_round_trip(parameters: dict[str, Any]) -> None:
    made = replace(MADE, requests=(Request("a", "s3", "PutObject", parameters),))
    text = compiled.dump(made)
    assert compiled.load(text) == made
    assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "Compiled"}', '{"kind":"Compiled","apiVersion":"sagespec/v1"}', "nul"]
)
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(InvalidCompiled):
        compiled.load(text)


def test_an_edited_file_is_refused() -> None:
    with pytest.raises(InvalidCompiled, match="changed after it was compiled"):
        compiled.load(compiled.dump(MADE).replace("us-west-2", "us-east-1"))


def identity(parameters: dict[str, Any], **changed: Any) -> str:
    about: dict[str, Any] = {
        "kind": "K",
        "name": ("p", "e", "n"),
        "run": 1,
        "account": "1",
        "region": "r",
        "dependencies": ["d"],
        "requests": [Request("a", "sagemaker", "CreatePipeline", parameters)],
    }
    return compiled.identify(**{**about, **changed})


def pipeline(**step: Any) -> dict[str, Any]:
    return {"PipelineDefinition": {"$json": {"Steps": [{"Name": "s", "Arguments": {}, **step}]}}}


@pytest.mark.parametrize(
    "parameters",
    [
        {"Tags": [{"Key": "a", "Value": "b"}]},
        {"PipelineDescription": "words"},
        {"JobName": Generated("base-")},
        {"ClientRequestToken": Generated(digits=64)},
    ],
)
def test_names_tags_tokens_and_descriptions_do_not_count(parameters: dict[str, Any]) -> None:
    assert identity(parameters) == identity({})


def test_nor_do_those_of_pipeline_steps() -> None:
    assert identity(pipeline(Arguments={"Tags": [1]}, Description="x", DisplayName="y")) == identity(pipeline())
    assert identity(pipeline(Arguments={"HyperParameters": {"Tags": "1"}})) != identity(pipeline())


@pytest.mark.parametrize("name", ["kind", "name", "run", "account", "region", "dependencies"])
def test_everything_else_counts(name: str) -> None:
    assert identity({}, **{name: ["other"] if name == "dependencies" else "other"}) != identity({})


def test_projects_and_environments_count_apart() -> None:
    names = [("a", "b-c", "n"), ("a-b", "c", "n"), (None, "a", "n"), ("a", None, "n")]
    assert len({identity({}, name=name) for name in names}) == len(names)


def test_a_location_counts_but_for_the_digits() -> None:
    here = {"Key": Generated("here/", "/x.json", content=True)}
    assert identity(here) != identity({"Key": Generated("there/", "/x.json", content=True)})
    assert Generated("here/", "/x.json").fill("0123456789abcdef") == "here/0123456789ab/x.json"


def test_awaited_outputs_are_found_at_any_depth() -> None:
    tree = {"a": [{"$json": {"b": {"$output": "Kind/x.Arn"}}}], "c": {"$output": "requests.a.Arn"}}
    assert compiled.awaited(tree) == {"Kind/x"}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_a_file_nested_without_measure_is_refused(text: str) -> None:
    with pytest.raises(InvalidCompiled, match="not JSON"):
        compiled.load(text)
