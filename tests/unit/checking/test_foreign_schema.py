"""Schemas that are not ours: whatever they hold, they check, or say at which place they cannot."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sagespec.checking import foreign_schema

from tests.unit.documents.test_compiled import JSON

DOCUMENT = {"A": 1, "VpcConfig": {"Subnets": ["a"]}, "Name": "ñ\n"}


DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
UNKNOWN = "'VpcConfig' is not a field here"


def said(schema: Any) -> list[tuple[str, tuple[Any, ...]]]:
    """What a schema without flaws says of the document."""
    found = foreign_schema.load(schema)
    assert not found.flaws
    return [(p.message, p.path) for p in found.check(DOCUMENT)]


@pytest.mark.parametrize(
    ("schema", "message", "path"),
    [
        ({"oneOf": [{"required": ["B"]}, {"required": ["C", "D"]}]}, "needs exactly one of 'B' or 'C' and 'D'", ()),
        ({"oneOf": [{"required": ["A"]}, {"required": ["Name"]}]}, "needs exactly one of 'A' or 'Name'", ("Name",)),
        ({"anyOf": [{"required": ["B"]}, {"required": ["C"]}]}, "needs one of 'B' or 'C'", ()),
        ({"properties": {"VpcConfig": False}}, "VpcConfig is not allowed here", ("VpcConfig",)),
        ({"properties": {"VpcConfig": {"not": {}}}}, "VpcConfig is not allowed here", ("VpcConfig",)),
        (False, "it is not allowed here", ()),
        ({"properties": {"Name": {"pattern": r"^\p{L}$"}}}, '"ñ\\n" is not allowed here', ("Name",)),
        (
            {"additionalProperties": False, "patternProperties": {r"^\p{L}$": True, "^N": True}},
            UNKNOWN,
            ("VpcConfig",),
        ),
        ({"oneOf": [True, {"required": ["A"]}]}, None, ()),
        (
            {
                **DRAFT_7,
                "properties": {
                    "VpcConfig": {"properties": {"Subnets": {"items": [{"$ref": "#/definitions/number"}]}}}
                },
                "definitions": {"number": {"type": "integer"}},
            },
            'expected a whole number, found "a"',
            ("VpcConfig", "Subnets", 0),
        ),
        ({"$ref": "#/components/x", "components": {"x": {"required": ["B"]}}}, "'B' is required", ()),
        ({"properties": {"A": {"type": "integer", "maximum": 0.5}}}, "1 is more than 0.5", ("A",)),
        ({"dependencies": {"A": ["B"]}, **DRAFT_7}, "'A' needs 'B' beside it", ("A",)),
        ({"dependencies": {"A": {"required": ["B"]}}, **DRAFT_7}, "'B' is required", ()),
        ({"properties": {"A": {"multipleOf": 2}}}, "1 is not a multiple of 2", ("A",)),
        ({"properties": {"Name": True, "A": True}, "unevaluatedProperties": False}, UNKNOWN, ("VpcConfig",)),
        (
            {"properties": {"VpcConfig": {"properties": {"Subnets": {"contains": {"const": "b"}}}}}},
            "does not have the required entries, or has too many of them",
            ("VpcConfig", "Subnets"),
        ),
        (
            {"anyOf": [{"properties": {"A": {"type": "string"}}}, {"properties": {"A": {"maximum": 0}}}]},
            "fits no alternative: A: expected text, found 1; or A: 1 is more than 0",
            (),
        ),
    ],
)
def test_documents_are_checked(schema: Any, message: str | None, path: tuple[Any, ...]) -> None:
    found = said(schema)
    assert [place for _, place in found] == [path]
    assert message in (None, found[0][0])


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ([], ()),
        ({"type": "nonsense"}, ("type",)),
        ({"items": [{}]}, ("items",)),
        ({"properties": {"a": 5}}, ("properties", "a")),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, ("$schema",)),
        ({"$ref": "#/nope"}, ("$ref",)),
        ({"properties": {"a": {"$ref": "other.json"}}}, ("properties", "a", "$ref")),
        ({"$ref": "#/components/x", "components": {"x": {"type": 5}}}, ("$ref",)),
        ({"$ref": "#/allOf/x", "allOf": [{}]}, ("$ref",)),
        ({"$ref": "http://["}, ("$ref",)),
        ({"dependencies": {"a": [5]}}, ("dependencies", "a", 0)),
    ],
)
def test_a_schema_that_cannot_be_used_says_where_and_finds_nothing(schema: Any, path: tuple[Any, ...]) -> None:
    found = foreign_schema.load(schema)
    assert path in [flaw.path for flaw in found.flaws]
    assert not found.check(DOCUMENT)


@pytest.mark.parametrize("key", ["pattern", "patternProperties"])
def test_a_pattern_that_cannot_be_read_is_left_out(key: str) -> None:
    bad: Any = "(" if key == "pattern" else {"(": False}
    found = foreign_schema.load({"properties": {"Name": {key: bad}}, "required": ["B"]})
    assert [flaw.path[:3] for flaw in found.flaws] == [("properties", "Name", key)]
    assert [p.message for p in found.check(DOCUMENT)] == ["'B' is required"]


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"properties": {"A": {"$ref": "#/properties/A"}}}])
def test_a_schema_without_end_ends(schema: Any) -> None:
    assert "endlessly" in said(schema)[0][0]


def test_nothing_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        assert foreign_schema.load({"$ref": address}).flaws
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_schema_nested_without_measure_is_refused() -> None:
    schema: Any = {}
    for _ in range(5000):
        schema = {"not": schema}
    assert foreign_schema.load(schema).flaws


OLDER = ["$recursiveRef", "additionalItems", "definitions", "dependencies", "id"]
KEYWORDS = st.sampled_from(["$id", "$schema", "$defs", "x", *OLDER, *Draft202012Validator.VALIDATORS])
WORDS = st.sampled_from(["#", "#/x", "#/properties/x", "string", "object", "(", r"\p{L}", "a$", "http://x/y"])
VALUES = JSON | WORDS
SCHEMAS = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS | WORDS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(KEYWORDS, SCHEMAS) | SCHEMAS, JSON)
def test_whatever_is_a_schema_checks_whatever_is_a_document(schema: Any, document: Any) -> None:
    foreign_schema.load(schema).check(document)


LONG = {"Name": "a" * 50_000, "A": ["a" * 30] * 50, **{f"key{'a' * number}": 1 for number in range(40)}}
DEEP: dict[str, Any] = {
    "$ref": "#/$defs/d0",
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    | {"d40": {"type": "object"}},
}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"Name": {"pattern": r"^(a|a)*$b"}}},
        {"properties": {"A": {"items": {"pattern": r"^(\w+\s?)+!$"}}}},
        {"patternProperties": {"^(k|e|y|a+)+!$": False}},
        {"patternProperties": {"^(k|e|y|a+)+!$": True}, "additionalProperties": {"minLength": 0}},
        {"propertyNames": {"not": {"pattern": "^(k|e|y|a+)+!$"}}},
        {
            "unevaluatedProperties": {"minLength": 0},
            "allOf": [{"patternProperties": {"^(k|e|y|a+)+!$": True}}],
        },
    ],
)
def test_patterns_that_python_tries_for_ever(schema: Any) -> None:
    found = foreign_schema.load(schema)
    assert not found.flaws
    assert ["not match" in p.message or "not allowed" in p.message for p in found.check(LONG)] in (
        [],
        [True],
        [True] * 50,
    )


@pytest.mark.parametrize(
    "schema",
    [
        DEEP,
        {**DEEP, "unevaluatedProperties": False},
        {"properties": {"Name": {"pattern": "(a|b)*a(a|b){30000}c"}}},
        {"additionalProperties": {"enum": list(range(300_000))}},
    ],
)
def test_a_schema_that_would_be_checked_with_for_ever_is_given_up(schema: Any) -> None:
    found = foreign_schema.load(schema)
    assert not found.flaws
    for document in (LONG, LONG, {}):
        (problem,) = found.check(document)
        assert (problem.rule, problem.severity, problem.path) == ("bad-schema", "warning", ())
        assert "takes too long" in problem.message


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?i)a", "a" * 20_000])
def test_a_pattern_that_no_automaton_can_follow_is_a_flaw(pattern: str) -> None:
    for schema in ({"pattern": pattern}, {"patternProperties": {pattern: True}}):
        (flaw,) = foreign_schema.load(schema).flaws
        assert flaw.message.startswith("the pattern cannot be checked: ")
        assert len(flaw.message) < 200


def test_patterns_of_names_are_those_of_the_document() -> None:
    schema = {
        "patternProperties": {"^(?!x)": {"type": "string"}, "^x": {"type": "integer"}, "^[^y]*$": {"minLength": 2}},
        "additionalProperties": False,
    }
    found = foreign_schema.load(schema)
    assert [p.path for p in found.check({"ab": "cd", "x1": 1, "x)|.*": 2})] == []
    assert sorted(p.path for p in found.check({"ab": "c", "x1": "1", "y": "", "yx": 1})) == [
        ("ab",),
        ("x1",),
        ("x1",),
        ("yx",),
    ]
    assert [p.path for p in foreign_schema.load({**schema, "patternProperties": {"^a": True}}).check({"b": 1})] == [
        ("b",)
    ]
