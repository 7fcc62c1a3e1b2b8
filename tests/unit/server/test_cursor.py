"""What is being typed, in text that is seldom valid."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.server import cursor
from sagespec.server.positions import Text

from tests.conftest import ROOT

TOP = "apiVersion: sagespec/v1\nkind: ModelTrainer\nmetadata: {name: a}\nspec:\n"
FILES = [file.read_text("utf-8") for file in sorted((ROOT / "specs").glob("*.yaml"))]


def typed(marked: str) -> tuple[Any, ...] | None:
    """What is typed where the text has `|`."""
    offset, text = marked.index("|"), marked.replace("|", "", 1)
    found = cursor.typed(Text("a.yaml", text, "utf-16"), offset)
    return (found.path, found.part, text[found.start : found.end]) if found else None


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("  |", (("spec",), "either", "")),
        ("  a: 1\n  gr|\n  role: x\n", (("spec",), "key", "gr")),
        ("  a: 1\n  |\n  role: x\n  no colon\n  y: 2\n", (("spec",), "key", "")),
        ("  a: 1\n  b:\n    c: [1\n    d: 2\n  ro|\n", (("spec",), "key", "ro")),
        ("  a: 1\n\n  ro|\n---\n{{{{", (("spec",), "key", "ro")),
        ("  compute:\n    ins|", (("spec", "compute"), "either", "ins")),
        ("  compute: {ins|", (("spec", "compute"), "key", "ins")),
        ("  compute: {a: 1, |}\n", (("spec", "compute"), "key", "")),
        ("  compute: {a: 1, |\n  role: x\n", (("spec", "compute"), "key", "")),
        ("  compute: {a: ml.|\n  role: x", (("spec", "compute", "a"), "value", "ml.")),
        ("  compute: {a: |}\n", (("spec", "compute", "a"), "value", "")),
        ("  role:|\n", (("spec", "role"), "value", "")),
        ("  role: arn:aws:|\n", (("spec", "role"), "value", "arn:aws:")),
        ('  role: "arn:aws:|"\n', (("spec", "role"), "value", "arn:aws:")),
        ('  {"role":|}\n', (("spec", "role"), "value", "")),
        ("  role: Sa|geMaker # the role\n", (("spec", "role"), "value", "SageMaker")),
        ("  subtasks:\n  - al|\n", (("spec", "subtasks", 0), "either", "al")),
        ("  subtasks: [a, |\n  b: 1", (("spec", "subtasks", 1), "value", "")),
        ("  input:\n    - name: x\n      |\n", (("spec", "input", 0), "key", "")),
        ("  model: {ref: |\n", (("spec", "model", "ref"), "value", "")),
        ("  model:\n    ref: MultiTurnRLTrainer/ca|\n", (("spec", "model", "ref"), "value", "MultiTurnRLTrainer/ca")),
        ('  a: "s3://x|"\n', (("spec", "a"), "value", "s3://x")),
        ("  a: '# in|'", (("spec", "a"), "value", "in")),
        ("  a: {b: 'x|", (("spec", "a", "b"), "value", "x")),
        ('  a: {b: "x|\n  c: "d"\n', (("spec", "a", "b"), "value", "x")),
        ("  a: {b: 'x|, c: 'd'}\n", (("spec", "a", "b"), "value", "x")),
        ('  a: [{b: {c: "x|}]\n', (("spec", "a", 0, "b", "c"), "value", "x")),
        ("  a: ['it''s', 'x|\n  b: it's\n", (("spec", "a", 1), "value", "x")),
        ("  a: {'b|", (("spec", "a"), "key", "b")),
        ('  a: {x: 1, "b|: 2}', (("spec", "a"), "key", "b")),
        ("  - 'x|\n", (("spec", 0), "value", "x")),
        ("  a: {\n    b: ['x|\n  }\n", (("spec", "a", "b", 0), "value", "x")),
        ("  a: 1 # comm|", None),
        ("# comm|", None),
    ],
)
def test_what_is_typed(below: str, expected: tuple[Any, ...] | None) -> None:
    assert typed(TOP + below) == expected
    assert typed((TOP + below).replace("\n", "\r\n")) == expected


@pytest.mark.parametrize(("text", "path"), [("|", ()), ("ki|", ()), ("kind: |", ("kind",)), ("kind:|\n", ("kind",))])
def test_the_envelope_is_typed_too(text: str, path: tuple[str, ...]) -> None:
    found = typed(text)
    assert found is not None
    assert found[0] == path


@given(st.sampled_from(FILES), st.data())
def test_cut_anywhere_a_file_gives_a_word_before_its_cut(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    whole = Text("a.yaml", text[:offset], "utf-16")
    found = cursor.typed(whole, offset)
    if found is not None:
        assert found.start <= offset <= found.end
        assert text[found.start : offset] == found.typed


@given(st.text(), st.data())
def test_any_text_is_survived(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    whole = Text("a.yaml", text, "utf-16")
    cursor.typed(whole, offset)
    cursor.standing(whole, offset)


@given(st.sampled_from(FILES), st.data())
def test_a_word_of_a_file_is_where_the_reader_saw_it(text: str, data: st.DataObject) -> None:
    whole = Text("a.yaml", text, "utf-16")
    found = cursor.standing(whole, data.draw(st.integers(0, len(text))))
    if found is not None and found.part == "key":
        assert text[found.start : found.end].strip("\"'") == found.path[-1]


def test_a_text_is_read_once_for_all_of_its_places() -> None:
    text = Text("a.yaml", FILES[0], "utf-16")
    found = [cursor.standing(text, offset) for offset in range(len(text.text))]
    assert any(found)
    assert all(one.document is text.documents[0] for one in found if one)
