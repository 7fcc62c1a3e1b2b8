"""Tags: their spellings, and what is refused of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sagespec import assets
from sagespec.diagnostics import KeyPath
from sagespec.documents.traced import Traced
from sagespec.project import tags


def refused(given: Any, runs: str = "job/AgentRFT") -> list[tuple[str, KeyPath]]:
    return [(p.rule, p.path) for p in tags.check(Traced(given, ("tags",)), runs)]


def test_the_three_spellings_are_one() -> None:
    spellings: list[Any] = [{"a": 1}, [{"key": "a", "value": 1}], [{"Key": "a", "Value": 1}]]
    for given in spellings:
        assert [(k.value, v.value) for k, v in tags.items(Traced(given))] == [("a", 1)]
    assert list(tags.items(Traced(None))) == []


def test_the_characters_are_those_of_the_api() -> None:
    shapes = json.loads((assets.schemas() / "api" / "sagemaker.CreateJob.json").read_text("utf-8"))["$defs"]
    for member in ("Key", "Value"):
        assert shapes["Tag"]["properties"][member]["pattern"] == f"({tags.TEXT.pattern})"


@pytest.mark.parametrize("text", ["tab\there", "line\nbreak", "a\rb", "x#y", "\x85", "\x1f"])
def test_other_characters_are_refused_in_keys_and_values(text: str) -> None:
    assert refused([{"key": text, "value": text}]) == [
        ("bad-pattern", ("tags", 0, "key")),
        ("bad-pattern", ("tags", 0, "value")),
    ]


def test_text_in_all_languages_is_taken() -> None:
    assert refused({"größe \u2028 日本\u3000語": "a_b.c:d/e=f+g-h@i", "n": 1, "b": True}) == []


def test_a_key_is_reserved_where_something_sets_it() -> None:
    conventional = {tags.MODEL_ID: "x", tags.EVALUATION: "x", tags.HUB_NAME: "x"}
    found = {
        runs: [path[-1] for _, path in refused(conventional, runs)]
        for runs in ("job/X", "training-job/X", "training-job", "execution/X", "", "x")
    }
    assert found == {
        "job/X": [tags.MODEL_ID, tags.HUB_NAME],
        "training-job/X": [tags.MODEL_ID, tags.HUB_NAME],
        "training-job": [],
        "execution/X": [tags.MODEL_ID, tags.EVALUATION],
        "": [],
        "x": [],
    }
    assert [rule for rule, _ in refused({"aws:x": "", "AWS:x": "", "SageSpec:identity": ""}, "")] == [
        "reserved-tag"
    ] * 3
