"""What `acceptance` says of data is what the validator says, for our schemas and for schemas of any keywords."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sagespec.checking import acceptance, schema, strict

from tests.conftest import LOCK, ROOT

SCALARS = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    -1,
    1.5,
    10**9,
    "",
    "a",
    "A b",
    "x" * 300,
    "a\n",
    "1",
    "s3://b/k",
    "LORA",
    "ml.x",
]
VALUES: list[Any] = [
    *SCALARS,
    [],
    {},
    ["a"],
    [1, "a", None],
    {"a": 1},
    {"": {}},
    {"ref": "Kind/name"},
    {"type": "MPI"},
]
PROJECT = {
    "apiVersion": "sagespec/v1",
    "kind": "Project",
    "metadata": {"name": "examples"},
    "specs": ["specs/"],
    "policies": {"schemas": ["policies/*.json"], "limits": {"instance_hours_per_run": 64}},
    "prices": {"ml.p5.48xlarge": 98.32},
    "defaults": {"tags": {"team": "rl"}},
    "environments": {"prod": {"values": {"bucket": "b"}, "defaults": {"region": "us-west-2"}}},
}


@cache
def documents() -> tuple[tuple[str, Any], ...]:
    """Good documents of each schema, with its name."""
    found = [("Project", PROJECT), ("Lock", json.loads(LOCK.read_text("utf-8")))]
    for file in sorted((ROOT / "specs").glob("*.yaml")):
        found += [(spec["kind"], spec) for spec in yaml.safe_load_all(file.read_text("utf-8"))]
    for file in sorted((ROOT / "tests" / "golden" / "ok").glob("*/expected/*/*.json"))[::15]:
        found.append(("Compiled", json.loads(file.read_text("utf-8"))))
    return tuple(found)


def paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(deeper for key, value in inner for deeper in paths(value, (*path, key)))]


def spoiled(data: Any, path: tuple[Any, ...], how: str, key: str, value: Any) -> Any:
    """A copy with one change at a path: another value, an entry more, or one less."""
    if not path and how == "replace":
        return value
    data = copy.deepcopy(data)
    owner = data
    for step in path[:-1]:
        owner = owner[step]
    if how == "replace":
        owner[path[-1]] = value
    elif how == "remove" and path:
        del owner[path[-1]]
    else:
        target = owner[path[-1]] if path else data
        if isinstance(target, dict):
            target[key] = value
        elif isinstance(target, list):
            target.append(value)
    return data


def agrees(shape: Any, data: Any) -> None:
    accepts = acceptance.of(shape)
    assert accepts is not None
    assert accepts(data) == strict.Validator(shape).is_valid(data), (shape, data)


def test_every_schema_of_ours_is_read() -> None:
    for name in schema.names():
        assert acceptance.of(schema.load(name)), name


@given(st.data())
def test_our_schemas_accept_what_the_validator_accepts(data: st.DataObject) -> None:
    name, document = data.draw(st.sampled_from(documents()))
    for _ in range(data.draw(st.integers(0, 2))):
        if document:
            path = data.draw(st.sampled_from(paths(document)))
            how = data.draw(st.sampled_from(["replace", "remove", "add"]))
            keys = [*schema.load(name).get("properties", {}), "role", "tags", "x", ""]
            value = data.draw(st.sampled_from(VALUES))
            document = spoiled(document, path, how, data.draw(st.sampled_from(keys)), value)
    accepted = acceptance.of(schema.load(name))
    assert accepted
    assert accepted(document) == schema._validator(name).is_valid(document)


def test_good_documents_are_accepted() -> None:
    for name, document in documents():
        assert schema._accepts(name)(document), name
    assert {name for name, _ in documents()} >= {*schema.names()}


NAMES = st.sampled_from(["a", "b", "c"])
DATA = st.recursive(
    st.sampled_from(SCALARS), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
SIZES = st.integers(0, 3)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])


def shapes() -> st.SearchStrategy[Any]:
    """Schemas of all keywords that acceptance knows."""
    return st.recursive(st.booleans() | st.just({}), _deeper, max_leaves=8)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=2)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
        "const": st.sampled_from(SCALARS),
        "enum": st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3),
        "properties": st.dictionaries(NAMES, inner, max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "[bc]"]), inner, max_size=2),
        "additionalProperties": inner,
        "propertyNames": inner,
        "required": st.lists(NAMES, max_size=2, unique=True),
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
        "items": inner,
        "pattern": st.sampled_from(["^a$", "x{3}", "^.{2,}$"]),
        "minimum": st.sampled_from([0, 1.5]),
        "maximum": st.sampled_from([0, 1.5]),
        **dict.fromkeys(("allOf", "anyOf", "oneOf"), several),
        **dict.fromkeys(("not", "if", "then", "else"), inner),
        **{f"{end}{what}": SIZES for end in ("min", "max") for what in ("Items", "Length", "Properties")},
        "description": st.just("a note"),
        "x-note": st.just("another"),
    }
    return st.fixed_dictionaries({}, optional=keywords)


@given(shapes(), DATA)
def test_any_schema_accepts_what_the_validator_accepts(shape: Any, data: Any) -> None:
    agrees(shape, data)


@given(DATA)
def test_definitions_may_refer_to_themselves(data: Any) -> None:
    shape = {
        "$defs": {"tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}}},
        "$ref": "#/$defs/tree",
        "maxProperties": 2,
    }
    agrees(shape, data)


@pytest.mark.parametrize(
    "shape",
    [
        {"uniqueItems": True},
        {"unevaluatedProperties": False},
        {"prefixItems": [{}], "items": False},
        {"const": {}},
        {"enum": [[1]]},
        {"$ref": "other.json"},
        {"properties": {"a": {"format": "date"}}},
    ],
)
def test_what_is_not_known_is_left_to_the_validator(shape: Any) -> None:
    assert acceptance.of(shape) is None
