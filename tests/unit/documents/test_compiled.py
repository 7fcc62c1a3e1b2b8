"""Compiled files: their bytes, and names in them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.documents import compiled
from sagespec.documents.compiled import Compiled, Request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def made(parameters: dict[str, Any]) -> Compiled:
    request = Request("a", "s3", "PutObject", parameters)
    return Compiled("K/n", "specs/a.yaml", "123456789012", "us-west-2", {"K/m": "0" * 12}, (request,), "f" * 64)


@given(st.dictionaries(st.text(), JSON))
def test_what_is_written_is_read_as_the_same(parameters: dict[str, Any]) -> None:
    text = compiled.dump(made(parameters))
    document = json.loads(text)
    assert compiled.of_document(document) == made(parameters)
    unescaped = re.sub(r'"(?:[^"\\]|\\.)*"', lambda string: plain(json.loads(string[0])), text)
    assert unescaped == f"{plain(document, indent=2, sort_keys=True)}\n"
    assert document["metadata"]["digest"] == compiled.digest_of(made(parameters))


def plain(value: Any, **form: Any) -> str:
    """JSON in which nothing is escaped that need not be."""
    return json.dumps(value, ensure_ascii=False, **form)


def test_what_there_is_not_is_not_written() -> None:
    metadata = json.loads(compiled.dump(made({})))["metadata"]
    assert not {"project", "environment", "run", "thresholds"} & set(metadata)


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        ("job-", "job-0123456789ab"),
        (["s3://b/x-", "/y"], "s3://b/x-0123456789ab/y"),
        (["", "-", ""], "0123456789ab-0123456789ab"),
    ],
)
def test_names_end_in_the_first_digits_of_the_identity_or_are_joined_by_them(marker: Any, text: str) -> None:
    tree = {"a": [{"$json": {"b": {"$identity": marker}}}]}
    assert compiled.identified(tree, "0123456789abcdef") == {"a": [{"$json": {"b": text}}]}


def test_a_key_beside_others_is_no_marker() -> None:
    tree = {"$identity": "a-", "b": 1}
    assert compiled.identified(tree, "0" * 64) == tree


def test_awaited_outputs_are_found_at_any_depth() -> None:
    tree = {"a": [{"$json": {"b": {"$output": "Kind/x.Arn"}}}], "c": {"$output": "requests.a.Arn"}}
    assert compiled.awaited(tree) == {"Kind/x"}
    assert compiled.outputs_in(tree) == {"Kind/x.Arn", "requests.a.Arn"}
