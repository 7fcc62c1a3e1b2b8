"""JSON as the standard library reads it, with a place for every key and value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.diagnostics import Span
from sagespec.reading import json_reader

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


def cut(text: str, span: Span) -> str:
    """What stands at a span."""
    lines = text.splitlines(keepends=True) if "\r" not in text else [text]
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    inner = lines[span.line : span.end_line - 1]
    return "".join([lines[span.line - 1][span.column - 1 :], *inner, lines[span.end_line - 1][: span.end_column - 1]])


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


@given(DATA, st.sampled_from([None, 0, 2]), st.booleans())
def test_what_json_has_written_is_read_as_it_was(data: Any, indent: int | None, ascii_only: bool) -> None:
    found = json_reader.read(json.dumps(data, indent=indent, ensure_ascii=ascii_only))
    assert found.whole
    assert not found.faults
    assert found.data == data


@given(DATA)
def test_a_span_is_that_of_the_text_of_its_value(data: Any) -> None:
    text = json.dumps(data, indent=1)
    found = json_reader.read(text)
    for path, span in found.values.items():
        assert json.loads(cut(text, span)) == at(data, path)
    for path, span in found.keys.items():
        assert json.loads(cut(text, span)) == path[-1]


@given(st.text(), DATA, st.integers(0, 400))
def test_any_text_is_read_or_refused_at_a_place(text: str, data: Any, length: int) -> None:
    for tried in (text, json.dumps(data)[:length]):
        found = json_reader.read(tried)
        try:
            wanted = json.loads(tried)
        except ValueError:
            wanted = None
            assert found.faults
        if not found.faults:
            assert found.data == wanted


@pytest.mark.parametrize(
    ("text", "rule", "place"),
    [
        ('{"a": 1,\n "a": 2}', "duplicate-key", (2, 2)),
        ('{"a": 1} x', "syntax", (1, 10)),
        ('["\\ud800"]', "syntax", (1, 2)),
        ("[1e999]", "syntax", (1, 2)),
        ("[NaN]", "syntax", (1, 2)),
        ("[" * 200, "too-deep", (1, 102)),
    ],
)
def test_what_json_has_not_is_refused(text: str, rule: str, place: tuple[int, int]) -> None:
    fault = json_reader.read(text).faults[0]
    assert (fault.problem.rule, (fault.span.line, fault.span.column)) == (rule, place)
